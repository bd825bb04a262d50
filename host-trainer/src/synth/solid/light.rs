//! Light on a surface: a main lamp, a weaker fill, sky and floor, and highlights of both lamps.

use super::mesh::Material;
use super::vector::{Vec3, add, dot, lerp, normalize, scale, sub};
use crate::synth::rng::Rng;

/// The lamps of a scene; colours are linear.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Light {
    /// Towards the main lamp.
    pub(crate) direction: Vec3,
    pub(crate) lamp: Vec3,
    fill_direction: Vec3,
    fill: Vec3,
    sky: Vec3,
    floor: Vec3,
    /// How much darker surfaces get towards a floor they stand on.
    pub(crate) contact: f32,
}

impl Light {
    /// Large soft boxes around a studio table.
    pub(crate) fn studio(rng: &mut Rng) -> Self {
        let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
        let direction = normalize([
            side * rng.range(0.3, 0.9),
            rng.range(0.7, 1.2),
            rng.range(0.7, 1.2),
        ]);
        Self {
            direction,
            lamp: [rng.range(0.42, 0.55); 3],
            fill_direction: normalize([-side, 0.3, 0.8]),
            fill: [rng.range(0.12, 0.24); 3],
            sky: [0.50; 3],
            floor: [0.36; 3],
            contact: 0.12,
        }
    }

    /// Whatever lamps a shop, kitchen or warehouse has.
    pub(crate) fn room(rng: &mut Rng) -> Self {
        let warmth = rng.range(-1.0, 1.0);
        let tint = [1.0 + 0.10 * warmth, 1.0, 1.0 - 0.14 * warmth];
        let strength = rng.range(0.35, 0.75);
        let ambient = rng.range(0.20, 0.45);
        let fill = rng.range(0.0, 0.18);
        Self {
            direction: normalize([
                rng.range(-1.0, 1.0),
                rng.range(0.5, 1.4),
                rng.range(0.1, 1.0),
            ]),
            lamp: scale(tint, strength),
            fill_direction: normalize([rng.range(-1.0, 1.0), rng.range(0.0, 0.5), 0.8]),
            fill: scale([1.0, 1.0, 1.05], fill),
            sky: scale(tint, ambient),
            floor: scale([1.0, 0.97, 0.92], ambient * 0.65),
            contact: 0.3,
        }
    }

    /// The kiosk's own lamp above a fixed camera.
    pub(crate) fn kiosk() -> Self {
        Self {
            direction: normalize([-0.35, 1.0, 0.65]),
            lamp: [0.58, 0.57, 0.55],
            fill_direction: normalize([0.9, 0.25, 0.6]),
            fill: [0.12; 3],
            sky: [0.40, 0.40, 0.41],
            floor: [0.26, 0.25, 0.24],
            contact: 0.3,
        }
    }

    /// Light on a surface with `normal`, to be multiplied with its colour.
    pub(crate) fn diffuse(&self, normal: Vec3) -> Vec3 {
        let main = scale(self.lamp, dot(normal, self.direction).max(0.0));
        let fill = scale(self.fill, dot(normal, self.fill_direction).max(0.0));
        add(
            add(main, fill),
            lerp(self.floor, self.sky, 0.5 + 0.5 * normal[1]),
        )
    }

    /// The highlight that an eye in direction `view` sees, to be added.
    pub(crate) fn highlight(&self, material: &Material<'_>, normal: Vec3, view: Vec3) -> f32 {
        let half = normalize(add(self.direction, view));
        let power = |cosine: f32| (0..material.gloss).fold(cosine.max(0.0), |p, _| p * p);
        let main = power(dot(normal, half)) * self.lamp[1];
        let fill = power(dot(normal, normalize(add(self.fill_direction, view)))) * self.fill[1];
        material.specular * (main + 1.5 * fill + 0.35 * self.windows(normal, view))
    }

    /// Reflections of two tall windows left and right, which make round glossy things look round.
    fn windows(&self, normal: Vec3, view: Vec3) -> f32 {
        let mirrored = sub(scale(normal, 2.0 * dot(normal, view)), view);
        let level = (1.0 - 1.2 * mirrored[1].abs()).max(0.0);
        let pane = |at: f32| (1.0 - 5.0 * (mirrored[0] - at).abs()).max(0.0);
        (pane(0.72) + 0.6 * pane(-0.8)) * level * self.sky[1]
    }

    /// The light that falls on a level floor.
    pub(crate) fn on_floor(&self) -> Vec3 {
        self.diffuse([0.0, 1.0, 0.0])
    }
}
