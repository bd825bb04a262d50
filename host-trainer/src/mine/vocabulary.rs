//! The attributes: which tokens they are, and which of them a title names. Steps 5 to 7 of METHOD 1.
//!
//! The file is text that a person can read and `diff` can compare: a head line, one line per attribute with token and
//! count (tab between them), and a last line with the SHA-256 of everything before it.
//!
//! ```text
//! skueye-vocabulary<TAB>1<TAB>attributes<TAB>threshold<TAB>titles
//! cotton<TAB>20113
//! …
//! sha256<TAB>64 hexadecimal digits
//! ```

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use skueye_models::{Code, Fault};

use super::counts::Counts;
use super::stop_words::is_stop_word;
use super::tokens::Tokens;
use crate::files::write_file;

const MAGIC: &str = "skueye-vocabulary";
const VERSION: &str = "1";
/// A vocabulary file beyond this is not one (METHOD: 44,175 attributes at the lowest threshold, about 0.5 MB).
const MAX_BYTES: u64 = 256 << 20;
/// Tokens that are no words (METHOD 1, step 6).
const DROPPED: [&str; 3] = ["-", "w", "."];

/// The attributes of a data set, by falling count and then by token; an attribute's place is its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    entries: Vec<(Box<str>, u64)>,
    index: HashMap<Box<str>, u32>,
    threshold: u64,
    titles: u64,
}

impl Vocabulary {
    /// Keeps what occurs more than `threshold` times and is neither a stop word nor a dropped literal.
    /// Errors: E508 where nothing is left.
    pub fn new(counts: Counts, threshold: u64) -> Result<Self, Fault> {
        let titles = counts.titles;
        let keep = |token: &str, count| {
            count > threshold && !DROPPED.contains(&token) && !is_stop_word(token)
        };
        let mut entries: Vec<_> = counts
            .tokens
            .into_iter()
            .filter(|(token, n)| keep(token, *n))
            .collect();
        entries.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        if entries.is_empty() || entries.len() > u32::MAX as usize {
            let expected = format!("a token that occurs more than {threshold} times");
            let got = format!("none in {titles} titles");
            return Err(Fault::new(
                Code::MiningEmpty,
                expected,
                got,
                "lower the threshold, or add titles",
            ));
        }
        Ok(Self::indexed(entries, threshold, titles))
    }

    fn indexed(entries: Vec<(Box<str>, u64)>, threshold: u64, titles: u64) -> Self {
        let index = entries
            .iter()
            .zip(0..)
            .map(|((token, _), i)| (token.clone(), i))
            .collect();
        Self {
            entries,
            index,
            threshold,
            titles,
        }
    }

    /// How many attributes there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The attributes with their counts, in the order of their indices.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.entries.iter().map(|(token, count)| (&**token, *count))
    }

    /// The index of `token`.
    pub fn index(&self, token: &str) -> Option<u32> {
        self.index.get(token).copied()
    }

    /// How many titles it was mined from.
    pub fn titles(&self) -> u64 {
        self.titles
    }

    /// The count that its attributes exceed.
    pub fn threshold(&self) -> u64 {
        self.threshold
    }

    /// The attributes that `title` names: their indices, ascending, each once. Empty where it names none.
    pub fn targets(&self, title: &str, tokens: &mut Tokens) -> Vec<u32> {
        let mut targets: Vec<u32> = tokens
            .of(title)
            .filter_map(|token| self.index(token))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    /// The content of its file; the same vocabulary gives the same bytes.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{MAGIC}\t{VERSION}\t{}\t{}\t{}\n",
            self.len(),
            self.threshold,
            self.titles
        );
        for (token, count) in self.entries() {
            text.extend([token, "\t", &count.to_string(), "\n"]);
        }
        let sum = checksum(&text);
        text.extend(["sha256\t", &sum, "\n"]);
        text
    }

    /// Writes its file, whole or not at all. Errors: E901.
    pub fn write(&self, path: &Path) -> Result<(), Fault> {
        write_file(path, self.to_text().as_bytes())
    }

    /// Reads the file at `path`. Errors: E513, E901.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let size = std::fs::metadata(path)
            .map_err(|e| Fault::io("read", path, &e))?
            .len();
        if size > MAX_BYTES {
            return Err(damaged(format!("{size} bytes")).at(path));
        }
        let bytes = std::fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| damaged("bytes that are not UTF-8".into()).at(path))?;
        Self::parse(&text).map_err(|fault| fault.at(path))
    }

    /// Parses the content of a file. Errors: E513.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let body = text
            .strip_suffix('\n')
            .and_then(|t| t.rfind('\n'))
            .map_or("", |end| &text[..=end]);
        if text[body.len()..] != format!("sha256\t{}\n", checksum(body)) {
            return Err(damaged("another checksum".into()));
        }
        let mut lines = body.lines();
        let head: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
        let [MAGIC, VERSION, length, threshold, titles] = head[..] else {
            return Err(damaged("another format or version".into()));
        };
        let number = |text: &str| {
            text.parse::<u64>()
                .map_err(|_| damaged("a word for a number".into()))
        };
        let entries: Result<Vec<_>, Fault> = lines.map(|line| entry(line, number)).collect();
        let entries = entries?;
        let vocabulary = Self::indexed(entries, number(threshold)?, number(titles)?);
        let whole = vocabulary.len() as u64 == number(length)? && vocabulary.len() > 0;
        if !whole || vocabulary.index.len() != vocabulary.len() {
            return Err(damaged(format!(
                "{} different attributes",
                vocabulary.index.len()
            )));
        }
        Ok(vocabulary)
    }
}

fn entry(
    line: &str,
    number: impl Fn(&str) -> Result<u64, Fault>,
) -> Result<(Box<str>, u64), Fault> {
    let (token, count) = line
        .split_once('\t')
        .ok_or_else(|| damaged("a line without a count".into()))?;
    Ok((token.into(), number(count)?))
}

fn checksum(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn damaged(got: String) -> Fault {
    let expected = format!("a whole {MAGIC} file of version {VERSION}");
    Fault::new(
        Code::VocabularyDamaged,
        expected,
        got,
        "mine the titles again",
    )
}
