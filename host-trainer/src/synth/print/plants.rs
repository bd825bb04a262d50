//! Pictures of what grows.

use std::f32::consts::TAU;

use resvg::tiny_skia::PathBuilder;

use super::canvas::Canvas;
use super::colour::{INK, Rgb, WHITE};
use super::motifs::Tones;
use super::paths::{ellipse, lens, polygon};

const LEAF: u32 = 0x4E8F3A;

fn leaf(canvas: &mut Canvas, from: (f32, f32), to: (f32, f32), colour: Rgb) {
    canvas.fill(&lens(from, to, 0.45), colour);
    canvas.fill(&lens(from, to, 0.03), colour.mix(WHITE, 0.5));
}

pub(crate) fn fruit(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    let y = y + 0.12 * r;
    canvas.fill_ball(&ellipse(x, y, 0.82 * r, 0.78 * r), t.light, t.dark);
    canvas.fill(
        &lens((x, y - 0.62 * r), (x + 0.12 * r, y - 1.08 * r), 0.2),
        Rgb::hex(0x5B3A1E),
    );
    leaf(
        canvas,
        (x + 0.05 * r, y - 0.75 * r),
        (x + 0.7 * r, y - 1.0 * r),
        Rgb::hex(LEAF),
    );
    canvas.fill_alpha(
        &ellipse(x - 0.35 * r, y - 0.32 * r, 0.16 * r, 0.10 * r),
        WHITE,
        0.7,
    );
}

pub(crate) fn citrus(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    leaf(
        canvas,
        (x + 0.5 * r, y - 0.5 * r),
        (x + 0.98 * r, y - 0.98 * r),
        Rgb::hex(LEAF),
    );
    canvas.fill(&ellipse(x, y, 0.9 * r, 0.9 * r), t.middle);
    canvas.fill(&ellipse(x, y, 0.8 * r, 0.8 * r), t.light.mix(WHITE, 0.6));
    for i in 0..9 {
        let at = |a: f32, d: f32| (x + d * r * a.cos(), y + d * r * a.sin());
        let a = i as f32 * TAU / 9.0;
        let slice = [
            at(a + 0.35, 0.1),
            at(a + 0.06, 0.70),
            at(a + 0.35, 0.74),
            at(a + 0.64, 0.70),
        ];
        canvas.fill(&polygon(&slice), t.middle.mix(WHITE, 0.1));
    }
}

pub(crate) fn berries(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    leaf(
        canvas,
        (x, y - 0.4 * r),
        (x - 0.8 * r, y - 0.85 * r),
        Rgb::hex(LEAF),
    );
    leaf(
        canvas,
        (x, y - 0.4 * r),
        (x + 0.8 * r, y - 0.85 * r),
        Rgb::hex(LEAF),
    );
    let places = [
        (-0.45, -0.15),
        (0.45, -0.15),
        (0.0, -0.25),
        (-0.25, 0.3),
        (0.3, 0.3),
        (0.0, 0.68),
    ];
    for (dx, dy) in places {
        let (bx, by) = (x + dx * r, y + dy * r);
        canvas.fill_ball(&ellipse(bx, by, 0.32 * r, 0.32 * r), t.light, t.dark);
        canvas.fill_alpha(
            &ellipse(bx - 0.1 * r, by - 0.1 * r, 0.07 * r, 0.07 * r),
            WHITE,
            0.8,
        );
    }
}

pub(crate) fn sprig(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    canvas.fill(
        &lens((x, y + 0.95 * r), (x + 0.05 * r, y - 0.9 * r), 0.03),
        t.dark,
    );
    for i in 0..4 {
        let base = y + (0.7 - 0.42 * i as f32) * r;
        let reach = (0.78 - 0.1 * i as f32) * r;
        leaf(canvas, (x, base), (x - reach, base - 0.42 * r), t.middle);
        leaf(
            canvas,
            (x, base),
            (x + reach, base - 0.42 * r),
            t.middle.mix(t.dark, 0.4),
        );
    }
    leaf(canvas, (x, y - 0.5 * r), (x, y - 1.0 * r), t.light);
}

pub(crate) fn flower(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for i in 0..8 {
        let a = i as f32 * TAU / 8.0;
        let tip = (x + 0.95 * r * a.sin(), y - 0.95 * r * a.cos());
        canvas.fill(
            &lens((x, y), tip, 0.34),
            if i % 2 == 0 { t.middle } else { t.light },
        );
    }
    canvas.fill_ball(
        &ellipse(x, y, 0.26 * r, 0.26 * r),
        Rgb::hex(0xFFE27A),
        Rgb::hex(0xD08A1A),
    );
}

pub(crate) fn beans(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for (dx, dy, tilt) in [(-0.38, 0.3, 0.5), (0.42, 0.32, -0.6), (0.0, -0.4, 0.1)] {
        let (sin, cos) = f32::sin_cos(tilt);
        let c = (x + dx * r, y + dy * r);
        let (a, b) = (
            (c.0 - 0.55 * r * sin, c.1 - 0.55 * r * cos),
            (c.0 + 0.55 * r * sin, c.1 + 0.55 * r * cos),
        );
        canvas.fill_ball(&lens(a, b, 0.72), t.light.mix(t.middle, 0.5), t.dark);
        canvas.fill(&lens(a, b, 0.06), t.dark.mix(INK, 0.5));
    }
}

pub(crate) fn nuts(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for (dx, dy) in [(-0.42, 0.25), (0.42, 0.3), (0.0, -0.35)] {
        let c = (x + dx * r, y + dy * r);
        canvas.fill_ball(
            &ellipse(c.0, c.1 + 0.05 * r, 0.42 * r, 0.46 * r),
            t.light,
            t.dark,
        );
        canvas.fill(
            &lens(
                (c.0 - 0.36 * r, c.1 - 0.2 * r),
                (c.0 + 0.36 * r, c.1 - 0.2 * r),
                0.4,
            ),
            t.dark,
        );
    }
}

pub(crate) fn chili(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for (shift, flip) in [(-0.28, 1.0), (0.28, -1.0)] {
        let mut path = PathBuilder::new();
        let at = |dx: f32, dy: f32| (x + shift * r + flip * dx * r, y + dy * r);
        let (a, b, c, d) = (
            at(-0.2, -0.65),
            at(0.85, -0.4),
            at(-0.1, 0.95),
            at(0.2, -0.65),
        );
        path.move_to(a.0, a.1);
        path.quad_to(at(-0.75, 0.5).0, at(-0.75, 0.5).1, c.0, c.1);
        path.quad_to(b.0 - flip * 0.6 * r, b.1 + 0.5 * r, d.0, d.1);
        path.close();
        if let Some(path) = path.finish() {
            canvas.fill_ball(&path, t.light, t.middle.mix(t.dark, 0.4));
        }
        let (p, q) = (at(0.0, -0.6), at(0.12, -1.0));
        canvas.fill(&lens(p, q, 0.4), Rgb::hex(LEAF));
    }
}

pub(crate) fn grain(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for (lean, size) in [(-0.45, 0.85), (0.45, 0.85), (0.0, 1.0)] {
        let foot = (x, y + r);
        let tip = (x + lean * r, y - size * r);
        canvas.fill(&lens(foot, tip, 0.02), t.dark);
        for k in 0..6 {
            let f = 0.40 + 0.11 * k as f32;
            let c = (foot.0 + (tip.0 - foot.0) * f, foot.1 + (tip.1 - foot.1) * f);
            for side in [-1.0, 1.0] {
                let end = (c.0 + side * 0.2 * r, c.1 - 0.28 * r);
                canvas.fill(
                    &lens(c, end, 0.4),
                    if side > 0.0 { t.middle } else { t.light },
                );
            }
        }
    }
}
