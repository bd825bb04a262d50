//! Measures of a package in centimetres, shared by all members of a line.

use crate::synth::goods::product::{Line, Shape};
use crate::synth::rng::{Purpose, Rng, stream};

/// Outer measures and the printed area.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package {
    pub(crate) shape: Shape,
    /// Width (or diameter), height and depth.
    pub(crate) size: [f32; 3],
    /// For bottles: neck radius over body radius, and the heights over the bottle's where the shoulder begins and ends.
    pub(crate) neck: [f32; 3],
    /// Lower and upper edge of the wrapped label over the height.
    pub(crate) label: [f32; 2],
    /// Whether the surface mirrors light, as foil and gloss varnish do.
    pub(crate) glossy: bool,
}

impl Package {
    /// The package of `line`.
    pub(crate) fn new(seed: u64, line: &Line) -> Self {
        let mut rng = stream(seed, Purpose::Line, line.index, 2);
        let size = match line.shape {
            Shape::Box => box_size(&mut rng),
            Shape::Can => can_size(&mut rng),
            Shape::Bottle => {
                let diameter = rng.range(6.0, 9.5);
                [diameter, diameter * rng.range(1.9, 2.8), diameter]
            }
            Shape::Pouch => {
                let width = rng.range(11.0, 17.0);
                [
                    width,
                    width * rng.range(1.15, 1.55),
                    width * rng.range(0.22, 0.36),
                ]
            }
            Shape::Gable => {
                let width = rng.range(6.5, 9.5);
                [
                    width,
                    width * rng.range(1.9, 2.6),
                    width * rng.range(0.8, 1.0),
                ]
            }
            Shape::Tub => {
                let diameter = rng.range(7.0, 11.5);
                [diameter, diameter * rng.range(0.75, 1.15), diameter]
            }
            Shape::Jar => {
                let diameter = rng.range(6.0, 9.5);
                [diameter, diameter * rng.range(1.05, 1.6), diameter]
            }
            Shape::Tube => {
                let width = rng.range(6.0, 8.5);
                [width, width * rng.range(1.9, 2.6), 0.62 * width]
            }
        };
        let shoulder = rng.range(0.58, 0.70);
        let neck = [
            rng.range(0.28, 0.5),
            shoulder,
            shoulder + rng.range(0.12, 0.22),
        ];
        let label = match line.shape {
            Shape::Bottle => [rng.range(0.05, 0.10), shoulder - rng.range(0.01, 0.04)],
            Shape::Can => [0.035, 0.965],
            Shape::Gable => [0.0, 0.78],
            Shape::Tub => [0.05, 0.88],
            Shape::Jar => [0.12, 0.74],
            Shape::Tube => [0.16, 1.0],
            _ => [0.0, 1.0],
        };
        Self {
            shape: line.shape,
            size,
            neck,
            label,
            glossy: rng.chance(0.5),
        }
    }

    /// Width and height of the panel that carries the front's design.
    pub(crate) fn front(&self) -> [f32; 2] {
        let [width, height, _] = self.size;
        let printed = height * (self.label[1] - self.label[0]);
        match self.shape {
            Shape::Box | Shape::Pouch | Shape::Gable | Shape::Tube => [width, printed],
            // 1.7 radii of arc: what is seen of a cylinder without much foreshortening.
            Shape::Can | Shape::Bottle | Shape::Tub | Shape::Jar => [0.85 * width, printed],
        }
    }
}

fn box_size(rng: &mut Rng) -> [f32; 3] {
    let width = rng.range(8.0, 15.0);
    let aspect = *rng.pick(&[0.75, 1.0, 1.3, 1.45, 1.6]) * rng.range(0.92, 1.08);
    [width, width * aspect, width * rng.range(0.28, 0.6)]
}

fn can_size(rng: &mut Rng) -> [f32; 3] {
    let diameter = rng.range(6.2, 9.5);
    let aspect = *rng.pick(&[1.15, 1.45, 1.9, 2.3]) * rng.range(0.95, 1.05);
    [diameter, diameter * aspect, diameter]
}
