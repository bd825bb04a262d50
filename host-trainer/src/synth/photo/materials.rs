//! Textures of tables and walls, made from noise and rectangles.

use crate::synth::print::canvas::{Area, Canvas};
use crate::synth::print::colour::Rgb;
use crate::synth::print::texture::Texture;
use crate::synth::rng::Rng;
use crate::synth::solid::vector::scale;

/// Edge of the textures, texels.
pub(crate) const SIDE: usize = 256;

/// Noise of `cells` by `cells_y` cells that repeats without a seam; in 0..=1.
fn noise(rng: &mut Rng, cells: usize, cells_y: usize) -> Vec<f32> {
    let lattice: Vec<f32> = (0..cells * cells_y).map(|_| rng.unit()).collect();
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let value = |i: usize| {
        let x = (i % SIDE) as f32 / SIDE as f32 * cells as f32;
        let y = (i / SIDE) as f32 / SIDE as f32 * cells_y as f32;
        let at = |cx: usize, cy: usize| lattice[(cy % cells_y) * cells + cx % cells];
        let (cx, cy) = (x as usize, y as usize);
        let (fx, fy) = (ease(x.fract()), ease(y.fract()));
        let upper = at(cx, cy) * (1.0 - fx) + at(cx + 1, cy) * fx;
        let lower = at(cx, cy + 1) * (1.0 - fx) + at(cx + 1, cy + 1) * fx;
        upper * (1.0 - fy) + lower * fy
    };
    (0..SIDE * SIDE).map(value).collect()
}

/// Materials of tables: planks, stone, plastic, cloth, brushed metal, paper, dark belt.
pub(crate) fn table(rng: &mut Rng, kind: usize) -> Texture {
    let coarse = noise(rng, 5, 5);
    let (fine_x, fine_y) = match kind {
        0 => (6, 128),
        4 => (3, 256),
        _ => (96, 96),
    };
    let fine = noise(rng, fine_x, fine_y);
    let (base, vary, grain) = match kind {
        0 => (
            Rgb::hsv(
                rng.range(0.05, 0.10),
                rng.range(0.35, 0.65),
                rng.range(0.35, 0.8),
            ),
            0.25,
            0.45,
        ),
        1 => (
            Rgb::hsv(rng.unit(), 0.05, rng.range(0.25, 0.85)),
            0.15,
            0.55,
        ),
        2 => (
            Rgb::hsv(rng.unit(), rng.range(0.0, 0.25), rng.range(0.6, 0.95)),
            0.04,
            0.05,
        ),
        3 => (
            Rgb::hsv(rng.unit(), rng.range(0.1, 0.6), rng.range(0.5, 0.95)),
            0.05,
            0.15,
        ),
        4 => (Rgb::hsv(0.6, 0.04, rng.range(0.55, 0.8)), 0.06, 0.16),
        5 => (
            Rgb::hsv(0.09, rng.range(0.1, 0.4), rng.range(0.6, 0.9)),
            0.08,
            0.10,
        ),
        _ => (Rgb::hsv(0.6, 0.1, rng.range(0.12, 0.25)), 0.10, 0.30),
    };
    let other = Rgb::hsv(rng.unit(), rng.range(0.0, 0.5), rng.range(0.5, 0.95)).linear();
    let base = base.linear();
    let texel = |i: usize| {
        let (x, y) = (i % SIDE, i / SIDE);
        let tone = 1.0 + vary * (coarse[i] - 0.5) + grain * (fine[i] - 0.5);
        let seam = kind == 0 && y % 64 < 1;
        let square = kind == 3 && (x / 32 + y / 32).is_multiple_of(2);
        let colour = if square { other } else { base };
        scale(colour, if seam { 0.45 } else { tone })
    };
    Texture::from_linear(SIDE, SIDE, (0..SIDE * SIDE).map(texel).collect())
}

/// A wall: plain, or a shelf full of coloured things that no lens brings into focus.
pub(crate) fn wall(rng: &mut Rng) -> Texture {
    let ground = Rgb::hsv(rng.unit(), rng.range(0.0, 0.3), rng.range(0.3, 0.95));
    let mut canvas = Canvas::new(1.0, 1.0, SIDE as f32, ground);
    if rng.chance(0.65) {
        for shelf in 0..4 {
            let foot = (shelf as f32 + 1.0) * 0.25 - 0.02;
            canvas.area(
                Area::new(0.0, foot, 1.0, foot + 0.02),
                ground.mix(Rgb([0.2; 3]), 0.6),
            );
            let mut x = rng.range(0.0, 0.08);
            while x < 0.95 {
                let (w, h) = (rng.range(0.03, 0.10), rng.range(0.07, 0.2));
                let colour = Rgb::hsv(rng.unit(), rng.range(0.1, 0.9), rng.range(0.2, 0.95));
                let item = Area::new(x, foot - h, (x + w).min(0.99), foot);
                canvas.area(item, colour);
                let band = item.part(Area::new(
                    0.0,
                    rng.range(0.1, 0.4),
                    1.0,
                    rng.range(0.5, 0.8),
                ));
                canvas.area(
                    band,
                    Rgb::hsv(rng.unit(), rng.range(0.0, 0.8), rng.range(0.3, 1.0)),
                );
                x += w + if rng.chance(0.3) { 0.06 } else { 0.006 };
            }
        }
    } else {
        for _ in 0..rng.below(6) {
            let (x, y) = (rng.unit(), rng.unit());
            let patch = Area::new(
                x,
                y,
                (x + rng.range(0.1, 0.6)).min(1.0),
                (y + rng.range(0.1, 0.6)).min(1.0),
            );
            canvas.area(
                patch,
                ground.mix(Rgb::hsv(rng.unit(), 0.4, 0.7), rng.range(0.2, 0.9)),
            );
        }
    }
    Texture::new(&canvas.into_pixmap())
}
