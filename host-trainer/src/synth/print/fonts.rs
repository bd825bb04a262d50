//! The fonts of the labels, as outlines that are read once.

use std::sync::LazyLock;

use resvg::tiny_skia::{Path, PathBuilder, Transform};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, MetadataProvider};

use crate::synth::Vocabulary;

/// A font of `assets/fonts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Font {
    AbrilFatface,
    ArchivoBlack,
    ArchivoNarrow,
    Arvo,
    BebasNeue,
    Fredoka,
    OleoScript,
    Righteous,
    BreeSerif,
    Cinzel,
    JosefinSans,
    LuckiestGuy,
    PathwayGothicOne,
}

/// Fonts with the character that a brand's name wants.
const LOGO_FONTS: [Font; 7] = [
    Font::AbrilFatface,
    Font::ArchivoBlack,
    Font::Arvo,
    Font::BebasNeue,
    Font::Fredoka,
    Font::OleoScript,
    Font::Righteous,
];
/// Fonts that stay legible when small.
const TEXT_FONTS: [Font; 5] = [
    Font::ArchivoBlack,
    Font::ArchivoNarrow,
    Font::Arvo,
    Font::BebasNeue,
    Font::Fredoka,
];
/// Both, of the vocabulary that nothing is trained on.
const UNSEEN_LOGO_FONTS: [Font; 5] = [
    Font::BreeSerif,
    Font::Cinzel,
    Font::JosefinSans,
    Font::LuckiestGuy,
    Font::PathwayGothicOne,
];
const UNSEEN_TEXT_FONTS: [Font; 4] = [
    Font::BreeSerif,
    Font::Cinzel,
    Font::JosefinSans,
    Font::PathwayGothicOne,
];

/// The fonts of `vocabulary` for brands' names.
pub(crate) fn logo_fonts(vocabulary: Vocabulary) -> &'static [Font] {
    match vocabulary {
        Vocabulary::Training => &LOGO_FONTS,
        Vocabulary::Unseen => &UNSEEN_LOGO_FONTS,
    }
}

/// The fonts of `vocabulary` that stay legible when small.
pub(crate) fn text_fonts(vocabulary: Vocabulary) -> &'static [Font] {
    match vocabulary {
        Vocabulary::Training => &TEXT_FONTS,
        Vocabulary::Unseen => &UNSEEN_TEXT_FONTS,
    }
}

macro_rules! font_file {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/assets/fonts/",
            $name,
            ".ttf"
        ))
    };
}

/// In the order of [`Font`].
static FILES: [&[u8]; 13] = [
    font_file!("AbrilFatface"),
    font_file!("ArchivoBlack"),
    font_file!("ArchivoNarrow"),
    font_file!("Arvo"),
    font_file!("BebasNeue"),
    font_file!("Fredoka"),
    font_file!("OleoScript"),
    font_file!("Righteous"),
    font_file!("BreeSerif"),
    font_file!("Cinzel"),
    font_file!("JosefinSans"),
    font_file!("LuckiestGuy"),
    font_file!("PathwayGothicOne"),
];
static FACES: LazyLock<Vec<Face>> = LazyLock::new(|| FILES.iter().map(|f| Face::read(f)).collect());

/// Glyphs of printable ASCII in units of the em, y downwards.
struct Face {
    glyphs: Vec<Glyph>,
    cap_height: f32,
}

#[derive(Default)]
struct Glyph {
    outline: Option<Path>,
    advance: f32,
}

impl Face {
    fn read(file: &[u8]) -> Self {
        let font = FontRef::new(file).expect("a committed font");
        let em = f32::from(
            font.metrics(Size::unscaled(), LocationRef::default())
                .units_per_em,
        );
        let glyphs: Vec<_> = (' '..='~').map(|c| Glyph::read(&font, c, em)).collect();
        let capital = glyphs['H' as usize - ' ' as usize].outline.as_ref();
        let cap_height = capital.map_or(0.7, |path| path.bounds().height());
        Self { glyphs, cap_height }
    }
}

impl Glyph {
    fn read(font: &FontRef<'_>, character: char, em: f32) -> Self {
        let Some(id) = font.charmap().map(character) else {
            return Self::default();
        };
        let mut pen = Pen(PathBuilder::new(), 1.0 / em);
        let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
        if let Some(glyph) = font.outline_glyphs().get(id) {
            // A glyph that cannot be drawn is left out, as blanks are.
            let _ = glyph.draw(settings, &mut pen);
        }
        let advance = font
            .glyph_metrics(Size::unscaled(), LocationRef::default())
            .advance_width(id)
            .unwrap_or(0.0);
        Self {
            outline: pen.0.finish(),
            advance: advance / em,
        }
    }
}

struct Pen(PathBuilder, f32);

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x * self.1, -y * self.1);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x * self.1, -y * self.1);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let s = self.1;
        self.0.quad_to(cx * s, -cy * s, x * s, -y * s);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let s = self.1;
        self.0
            .cubic_to(ax * s, -ay * s, bx * s, -by * s, x * s, -y * s);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// Height of the capitals over the em.
pub(crate) fn cap_height(font: Font) -> f32 {
    FACES[font as usize].cap_height
}

/// Width of `text` over the em.
pub(crate) fn width(font: Font, text: &str) -> f32 {
    glyphs(font, text).map(|g| g.advance).sum()
}

/// The outlines of `text` with its baseline's start at (`x`, `y`) and an em of `em`; nothing for blanks.
pub(crate) fn outline(font: Font, text: &str, x: f32, y: f32, em: f32) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let mut at = x;
    for glyph in glyphs(font, text) {
        let place = Transform::from_row(em, 0.0, 0.0, em, at, y);
        if let Some(path) = glyph.outline.clone().and_then(|p| p.transform(place)) {
            builder.push_path(&path);
        }
        at += glyph.advance * em;
    }
    builder.finish()
}

fn glyphs(font: Font, text: &str) -> impl Iterator<Item = &'static Glyph> {
    let glyphs = &FACES[font as usize].glyphs;
    text.chars()
        .filter_map(move |c| glyphs.get((c as usize).checked_sub(' ' as usize)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_font_draws_every_letter_and_digit() {
        for (i, face) in FACES.iter().enumerate() {
            let drawn = |c: char| face.glyphs[c as usize - 32].outline.is_some();
            assert!(
                ('0'..='9').chain('A'..='Z').chain('a'..='z').all(drawn),
                "font {i}"
            );
            assert!(
                (0.5..0.9).contains(&face.cap_height),
                "font {i} {}",
                face.cap_height
            );
        }
    }
}
