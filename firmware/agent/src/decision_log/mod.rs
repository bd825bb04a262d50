//! The decision log: what the device decided and why, what a person said about it, and what failed; line after line, for ever
//! or as long as the settings want it kept.
//!
//! | module | subject |
//! |---|---|
//! | [`entry`] | what a line says |
//! | `chain` | the digests that tie the lines together |
//! | `disk` | the folder: the seam for tests |
//! | `writer` | lines into files, retention |
//! | [`reading`] | a day's lines; the check of the whole chain |
//! | [`recorder`] | the observer that writes |
//! | [`report`] | a day in figures |
//! | [`scores`] | scores of accepted answers over days |
//! | [`day`] | days of the device's clock |
//!
//! Lines are handed to a thread of their own, so that a slow disk delays no answer. It writes what has come and syncs it before it
//! takes more: a power cut costs the lines of the batch under way, which is those of the last few milliseconds. While nothing can
//! be written (the disk is full, read-only, or gone) the last [`MOST_WAITING`] lines wait in memory and are written once it can;
//! what had to be dropped is one line that says how many.

mod chain;
pub mod day;
mod disk;
pub mod entry;
pub mod reading;
pub mod recorder;
pub mod report;
pub mod scores;
mod writer;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use skueye_models::{Code, Fault};

pub use day::Day;
pub use entry::{Entry, Line, Setup};
pub use reading::{DayLines, Verified, days, verify};
pub use recorder::Recorder;

use disk::{Disk, Folder};
use writer::Writer;

/// Lines that wait in memory while none can be written.
pub const MOST_WAITING: usize = 4096;
/// Lines that are written and synced together at most.
const BATCH: usize = 256;
/// Between two attempts to write.
const AGAIN: Duration = Duration::from_secs(2);

/// What of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest days on which there were lines.
    pub days: u32,
    /// So many bytes of whole files; the file that is written counts but always stays.
    pub bytes: u64,
}

/// A line that waits to be written.
#[derive(Debug, Clone, PartialEq)]
struct Pending {
    time: u64,
    entry: Entry,
}

/// The device's clock: milliseconds since 1970. It may be wrong and may jump.
pub type Clock = fn() -> u64;

/// The system's clock.
pub fn system_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The log, open for writing. Dropping it writes what waits, if that is possible at once.
pub struct DecisionLog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Puts lines into the log; cheap to copy and to call from any thread.
#[derive(Clone)]
pub struct LogHandle(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    clock: Clock,
    state: Mutex<State>,
    /// Lines came, or the end.
    filled: Condvar,
    /// Everything that waited was tried.
    tried: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Pending>,
    /// Lines that were dropped since the last that was written.
    dropped: u64,
    /// Lines that were dropped since the start.
    lost: u64,
    ending: bool,
    /// Nobody writes any more.
    ended: bool,
    /// A batch is under way.
    busy: bool,
    /// What keeps lines from being written.
    trouble: Option<Fault>,
    /// What has not been told yet.
    news: VecDeque<Fault>,
}

impl DecisionLog {
    /// Opens the log in `folder` for writing, with a thread of its own. What fails is told by [`LogHandle::news`], and tried
    /// again: a device without its log still scans.
    pub fn open(folder: &Path, keep: Keep) -> Self {
        let root = folder.to_owned();
        Self::with(folder, keep, system_clock, move || Folder::to_write(&root))
    }

    fn with<D: Disk>(
        folder: &Path,
        keep: Keep,
        clock: Clock,
        disk: impl FnMut() -> io::Result<D> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            clock,
            state: Mutex::default(),
            filled: Condvar::new(),
            tried: Condvar::new(),
        });
        let work = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            work.write_all(keep, disk);
            work.lock().ended = true;
            work.tried.notify_all();
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// For whoever has lines to write.
    pub fn handle(&self) -> LogHandle {
        LogHandle(Arc::clone(&self.shared))
    }

    /// The lines of a day as far as they are on the disk. Errors: E901.
    pub fn day(&self, day: Day) -> Result<DayLines, Fault> {
        reading::day(&self.shared.folder, day)
    }
}

impl std::fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogHandle({})", self.0.folder.display())
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.filled.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; there is nothing left to write.
            let _ = thread.join();
        }
    }
}

impl LogHandle {
    /// Adds a line with the present time.
    pub fn add(&self, entry: Entry) {
        let time = (self.0.clock)();
        let mut state = self.0.lock();
        state.push(Pending { time, entry });
        self.0.filled.notify_all();
    }

    /// The lines of a day as far as they are on the disk. Errors: E901.
    pub fn day(&self, day: Day) -> Result<DayLines, Fault> {
        reading::day(&self.0.folder, day)
    }

    /// What has failed and was not told yet; each kind of failure comes once until lines can be written again.
    pub fn news(&self) -> Option<Fault> {
        self.0.lock().news.pop_front()
    }

    /// Why lines wait, while they do.
    pub fn trouble(&self) -> Option<Fault> {
        self.0.lock().trouble.clone()
    }

    /// How many lines wait, and how many were dropped since the start.
    pub fn waiting(&self) -> (usize, u64) {
        let state = self.0.lock();
        (state.waiting.len(), state.lost)
    }

    /// Waits until everything that was added before has been written or could not be.
    pub fn settle(&self) {
        let state = self.0.lock();
        let unsettled = |state: &mut State| {
            (state.busy || !state.waiting.is_empty()) && state.trouble.is_none() && !state.ended
        };
        drop(self.0.tried.wait_while(state, unsettled));
    }

    pub(crate) fn now(&self) -> u64 {
        (self.0.clock)()
    }
}

impl State {
    fn push(&mut self, line: Pending) {
        self.waiting.push_back(line);
        self.bound();
    }

    /// The oldest are dropped: what happens now is what a person asks for.
    fn bound(&mut self) {
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
            self.lost += 1;
        }
    }

    fn take_batch(&mut self) -> Vec<Pending> {
        let count = self.waiting.len().min(BATCH);
        let mut batch: Vec<Pending> = self.waiting.drain(..count).collect();
        if let (1.., Some(first)) = (self.dropped, batch.first()) {
            let why = self.trouble.as_ref().map_or("", Fault::got);
            let gap = Entry::Gap {
                lines: std::mem::take(&mut self.dropped),
                why: entry::short(why),
            };
            let time = first.time;
            batch.insert(0, Pending { time, entry: gap });
        }
        self.busy = true;
        batch
    }

    fn written(&mut self) {
        (self.busy, self.trouble) = (false, None);
    }

    /// A batch goes back to where it was taken from, but for the gap, which is counted anew.
    fn failed(&mut self, batch: Vec<Pending>, fault: Fault) {
        self.busy = false;
        for line in batch.into_iter().rev() {
            match line.entry {
                Entry::Gap { lines, .. } => self.dropped += lines,
                _ => self.waiting.push_front(line),
            }
        }
        self.bound();
        let told = self.trouble.as_ref().map(|told| (told.code(), told.got()));
        if told != Some((fault.code(), fault.got())) {
            self.news.push_back(fault.clone());
        }
        self.trouble = Some(fault);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all<D: Disk>(&self, keep: Keep, mut disk: impl FnMut() -> io::Result<D>) {
        let mut writer = None;
        let mut warned = false;
        while let Some(mut batch) = self.next_batch() {
            let opened = match writer.take() {
                Some(writer) => Ok(writer),
                None => disk().and_then(|disk| self.opened(disk, keep)),
            };
            let outcome = opened.and_then(|mut open| {
                let written = open.write(&mut batch);
                let warning = open.warning();
                writer = Some(open);
                written.map(|()| warning)
            });
            let mut state = self.lock();
            match outcome {
                Ok(warning) => {
                    state.written();
                    let new = warning.filter(|_| !std::mem::replace(&mut warned, true));
                    state.news.extend(new.map(|error| self.fault(&error)));
                }
                Err(error) => state.failed(batch, self.fault(&error)),
            }
            self.tried.notify_all();
            if state.trouble.is_none() {
                continue;
            }
            if state.ending {
                return;
            }
            drop(
                self.filled
                    .wait_timeout_while(state, AGAIN, |state| !state.ending),
            );
        }
    }

    fn opened<D: Disk>(&self, disk: D, keep: Keep) -> io::Result<Writer<D>> {
        let (writer, found) = Writer::open(disk, keep)?;
        if let Some(file) = found.damaged {
            let fault = Fault::new(
                Code::LogDamaged,
                "the lines that were written",
                "others; the log goes on in a new file",
                "run skueye log verify to see where, and keep a copy of the folder if the log matters",
            );
            let fault = fault.at(self.folder.join(file));
            self.lock().news.push_back(fault);
        }
        Ok(writer)
    }

    /// The next lines; `None` at the end.
    fn next_batch(&self) -> Option<Vec<Pending>> {
        let state = self.lock();
        let idle = |state: &mut State| state.waiting.is_empty() && !state.ending;
        let waited = self.filled.wait_while(state, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.waiting.is_empty()).then(|| state.take_batch())
    }

    fn fault(&self, error: &io::Error) -> Fault {
        unwritable(&self.folder, error)
    }
}

/// Why the log in `folder` cannot be written: E912 while another program does, else E910.
pub fn unwritable(folder: &Path, error: &io::Error) -> Fault {
    let fault = match error.kind() {
        ErrorKind::WouldBlock => Fault::new(
            Code::LogBusy,
            "to be the only one who writes the log",
            "another program that does",
            "stop the other skueye run, or give each a log.folder of its own",
        ),
        ErrorKind::StorageFull => Fault::new(
            Code::LogUnwritable,
            "space for the log",
            error.to_string(),
            "free space on that disk, or lower log.megabytes; the last lines wait in memory meanwhile",
        ),
        _ => Fault::new(
            Code::LogUnwritable,
            "a folder that can be written",
            error.to_string(),
            "check the disk, and that this user may write there; the last lines wait in memory meanwhile",
        ),
    };
    fault.at(folder)
}

/// Removes every line. The log then holds one that says so. Errors: E910, E912.
pub fn wipe(folder: &Path) -> Result<u32, Fault> {
    if !folder.exists() {
        return Ok(0);
    }
    let wiped = Folder::to_write(folder).and_then(|disk| {
        let keep = Keep {
            days: u32::MAX,
            bytes: u64::MAX,
        };
        let (mut writer, _) = Writer::open(disk, keep)?;
        let files = writer.wipe()?;
        let entry = Entry::Wiped { files };
        let time = system_clock();
        writer.write(&mut vec![Pending { time, entry }])?;
        Ok(files)
    });
    wiped.map_err(|error| unwritable(folder, &error))
}

#[cfg(test)]
mod tests;
