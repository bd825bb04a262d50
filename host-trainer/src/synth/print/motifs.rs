//! The picture on a label: fruit, leaves, drops and the like, drawn from a few curves in the flavour's colours.

use super::canvas::{Area, Canvas};
use super::colour::{INK, Rgb, WHITE};
use super::plants::{beans, berries, chili, citrus, flower, fruit, grain, nuts, sprig};
use super::things::{bolt, drop_shape, fish, paw, prism, stars, waves};
use crate::synth::goods::flavours::Motif;

/// Light, middle and dark tone of what is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Tones {
    pub(crate) light: Rgb,
    pub(crate) middle: Rgb,
    pub(crate) dark: Rgb,
}

/// Draws `motif` of `colour` into the middle of `area`.
pub(crate) fn draw(canvas: &mut Canvas, area: Area, motif: Motif, colour: Rgb) {
    let r = 0.5 * area.width().min(area.height());
    let c = area.centre();
    let tones = Tones {
        light: colour.mix(WHITE, 0.45),
        middle: colour,
        dark: colour.mix(INK, 0.35),
    };
    match motif {
        Motif::Fruit => fruit(canvas, c, r, tones),
        Motif::Citrus => citrus(canvas, c, r, tones),
        Motif::Berries => berries(canvas, c, r, tones),
        Motif::Leaf => sprig(canvas, c, r, tones),
        Motif::Flower => flower(canvas, c, r, tones),
        Motif::Bean => beans(canvas, c, r, tones),
        Motif::Nut => nuts(canvas, c, r, tones),
        Motif::Chili => chili(canvas, c, r, tones),
        Motif::Drop => drop_shape(canvas, c, r, tones),
        Motif::Star => stars(canvas, c, r, tones),
        Motif::Waves => waves(canvas, c, r, tones),
        Motif::Prism => prism(canvas, c, r, tones),
        Motif::Grain => grain(canvas, c, r, tones),
        Motif::Fish => fish(canvas, c, r, tones),
        Motif::Paw => paw(canvas, c, r, tones),
        Motif::Bolt => bolt(canvas, c, r, tones),
    }
}
