//! Shapes as triangles.

use super::vector::{Vec3, add, cross, normalize, scale, sub, turn_x, turn_y, turn_z};
use crate::synth::print::texture::Texture;

/// How a surface answers light.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Material<'a> {
    pub(crate) texture: Option<&'a Texture>,
    /// Linear colour where there is no texture.
    pub(crate) colour: Vec3,
    /// Strength of highlights, 0..=1.
    pub(crate) specular: f32,
    /// Narrowness of highlights: the exponent is two to this power.
    pub(crate) gloss: u32,
}

impl<'a> Material<'a> {
    pub(crate) fn plain(colour: Vec3, specular: f32, gloss: u32) -> Self {
        Self {
            texture: None,
            colour,
            specular,
            gloss,
        }
    }

    pub(crate) fn printed(texture: &'a Texture, specular: f32, gloss: u32) -> Self {
        Self {
            texture: Some(texture),
            colour: [1.0; 3],
            specular,
            gloss,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Vertex {
    pub(crate) position: Vec3,
    pub(crate) normal: Vec3,
    pub(crate) uv: [f32; 2],
}

/// Triangles of one material, clockwise seen from outside.
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    pub(crate) material: Material<'a>,
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) triangles: Vec<[u32; 3]>,
}

/// A body; its foot stands on y = 0 around the origin, its front looks to +z.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mesh<'a> {
    pub(crate) parts: Vec<Part<'a>>,
}

impl<'a> Mesh<'a> {
    /// Adds a grid over `columns` by `rows` parameters; `point` gives position, normal and texture place.
    pub(crate) fn grid(
        &mut self,
        material: Material<'a>,
        columns: &[f32],
        rows: &[f32],
        point: impl Fn(f32, f32) -> Vertex,
    ) {
        let vertices = rows
            .iter()
            .flat_map(|&t| columns.iter().map(move |&s| (s, t)));
        let vertices = vertices.map(|(s, t)| point(s, t)).collect();
        let width = columns.len() as u32;
        let cells =
            (0..rows.len() as u32 - 1).flat_map(|y| (0..width - 1).map(move |x| y * width + x));
        let triangles =
            cells.flat_map(|i| [[i, i + 1, i + width], [i + 1, i + width + 1, i + width]]);
        self.parts.push(Part {
            material,
            vertices,
            triangles: triangles.collect(),
        });
    }

    /// Adds the surface that `profile`, points of (radius, height) from top to bottom, sweeps around the vertical axis.
    /// Texture: u runs around with 0.5 in front, v from 0 at the profile's begin to 1 at its end, by height.
    pub(crate) fn revolve(&mut self, material: Material<'a>, profile: &[(f32, f32)]) {
        let (top, bottom) = (profile[0].1, profile[profile.len() - 1].1);
        let steps = |n: usize| {
            (0..n)
                .map(|i| i as f32 / (n - 1) as f32)
                .collect::<Vec<_>>()
        };
        let rows = steps(profile.len());
        self.grid(material, &steps(SEGMENTS), &rows, |s, t| {
            let i = (t * (profile.len() - 1) as f32).round() as usize;
            let (radius, height) = profile[i];
            let (before, after) = (
                profile[i.saturating_sub(1)],
                profile[(i + 1).min(profile.len() - 1)],
            );
            let slope = (before.1 - after.1, after.0 - before.0);
            let (sin, cos) = ((s - 0.5) * std::f32::consts::TAU).sin_cos();
            Vertex {
                position: [radius * sin, height, radius * cos],
                normal: normalize([slope.0 * sin, slope.1, slope.0 * cos]),
                uv: [s, (top - height) / (top - bottom).max(1e-6)],
            }
        });
    }

    /// Adds a capsule of `radius` from `a` to `b`.
    pub(crate) fn capsule(&mut self, material: Material<'a>, a: Vec3, b: Vec3, radius: f32) {
        let axis = normalize(sub(b, a));
        let side = normalize(cross(
            axis,
            if axis[1].abs() < 0.9 {
                [0.0, 1.0, 0.0]
            } else {
                [1.0, 0.0, 0.0]
            },
        ));
        let other = cross(axis, side);
        let columns: Vec<f32> = (0..=12).map(|i| i as f32 / 12.0).collect();
        // Two hemispheres, from the pole at `b` to the pole at `a`.
        let rows: Vec<f32> = (0..=9).map(|i| i as f32 / 9.0).collect();
        self.grid(material, &columns, &rows, |s, t| {
            let row = (t * 9.0).round();
            let (centre, latitude) = if row < 5.0 {
                (b, 1.0 - row / 4.0)
            } else {
                (a, -(row - 5.0) / 4.0)
            };
            let (rise, reach) = (latitude * std::f32::consts::FRAC_PI_2).sin_cos();
            let (sin, cos) = (s * std::f32::consts::TAU).sin_cos();
            let around = add(scale(side, reach * cos), scale(other, reach * sin));
            let normal = add(around, scale(axis, rise));
            Vertex {
                position: add(centre, scale(normal, radius)),
                normal,
                uv: [s, t],
            }
        });
    }
}

/// Vertices around a surface of revolution.
const SEGMENTS: usize = 41;

/// Where a body stands and how it is turned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pose {
    /// Turn about the vertical axis, radians.
    pub(crate) yaw: f32,
    /// Tip of the top towards the viewer, radians.
    pub(crate) lean: f32,
    /// Tip of the top sideways, radians.
    pub(crate) tilt: f32,
    pub(crate) size: f32,
    pub(crate) place: Vec3,
}

impl Pose {
    pub(crate) const UPRIGHT: Pose = Pose {
        yaw: 0.0,
        lean: 0.0,
        tilt: 0.0,
        size: 1.0,
        place: [0.0; 3],
    };

    pub(crate) fn turn(&self, v: Vec3) -> Vec3 {
        turn_z(turn_x(turn_y(v, self.yaw), self.lean), self.tilt)
    }

    pub(crate) fn apply(&self, p: Vec3) -> Vec3 {
        add(scale(self.turn(p), self.size), self.place)
    }
}
