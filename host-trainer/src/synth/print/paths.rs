//! Outlines to fill: rectangles, ovals, stars, leaves.

use resvg::tiny_skia::{Path, PathBuilder, Rect};

use super::canvas::Area;

pub(crate) fn rectangle(area: Area) -> Path {
    let (x0, y0) = (area.x0.min(area.x1), area.y0.min(area.y1));
    let rect = Rect::from_ltrb(x0, y0, area.x1.max(x0 + 1e-3), area.y1.max(y0 + 1e-3));
    PathBuilder::from_rect(rect.expect("ordered sides"))
}

pub(crate) fn ellipse(cx: f32, cy: f32, rx: f32, ry: f32) -> Path {
    let rect = Rect::from_ltrb(cx - rx, cy - ry, cx + rx.max(1e-3), cy + ry.max(1e-3));
    let path = rect.and_then(PathBuilder::from_oval);
    path.unwrap_or_else(|| rectangle(Area::new(cx, cy, cx, cy)))
}

/// A closed polygon; `points` must hold two points at least.
pub(crate) fn polygon(points: &[(f32, f32)]) -> Path {
    let mut builder = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            builder.move_to(x, y)
        } else {
            builder.line_to(x, y)
        }
    }
    builder.close();
    builder.finish().expect("a polygon has points")
}

/// A rectangle with corners of radius `r`.
pub(crate) fn rounded(area: Area, r: f32) -> Path {
    let Area { x0, y0, x1, y1 } = area;
    let r = r.min(area.width() / 2.0).min(area.height() / 2.0).max(0.0);
    let mut b = PathBuilder::new();
    b.move_to(x0 + r, y0);
    b.line_to(x1 - r, y0);
    b.quad_to(x1, y0, x1, y0 + r);
    b.line_to(x1, y1 - r);
    b.quad_to(x1, y1, x1 - r, y1);
    b.line_to(x0 + r, y1);
    b.quad_to(x0, y1, x0, y1 - r);
    b.line_to(x0, y0 + r);
    b.quad_to(x0, y0, x0 + r, y0);
    b.close();
    b.finish().expect("a path with points")
}

/// A star or burst of `points` tips between the radii `outer` and `inner`, its first tip at `turn` radians.
pub(crate) fn star(c: (f32, f32), outer: f32, inner: f32, points: usize, turn: f32) -> Path {
    let corner = |i: usize| {
        let angle = turn + i as f32 * std::f32::consts::PI / points as f32;
        let r = if i.is_multiple_of(2) { outer } else { inner };
        (c.0 + r * angle.sin(), c.1 - r * angle.cos())
    };
    polygon(&(0..points * 2).map(corner).collect::<Vec<_>>())
}

/// The area between two circles that meet in the points `a` and `b`: a leaf, an almond, a petal.
pub(crate) fn lens(a: (f32, f32), b: (f32, f32), bulge: f32) -> Path {
    let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
    let across = ((b.1 - a.1) * bulge, (a.0 - b.0) * bulge);
    let mut path = PathBuilder::new();
    path.move_to(a.0, a.1);
    path.quad_to(middle.0 + across.0, middle.1 + across.1, b.0, b.1);
    path.quad_to(middle.0 - across.0, middle.1 - across.1, a.0, a.1);
    path.close();
    path.finish().expect("a path with points")
}
