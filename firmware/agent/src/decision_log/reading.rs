//! Reading the log, also while it is written: whole lines only, in the order of their numbers.

use std::io;
use std::path::Path;

use serde::Serialize;
use skueye_models::Fault;
use skueye_update::Digest;

use super::chain::{Chain, whole_lines};
use super::day::Day;
use super::disk::{Disk, FileName, Folder};
use super::entry::{Entry, Line};
use super::writer::Anchor;

/// So many problems are listed.
const MOST_PROBLEMS: usize = 20;

/// The lines of a day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DayLines {
    /// In the order in which they were written.
    pub lines: Vec<Line>,
    /// Lines that cannot be read; `verify` says where.
    pub damaged: u64,
}

/// What a check of the whole log found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verified {
    /// Files that are kept.
    pub files: u32,
    /// Lines in them.
    pub lines: u64,
    /// The number of the first line that is kept.
    pub first: Option<u64>,
    /// The number of the last line.
    pub last: Option<u64>,
    /// Its digest. Who has noted it can prove later that nothing before it has changed.
    pub digest: Option<Digest>,
    /// Starts of the program.
    pub starts: u32,
    /// Lines that the program says it had to drop.
    pub dropped: u64,
    /// Bytes of a line that is being written, or that a power cut left.
    pub torn_bytes: u64,
    /// Where the lines are not those that were written, the first twenty.
    pub problems: Vec<Broken>,
}

impl Verified {
    /// Whether every line is as it was written.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A place at which the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The file.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

/// The days of which there are lines, ascending. Errors: E901.
pub fn days(folder: &Path) -> Result<Vec<Day>, Fault> {
    let files = list(&mut Folder::to_read(folder), folder)?;
    let mut days: Vec<Day> = files.iter().map(|name| name.day).collect();
    days.sort();
    days.dedup();
    Ok(days)
}

/// The lines of `day`, as the device's clock had it. Errors: E901.
pub fn day(folder: &Path, day: Day) -> Result<DayLines, Fault> {
    let mut disk = Folder::to_read(folder);
    let mut read = DayLines::default();
    for name in list(&mut disk, folder)? {
        if name.day != day {
            continue;
        }
        let bytes = content(&mut disk, folder, name)?;
        for line in whole_lines(&bytes).0 {
            match serde_json::from_slice(line) {
                Ok(line) => read.lines.push(line),
                Err(_) => read.damaged += 1,
            }
        }
    }
    Ok(read)
}

/// Proves the chain over all files. Errors: E901; what is broken is no error but listed.
pub fn verify(folder: &Path) -> Result<Verified, Fault> {
    let verified = verify_on(&mut Folder::to_read(folder));
    verified.map_err(|error| Fault::io("read", folder, &error))
}

pub(super) fn verify_on(disk: &mut impl Disk) -> io::Result<Verified> {
    let mut verified = Verified::default();
    let anchor = Anchor::read(disk).unwrap_or_else(|error| {
        verified.tell("anchor.json".into(), 1, &error.to_string());
        None
    });
    let mut chain = anchor.map_or(Chain::default(), |anchor| Chain {
        next: anchor.line,
        last: anchor.before,
    });
    let oldest = anchor.map_or(1, |anchor| anchor.file);
    let names = disk.list()?.into_iter().map(|(name, _)| name);
    let kept: Vec<FileName> = names.filter(|name| name.number >= oldest).collect();
    for (at, name) in kept.iter().enumerate() {
        let bytes = disk.read(&name.text())?.unwrap_or_default();
        let is_last = at + 1 == kept.len();
        verified.file(*name, &bytes, is_last, &mut chain);
    }
    verified.digest = chain.last;
    Ok(verified)
}

impl Verified {
    fn file(&mut self, name: FileName, bytes: &[u8], is_last: bool, chain: &mut Chain) {
        self.files += 1;
        let (lines, whole) = whole_lines(bytes);
        let torn = (bytes.len() - whole) as u64;
        let mut intact = true;
        for (at, line) in (1..).zip(lines) {
            self.lines += 1;
            if at == 1 {
                intact = self.first_line(name, line, chain);
            } else if intact {
                intact = match chain.follow(line) {
                    Some(line) => {
                        self.count(&line);
                        true
                    }
                    None => self.tell(name.text(), at, "it is not the line that was written"),
                };
            }
        }
        match is_last {
            true => self.torn_bytes = torn,
            false if torn > 0 => {
                self.tell(name.text(), 0, "its last line is not whole");
            }
            false => {}
        }
    }

    /// The head of a file; where it does not go on from the file before, that is told and the chain begins anew.
    fn first_line(&mut self, name: FileName, line: &[u8], chain: &mut Chain) -> bool {
        let Some((begun, read)) = Chain::begin(line) else {
            return self.tell(name.text(), 1, "it is not the head that was written");
        };
        let before = match &read.entry {
            Entry::File { before, .. } => *before,
            _ => None,
        };
        if (read.number, before) != (chain.next, chain.last) {
            let what = format!(
                "it goes on with line {} where line {} was to come",
                read.number, chain.next
            );
            self.tell(name.text(), 1, &what);
        }
        *chain = begun;
        self.count(&read);
        true
    }

    fn count(&mut self, line: &Line) {
        self.first = self.first.or(Some(line.number));
        self.last = Some(line.number);
        match &line.entry {
            Entry::Start(_) => self.starts += 1,
            Entry::Gap { lines, .. } => self.dropped += lines,
            _ => {}
        }
    }

    fn tell(&mut self, file: String, line: u64, what: &str) -> bool {
        if self.problems.len() < MOST_PROBLEMS {
            let what = what.to_owned();
            self.problems.push(Broken { file, line, what });
        }
        false
    }
}

fn list(disk: &mut Folder, folder: &Path) -> Result<Vec<FileName>, Fault> {
    let files = disk.list().map_err(|e| Fault::io("read", folder, &e))?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// A file may be removed while the folder is read.
fn content(disk: &mut Folder, folder: &Path, name: FileName) -> Result<Vec<u8>, Fault> {
    let bytes = disk.read(&name.text());
    let bytes = bytes.map_err(|e| Fault::io("read", folder.join(name.text()), &e))?;
    Ok(bytes.unwrap_or_default())
}
