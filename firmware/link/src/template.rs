//! How a frame is put together, from the settings file: `prefix [identifier] digits suffix terminator`.
//!
//! The texts know the escapes `\r \n \t \0 \\` and `\xHH`; other bytes are printable ASCII. Parsing proves that the
//! till can take every frame apart again: the terminator occurs nowhere before the end, and the no-read text is not a
//! number.

use core::fmt;

use heapless::Vec;

use crate::aim::Aim;

/// The longest prefix and the longest suffix, in bytes after the escapes are resolved.
pub const AFFIX_BYTES: usize = 16;
/// The longest no-read text, likewise.
pub const NO_READ_BYTES: usize = 32;

/// What ends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Terminator {
    /// Carriage return.
    #[default]
    Cr,
    /// Line feed.
    Lf,
    /// Carriage return and line feed.
    CrLf,
    /// Horizontal tab, for tills that jump from field to field.
    Tab,
}

impl Terminator {
    /// The setting of this name: `CR`, `LF`, `CRLF` or `TAB`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "CR" => Some(Self::Cr),
            "LF" => Some(Self::Lf),
            "CRLF" => Some(Self::CrLf),
            "TAB" => Some(Self::Tab),
            _ => None,
        }
    }

    /// The bytes that are sent.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Cr => b"\r",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Tab => b"\t",
        }
    }
}

/// The settings as they are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct TemplateText<'a> {
    /// Before everything, with escapes, at most [`AFFIX_BYTES`].
    pub prefix: &'a str,
    /// See [`Aim`].
    pub aim: Aim,
    /// After the digits, with escapes, at most [`AFFIX_BYTES`].
    pub suffix: &'a str,
    /// Ends the frame.
    pub terminator: Terminator,
    /// Sent in place of the digits when nothing was recognised, with escapes, at most [`NO_READ_BYTES`]; empty: a
    /// no-read sends nothing.
    pub no_read: &'a str,
    /// Stands before the digits of a product that is taken back, with escapes, at most [`AFFIX_BYTES`]; empty: the till is
    /// not told.
    pub take_back: &'a str,
}

/// Settings that are proven to make frames that can be taken apart again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(crate) prefix: Vec<u8, AFFIX_BYTES>,
    pub(crate) aim: Aim,
    pub(crate) suffix: Vec<u8, AFFIX_BYTES>,
    pub(crate) terminator: Terminator,
    pub(crate) no_read: Vec<u8, NO_READ_BYTES>,
    pub(crate) take_back: Vec<u8, AFFIX_BYTES>,
}

impl Template {
    /// Resolves and proves the settings.
    pub fn parse(text: &TemplateText<'_>) -> Result<Self, TemplateError> {
        let template = Self {
            prefix: resolve("prefix", text.prefix)?,
            aim: text.aim,
            suffix: resolve("suffix", text.suffix)?,
            terminator: text.terminator,
            no_read: resolve("no_read", text.no_read)?,
            take_back: resolve("take_back", text.take_back)?,
        };
        let fields: [(_, &[u8]); 4] = [
            ("prefix", &template.prefix),
            ("suffix", &template.suffix),
            ("no_read", &template.no_read),
            ("take_back", &template.take_back),
        ];
        let end = text.terminator.bytes();
        if let Some((field, _)) = fields.iter().find(|(_, bytes)| ends_early(bytes, end)) {
            return Err(TemplateError::HoldsTerminator { field });
        }
        if !template.no_read.is_empty() && template.no_read.iter().all(u8::is_ascii_digit) {
            return Err(TemplateError::NoReadIsNumber);
        }
        // Otherwise it could be the beginning of a product's own frame, with its identifier or without.
        if let [b'0'..=b'9' | b']', ..] = template.take_back[..] {
            return Err(TemplateError::TakeBackIsProduct);
        }
        Ok(template)
    }
}

/// Whether a byte of the terminator occurs in `bytes`. Stricter than looking for the whole of it, so that neighbouring
/// fields cannot make one up between them.
fn ends_early(bytes: &[u8], terminator: &[u8]) -> bool {
    bytes.iter().any(|b| terminator.contains(b))
}

fn resolve<const N: usize>(field: &'static str, text: &str) -> Result<Vec<u8, N>, TemplateError> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (byte, after) = resolve_one(rest).ok_or(TemplateError::Escape { field })?;
        bytes
            .push(byte)
            .map_err(|_| TemplateError::TooLong { field, most: N })?;
        rest = after;
    }
    Ok(bytes)
}

/// The first byte that `text` stands for, and the text after it.
fn resolve_one(text: &[u8]) -> Option<(u8, &[u8])> {
    let (byte, rest) = match text {
        [b'\\', b'r', rest @ ..] => (b'\r', rest),
        [b'\\', b'n', rest @ ..] => (b'\n', rest),
        [b'\\', b't', rest @ ..] => (b'\t', rest),
        [b'\\', b'0', rest @ ..] => (0, rest),
        [b'\\', b'\\', rest @ ..] => (b'\\', rest),
        [b'\\', b'x', high, low, rest @ ..] => (hex(*high)? << 4 | hex(*low)?, rest),
        [byte @ (b' '..=b'[' | b']'..=b'~'), rest @ ..] => (*byte, rest),
        _ => return None,
    };
    Some((byte, rest))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Why settings make no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateError {
    /// A field has a character or an escape that is not known.
    Escape {
        /// The setting.
        field: &'static str,
    },
    /// A field is too long.
    TooLong {
        /// The setting.
        field: &'static str,
        /// The most bytes it may have.
        most: usize,
    },
    /// A field holds a byte of the terminator, which would end the frame early.
    HoldsTerminator {
        /// The setting.
        field: &'static str,
    },
    /// The no-read text would pass for a product number.
    NoReadIsNumber,
    /// The text for taking back would pass for the beginning of a product.
    TakeBackIsProduct,
}

impl TemplateError {
    /// The setting it concerns.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Escape { field }
            | Self::TooLong { field, .. }
            | Self::HoldsTerminator { field } => field,
            Self::NoReadIsNumber => "no_read",
            Self::TakeBackIsProduct => "take_back",
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escape { field } => write!(
                f,
                "{field}: printable ASCII and the escapes \\r \\n \\t \\0 \\\\ \\xHH are allowed"
            ),
            Self::TooLong { field, most } => write!(f, "{field}: at most {most} bytes"),
            Self::HoldsTerminator { field } => {
                write!(f, "{field}: no byte of the terminator may occur in it")
            }
            Self::NoReadIsNumber => write!(f, "no_read: must not consist of digits alone"),
            Self::TakeBackIsProduct => {
                write!(f, "take_back: must not begin with a digit or ]")
            }
        }
    }
}

impl core::error::Error for TemplateError {}

#[cfg(feature = "std")]
impl From<TemplateError> for skueye_models::Fault {
    fn from(error: TemplateError) -> Self {
        use std::string::ToString;
        Self::new(
            skueye_models::Code::LinkTemplate,
            error.to_string(),
            "another text",
            std::format!("change the setting link.{}", error.field()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: TemplateText<'_>) -> TemplateError {
        Template::parse(&text).unwrap_err()
    }

    #[test]
    fn escapes_are_resolved() {
        let text = TemplateText {
            prefix: r"\x02\t\\A",
            suffix: r"\xfF\0\n",
            ..Default::default()
        };
        let template = Template::parse(&text).unwrap();
        assert_eq!(&template.prefix[..], b"\x02\t\\A");
        assert_eq!(&template.suffix[..], b"\xff\x00\n");
    }

    #[test]
    fn texts_that_a_till_could_not_take_apart_are_refused_with_the_field() {
        let none = TemplateText::default;
        for prefix in [r"\", r"\q", r"\x1", r"\xgg", "ä", "\u{7f}", "\r"] {
            let error = refused(TemplateText { prefix, ..none() });
            assert_eq!(error, TemplateError::Escape { field: "prefix" }, "{prefix}");
        }
        let suffix = "12345678901234567";
        let error = refused(TemplateText { suffix, ..none() });
        assert_eq!(
            error,
            TemplateError::TooLong {
                field: "suffix",
                most: 16
            }
        );
        let error = refused(TemplateText {
            suffix: r"\n",
            terminator: Terminator::CrLf,
            ..none()
        });
        assert_eq!(error, TemplateError::HoldsTerminator { field: "suffix" });
        let error = refused(TemplateText {
            no_read: "0000",
            ..none()
        });
        assert_eq!(error, TemplateError::NoReadIsNumber);
    }

    proptest! {
        #[test]
        fn any_text_is_resolved_or_refused_without_a_panic(prefix in ".{0,24}", no_read in "[\\\\x0-9a-f]{0,40}") {
            let _ = Template::parse(&TemplateText { prefix: &prefix, no_read: &no_read, ..Default::default() });
        }
    }
}
