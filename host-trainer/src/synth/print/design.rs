//! What the labels of a line have in common: colours, fonts, layout, band and pattern.

use super::canvas::Area;
use super::colour::{Palette, Rgb};
use super::fonts::{Font, logo_fonts, text_fonts};
use crate::synth::goods::product::Line;
use crate::synth::rng::{Purpose, Rng, stream};

/// What stands behind the brand's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Emblem {
    Bare,
    Oval,
    Plate,
    Ribbon,
    Underline,
    Burst,
}

/// The form of the band that carries the flavour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Band {
    Straight,
    Wavy,
    Slanted,
    Plate,
    Ribbon,
    Double,
}

/// What covers the ground of the label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pattern {
    Plain,
    Gradient,
    Stripes,
    Dots,
    Rays,
    Split,
    Checks,
}

/// Where things stand on the front, in fractions of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) logo: Area,
    pub(crate) noun: Area,
    pub(crate) band: Area,
    pub(crate) motif: Area,
    pub(crate) size: Area,
    pub(crate) claim: Area,
}

const fn at(x0: f32, y0: f32, x1: f32, y1: f32) -> Area {
    Area { x0, y0, x1, y1 }
}

#[rustfmt::skip]
const TALL: [Layout; 5] = [
    Layout { logo: at(0.07, 0.06, 0.93, 0.24), noun: at(0.12, 0.26, 0.88, 0.32), motif: at(0.15, 0.34, 0.85, 0.66),
             band: at(0.0, 0.68, 1.0, 0.84), size: at(0.52, 0.87, 0.94, 0.96), claim: at(0.06, 0.88, 0.46, 0.95) },
    Layout { logo: at(0.07, 0.05, 0.93, 0.23), band: at(0.0, 0.26, 1.0, 0.42), motif: at(0.06, 0.45, 0.72, 0.80),
             noun: at(0.08, 0.82, 0.92, 0.88), size: at(0.26, 0.89, 0.74, 0.97), claim: at(0.66, 0.45, 0.97, 0.62) },
    Layout { motif: at(0.16, 0.03, 0.84, 0.35), logo: at(0.05, 0.37, 0.95, 0.55), noun: at(0.12, 0.57, 0.88, 0.63),
             band: at(0.0, 0.66, 1.0, 0.83), size: at(0.06, 0.86, 0.48, 0.95), claim: at(0.54, 0.87, 0.94, 0.94) },
    Layout { band: at(0.0, 0.02, 1.0, 0.17), logo: at(0.06, 0.20, 0.94, 0.38), noun: at(0.10, 0.40, 0.90, 0.46),
             motif: at(0.02, 0.48, 0.64, 0.94), claim: at(0.62, 0.50, 0.97, 0.68), size: at(0.60, 0.78, 0.96, 0.92) },
    Layout { logo: at(0.06, 0.06, 0.94, 0.25), noun: at(0.10, 0.27, 0.90, 0.33), motif: at(0.18, 0.34, 0.82, 0.64),
             band: at(0.0, 0.64, 1.0, 0.86), size: at(0.28, 0.88, 0.72, 0.97), claim: at(0.70, 0.36, 0.98, 0.50) },
];
#[rustfmt::skip]
const WIDE: [Layout; 3] = [
    Layout { logo: at(0.04, 0.06, 0.60, 0.40), noun: at(0.06, 0.44, 0.58, 0.55), band: at(0.0, 0.60, 1.0, 0.84),
             motif: at(0.62, 0.05, 0.98, 0.58), size: at(0.62, 0.86, 0.96, 0.97), claim: at(0.05, 0.87, 0.52, 0.96) },
    Layout { motif: at(0.02, 0.30, 0.36, 0.95), logo: at(0.38, 0.32, 0.97, 0.64), noun: at(0.42, 0.67, 0.94, 0.77),
             band: at(0.0, 0.03, 1.0, 0.26), size: at(0.64, 0.81, 0.96, 0.95), claim: at(0.38, 0.82, 0.62, 0.94) },
    Layout { logo: at(0.36, 0.05, 0.97, 0.36), noun: at(0.38, 0.39, 0.95, 0.49), band: at(0.0, 0.72, 1.0, 0.97),
             motif: at(0.02, 0.06, 0.34, 0.70), size: at(0.66, 0.53, 0.96, 0.68), claim: at(0.37, 0.54, 0.62, 0.67) },
];

/// The look of a line.
#[derive(Debug, Clone)]
pub(crate) struct Design {
    pub(crate) palette: Palette,
    pub(crate) logo_font: Font,
    pub(crate) logo_upper: bool,
    pub(crate) emblem: Emblem,
    pub(crate) text_font: Font,
    pub(crate) layout: Layout,
    pub(crate) band: Band,
    pub(crate) pattern: Pattern,
    /// How many pictures stand side by side.
    pub(crate) motifs: usize,
    /// Whether the pictures stand on a light disc.
    pub(crate) disc: bool,
    /// Whether the size stands in a filled plate.
    pub(crate) size_plate: bool,
    /// The colour of lids, caps and crimps.
    pub(crate) closure: Rgb,
}

impl Design {
    /// The design of `line` for a front of `width` by `height`. Lines of one brand share logo and colours.
    pub(crate) fn new(seed: u64, line: &Line, [width, height]: [f32; 2]) -> Self {
        let mut brand = stream(seed, Purpose::Artwork, line.brand_index, 1);
        let mut palette = Palette::new(&mut brand);
        let mut rng = stream(seed, Purpose::Artwork, line.index, 2);
        if rng.chance(0.35) {
            std::mem::swap(&mut palette.base, &mut palette.accent);
            palette.logo = palette.base.contrast();
        }
        let layouts: &[Layout] = if width > 1.1 * height { &WIDE } else { &TALL };
        Self {
            logo_font: *brand.pick(logo_fonts(line.vocabulary)),
            logo_upper: brand.chance(0.35),
            emblem: emblem(&mut brand),
            text_font: *rng.pick(text_fonts(line.vocabulary)),
            layout: *rng.pick(layouts),
            band: band(&mut rng),
            pattern: pattern(&mut rng),
            motifs: 1 + rng.below(3),
            disc: rng.chance(0.5),
            size_plate: rng.chance(0.5),
            closure: closure(&mut rng, palette),
            palette,
        }
    }
}

fn emblem(rng: &mut Rng) -> Emblem {
    use Emblem::{Bare, Burst, Oval, Plate, Ribbon, Underline};
    *rng.pick(&[Bare, Bare, Oval, Plate, Ribbon, Underline, Burst])
}

fn band(rng: &mut Rng) -> Band {
    use Band::{Double, Plate, Ribbon, Slanted, Straight, Wavy};
    *rng.pick(&[Straight, Wavy, Slanted, Plate, Ribbon, Double])
}

fn pattern(rng: &mut Rng) -> Pattern {
    use Pattern::{Checks, Dots, Gradient, Plain, Rays, Split, Stripes};
    *rng.pick(&[
        Plain, Gradient, Gradient, Stripes, Dots, Rays, Split, Checks,
    ])
}

fn closure(rng: &mut Rng, palette: Palette) -> Rgb {
    match rng.below(4) {
        0 => palette.accent,
        1 => palette.base.mix(Rgb([0.0; 3]), 0.3),
        2 => Rgb([0.93, 0.93, 0.92]),
        _ => Rgb([0.13, 0.13, 0.14]),
    }
}
