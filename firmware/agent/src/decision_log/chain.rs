//! Lines and the digests that tie them together.
//!
//! ```text
//! {"n":7,"boot":2,"time":...,"kind":...,...,"sha256":"DIGEST"}
//! ```
//!
//! DIGEST is the SHA-256 of the digest of the line before (64 lower-case digits; nothing for the very first) followed by the
//! line's own bytes up to `,"sha256"`. So no line can be changed, taken out or put in without every later one showing it.

use skueye_update::Digest;

use super::entry::{Entry, Line};

/// Between a line's content and its digest.
const SEAL: &[u8] = b",\"sha256\":\"";
const END: &[u8] = b"\"}";
const DIGITS: usize = 64;

/// Where the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// The number of the next line.
    pub next: u64,
    /// The digest of the last line.
    pub last: Option<Digest>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            next: 1,
            last: None,
        }
    }
}

impl Chain {
    /// Adds a line to `into`, with its line end.
    pub fn add(&mut self, boot: u32, time: u64, entry: Entry, into: &mut Vec<u8>) {
        let line = Line {
            number: self.next,
            boot,
            time,
            entry,
        };
        let mut json = serde_json::to_vec(&line).expect("text keys and finite numbers");
        json.pop();
        let digest = self.digest(&json);
        into.extend(&json);
        into.extend(SEAL);
        into.extend(digest.to_string().as_bytes());
        into.extend(END);
        into.push(b'\n');
        *self = Self {
            next: self.next + 1,
            last: Some(digest),
        };
    }

    /// Reads the next line, without its line end; `None` where it is not the one that was written.
    pub fn follow(&mut self, line: &[u8]) -> Option<Line> {
        let (content, digest) = split(line)?;
        if digest != self.digest(content) {
            return None;
        }
        let read: Line = serde_json::from_slice(line).ok()?;
        if read.number != self.next {
            return None;
        }
        *self = Self {
            next: self.next.checked_add(1)?,
            last: Some(digest),
        };
        Some(read)
    }

    /// Begins with the first line of a file, which says itself what was before.
    pub fn begin(line: &[u8]) -> Option<(Self, Line)> {
        let read: Line = serde_json::from_slice(line).ok()?;
        let Entry::File { before, .. } = &read.entry else {
            return None;
        };
        let mut chain = Self {
            next: read.number,
            last: *before,
        };
        chain.follow(line)?;
        Some((chain, read))
    }

    fn digest(&self, content: &[u8]) -> Digest {
        let mut bytes = self.last.map_or(Vec::new(), |last| last.to_string().into());
        bytes.extend(content);
        Digest::of(&bytes)
    }
}

/// A line's content and the digest that it carries.
fn split(line: &[u8]) -> Option<(&[u8], Digest)> {
    let line = line.strip_suffix(END)?;
    let (rest, digest) = line.split_at_checked(line.len().checked_sub(DIGITS)?)?;
    let digest = Digest::parse(std::str::from_utf8(digest).ok()?)?;
    Some((rest.strip_suffix(SEAL)?, digest))
}

/// The whole lines of a file, without their line ends, and how many bytes they take. What is behind them is part of a line.
pub(super) fn whole_lines(bytes: &[u8]) -> (impl Iterator<Item = &[u8]>, usize) {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines = bytes[..whole].strip_suffix(b"\n");
    let lines = lines
        .into_iter()
        .flat_map(|lines| lines.split(|byte| *byte == b'\n'));
    (lines, whole)
}
