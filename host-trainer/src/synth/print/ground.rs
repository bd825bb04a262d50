//! The ground of a label and the band that carries the flavour.

use super::art::Painter;
use super::canvas::{Area, Canvas};
use super::colour::{INK, Rgb, WHITE};
use super::design::{Band, Pattern};
use super::paths::{ellipse, polygon, rectangle, rounded, star};

impl Painter<'_> {
    pub(crate) fn ground(&self, canvas: &mut Canvas, all: Area) {
        let palette = self.design.palette;
        let tint = palette.base.mix(palette.base.contrast(), 0.08);
        let (w, h) = (all.width(), all.height());
        let step = 0.09 * h;
        canvas.area(all, palette.base);
        match self.design.pattern {
            Pattern::Plain => {}
            Pattern::Gradient => {
                canvas.fill_vertical(
                    &rectangle(all),
                    palette.base.mix(WHITE, 0.25),
                    palette.base.mix(INK, 0.12),
                );
            }
            Pattern::Stripes => {
                for i in 0..(w / step) as usize + 1 {
                    let x = all.x0 + i as f32 * step;
                    canvas.area(Area::new(x, all.y0, x + step / 2.0, all.y1), tint);
                }
            }
            Pattern::Dots => {
                for (x, y) in lattice(all, step) {
                    canvas.fill(&ellipse(x, y, 0.22 * step, 0.22 * step), tint);
                }
            }
            Pattern::Rays => canvas.fill(&star(all.centre(), w + h, 0.02 * h, 14, 0.1), tint),
            Pattern::Split => {
                let y = all.y0 + 0.5 * h;
                canvas.area(
                    Area::new(all.x0, y, all.x1, all.y1),
                    palette.base.mix(palette.accent, 0.22),
                );
            }
            Pattern::Checks => {
                for (x, y) in lattice(all, step) {
                    canvas.area(Area::new(x, y, x + step / 2.0, y + step / 2.0), tint);
                }
            }
        }
    }

    pub(crate) fn band(&self, canvas: &mut Canvas, all: Area, band: Area) {
        let colour = Rgb::hex(self.product.flavour.colour);
        let full = Area::new(all.x0, band.y0, all.x1, band.y1);
        let h = band.height();
        match self.design.band {
            Band::Straight => canvas.area(full, colour),
            Band::Double => {
                canvas.area(full.inset(0.0, -0.09 * h), colour.mix(WHITE, 0.45));
                canvas.area(full, colour);
            }
            Band::Wavy => canvas.fill(&wavy(full, 0.12 * h, band.width()), colour),
            Band::Slanted => {
                let lift = 0.12 * h;
                let Area { x0, y0, x1, y1 } = full;
                let corners = [
                    (x0, y0 + lift),
                    (x1, y0 - lift),
                    (x1, y1 - lift),
                    (x0, y1 + lift),
                ];
                canvas.fill(&polygon(&corners), colour);
            }
            Band::Plate => {
                canvas.fill(
                    &rounded(band.inset(0.05 * band.width(), 0.0), 0.3 * h),
                    colour,
                );
            }
            Band::Ribbon => {
                let Area { x0, y0, x1, y1 } = band.inset(0.02 * band.width(), 0.05 * h);
                let (notch, mid) = (0.35 * h, (y0 + y1) / 2.0);
                let corners = [
                    (x0, y0),
                    (x1, y0),
                    (x1 - notch, mid),
                    (x1, y1),
                    (x0, y1),
                    (x0 + notch, mid),
                ];
                canvas.fill(&polygon(&corners), colour);
            }
        }
        let margin = if self.design.band == Band::Ribbon {
            0.16
        } else {
            0.09
        };
        self.flavour_text(canvas, band.inset(margin * band.width(), 0.2 * h));
    }
}

/// Points of a lattice with every other row shifted, over `area`.
fn lattice(area: Area, step: f32) -> Vec<(f32, f32)> {
    let (columns, rows) = (
        (area.width() / step) as usize + 1,
        (area.height() / step) as usize + 1,
    );
    let point = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        let shift = if row.is_multiple_of(2) { 0.0 } else { 0.5 };
        (
            area.x0 + (column as f32 + shift) * step,
            area.y0 + row as f32 * step,
        )
    };
    (0..columns * rows).map(point).collect()
}

/// `area` with sine waves for its upper and lower edges.
fn wavy(area: Area, amplitude: f32, period: f32) -> resvg::tiny_skia::Path {
    let steps = 48;
    let edge = |i: usize, y: f32| {
        let x = area.x0 + area.width() * i as f32 / steps as f32;
        (
            x,
            y + amplitude * (x / period * std::f32::consts::TAU).sin(),
        )
    };
    let upper = (0..=steps).map(|i| edge(i, area.y0));
    let lower = (0..=steps).rev().map(|i| edge(i, area.y1));
    polygon(&upper.chain(lower).collect::<Vec<_>>())
}
