//! Lines into files.
//!
//! A batch of lines is appended, then synced, before the next is taken: a power cut costs at most the batch that was under way,
//! and can leave a part of its last line, which the next start cuts off and says so. A line is never changed, moved or written
//! over. A new file begins with each day of the clock, forwards or backwards, and where one is full; files are numbered, and
//! their numbers give the order.

use std::collections::BTreeSet;
use std::io;

use serde::{Deserialize, Serialize};
use skueye_update::Digest;

use super::chain::{Chain, whole_lines};
use super::day::Day;
use super::disk::{ANCHOR, Disk, FileName};
use super::entry::{Entry, FORMAT};
use super::{Keep, Pending};

/// A file that has grown to so many bytes is followed by another of the same day.
pub(super) const FULL_BYTES: u64 = 8 << 20;

/// Where the chain stood before the oldest file that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Anchor {
    /// The number of the oldest file that is kept.
    pub file: u32,
    /// The number of its first line.
    pub line: u64,
    /// The digest before that.
    pub before: Option<Digest>,
    /// The starts until then.
    pub boot: u32,
}

impl Anchor {
    const NONE: Self = Self {
        file: 1,
        line: 1,
        before: None,
        boot: 0,
    };

    pub fn read(disk: &mut impl Disk) -> io::Result<Option<Self>> {
        let bytes = disk.read(ANCHOR)?;
        let damaged = |_| io::Error::other("the anchor of the log cannot be read");
        let anchor = bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(damaged));
        anchor.transpose()
    }

    fn write(self, disk: &mut impl Disk) -> io::Result<()> {
        let json = serde_json::to_vec(&self).expect("numbers and text");
        disk.replace(ANCHOR, &json)
    }
}

/// The file that is written.
#[derive(Debug, Clone, Copy)]
struct Current {
    name: FileName,
    /// Its bytes that count; what may lie behind them is cut off before more is written.
    length: u64,
    is_clean: bool,
}

/// Writes the lines of one start.
pub(super) struct Writer<D> {
    disk: D,
    keep: Keep,
    chain: Chain,
    boot: u32,
    /// The number of the newest file.
    newest: u32,
    current: Option<Current>,
    /// What a torn line had, to be told in the next line.
    cut: Option<u64>,
    /// What failed although the lines are written.
    warning: Option<io::Error>,
}

/// Where a log went on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The file whose lines are not those that were written, where there is one.
    pub damaged: Option<String>,
}

impl<D: Disk> Writer<D> {
    /// Goes on where the log on `disk` ends. A part of a line at its very end is cut off; a damaged file is left as it is and
    /// another begun.
    pub fn open(mut disk: D, keep: Keep) -> io::Result<(Self, Found)> {
        let mut found = Found::default();
        let anchor = Anchor::read(&mut disk).unwrap_or_else(|_| {
            found.damaged = Some(ANCHOR.into());
            None
        });
        let anchor = anchor.unwrap_or(Anchor::NONE);
        let mut writer = Self {
            disk,
            keep,
            chain: Chain {
                next: anchor.line,
                last: anchor.before,
            },
            boot: anchor.boot + 1,
            newest: anchor.file.saturating_sub(1),
            current: None,
            cut: None,
            warning: None,
        };
        writer.finish_removal(anchor)?;
        writer.find_end(&mut found)?;
        Ok((writer, found))
    }

    /// Files that were to be removed when the power went.
    fn finish_removal(&mut self, anchor: Anchor) -> io::Result<()> {
        for (name, _) in self.disk.list()? {
            if name.number < anchor.file {
                self.disk.remove(&name.text())?;
            }
        }
        Ok(())
    }

    fn find_end(&mut self, found: &mut Found) -> io::Result<()> {
        let files = self.disk.list()?;
        self.newest = files.last().map_or(self.newest, |(name, _)| name.number);
        for (name, length) in files.into_iter().rev() {
            let text = name.text();
            let bytes = self.disk.read(&text)?.unwrap_or_default();
            let (mut lines, whole) = whole_lines(&bytes);
            let Some(first) = lines.next() else {
                // The power went before its first line was whole.
                self.disk.remove(&text)?;
                self.cut = self.cut.or((length > 0).then_some(length));
                continue;
            };
            let Some((chain, line)) = Chain::begin(first) else {
                found.damaged = Some(text);
                continue;
            };
            (self.chain, self.boot) = (chain, line.boot + 1);
            let mut is_whole = true;
            for line in lines {
                match self.chain.follow(line).filter(|_| is_whole) {
                    Some(line) => self.boot = self.boot.max(line.boot.saturating_add(1)),
                    None => {
                        is_whole = false;
                        self.chain.next += 1;
                    }
                }
            }
            if !is_whole {
                found.damaged = Some(text);
            } else if name.number == self.newest {
                self.go_on(name, whole as u64, length);
            }
            return Ok(());
        }
        Ok(())
    }

    fn go_on(&mut self, name: FileName, whole: u64, length: u64) {
        self.cut = self.cut.or((whole < length).then_some(length - whole));
        self.current = Some(Current {
            name,
            length: whole,
            is_clean: whole == length,
        });
    }

    /// What failed although the lines are written: the sync, or the removal of old files.
    pub fn warning(&mut self) -> Option<io::Error> {
        self.warning.take()
    }

    /// Writes and syncs `lines` and takes out those that are written; after an error the others are still there.
    pub fn write(&mut self, lines: &mut Vec<Pending>) -> io::Result<()> {
        while let Some(first) = lines.first() {
            let day = Day::of(first.time);
            let same = lines.iter().take_while(|line| Day::of(line.time) == day);
            let count = same.count();
            self.write_day(day, &lines[..count])?;
            lines.drain(..count);
        }
        Ok(())
    }

    fn write_day(&mut self, day: Day, lines: &[Pending]) -> io::Result<()> {
        let fits = |file: &Current| file.name.day == day && file.length < FULL_BYTES;
        let going_on = self.current.filter(fits);
        if going_on.is_none() {
            self.clean()?;
        }
        let mut file = going_on.unwrap_or(Current {
            name: FileName {
                number: self.newest + 1,
                day,
            },
            length: 0,
            is_clean: true,
        });
        let (mut chain, mut bytes, mut cut) = (self.chain, Vec::new(), self.cut);
        if file.length == 0 {
            let time = lines.first().map_or(0, |line| line.time);
            chain.add(self.boot, time, head(day, chain.last), &mut bytes);
        }
        for line in lines {
            if let Some(bytes_cut) = cut.take() {
                let entry = Entry::Cut { bytes: bytes_cut };
                chain.add(self.boot, line.time, entry, &mut bytes);
            }
            chain.add(self.boot, line.time, line.entry.clone(), &mut bytes);
        }
        self.append(&mut file, &bytes)?;
        (self.chain, self.cut) = (chain, cut);
        if going_on.is_none() {
            self.newest = file.name.number;
            let retired = self.retire();
            self.warn(retired);
        }
        Ok(())
    }

    /// Cuts off what a torn line left at the end of a file that another will follow.
    fn clean(&mut self) -> io::Result<()> {
        let Some(file) = self.current.as_mut().filter(|file| !file.is_clean) else {
            return Ok(());
        };
        let name = file.name.text();
        self.disk.cut(&name, file.length)?;
        self.disk.sync(&name)?;
        file.is_clean = true;
        Ok(())
    }

    /// Adds to a file and waits until it is on the disk. After an error the file is not clean.
    fn append(&mut self, file: &mut Current, bytes: &[u8]) -> io::Result<()> {
        let name = file.name.text();
        match file.length {
            // Of an attempt that failed.
            0 => self.disk.remove(&name)?,
            _ if !file.is_clean => self.disk.cut(&name, file.length)?,
            _ => {}
        }
        let appended = self.disk.append(&name, bytes);
        if let Err(error) = appended {
            // At once, so that whoever reads meanwhile sees whole lines; else before the next.
            file.is_clean = self.disk.cut(&name, file.length).is_ok();
            match file.length {
                0 => drop(self.disk.remove(&name)),
                _ => self.current = Some(*file),
            }
            return Err(error);
        }
        let is_new = file.length == 0;
        file.length += bytes.len() as u64;
        file.is_clean = true;
        self.current = Some(*file);
        let synced = self.disk.sync(&name).and_then(|()| match is_new {
            true => self.disk.sync_folder(),
            false => Ok(()),
        });
        // The lines are in the file: to write them again would have them there twice.
        self.warn(synced);
        Ok(())
    }

    fn warn(&mut self, outcome: io::Result<()>) {
        self.warning = outcome.err().or(self.warning.take());
    }

    /// Removes the oldest files beyond what is kept: whole files, the anchor first.
    fn retire(&mut self) -> io::Result<()> {
        let files = self.disk.list()?;
        let (mut days, mut bytes, mut kept) = (BTreeSet::new(), 0, files.len());
        for (at, (name, length)) in files.iter().enumerate().rev() {
            days.insert(name.day);
            bytes += length;
            let is_newest = at + 1 == files.len();
            if !is_newest && (days.len() > self.keep.days as usize || bytes > self.keep.bytes) {
                break;
            }
            kept = at;
        }
        self.remove_before(&files, kept)
    }

    fn remove_before(&mut self, files: &[(FileName, u64)], kept: usize) -> io::Result<()> {
        let Some((oldest, _)) = files.get(kept).filter(|_| kept > 0) else {
            return Ok(());
        };
        let bytes = self.disk.read(&oldest.text())?.unwrap_or_default();
        let first = whole_lines(&bytes).0.next().and_then(Chain::begin);
        let Some((_, line)) = first else {
            return Err(io::Error::other("the oldest file of the log is damaged"));
        };
        let Entry::File { before, .. } = line.entry else {
            return Ok(());
        };
        let anchor = Anchor {
            file: oldest.number,
            line: line.number,
            before,
            boot: line.boot,
        };
        anchor.write(&mut self.disk)?;
        let old = files[..kept].iter();
        old.map(|(name, _)| name)
            .try_for_each(|name| self.disk.remove(&name.text()))
    }

    /// Removes every file. The chain goes on, so that it shows that there was something. How many files there were.
    pub fn wipe(&mut self) -> io::Result<u32> {
        let files = self.disk.list()?;
        let anchor = Anchor {
            file: self.newest + 1,
            line: self.chain.next,
            before: self.chain.last,
            boot: self.boot,
        };
        anchor.write(&mut self.disk)?;
        (self.current, self.cut) = (None, None);
        for (name, _) in &files {
            self.disk.remove(&name.text())?;
        }
        self.disk.sync_folder()?;
        Ok(files.len() as u32)
    }
}

fn head(day: Day, before: Option<Digest>) -> Entry {
    Entry::File {
        format: FORMAT,
        day,
        before,
        program: env!("CARGO_PKG_VERSION").into(),
    }
}
