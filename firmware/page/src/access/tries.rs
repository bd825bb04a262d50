//! How often a secret may be tried.

use std::time::Duration;

/// So many may fail before waiting begins: people mistype.
const FREE: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// After so long without a try it begins anew.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Failed tries since the last success.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failed: u32,
    last: Duration,
}

impl Tries {
    /// Counts a try as failed, or says how long to wait: 2, 4, 8 s up to 5 minutes. One that comes too early is not counted.
    pub(super) fn begin(&mut self, now: Duration) -> Result<(), Duration> {
        let since = now.saturating_sub(self.last);
        if since > FORGOTTEN {
            self.failed = 0;
        }
        let wait = self.wait();
        if since < wait {
            return Err(wait - since);
        }
        self.failed = self.failed.saturating_add(1);
        self.last = now;
        Ok(())
    }

    fn wait(&self) -> Duration {
        match self.failed.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT
                .saturating_mul(1 << more.min(16))
                .min(LONGEST_WAIT),
        }
    }
}
