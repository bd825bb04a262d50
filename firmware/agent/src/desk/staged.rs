//! The release that waits to be tried, looked up now and then.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use skueye_update::{DiskStorage, Slots};

use super::lock;

/// Between two looks into the update folder.
const EVERY: Duration = Duration::from_secs(5);

/// What waits in an update folder.
#[derive(Debug)]
pub(super) struct Staged {
    folder: Option<PathBuf>,
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl Staged {
    pub fn new(folder: Option<PathBuf>) -> Self {
        let last = Mutex::default();
        Self { folder, last }
    }

    /// The release that waits. A folder that cannot be read is told of by whoever works with it.
    pub fn now(&self) -> Option<String> {
        let mut last = lock(&self.last);
        if let Some((when, release)) = &*last
            && when.elapsed() < EVERY
        {
            return release.clone();
        }
        let release = self.look();
        *last = Some((Instant::now(), release.clone()));
        release
    }

    fn look(&self) -> Option<String> {
        let storage = DiskStorage::open(self.folder.as_deref()?).ok()?;
        let status = Slots::look(storage).ok()?.status();
        Some(status.staged?.1.release)
    }
}
