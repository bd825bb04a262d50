//! Packages as meshes that carry their artwork.

mod unseen;

use super::mesh::{Material, Mesh, Vertex};
use super::vector::{Vec3, add, cross, normalize, scale, sub};
use crate::synth::goods::product::Shape;
use crate::synth::print::art::Artwork;
use crate::synth::print::texture::Texture;

const STEEL: Vec3 = [0.52, 0.53, 0.55];

/// The package of `art` with its print on it.
pub(crate) fn package(art: &Artwork) -> Mesh<'_> {
    match art.package.shape {
        Shape::Box => carton(art),
        Shape::Can => can(art),
        Shape::Bottle => bottle(art),
        Shape::Pouch => pouch(art),
        Shape::Gable => unseen::gable(art),
        Shape::Tub => unseen::tub(art),
        Shape::Jar => unseen::jar(art),
        Shape::Tube => unseen::tube(art),
    }
}

fn print<'a>(art: &Artwork, texture: &'a Texture) -> Material<'a> {
    if art.package.glossy {
        Material::printed(texture, 0.35, 5)
    } else {
        Material::printed(texture, 0.10, 3)
    }
}

fn carton(art: &Artwork) -> Mesh<'_> {
    let [w, h, d] = art.package.size;
    let (x, z) = (w / 2.0, d / 2.0);
    let plain = Material::plain(
        art.base
            .mix(crate::synth::print::colour::INK, 0.06)
            .linear(),
        0.08,
        3,
    );
    let side = art
        .side
        .as_ref()
        .map_or(plain, |texture| print(art, texture));
    let back = art
        .back
        .as_ref()
        .map_or(plain, |texture| print(art, texture));
    let mut mesh = Mesh::default();
    // Upper left corner, way to the right, way down: as one sees each face from outside.
    face(
        &mut mesh,
        print(art, &art.front),
        [-x, h, z],
        [w, 0.0, 0.0],
        [0.0, -h, 0.0],
    );
    face(&mut mesh, back, [x, h, -z], [-w, 0.0, 0.0], [0.0, -h, 0.0]);
    face(&mut mesh, side, [x, h, z], [0.0, 0.0, -d], [0.0, -h, 0.0]);
    face(&mut mesh, side, [-x, h, -z], [0.0, 0.0, d], [0.0, -h, 0.0]);
    face(&mut mesh, plain, [-x, h, -z], [w, 0.0, 0.0], [0.0, 0.0, d]);
    face(
        &mut mesh,
        plain,
        [-x, 0.0, z],
        [w, 0.0, 0.0],
        [0.0, 0.0, -d],
    );
    mesh
}

/// A flat face whose normals turn outwards at the rim, so that edges catch the light as rounded cardboard does.
fn face<'a>(mesh: &mut Mesh<'a>, material: Material<'a>, corner: Vec3, right: Vec3, down: Vec3) {
    const STEPS: [f32; 8] = [0.0, 0.02, 0.2, 0.4, 0.6, 0.8, 0.98, 1.0];
    let (across, along) = (normalize(right), normalize(down));
    let normal = cross(along, across);
    let bend = |s: f32| {
        if s < 0.01 {
            -0.7
        } else if s > 0.99 {
            0.7
        } else {
            0.0
        }
    };
    mesh.grid(material, &STEPS, &STEPS, |s, t| Vertex {
        position: add(corner, add(scale(right, s), scale(down, t))),
        normal: normalize(add(
            normal,
            add(scale(across, bend(s)), scale(along, bend(t))),
        )),
        uv: [s, t],
    });
}

fn can(art: &Artwork) -> Mesh<'_> {
    let [diameter, h, _] = art.package.size;
    let r = diameter / 2.0;
    let [low, high] = art.package.label.map(|l| l * h);
    let steel = Material::plain(STEEL, 0.9, 5);
    let label = Material {
        specular: 0.45,
        ..print(art, &art.front)
    };
    let mut mesh = Mesh::default();
    mesh.revolve(
        label,
        &[(r, high), (r, 0.66 * high), (r, 0.33 * high), (r, low)],
    );
    mesh.revolve(
        steel,
        &[
            (0.93 * r, h),
            (0.97 * r, h - 0.1),
            (0.97 * r, high + 0.1),
            (r, high),
        ],
    );
    mesh.revolve(steel, &[(r, low), (0.97 * r, 0.1), (0.94 * r, 0.0)]);
    mesh.revolve(
        steel,
        &[
            (0.0, h - 0.25),
            (0.86 * r, h - 0.25),
            (0.88 * r, h),
            (0.93 * r, h),
        ],
    );
    mesh
}

fn bottle(art: &Artwork) -> Mesh<'_> {
    let [diameter, h, _] = art.package.size;
    let r = diameter / 2.0;
    let [neck, shoulder, neck_begin] = art.package.neck;
    let [low, high] = art.package.label.map(|l| l * h);
    let (colour, specular) = match art.package.glossy {
        true => (art.flavour.mix(art.closure, 0.12), 0.8),
        false => (art.base.mix(crate::synth::print::colour::WHITE, 0.35), 0.35),
    };
    let body = Material::plain(colour.linear(), specular, 5);
    let cap = Material::plain(art.closure.linear(), 0.3, 4);
    let between = |t: f32| {
        // A cosine from the body's radius to the neck's.
        let f = 0.5 - 0.5 * (t * std::f32::consts::PI).cos();
        (
            r * (1.0 - f + f * neck),
            h * (shoulder + (neck_begin - shoulder) * t),
        )
    };
    let top = h * 0.90;
    let mut upper = vec![(r * neck, top)];
    upper.extend((0..=8).rev().map(|i| between(i as f32 / 8.0)));
    // Body and label overlap, so that no gap shows at the label's edges.
    upper.extend([(r, high), (r, high - 0.4)]);
    let mut mesh = Mesh::default();
    mesh.revolve(body, &upper);
    mesh.revolve(
        print(art, &art.front),
        &[
            (1.006 * r, high),
            (1.006 * r, 0.5 * (low + high)),
            (1.006 * r, low),
        ],
    );
    mesh.revolve(
        body,
        &[
            (r, low + 0.4),
            (r, low),
            (r, 0.03 * h),
            (0.96 * r, 0.008 * h),
            (0.85 * r, 0.0),
        ],
    );
    let wide = (1.12 * neck * r).min(r);
    mesh.revolve(
        cap,
        &[
            (0.0, h),
            (0.93 * wide, h),
            (wide, 0.99 * h),
            (wide, top - 0.02 * h),
            (0.9 * wide, top - 0.02 * h),
        ],
    );
    mesh
}

fn pouch(art: &Artwork) -> Mesh<'_> {
    let steps: Vec<f32> = (0..=18).map(|i| i as f32 / 18.0).collect();
    let gloss = if art.package.glossy {
        (0.6, 5)
    } else {
        (0.22, 3)
    };
    let mut mesh = Mesh::default();
    let sheets = [(Some(&art.front), 1.0), (art.back.as_ref(), -1.0)];
    for (texture, facing) in sheets {
        let Some(texture) = texture else { continue };
        let material = Material::printed(texture, gloss.0, gloss.1);
        mesh.grid(material, &steps, &steps, |s, t| {
            let at = |s: f32, t: f32| pouch_point(art.package.size, facing, s, t);
            let (e, here) = (0.01, at(s, t));
            let across = sub(at(s + e, t), at(s - e, t));
            let down = sub(at(s, t + e), at(s, t - e));
            Vertex {
                position: here,
                normal: normalize(cross(down, across)),
                uv: [s, t],
            }
        });
    }
    mesh
}

/// A point of a filled bag: flat seams above and below, fullest below the middle, creased where it is filled.
fn pouch_point([w, h, d]: Vec3, facing: f32, s: f32, t: f32) -> Vec3 {
    let (x, y) = (2.0 * s - 1.0, 2.0 * t - 1.0);
    let seam = ((t - 0.05) / 0.9).clamp(0.0, 1.0);
    let fill = (seam * std::f32::consts::PI).sin().max(0.0).powf(0.6) * (0.85 + 0.3 * seam);
    let round = (1.0 - x.abs().powf(2.4)).max(0.0);
    let crease = 0.05 * (9.0 * x + 5.0 * y).sin() * (7.0 * y - 3.0 * x).sin();
    let waist = 1.0 - 0.05 * fill;
    [
        facing * 0.5 * w * x * waist,
        h * (1.0 - t),
        facing * 0.5 * d * fill * round * (1.0 + crease),
    ]
}
