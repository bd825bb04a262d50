//! Drawing on a label: shapes and fitted text, in the label's own units.

use resvg::tiny_skia::{
    Color, FillRule, GradientStop, LineJoin, LinearGradient, Paint, Path, Pixmap, Point,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

use super::colour::Rgb;
use super::fonts::{self, Font};
use super::paths::rectangle;

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x0: f32,
    pub(crate) y0: f32,
    pub(crate) x1: f32,
    pub(crate) y1: f32,
}

impl Area {
    pub(crate) fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self { x0, y0, x1, y1 }
    }

    pub(crate) fn width(self) -> f32 {
        self.x1 - self.x0
    }

    pub(crate) fn height(self) -> f32 {
        self.y1 - self.y0
    }

    pub(crate) fn centre(self) -> (f32, f32) {
        ((self.x0 + self.x1) / 2.0, (self.y0 + self.y1) / 2.0)
    }

    /// The part of it that `part` names in fractions.
    pub(crate) fn part(self, part: Area) -> Self {
        let (w, h) = (self.width(), self.height());
        Self::new(
            self.x0 + part.x0 * w,
            self.y0 + part.y0 * h,
            self.x0 + part.x1 * w,
            self.y0 + part.y1 * h,
        )
    }

    /// It without a rim of `x` and `y`.
    pub(crate) fn inset(self, x: f32, y: f32) -> Self {
        Self::new(self.x0 + x, self.y0 + y, self.x1 - x, self.y1 - y)
    }
}

/// A picture to draw on, `scale` pixels to the unit.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    scale: f32,
}

impl Canvas {
    /// A canvas of `width` by `height` units, filled with `colour`.
    pub(crate) fn new(width: f32, height: f32, scale: f32, colour: Rgb) -> Self {
        let pixels = |units: f32| ((units * scale).round() as u32).clamp(8, 8192);
        let mut pixmap =
            Pixmap::new(pixels(width), pixels(height)).expect("sizes between 8 and 8192");
        pixmap.fill(colour.opaque());
        Self { pixmap, scale }
    }

    pub(crate) fn into_pixmap(self) -> Pixmap {
        self.pixmap
    }

    fn transform(&self) -> Transform {
        Transform::from_scale(self.scale, self.scale)
    }

    pub(crate) fn fill(&mut self, path: &Path, colour: Rgb) {
        self.fill_alpha(path, colour, 1.0);
    }

    pub(crate) fn fill_alpha(&mut self, path: &Path, colour: Rgb, alpha: f32) {
        self.shade(path, Shader::SolidColor(colour.alpha(alpha)));
    }

    /// Fills from `from` at the top of `path` to `to` at its bottom.
    pub(crate) fn fill_vertical(&mut self, path: &Path, from: Rgb, to: Rgb) {
        let b = path.bounds();
        let ends = (
            Point::from_xy(b.left(), b.top()),
            Point::from_xy(b.left(), b.bottom()),
        );
        let shader = LinearGradient::new(
            ends.0,
            ends.1,
            stops(from.opaque(), to.opaque()),
            SpreadMode::Pad,
            Transform::identity(),
        );
        self.shade(path, shader.unwrap_or(Shader::SolidColor(from.opaque())));
    }

    /// Fills like a lit ball: `light` up left, `dark` at the rim.
    pub(crate) fn fill_ball(&mut self, path: &Path, light: Rgb, dark: Rgb) {
        let b = path.bounds();
        let centre = Point::from_xy(b.left() + 0.35 * b.width(), b.top() + 0.35 * b.height());
        let shader = RadialGradient::new(
            centre,
            0.0,
            centre,
            0.75 * b.width().max(b.height()),
            stops(light.opaque(), dark.opaque()),
            SpreadMode::Pad,
            Transform::identity(),
        );
        self.shade(path, shader.unwrap_or(Shader::SolidColor(dark.opaque())));
    }

    pub(crate) fn stroke(&mut self, path: &Path, colour: Rgb, width: f32) {
        let paint = paint(Shader::SolidColor(colour.opaque()));
        let stroke = Stroke {
            width,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let transform = self.transform();
        self.pixmap
            .stroke_path(path, &paint, &stroke, transform, None);
    }

    fn shade(&mut self, path: &Path, shader: Shader<'_>) {
        let transform = self.transform();
        self.pixmap
            .fill_path(path, &paint(shader), FillRule::Winding, transform, None);
    }

    pub(crate) fn area(&mut self, area: Area, colour: Rgb) {
        self.fill(&rectangle(area), colour);
    }

    /// Writes `text` on up to two lines as large as `area` allows, centred.
    pub(crate) fn text(&mut self, area: Area, text: &str, font: Font, colour: Rgb) {
        for path in fitted(area, text, font) {
            self.fill(&path, colour);
        }
    }

    /// The same with a rim of `rim` around the letters.
    pub(crate) fn outlined_text(&mut self, area: Area, text: &str, font: Font, colours: [Rgb; 2]) {
        let rim = area.height() * 0.10;
        for path in fitted(area.inset(rim, rim / 2.0), text, font) {
            self.stroke(&path, colours[1], rim);
            self.fill(&path, colours[0]);
        }
    }
}

fn stops(from: Color, to: Color) -> Vec<GradientStop> {
    vec![GradientStop::new(0.0, from), GradientStop::new(1.0, to)]
}

fn paint(shader: Shader<'_>) -> Paint<'_> {
    Paint {
        shader,
        anti_alias: true,
        ..Paint::default()
    }
}

/// The lines of `text`, one or two, whichever gives larger letters.
fn fitted(area: Area, text: &str, font: Font) -> Vec<Path> {
    let one = vec![text.to_owned()];
    let best = match two_lines(font, text) {
        Some(two) if em_for(area, &two, font) > em_for(area, &one, font) => two,
        _ => one,
    };
    let em = em_for(area, &best, font);
    let leading = em * 1.05 * fonts::cap_height(font).max(0.72);
    let (cx, cy) = area.centre();
    let first = cy + em * fonts::cap_height(font) / 2.0 - leading * (best.len() - 1) as f32 / 2.0;
    let line = |(i, text): (usize, &String)| {
        let x = cx - fonts::width(font, text) * em / 2.0;
        fonts::outline(font, text, x, first + leading * i as f32, em)
    };
    best.iter().enumerate().filter_map(line).collect()
}

/// The em at which `lines` fill `area` in width or height. Two lines need room for what hangs below the first.
fn em_for(area: Area, lines: &[String], font: Font) -> f32 {
    let widest = lines
        .iter()
        .map(|l| fonts::width(font, l))
        .fold(0.01, f32::max);
    let heights = 1.0 + 1.35 * (lines.len() - 1) as f32;
    (area.width() / widest)
        .min(area.height() / (fonts::cap_height(font) * heights))
        .max(0.0)
}

/// `text` broken at the blank nearest its middle.
fn two_lines(font: Font, text: &str) -> Option<Vec<String>> {
    let whole = fonts::width(font, text);
    let breaks = text
        .char_indices()
        .filter(|(_, c)| *c == ' ')
        .map(|(i, _)| i);
    let off = |i: &usize| ((fonts::width(font, &text[..*i]) / whole - 0.5).abs() * 1e3) as u32;
    let at = breaks.min_by_key(off)?;
    Some(vec![text[..at].to_owned(), text[at + 1..].to_owned()])
}
