//! What is known of a frame besides its product, for whoever takes more than a barcode scanner says.

use std::fmt::Write as _;

use skueye_models::Gtin;

use crate::report::Event;

/// The longest name of a product that is kept, in bytes.
pub const TITLE: usize = 128;

/// Of which presentation a frame is, and how sure its answer was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct About {
    /// The presentation, counted from 1 since the program's start; 0: not known.
    pub presentation: u32,
    /// The product's score, -1 to 1.
    pub score: Option<f32>,
    /// Its distance to the second, where the device decided.
    pub margin: Option<f32>,
    /// Whether a person said so.
    pub by_person: bool,
    /// The product's name, cut to [`TITLE`] bytes; empty where it is not known.
    pub title: heapless::String<TITLE>,
}

impl About {
    /// Of what the device decided.
    pub fn event(event: &Event<'_>) -> Self {
        Self {
            presentation: event.presentation,
            score: event.score,
            margin: event.margin,
            by_person: false,
            title: cut(event.title.unwrap_or_default()),
        }
    }

    /// Of what a person said of a presentation.
    pub fn person(presentation: u32, title: &str, score: Option<f32>) -> Self {
        Self {
            presentation,
            score,
            margin: None,
            by_person: true,
            title: cut(title),
        }
    }
}

/// A product as a person's answer names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its number.
    pub gtin: Gtin,
    /// What else the sinks are told.
    pub about: About,
}

/// As much of `text` as fits, in whole characters.
pub fn cut<const N: usize>(text: &str) -> heapless::String<N> {
    let mut short = heapless::String::new();
    for character in text.chars() {
        if short.write_char(character).is_err() {
            break;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut::<5>("Müsli"), "Müsl");
        assert_eq!(cut::<6>("Müsli"), "Müsli");
        assert_eq!(cut::<3>("ab€"), "ab");
    }
}
