//! What was attempted, for ever: a file `history` of lines, each with its digest and that of the line before, so that none can
//! be changed or taken out without a trace.
//!
//! ```text
//! SHA-256 of the JSON, space, JSON, newline
//! ```
//!
//! A line is added whole or, after a power cut, in part; the part is cut off when the next is added. At [`MOST_BYTES`] the
//! file becomes `history.1`; the chain goes on.

use serde::{Deserialize, Serialize};
use skueye_models::Fault;

use crate::digest::Digest;
use crate::sealed::damaged;
use crate::storage::{Storage, read_small, replace};

const PATH: &str = "history";
const OLDER: &str = "history.1";
/// Some thousand attempts.
pub const MOST_BYTES: u64 = 1 << 20;

/// What happened to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A bundle was refused.
    Refused,
    /// It is in an idle slot.
    Staged,
    /// It is being tried.
    Activated,
    /// It is kept.
    Committed,
    /// It was given up; the set before counts again.
    Returned,
    /// The device's keys changed.
    Rotated,
}

/// A line of the history. There is no date: devices have no clock that can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counted from 1.
    pub number: u64,
    /// The digest of the line before; none of the first.
    pub before: Option<Digest>,
    /// What happened.
    pub step: Step,
    /// To the set of this release, or the name of the file that was refused.
    pub release: String,
    /// Why, where there is a reason.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reason: String,
}

/// What happened on this device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    entries: Vec<Entry>,
    /// Digest of the last line.
    last: Option<Digest>,
    /// Bytes of the present file's whole lines.
    whole: usize,
    /// Whether a part of a line is behind them.
    is_torn: bool,
}

impl History {
    /// Reads it and proves the chain. Errors: E805 where a line was changed, E901.
    pub fn read(storage: &impl Storage) -> Result<Self, Fault> {
        let mut history = Self::default();
        for path in [OLDER, PATH] {
            let bytes = read_small(storage, path, 2 * MOST_BYTES)?.unwrap_or_default();
            history.extend(path, &bytes)?;
        }
        Ok(history)
    }

    fn extend(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.whole = bytes
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        self.is_torn = self.whole < bytes.len();
        let lines = bytes[..self.whole].strip_suffix(b"\n");
        let lines = lines
            .into_iter()
            .flat_map(|lines| lines.split(|&b| b == b'\n'));
        for (n, line) in lines.enumerate() {
            let whole = parse(line).filter(|(entry, _)| self.continues_with(entry));
            let (entry, digest) = whole.ok_or_else(|| {
                damaged(path, format!("line {} as it was written", n + 1), "another")
            })?;
            self.entries.push(entry);
            self.last = Some(digest);
        }
        Ok(())
    }

    /// The oldest line that is kept may have had others before it.
    fn continues_with(&self, entry: &Entry) -> bool {
        match self.entries.last() {
            Some(last) => (entry.number, entry.before) == (last.number + 1, self.last),
            None => entry.number == 1 || entry.before.is_some(),
        }
    }

    /// What is kept, the oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds a line. Errors: E805, E901.
    pub(crate) fn add(
        storage: &impl Storage,
        step: Step,
        release: &str,
        reason: String,
    ) -> Result<(), Fault> {
        let mut history = Self::read(storage)?;
        let entry = Entry {
            number: history.entries.last().map_or(1, |last| last.number + 1),
            before: history.last,
            step,
            release: release.to_owned(),
            reason,
        };
        let json = serde_json::to_string(&entry).expect("strings and whole numbers");
        let line = format!("{} {json}\n", Digest::of(json.as_bytes()));
        if (history.whole + line.len()) as u64 > MOST_BYTES {
            storage.rename(PATH, OLDER)?;
            storage.sync_folder("")?;
            history.whole = 0;
        }
        if history.whole == 0 || history.is_torn {
            let mut bytes = read_small(storage, PATH, 2 * MOST_BYTES)?.unwrap_or_default();
            bytes.truncate(history.whole);
            bytes.extend(line.as_bytes());
            return replace(storage, PATH, &bytes);
        }
        storage.append(PATH, line.as_bytes())?;
        storage.sync_file(PATH)
    }
}

fn parse(line: &[u8]) -> Option<(Entry, Digest)> {
    let (digest, json) = line.split_at_checked(64)?;
    let (digest, json) = (std::str::from_utf8(digest).ok()?, json.strip_prefix(b" ")?);
    let digest = Digest::parse(digest).filter(|digest| *digest == Digest::of(json))?;
    Some((serde_json::from_slice(json).ok()?, digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::fake::{FakeStorage, Survival};

    fn add(storage: &FakeStorage, release: &str) {
        History::add(storage, Step::Staged, release, String::new()).unwrap();
    }

    fn releases(storage: &FakeStorage) -> Vec<String> {
        let history = History::read(storage).unwrap();
        history
            .entries()
            .iter()
            .map(|entry| entry.release.clone())
            .collect()
    }

    #[test]
    fn lines_are_kept_in_order_and_a_changed_one_is_noticed() {
        let storage = FakeStorage::new();
        ["1", "2", "3"]
            .iter()
            .for_each(|release| add(&storage, release));
        assert_eq!(releases(&storage), ["1", "2", "3"]);
        storage.rot(PATH);
        assert!(History::read(&storage).is_err());
    }

    #[test]
    fn a_line_cut_short_by_the_power_is_replaced() {
        let storage = FakeStorage::new();
        add(&storage, "1");
        storage.append(PATH, b"half a li").unwrap();
        let storage = storage.restart(Survival::Everything);
        assert_eq!(releases(&storage), ["1"]);
        add(&storage, "2");
        assert_eq!(releases(&storage), ["1", "2"]);
    }

    #[test]
    fn a_full_file_becomes_the_older_one_and_the_chain_goes_on() {
        let storage = FakeStorage::new();
        let long = "r".repeat(300_000);
        (0..8).for_each(|_| add(&storage, &long));
        let history = History::read(&storage).unwrap();
        let numbers: Vec<u64> = history.entries().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [4, 5, 6, 7, 8]);
        assert!(storage.length(OLDER).unwrap().unwrap() < MOST_BYTES);
    }
}
