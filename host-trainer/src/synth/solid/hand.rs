//! A hand-like body that holds an item: fingers over its front, a palm beside it, a forearm with a sleeve.

use super::mesh::{Material, Mesh};
use super::vector::Vec3;
use crate::synth::goods::product::Shape;
use crate::synth::print::colour::Rgb;
use crate::synth::print::package::Package;
use crate::synth::rng::Rng;

const SKIN: [u32; 9] = [
    0xF3D3BD, 0xEAC0A2, 0xE0AC88, 0xD19A73, 0xBB8058, 0x9C6644, 0x7E4E33, 0x5E3A27, 0x46291C,
];

/// Which edge of the item the hand comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edge {
    Left,
    Right,
    Bottom,
}

/// A hand's build and grip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hand {
    pub(crate) edge: Edge,
    skin: Rgb,
    sleeve: Rgb,
    fingers: usize,
    /// Where along the edge the first finger lies, over the edge's length.
    start: f32,
    /// How far the fingers reach over the front, cm.
    reach: f32,
    /// Thickness and length against an average adult's.
    build: f32,
}

impl Hand {
    pub(crate) fn new(rng: &mut Rng, edge: Edge) -> Self {
        Self {
            edge,
            skin: Rgb::hex(*rng.pick(&SKIN)),
            sleeve: Rgb::hsv(rng.unit(), rng.range(0.0, 0.7), rng.range(0.1, 0.9)),
            fingers: 2 + rng.below(3),
            start: rng.range(0.35, 0.75),
            reach: rng.range(1.2, 4.5),
            build: rng.range(0.85, 1.1),
        }
    }

    /// A looser grip that hides less.
    pub(crate) fn withdrawn(mut self) -> Self {
        self.reach *= 0.5;
        self.fingers = self.fingers.min(2);
        self
    }

    /// The hand on `package`, in the package's own coordinates.
    pub(crate) fn mesh(&self, package: &Package) -> Mesh<'static> {
        let skin = |tone: f32| {
            Material::plain(
                self.skin.mix(Rgb([0.55, 0.2, 0.15]), tone).linear(),
                0.12,
                3,
            )
        };
        let nail = Material::plain(self.skin.mix(Rgb([1.0, 0.85, 0.82]), 0.5).linear(), 0.4, 5);
        let place = Grip {
            package,
            edge: self.edge,
        };
        let length = place.length();
        let radius = 0.82 * self.build;
        let first = (self.start * length).max(radius);
        let mut mesh = Mesh::default();
        for finger in 0..self.fingers {
            let along = first - finger as f32 * 2.05 * radius * 1.08;
            let reach =
                self.reach.min(0.6 * place.depth_of_face()) * [0.85, 1.0, 0.95, 0.7][finger];
            let knuckle = place.at(0.5, along, 0.3);
            let middle = place.at(0.35 - 0.25 * reach, along, radius * 0.9);
            let tip = place.at(-reach, along - 0.25, radius * 0.6);
            let material = skin(0.04 + 0.03 * finger as f32);
            mesh.capsule(material, knuckle, middle, radius);
            mesh.capsule(material, middle, tip, radius * 0.94);
            let lifted = |p: Vec3| [p[0], p[1], p[2] + 0.56 * radius];
            let root = place.at(0.45 - reach, along - 0.2, radius * 0.6);
            mesh.capsule(nail, lifted(tip), lifted(root), radius * 0.46);
        }
        self.palm_and_arm(&mut mesh, &place, first, skin(0.08));
        mesh
    }

    fn palm_and_arm(
        &self,
        mesh: &mut Mesh<'static>,
        place: &Grip<'_>,
        first: f32,
        skin: Material<'static>,
    ) {
        let b = self.build;
        let last = first - (self.fingers as f32 - 1.0) * 1.75 * b;
        mesh.capsule(
            skin,
            place.at(1.6 * b, first, -1.5),
            place.at(1.6 * b, last, -1.5),
            1.7 * b,
        );
        let wrist = place.at(6.0 * b, last - 2.0, -1.5);
        mesh.capsule(
            skin,
            place.at(2.2 * b, (first + last) / 2.0, -1.5),
            wrist,
            2.1 * b,
        );
        let elbow = place.at(26.0, last - 12.0, 2.0);
        mesh.capsule(
            Material::plain(self.sleeve.linear(), 0.05, 2),
            wrist,
            elbow,
            3.2 * b,
        );
    }
}

/// Coordinates of a grip: outward from the edge, along the edge, and towards the viewer from the front.
struct Grip<'a> {
    package: &'a Package,
    edge: Edge,
}

impl Grip<'_> {
    fn length(&self) -> f32 {
        let [w, h, _] = self.package.size;
        if self.edge == Edge::Bottom { w } else { h }
    }

    /// Extent of the front across the edge.
    fn depth_of_face(&self) -> f32 {
        let [w, h, _] = self.package.size;
        if self.edge == Edge::Bottom { h } else { w }
    }

    fn at(&self, outward: f32, along: f32, lift: f32) -> Vec3 {
        let [w, h, d] = self.package.size;
        let (x, y) = match self.edge {
            Edge::Left => (-w / 2.0 - outward, along.min(h)),
            Edge::Right => (w / 2.0 + outward, along.min(h)),
            Edge::Bottom => (along - w / 2.0, -outward),
        };
        let side = (x / (0.5 * w)).abs();
        let front = match self.package.shape {
            Shape::Box | Shape::Gable => d / 2.0,
            Shape::Can | Shape::Bottle | Shape::Tub | Shape::Jar => {
                d / 2.0 * (1.0 - side * side).max(0.0).sqrt()
            }
            Shape::Pouch | Shape::Tube => d / 2.0 * (1.0 - side.powf(2.4)).max(0.1) * 0.9,
        };
        [x, y, front + lift]
    }
}
