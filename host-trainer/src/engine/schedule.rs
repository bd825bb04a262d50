//! The learning rate over a run (METHOD 2).

/// Linear warm-up to `peak`, then a cosine down to `last`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Highest rate.
    pub peak: f64,
    /// Rate of the last step.
    pub last: f64,
    /// Steps of warm-up.
    pub warm_up: u64,
    /// Steps in all.
    pub steps: u64,
}

impl Schedule {
    /// The rate of `step`, from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return self.peak * (step + 1) as f64 / self.warm_up as f64;
        }
        let span = self.steps.saturating_sub(self.warm_up + 1).max(1) as f64;
        let share = ((step - self.warm_up) as f64 / span).min(1.0);
        self.last + (self.peak - self.last) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn climbs_to_the_peak_and_ends_at_the_last() {
        let schedule = Schedule {
            peak: 1.0,
            last: 0.01,
            warm_up: 10,
            steps: 110,
        };
        assert_eq!(schedule.rate(0), 0.1);
        assert_eq!(schedule.rate(9), 1.0);
        assert_eq!(schedule.rate(10), 1.0);
        assert!((schedule.rate(109) - 0.01).abs() < 1e-12);
        assert!((10..109).all(|s| schedule.rate(s + 1) <= schedule.rate(s)));
        let short = Schedule {
            peak: 1.0,
            last: 0.0,
            warm_up: 0,
            steps: 1,
        };
        assert_eq!(short.rate(0), 1.0);
    }
}
