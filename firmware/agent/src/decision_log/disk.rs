//! The folder in which the log lies: the seam behind which a test's disk stands that fails and loses power.
//!
//! | file | content |
//! |---|---|
//! | `00000007-2027-01-15.jsonl` | the lines of a day, or of a part of it: number of the file, day of the device's clock |
//! | `anchor.json` | where the chain stood before the oldest file that is kept |
//! | `lock` | locked by the program that writes |

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::day::Day;

/// The anchor's name.
pub(super) const ANCHOR: &str = "anchor.json";
const LOCK: &str = "lock";
/// What is read of a file at most: twice what one grows to.
const MOST_READ: u64 = 2 * super::writer::FULL_BYTES;

/// A file of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    /// Counted from 1; it gives the order, whatever the clock did.
    pub number: u32,
    pub day: Day,
}

impl FileName {
    pub fn text(self) -> String {
        format!("{:08}-{}.jsonl", self.number, self.day)
    }

    fn parse(name: &str) -> Option<Self> {
        let (number, day) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let parsed = Self {
            number: number.parse().ok()?,
            day: day.parse().ok()?,
        };
        (parsed.text() == name).then_some(parsed)
    }
}

/// What the log does with its folder.
pub(super) trait Disk: Send {
    /// The files of lines with their lengths, the oldest first.
    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>>;
    /// A file's content; `None` where it is not there.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Adds to a file, which is made where it is missing. After an error a part may have been added.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Takes everything off a file from `length` on.
    fn cut(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// What was added to a file, or cut off, survives a power cut.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Which files there are survives a power cut.
    fn sync_folder(&mut self) -> io::Result<()>;
    /// Puts a small file in the place of another, whole or not at all, also in a power cut.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A real folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Closing it unlocks.
    _lock: Option<File>,
}

impl Folder {
    /// For reading; nothing is made or locked.
    pub fn to_read(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            _lock: None,
        }
    }

    /// For writing: made where it is missing, readable by its owner and group only. `WouldBlock` while another program
    /// writes.
    pub fn to_write(root: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o750).create(root)?;
        let mut options = options();
        let lock = options.create(true).truncate(false).write(true);
        let lock = lock.open(root.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => ErrorKind::WouldBlock.into(),
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self {
            root: root.to_owned(),
            _lock: Some(lock),
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// Nobody but owner and group reads what is made with them.
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o640);
    options
}

impl Disk for Folder {
    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().and_then(FileName::parse);
            let meta = entry.metadata()?;
            if let (Some(name), true) = (name, meta.is_file()) {
                files.push((name, meta.len()));
            }
        }
        files.sort();
        Ok(files)
    }

    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.at(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(MOST_READ).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = options().create(true).append(true).open(self.at(name))?;
        file.write_all(bytes)
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        options().write(true).open(self.at(name))?.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        File::open(self.at(name))?.sync_data()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        crate::files::replace(&self.at(name), bytes)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.at(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
