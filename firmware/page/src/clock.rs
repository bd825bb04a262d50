//! Time since some moment. It never goes back, whatever happens to the device's date.

use std::time::{Duration, Instant};

/// A clock that only goes forward; tests bring their own.
pub trait Clock: Send + Sync + 'static {
    /// Time since the clock's beginning.
    fn now(&self) -> Duration;
}

/// The system's monotonic clock.
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
