//! From a title to its tokens: steps 1 to 4 of METHOD 1.
//!
//! The authors worked in Python, so a word character is what Python's `\w` matches in text: the Unicode categories L
//! and N, and the underscore. Combining marks are not among them (a decomposed `é` falls apart, a composed one does not).
//!
//! "Drop the literal `w/`" comes before the split, so it is read as a replacement in the text, not as a token to leave
//! out: `w/case` becomes `case`, which is what the rule is for, and `new/used` becomes `neused`, which is its price.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Cuts titles into tokens; keeps its buffer, so that a long run does not allocate per title.
#[derive(Debug, Default)]
pub struct Tokens {
    text: String,
}

impl Tokens {
    /// The tokens of `title` in their order, stop words and repetitions included.
    pub fn of<'a>(&'a mut self, title: &str) -> impl Iterator<Item = &'a str> {
        self.text.clear();
        if title.is_ascii() {
            self.text
                .extend(title.bytes().map(|b| kept(b.to_ascii_lowercase().into())));
        } else {
            // The lower case of a whole text: a final sigma depends on its place.
            self.text.extend(title.to_lowercase().chars().map(kept));
        }
        if self.text.contains("w/") {
            self.text = self.text.replace("w/", "");
        }
        self.text.split(' ').filter(|token| !token.is_empty())
    }
}

/// The character, or a space where it is to be replaced.
fn kept(c: char) -> char {
    let keep = match c {
        '|' | '.' | '-' | '/' | '\'' | '_' => true,
        c if c.is_ascii() => c.is_ascii_alphanumeric(),
        c => matches!(
            c.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
        ),
    };
    if keep { c } else { ' ' }
}
