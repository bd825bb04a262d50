//! What sinks have to say, put down for the link thread to pick up.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use skueye_link::Command;
use skueye_models::{Fault, Gtin};

use super::GRACE;
use crate::lane::Bell;
use crate::scanner::Sent;

/// Notices and commands that may wait; when nobody picks them up the oldest are lost.
const KEPT: usize = 256;

/// Something that happened on the way to the till, apart from the frame that is being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something failed.
    Fault(Fault),
    /// A port is open again, or a till has connected; where.
    Opened(String),
    /// What became of a frame that was [`Sent::Pending`].
    Late {
        /// The product; `None` for a no-read.
        gtin: Option<Gtin>,
        /// What became of it; a fault was told before where it failed.
        sent: Sent,
    },
}

/// Shared by all sinks of a scanner.
#[derive(Default)]
pub struct Mail {
    notices: Mutex<VecDeque<Notice>>,
    commands: Mutex<VecDeque<Command>>,
    log: Option<(Mutex<File>, PathBuf)>,
    closing: OnceLock<Instant>,
    bell: OnceLock<Arc<Bell>>,
}

impl Mail {
    /// With a file for a copy of every byte that tills are sent. Errors: E901.
    pub fn new(log: Option<&Path>) -> Result<Self, Fault> {
        let log = log.map(|path| match File::create(path) {
            Ok(file) => Ok((Mutex::new(file), path.to_owned())),
            Err(error) => Err(Fault::io("create", path, &error)),
        });
        Ok(Self {
            log: log.transpose()?,
            ..Self::default()
        })
    }

    /// Rings this bell whenever something was put down.
    pub fn wake(&self, bell: Arc<Bell>) {
        self.bell.get_or_init(|| bell).ring();
    }

    /// Puts a notice down.
    pub fn tell(&self, notice: Notice) {
        put(&self.notices, notice);
        self.ring();
    }

    /// Puts a till's command down.
    pub fn command(&self, command: Command) {
        put(&self.commands, command);
        self.ring();
    }

    fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// The oldest notice.
    pub fn notice(&self) -> Option<Notice> {
        held(&self.notices).pop_front()
    }

    /// The oldest command.
    pub fn next_command(&self) -> Option<Command> {
        held(&self.commands).pop_front()
    }

    /// Copies bytes that a till was sent.
    pub fn copy(&self, bytes: &[u8]) {
        if let Some((file, path)) = &self.log
            && let Err(error) = held(file).write_all(bytes)
        {
            self.tell(Notice::Fault(Fault::io("write", path, &error)));
        }
    }

    /// The run ends: nothing waits for long any more.
    pub fn close(&self) {
        self.closing.get_or_init(Instant::now);
    }

    /// Whether the run ends.
    pub fn is_closing(&self) -> bool {
        self.closing.get().is_some()
    }

    /// Whether it is over for what may wait until `deadline`.
    pub fn is_over(&self, deadline: Instant) -> bool {
        let last = self.closing.get().map(|begin| *begin + GRACE);
        Instant::now() >= last.map_or(deadline, |last| last.min(deadline))
    }
}

fn put<T>(into: &Mutex<VecDeque<T>>, value: T) {
    let mut queue = held(into);
    if queue.len() >= KEPT {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// What a thread that panicked left behind is whole: nothing here is changed in two steps.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
