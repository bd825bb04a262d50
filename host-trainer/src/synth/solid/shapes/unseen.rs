//! The packages of the vocabulary that nothing is trained on.

use super::{face, print};
use crate::synth::print::art::Artwork;
use crate::synth::print::colour::{INK, WHITE};
use crate::synth::solid::mesh::{Material, Mesh, Vertex};
use crate::synth::solid::vector::{Vec3, cross, normalize, sub};

/// A carton of which the roof's two slopes meet in an upright seam.
pub(super) fn gable(art: &Artwork) -> Mesh<'_> {
    let [w, h, d] = art.package.size;
    let (x, z) = (w / 2.0, d / 2.0);
    let (eaves, ridge) = (art.package.label[1] * h, 0.93 * h);
    let plain = Material::plain(art.base.mix(INK, 0.04).linear(), 0.12, 3);
    let roof = Material::plain(art.flavour.mix(art.base, 0.25).linear(), 0.12, 3);
    let of = |texture| print(art, texture);
    let side = art.side.as_ref().map_or(plain, of);
    let back = art.back.as_ref().map_or(plain, of);
    let mut mesh = Mesh::default();
    let mut panel = |material, corner: Vec3, right: Vec3, down: Vec3| {
        face(&mut mesh, material, corner, right, down);
    };
    let down = [0.0, -eaves, 0.0];
    panel(of(&art.front), [-x, eaves, z], [w, 0.0, 0.0], down);
    panel(back, [x, eaves, -z], [-w, 0.0, 0.0], down);
    panel(side, [x, eaves, z], [0.0, 0.0, -d], down);
    panel(side, [-x, eaves, -z], [0.0, 0.0, d], down);
    let slope = [0.0, eaves - ridge, z];
    panel(roof, [-x, ridge, 0.0], [w, 0.0, 0.0], slope);
    panel(roof, [x, ridge, 0.0], [-w, 0.0, 0.0], [0.0, slope[1], -z]);
    // The seam, and the folded ends below it, which lean inwards to one line.
    let seam = [0.0, ridge - h, 0.0];
    panel(plain, [-x, h, 0.05], [w, 0.0, 0.0], seam);
    panel(plain, [x, h, -0.05], [-w, 0.0, 0.0], seam);
    for side in [1.0, -1.0] {
        let steps = [0.0, 0.5, 1.0];
        mesh.grid(plain, &steps, &steps, |s, t| Vertex {
            position: [
                side * x * (1.0 - 0.12 * (1.0 - t)),
                ridge + (eaves - ridge) * t,
                side * z * t * (1.0 - 2.0 * s),
            ],
            normal: [side, 0.0, 0.0],
            uv: [s, t],
        });
    }
    mesh
}

/// A cup that widens upwards, with a lid.
pub(super) fn tub(art: &Artwork) -> Mesh<'_> {
    let [diameter, h, _] = art.package.size;
    let [low, high] = art.package.label.map(|l| l * h);
    let radius = |y: f32| diameter / 2.0 * (0.76 + 0.20 * y / h);
    let plastic = Material::plain(art.base.mix(WHITE, 0.6).linear(), 0.3, 4);
    let lid = Material::plain(art.closure.linear(), 0.4, 4);
    let mut mesh = Mesh::default();
    let middle = 0.5 * (low + high);
    let label = [high, middle, low].map(|y| (1.004 * radius(y), y));
    mesh.revolve(print(art, &art.front), &label);
    let ring = |from: f32, to: f32| [from, to].map(|y| (radius(y), y));
    mesh.revolve(plastic, &ring(0.92 * h, high - 0.1));
    mesh.revolve(plastic, &[(radius(low), low + 0.1), (radius(0.0), 0.0)]);
    let rim = diameter / 2.0;
    mesh.revolve(
        lid,
        &[
            (0.0, 0.985 * h),
            (0.9 * rim, 0.985 * h),
            (0.94 * rim, h),
            (rim, h),
            (rim, 0.90 * h),
            (0.96 * rim, 0.90 * h),
        ],
    );
    mesh
}

/// A glass with a wide lid; what is in it shows above and below the label.
pub(super) fn jar(art: &Artwork) -> Mesh<'_> {
    let [diameter, h, _] = art.package.size;
    let r = diameter / 2.0;
    let [low, high] = art.package.label.map(|l| l * h);
    let content = Material::plain(art.flavour.mix(art.base, 0.15).linear(), 0.85, 5);
    let lid = Material::plain(art.closure.linear(), 0.35, 4);
    let mut mesh = Mesh::default();
    mesh.revolve(
        content,
        &[
            (0.86 * r, 0.86 * h),
            (0.88 * r, 0.82 * h),
            (0.97 * r, 0.78 * h),
            (r, high),
            (r, high - 0.3),
        ],
    );
    let middle = 0.5 * (low + high);
    let label = [high, middle, low].map(|y| (1.006 * r, y));
    mesh.revolve(print(art, &art.front), &label);
    mesh.revolve(
        content,
        &[
            (r, low + 0.3),
            (r, 0.06 * h),
            (0.94 * r, 0.01 * h),
            (0.8 * r, 0.0),
        ],
    );
    mesh.revolve(
        lid,
        &[
            (0.0, h),
            (0.88 * r, h),
            (0.92 * r, 0.985 * h),
            (0.92 * r, 0.85 * h),
            (0.86 * r, 0.85 * h),
        ],
    );
    mesh
}

/// A tube that stands on its cap: round below, pressed flat above.
pub(super) fn tube(art: &Artwork) -> Mesh<'_> {
    let [_, h, _] = art.package.size;
    let gloss = if art.package.glossy { 0.55 } else { 0.2 };
    let across: Vec<f32> = (0..=16).map(|i| i as f32 / 16.0).collect();
    let mut mesh = Mesh::default();
    let halves = [(Some(&art.front), 1.0), (art.back.as_ref(), -1.0)];
    for (texture, facing) in halves {
        let Some(texture) = texture else { continue };
        let material = Material::printed(texture, gloss, 4);
        mesh.grid(material, &across, &across, |s, t| {
            let at = |s: f32, t: f32| tube_point(art, facing, s, t);
            let e = 0.01;
            let right = sub(at(s + e, t), at(s - e, t));
            let down = sub(at(s, t + e), at(s, t - e));
            Vertex {
                position: at(s, t),
                normal: normalize(cross(down, right)),
                uv: [s, t],
            }
        });
    }
    let low = art.package.label[0] * h;
    let r = tube_radius(art);
    let cap = Material::plain(art.closure.linear(), 0.35, 4);
    mesh.revolve(cap, &[(r, low), (0.97 * r, 0.02 * h), (0.9 * r, 0.0)]);
    mesh
}

/// Flat, a tube is as wide as half its way around.
fn tube_radius(art: &Artwork) -> f32 {
    art.package.size[0] / std::f32::consts::PI
}

/// A point of the front (`facing` 1) or back half: `s` around it, `t` from the seam down to the cap.
fn tube_point(art: &Artwork, facing: f32, s: f32, t: f32) -> Vec3 {
    let [w, h, _] = art.package.size;
    let r = tube_radius(art);
    let low = art.package.label[0] * h;
    let flat = (1.0 - t).clamp(0.0, 1.0);
    let (sin, cos) = ((s - 0.5) * std::f32::consts::PI).sin_cos();
    let half_width = r + (w / 2.0 - r) * flat;
    // Where it is flat, the way across is even; where it is round, it follows the circle.
    let x = (1.0 - flat) * sin + flat * (2.0 * s - 1.0);
    let depth = r * (1.0 - flat).powf(0.7);
    [
        facing * half_width * x,
        low + (h - low) * (1.0 - t),
        facing * (depth * cos + 0.05),
    ]
}
