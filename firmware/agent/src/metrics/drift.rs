//! Scores that fall: a dirty lens, another light, a model that has grown old. The median of the day's accepted scores is held
//! against that of the first days with the model.

use skueye_models::{Code, Fault};

use crate::decision_log::scores::{self, Found};
use crate::decision_log::{Day, system_clock};

/// Accepted answers of a day before its median says anything.
const ENOUGH: usize = 50;
/// Scores of a day that are kept: a device that sells more of them has its median from the first of these.
const MOST: usize = 20_000;

/// The scores of today and of the first days.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// A fall of so much is warned about; 0: never.
    limit: f32,
    baseline: Option<f32>,
    first: Vec<f32>,
    day: Option<Day>,
    today: Vec<f32>,
    /// The median of today as it was worked out last, and of how many.
    median: Option<(f32, usize)>,
    /// Today it was told.
    told: bool,
}

impl Drift {
    /// A run begins with what the log holds.
    pub fn begin(&mut self, limit: f32, found: Found) {
        let today = Day::of(system_clock());
        *self = Self {
            limit,
            baseline: found.baseline.map(|baseline| baseline.median),
            first: found.first,
            told: self.told && self.day == Some(today),
            day: Some(today),
            today: found.today,
            median: None,
        };
        self.work_out();
    }

    /// An answer was accepted on `day`.
    pub fn add(&mut self, score: f32, day: Day) {
        if self.day != Some(day) {
            (self.day, self.median, self.told) = (Some(day), None, false);
            self.today.clear();
        }
        if self.baseline.is_none() {
            self.first.push(score);
            if self.first.len() >= scores::FIRST {
                self.baseline = scores::median(&mut self.first);
                self.first = Vec::new();
            }
        }
        if self.today.len() < MOST {
            self.today.push(score);
        }
        // Every answer at first, then with every hundredth part of the day.
        let worked_out = self.median.map_or(0, |(_, count)| count);
        if self.today.len() >= worked_out + 1 + worked_out / 100 {
            self.work_out();
        }
    }

    fn work_out(&mut self) {
        let mut sorted = self.today.clone();
        self.median = scores::median(&mut sorted).map(|median| (median, sorted.len()));
    }

    /// Medians of the first days and of today, as far as they are known.
    pub fn medians(&self) -> (Option<f32>, Option<f32>) {
        (self.baseline, self.median.map(|(median, _)| median))
    }

    /// What to say of a day whose scores have fallen.
    pub fn fallen(&self) -> Option<Fault> {
        let (baseline, (median, count)) = (self.baseline?, self.median?);
        if self.limit <= 0.0 || count < ENOUGH || baseline - median < self.limit {
            return None;
        }
        Some(Fault::new(
            Code::ScoresFallen,
            format!("a median of accepted scores near {baseline:.2}, as at the beginning"),
            format!("{median:.2} today, of {count}"),
            "clean the lens; check light and focus; then have the catalogue trained again",
        ))
    }

    /// The same once a day.
    pub fn news(&mut self) -> Option<Fault> {
        let fallen = self.fallen().filter(|_| !self.told)?;
        self.told = true;
        Some(fallen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn day(number: u64) -> Day {
        Day::of(number * DAY_MS)
    }

    fn drift(limit: f32) -> Drift {
        Drift {
            limit,
            ..Drift::default()
        }
    }

    #[test]
    fn a_day_that_falls_by_the_limit_is_told_once_and_a_better_one_is_not() {
        let mut drift = drift(0.05);
        for _ in 0..scores::FIRST {
            drift.add(0.80, day(1));
        }
        assert_eq!(drift.fallen(), None);
        for count in 1..=ENOUGH {
            drift.add(0.74, day(2));
            assert_eq!(drift.fallen().is_some(), count >= ENOUGH, "{count}");
        }
        let fault = drift.news().unwrap();
        assert_eq!(fault.code(), Code::ScoresFallen);
        assert!(fault.to_string().contains("0.74 today"), "{fault}");
        assert_eq!(drift.news(), None);
        assert!(drift.fallen().is_some(), "the page goes on showing it");
        for _ in 0..ENOUGH {
            drift.add(0.78, day(3));
        }
        assert_eq!(drift.fallen(), None);
        assert_eq!(drift.medians(), (Some(0.80), Some(0.78)));
        for _ in 0..ENOUGH {
            drift.add(0.70, day(4));
        }
        assert!(drift.news().is_some(), "another day, another word");
    }

    #[test]
    fn a_limit_of_nothing_never_warns_and_few_wild_scores_do_not_either() {
        let mut never = drift(0.0);
        let mut few = drift(0.05);
        for _ in 0..scores::FIRST {
            never.add(0.9, day(1));
            few.add(0.9, day(1));
        }
        for _ in 0..200 {
            never.add(0.1, day(2));
        }
        for at in 0..100 {
            few.add(if at % 3 == 0 { 0.1 } else { 0.9 }, day(2));
        }
        assert_eq!((never.fallen(), few.fallen()), (None, None));
    }
}
