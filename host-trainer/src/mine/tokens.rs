//! From a title to its tokens: steps 1 to 4 of METHOD 1.
//!
//! The authors worked in Python, so a word character is what Python's `\w` matches in text: the Unicode categories L
//! and N, and the underscore. Combining marks are not among them (a decomposed `é` falls apart, a composed one does not).
//!
//! "Drop the literal `w/`" comes before the split, so it is read as a replacement in the text, not as a token to leave
//! out: `w/case` becomes `case`, which is what the rule is for, and `new/used` becomes `neused`, which is its price.
//!
//! `tests/reference/mine.py` says the same in Python's own words.

use std::sync::LazyLock;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::units;

/// Cuts titles into tokens; keeps its buffers, so that a long run does not allocate per title.
#[derive(Debug, Default)]
pub struct Tokens {
    bytes: Vec<u8>,
    joined: String,
}

impl Tokens {
    /// The tokens of `title` in their order, stop words and repetitions included.
    pub fn of<'a>(&'a mut self, title: &str) -> std::str::SplitAsciiWhitespace<'a> {
        self.clean(title);
        text(&self.bytes).split_ascii_whitespace()
    }

    /// As [`Self::of`], numbers and their units joined (`units`) where that is wanted.
    pub(super) fn with<'a>(
        &'a mut self,
        title: &str,
        units: bool,
    ) -> std::str::SplitAsciiWhitespace<'a> {
        self.clean(title);
        if !units {
            return text(&self.bytes).split_ascii_whitespace();
        }
        self.joined.clear();
        units::join(text(&self.bytes).split_ascii_whitespace(), &mut self.joined);
        self.joined.split_ascii_whitespace()
    }

    /// Steps 1 to 3: lower case, spaces for what no token holds, no `w/`.
    fn clean(&mut self, title: &str) {
        self.bytes.clear();
        if title.is_ascii() {
            let lower = title.bytes().map(|byte| KEPT[usize::from(byte & 127)]);
            self.bytes.extend(lower);
        } else if title.contains('Σ') {
            // A final sigma depends on its place in the whole text.
            title.to_lowercase().chars().for_each(|c| self.push(c));
        } else {
            for c in title.chars() {
                match c.is_ascii() {
                    true => self.bytes.push(KEPT[c as usize & 127]),
                    false => c.to_lowercase().for_each(|c| self.push(c)),
                }
            }
        }
        if self.bytes.contains(&b'/') {
            self.drop_with();
        }
    }

    fn push(&mut self, c: char) {
        if c.is_ascii() {
            self.bytes.push(KEPT[c as usize & 127]);
        } else if is_letter_or_number(c) {
            let mut buffer = [0; 4];
            self.bytes.extend(c.encode_utf8(&mut buffer).as_bytes());
        } else {
            self.bytes.push(b' ');
        }
    }

    /// Takes every `w/` out, from left to right; what closes up behind one is not looked at again.
    fn drop_with(&mut self) {
        let (mut from, mut to) = (0, 0);
        while from < self.bytes.len() {
            if self.bytes[from..].starts_with(b"w/") {
                from += 2;
            } else {
                self.bytes[to] = self.bytes[from];
                from += 1;
                to += 1;
            }
        }
        self.bytes.truncate(to);
    }
}

/// Cleaned bytes as text. They are characters that were encoded one by one, and `w/` is taken out between them.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("whole characters")
}

/// For each ASCII character what becomes of it: itself in lower case, or a space.
const KEPT: [u8; 128] = {
    let mut kept = [b' '; 128];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'|' | b'.' | b'-' | b'/' | b'\'' | b'_')
        {
            kept[at] = byte.to_ascii_lowercase();
        }
        at += 1;
    }
    kept
};

fn is_letter_or_number(c: char) -> bool {
    match BASIC_PLANE.get(c as usize / 64) {
        Some(bits) => bits >> (c as usize % 64) & 1 == 1,
        None => is_kept(c),
    }
}

/// For each character below U+10000 a bit: whether it is a letter or a number. Looking categories up takes a search each.
static BASIC_PLANE: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let bit = |code: u32| char::from_u32(code).is_some_and(is_kept);
    let word = |first: u32| (0..64).fold(0, |bits, at| bits | u64::from(bit(first + at)) << at);
    (0..0x1_0000).step_by(64).map(word).collect()
});

fn is_kept(c: char) -> bool {
    matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
    )
}
