//! What stands on the ground of a label: logo, pictures, claim, size and small print.

use super::art::Painter;
use super::canvas::{Area, Canvas};
use super::colour::{INK, Rgb, WHITE};
use super::design::Emblem;
use super::fonts::Font;
use super::motifs;
use super::paths::{ellipse, polygon, rounded, star};
use crate::synth::rng::{Purpose, stream};

impl Painter<'_> {
    pub(crate) fn flavour_text(&self, canvas: &mut Canvas, area: Area) {
        let flavour = self.product.flavour;
        let ink = Rgb::hex(flavour.colour).contrast();
        canvas.text(area, flavour.name, self.design.text_font, ink);
    }

    pub(crate) fn logo(&self, canvas: &mut Canvas, area: Area) {
        let palette = self.design.palette;
        let name = match self.design.logo_upper {
            true => self.product.line.brand.to_uppercase(),
            false => self.product.line.brand.clone(),
        };
        let plate = palette.accent;
        let (cx, cy) = area.centre();
        let (w, h) = (area.width(), area.height());
        match self.design.emblem {
            Emblem::Bare | Emblem::Underline => {}
            Emblem::Oval => canvas.fill(&ellipse(cx, cy, 0.5 * w, 0.56 * h), plate),
            Emblem::Plate => canvas.fill(&rounded(area, 0.25 * h), plate),
            Emblem::Ribbon => {
                let Area { x0, y0, x1, y1 } = area;
                let cut = 0.2 * h;
                canvas.fill(
                    &polygon(&[(x0 + cut, y0), (x1, y0), (x1 - cut, y1), (x0, y1)]),
                    plate,
                );
            }
            Emblem::Burst => {
                let points = star((cx, cy), 0.5 * w.max(h), 0.42 * w.max(h), 20, 0.0);
                let flat = resvg::tiny_skia::Transform::from_row(
                    1.0,
                    0.0,
                    0.0,
                    1.2 * h / w.max(h),
                    0.0,
                    cy * (1.0 - 1.2 * h / w.max(h)),
                );
                if let Some(path) = points.transform(flat) {
                    canvas.fill(&path, plate);
                }
            }
        }
        let inside = area.inset(0.12 * w, 0.2 * h);
        match self.design.emblem {
            Emblem::Bare => {
                let rim = palette.logo.contrast().mix(palette.base, 0.15);
                canvas.outlined_text(area, &name, self.design.logo_font, [palette.logo, rim]);
            }
            Emblem::Underline => {
                canvas.text(
                    area.inset(0.0, 0.1 * h),
                    &name,
                    self.design.logo_font,
                    palette.logo,
                );
                canvas.area(
                    Area::new(
                        area.x0 + 0.1 * w,
                        area.y1 - 0.04 * h,
                        area.x1 - 0.1 * w,
                        area.y1,
                    ),
                    palette.accent,
                );
            }
            _ => canvas.text(inside, &name, self.design.logo_font, plate.contrast()),
        }
        if let Some(series) = self.product.line.series {
            let below = Area::new(
                area.x0 + 0.3 * w,
                area.y1 - 0.17 * h,
                area.x1 - 0.3 * w,
                area.y1 - 0.03 * h,
            );
            if !matches!(self.design.emblem, Emblem::Bare | Emblem::Underline) {
                canvas.text(below, series, Font::ArchivoNarrow, plate.contrast());
            }
        }
    }

    pub(crate) fn pictures(&self, canvas: &mut Canvas, area: Area) {
        let flavour = self.product.flavour;
        let colour = Rgb::hex(flavour.colour);
        let (cx, cy) = area.centre();
        let r = 0.5 * area.width().min(area.height());
        if self.design.disc {
            canvas.fill(&ellipse(cx, cy, r, r), WHITE.mix(colour, 0.12));
        }
        let places: &[(f32, f32, f32)] = match self.design.motifs {
            1 => &[(0.0, 0.0, 0.85)],
            2 => &[(-0.42, -0.12, 0.56), (0.42, 0.16, 0.52)],
            _ => &[(0.0, -0.42, 0.48), (-0.46, 0.32, 0.48), (0.46, 0.36, 0.44)],
        };
        for &(dx, dy, size) in places {
            let (x, y, s) = (cx + dx * r, cy + dy * r, size * r);
            motifs::draw(
                canvas,
                Area::new(x - s, y - s, x + s, y + s),
                flavour.motif,
                colour,
            );
        }
    }

    pub(crate) fn claim(&self, canvas: &mut Canvas, area: Area) {
        let Some(claim) = self.product.line.claim else {
            return;
        };
        let accent = self.design.palette.accent;
        let (w, h) = (area.width(), area.height());
        if h > 0.45 * w {
            let r = 0.5 * w.min(h * 1.2);
            canvas.fill(&star(area.centre(), r, 0.86 * r, 18, 0.0), accent);
            canvas.text(
                area.inset(0.16 * w, 0.28 * h),
                claim,
                Font::ArchivoNarrow,
                accent.contrast(),
            );
        } else {
            canvas.fill(&rounded(area, 0.5 * h), accent);
            canvas.text(
                area.inset(0.1 * w, 0.22 * h),
                claim,
                Font::ArchivoNarrow,
                accent.contrast(),
            );
        }
    }

    pub(crate) fn size(&self, canvas: &mut Canvas, area: Area) {
        let palette = self.design.palette;
        let text = self.product.size.label();
        if self.design.size_plate {
            canvas.fill(&rounded(area, 0.3 * area.height()), palette.base.contrast());
            let ink = palette.base.contrast().contrast();
            canvas.text(
                area.inset(0.08 * area.width(), 0.14 * area.height()),
                &text,
                Font::ArchivoBlack,
                ink,
            );
        } else {
            canvas.text(area, &text, Font::ArchivoBlack, palette.base.contrast());
        }
    }

    pub(crate) fn small_print(&self, canvas: &mut Canvas, area: Area) {
        let ground = WHITE.mix(self.design.palette.base, 0.15);
        canvas.fill(&rounded(area, 0.04 * area.height()), ground);
        let line = &self.product.line;
        let mut rng = stream(self.product.gtin.value(), Purpose::Artwork, 0, 3);
        let rows = 8;
        let step = area.height() / (rows as f32 + 1.0);
        for row in 0..rows {
            let text = match row {
                0 => format!("{} {}", self.product.flavour.name, line.noun),
                1 => format!("Net {} - see date on package", self.product.size.label()),
                _ => (0..5)
                    .map(|_| *rng.pick(&SMALL_PRINT))
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            let y = area.y0 + (row as f32 + 0.6) * step;
            let rect = Area::new(area.x0, y, area.x1, y + 0.62 * step);
            canvas.text(
                rect.inset(0.04 * area.width(), 0.0),
                &text,
                Font::ArchivoNarrow,
                INK,
            );
        }
    }
}

#[rustfmt::skip]
const SMALL_PRINT: [&str; 24] = [
    "water", "sugar", "extract", "salt", "contains", "traces", "of", "natural", "colour", "store", "cool", "and", "dry",
    "keep", "away", "from", "children", "energy", "per", "100", "recycle", "made", "for", "home",
];
