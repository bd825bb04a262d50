//! How long each step took.

use std::time::Instant;

use serde::Serialize;

/// Seconds by step, in the order of the run.
#[derive(Debug, Default, Clone, Serialize)]
#[serde(transparent)]
pub struct Timing {
    steps: serde_json::Map<String, serde_json::Value>,
}

impl Timing {
    /// Runs `work` and notes its time as `name`.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let seconds = (start.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        self.steps.insert(name.replace(' ', "_"), seconds.into());
        result
    }

    /// Name and seconds of each step.
    pub fn steps(&self) -> impl Iterator<Item = (&str, f64)> {
        self.steps.iter().filter_map(|(name, seconds)| Some((name.as_str(), seconds.as_f64()?)))
    }
}
