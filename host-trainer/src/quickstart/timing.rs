//! How long each step took.

use std::time::Instant;

use serde::{Serialize, Serializer};

/// Seconds by step, in the order of the run.
#[derive(Debug, Default, Clone)]
pub struct Timing {
    steps: Vec<(String, f64)>,
}

impl Timing {
    /// Runs `work` and notes its time as `name`.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let seconds = (start.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        self.steps.push((name.replace(' ', "_"), seconds));
        result
    }

    /// Name and seconds of each step.
    pub fn steps(&self) -> impl Iterator<Item = (&str, f64)> {
        self.steps
            .iter()
            .map(|(name, seconds)| (name.as_str(), *seconds))
    }
}

impl Serialize for Timing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.steps())
    }
}
