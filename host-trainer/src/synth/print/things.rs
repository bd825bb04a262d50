//! Pictures of what does not grow.

use std::f32::consts::{PI, TAU};

use resvg::tiny_skia::PathBuilder;

use super::canvas::Canvas;
use super::colour::{INK, WHITE};
use super::motifs::Tones;
use super::paths::{ellipse, lens, polygon, star};

pub(crate) fn drop_shape(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    let mut path = PathBuilder::new();
    path.move_to(x, y - r);
    path.cubic_to(
        x + 0.25 * r,
        y - 0.4 * r,
        x + 0.75 * r,
        y,
        x + 0.7 * r,
        y + 0.4 * r,
    );
    path.cubic_to(
        x + 0.65 * r,
        y + 1.1 * r,
        x - 0.65 * r,
        y + 1.1 * r,
        x - 0.7 * r,
        y + 0.4 * r,
    );
    path.cubic_to(x - 0.75 * r, y, x - 0.25 * r, y - 0.4 * r, x, y - r);
    if let Some(path) = path.finish() {
        canvas.fill_ball(&path, t.light, t.dark);
    }
    canvas.fill_alpha(
        &ellipse(x - 0.3 * r, y + 0.3 * r, 0.1 * r, 0.22 * r),
        WHITE,
        0.75,
    );
}

pub(crate) fn stars(canvas: &mut Canvas, c: (f32, f32), r: f32, t: Tones) {
    canvas.fill(&star(c, r, 0.55 * r, 12, 0.0), t.dark);
    canvas.fill(&star(c, 0.82 * r, 0.36 * r, 5, 0.0), t.light);
    canvas.fill(&star(c, 0.55 * r, 0.24 * r, 5, 0.0), t.middle);
}

pub(crate) fn waves(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    canvas.fill_vertical(
        &ellipse(x, y, 0.95 * r, 0.95 * r),
        t.light.mix(WHITE, 0.4),
        t.light,
    );
    for (i, tone) in [t.light, t.middle, t.dark].into_iter().enumerate() {
        let level = y + (0.35 * i as f32 - 0.25) * r;
        let rim = |s: f32| (x + 0.95 * r * s.cos(), y + 0.95 * r * s.sin());
        let start = ((level - y) / (0.95 * r)).clamp(-1.0, 1.0).asin();
        let mut points: Vec<_> = (0..=24)
            .map(|k| rim(start + (PI - 2.0 * start) * k as f32 / 24.0))
            .collect();
        let (left, right) = (points[24].0, points[0].0);
        points.extend((1..24).map(|k| {
            let f = k as f32 / 24.0;
            (
                left + (right - left) * f,
                level + 0.12 * r * (f * 12.0 + i as f32 * 2.0).sin(),
            )
        }));
        canvas.fill(&polygon(&points), tone);
    }
}

pub(crate) fn prism(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for (i, (dx, dy)) in [(-0.45, 0.3), (0.45, 0.3), (0.0, -0.45)]
        .into_iter()
        .enumerate()
    {
        let c = (x + dx * r, y + dy * r);
        let corner = |k: usize| {
            let a = k as f32 * TAU / 6.0;
            (c.0 + 0.5 * r * a.sin(), c.1 - 0.5 * r * a.cos())
        };
        let tones = [t.light, t.middle, t.dark];
        for face in 0..3 {
            let quad = [
                c,
                corner(face * 2),
                corner(face * 2 + 1),
                corner(face * 2 + 2),
            ];
            canvas.fill(&polygon(&quad), tones[(face + i) % 3]);
        }
    }
}

pub(crate) fn fish(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    for (dy, flip) in [(-0.38, 1.0), (0.42, -1.0)] {
        let y = y + dy * r;
        let tail = [
            (x + flip * 0.45 * r, y),
            (x + flip * 0.95 * r, y - 0.34 * r),
            (x + flip * 0.95 * r, y + 0.34 * r),
        ];
        canvas.fill(&polygon(&tail), t.dark);
        canvas.fill_vertical(
            &lens((x - flip * 0.95 * r, y), (x + flip * 0.65 * r, y), 0.5),
            t.middle,
            t.light,
        );
        canvas.fill(
            &ellipse(x - flip * 0.6 * r, y - 0.06 * r, 0.08 * r, 0.08 * r),
            INK,
        );
    }
}

pub(crate) fn paw(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    canvas.fill_ball(
        &ellipse(x, y + 0.4 * r, 0.58 * r, 0.48 * r),
        t.light,
        t.dark,
    );
    for (dx, dy) in [(-0.68, -0.1), (-0.26, -0.55), (0.26, -0.55), (0.68, -0.1)] {
        canvas.fill_ball(
            &ellipse(x + dx * r, y + dy * r, 0.22 * r, 0.28 * r),
            t.light,
            t.dark,
        );
    }
}

pub(crate) fn bolt(canvas: &mut Canvas, (x, y): (f32, f32), r: f32, t: Tones) {
    canvas.fill(&star((x, y), r, 0.8 * r, 16, 0.0), t.dark);
    let corners = [
        (0.15, -0.8),
        (-0.5, 0.15),
        (-0.05, 0.15),
        (-0.2, 0.8),
        (0.5, -0.2),
        (0.05, -0.2),
    ];
    canvas.fill(
        &polygon(&corners.map(|(dx, dy)| (x + dx * r, y + dy * r))),
        t.light,
    );
}
