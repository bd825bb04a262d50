//! What stands behind an item: a table of some material, a wall or shelf, in perspective.

use super::materials::{SIDE, table, wall};
use super::plane::Picture;
use crate::synth::print::texture::Texture;
use crate::synth::rng::{Purpose, Rng, stream};
use crate::synth::solid::camera::Camera;
use crate::synth::solid::light::Light;
use crate::synth::solid::vector::{Vec3, add, mul, scale};

/// Tables and walls, made once and tinted for each picture.
pub(crate) struct Backdrops {
    tables: Vec<Texture>,
    walls: Vec<Texture>,
}

/// One table before one wall.
pub(crate) struct Backdrop<'a> {
    table: &'a Texture,
    wall: &'a Texture,
    table_tint: Vec3,
    wall_tint: Vec3,
    /// Edge of one repetition, cm.
    table_edge: f32,
    wall_edge: f32,
    /// Where on the texture the scene stands, and how the table is turned.
    shift: [f32; 2],
    turn: (f32, f32),
    /// How far behind the item the wall stands, cm.
    depth: f32,
}

impl Backdrops {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Stage, 0, 0);
        Self {
            tables: (0..14).map(|i| table(&mut rng, i % 7)).collect(),
            walls: (0..10).map(|_| wall(&mut rng)).collect(),
        }
    }

    /// A random scene.
    pub(crate) fn pick(&self, rng: &mut Rng) -> Backdrop<'_> {
        let tint = |rng: &mut Rng| {
            let warmth = rng.range(-0.08, 0.14);
            scale([1.0 + warmth, 1.0, 1.0 - warmth], rng.range(0.45, 1.15))
        };
        Backdrop {
            table: rng.pick(&self.tables),
            wall: rng.pick(&self.walls),
            table_tint: tint(rng),
            wall_tint: tint(rng),
            table_edge: rng.range(35.0, 90.0),
            wall_edge: rng.range(60.0, 140.0),
            shift: [rng.unit(), rng.unit()],
            turn: rng.range(-0.6, 0.6).sin_cos(),
            depth: rng.range(12.0, 60.0),
        }
    }

    /// The stage of a fixed kiosk: a counter before a quiet wall.
    pub(crate) fn stage(&self, rng: &mut Rng) -> Backdrop<'_> {
        // Stone or brushed metal, as counters are.
        let plain = *rng.pick(&[1, 4, 8, 11]);
        Backdrop {
            table: &self.tables[plain],
            depth: rng.range(22.0, 30.0),
            wall_tint: [0.55, 0.56, 0.58],
            ..self.pick(rng)
        }
    }
}

impl Backdrop<'_> {
    /// The empty scene as `camera` sees it.
    pub(crate) fn paint(
        &self,
        camera: &Camera,
        light: &Light,
        width: usize,
        height: usize,
    ) -> Picture {
        let mut picture = Picture::filled(width, height, [0.0; 3]);
        let on_table = mul(light.on_floor(), self.table_tint);
        let on_wall = mul(light.diffuse([0.0, 0.0, 1.0]), self.wall_tint);
        for (y, row) in picture.pixels.chunks_exact_mut(width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let ray = camera.ray(x as f32 + 0.5, y as f32 + 0.5);
                *pixel = self.look(camera, ray, on_table, on_wall);
            }
        }
        picture
    }

    fn look(&self, camera: &Camera, ray: Vec3, on_table: Vec3, on_wall: Vec3) -> Vec3 {
        let eye = camera.eye;
        let down = if ray[1] < -1e-4 {
            -eye[1] / ray[1]
        } else {
            f32::MAX
        };
        let back = if ray[2] < -1e-4 {
            (-self.depth - eye[2]) / ray[2]
        } else {
            f32::MAX
        };
        if down < back {
            let [x, _, z] = add(eye, scale(ray, down));
            let (sin, cos) = self.turn;
            let (u, v) = (
                (x * cos - z * sin) / self.table_edge,
                (x * sin + z * cos) / self.table_edge,
            );
            let texels = camera.footprint(down) / self.table_edge * SIDE as f32;
            let level = self.table.level(3.0 * texels * texels);
            // The wall shades the table's far end a little.
            let open = 1.0 - 0.35 * (1.0 - (z + self.depth) / 12.0).clamp(0.0, 1.0);
            scale(
                mul(
                    self.table
                        .sample_tiled(level, u + self.shift[0], v + self.shift[1]),
                    on_table,
                ),
                open,
            )
        } else {
            let back = back.min(1e4);
            let [x, y, _] = add(eye, scale(ray, back));
            let (u, v) = (
                x / self.wall_edge + self.shift[1],
                -y / self.wall_edge + self.shift[0],
            );
            let texels = camera.footprint(back) / self.wall_edge * SIDE as f32;
            mul(
                self.wall
                    .sample_tiled(self.wall.level(texels * texels), u, v),
                on_wall,
            )
        }
    }
}
