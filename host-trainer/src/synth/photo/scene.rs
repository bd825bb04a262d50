//! Photographs of one item: the studio's of a listing, and the kiosk camera's.

use skueye_models::Fault;

use super::backdrop::{Backdrop, Backdrops};
use super::effects::Effects;
use super::plane::{Mask, Picture};
use crate::synth::print::art::Artwork;
use crate::synth::print::colour::Rgb;
use crate::synth::print::package::Package;
use crate::synth::rng::Rng;
use crate::synth::solid::camera::Camera;
use crate::synth::solid::hand::{Edge, Hand};
use crate::synth::solid::light::Light;
use crate::synth::solid::mesh::{Mesh, Pose};
use crate::synth::solid::raster::{Raster, SHADOW_SCALE, shadow};
use crate::synth::solid::shapes;
use crate::synth::solid::vector::{Vec3, add, normalize, scale};

/// An item to be photographed.
pub(crate) struct Subject<'a> {
    pub(crate) package: Package,
    pub(crate) mesh: Mesh<'a>,
}

/// What kiosk photos stand before.
pub(crate) struct Surroundings<'a> {
    pub(crate) backdrops: Backdrops,
    /// Items that belong to no product of the data set.
    pub(crate) decoys: Vec<Subject<'a>>,
}

/// Largest share of an item that a hand may hide.
const MAX_OCCLUSION: f32 = 0.25;
const ITEM: u8 = 1;
const HAND: u8 = 2;

impl<'a> Subject<'a> {
    /// The product that carries `art`.
    pub(crate) fn new(art: &'a Artwork) -> Self {
        Self {
            package: art.package,
            mesh: shapes::package(art),
        }
    }

    /// Left, top, right and bottom as `camera` sees it.
    pub(crate) fn bounds(&self, camera: &Camera, pose: &Pose) -> [f32; 4] {
        let vertices = self.mesh.parts.iter().flat_map(|part| &part.vertices);
        camera.bounds(vertices.map(|v| pose.apply(v.position)))
    }

    /// Height of its middle, where cameras look.
    pub(crate) fn middle(&self) -> Vec3 {
        [0.0, self.package.size[1] / 2.0, 0.0]
    }

    fn extent(&self) -> f32 {
        let [w, h, d] = self.package.size;
        w.max(h).max(d)
    }
}

/// A listing photo of `size` by `size` pixels.
pub(crate) fn listing(
    subject: &Subject<'_>,
    rng: &mut Rng,
    raster: &mut Raster,
    size: usize,
) -> Result<Vec<u8>, Fault> {
    let light = Light::studio(rng);
    let yaw = if rng.chance(0.04) {
        std::f32::consts::PI
    } else {
        0.0
    };
    let yaw = yaw + (rng.normal() * degrees(14.0)).clamp(-degrees(40.0), degrees(40.0));
    let pose = Pose {
        yaw,
        ..Pose::UPRIGHT
    };
    let distance = subject.extent() * rng.range(4.5, 8.0);
    let camera = Camera::orbit(
        subject.middle(),
        distance,
        rng.range(0.03, 0.32),
        rng.normal() * 0.012,
    );
    let fill = size as f32 * rng.range(0.70, 0.92);
    let camera = camera.framed(subject.bounds(&camera, &pose), fill, [size as f32 / 2.0; 2]);
    let mut picture = studio_ground(rng, size);
    cast_shadows(&mut picture, subject, &pose, &camera, light.direction, 0.5);
    raster.clear();
    raster.draw(&subject.mesh, &pose, &camera, &light, ITEM);
    picture.cover(&raster.resolve());
    Effects::studio(rng).develop(picture, rng)
}

/// White paper mostly, else a light tint; brighter above.
fn studio_ground(rng: &mut Rng, size: usize) -> Picture {
    let colour = match rng.below(5) {
        0 => Rgb::hsv(rng.unit(), rng.range(0.02, 0.11), rng.range(0.90, 0.97)),
        1 => Rgb([rng.range(0.84, 0.93); 3]),
        _ => Rgb([rng.range(0.965, 1.0); 3]),
    };
    let (colour, fall) = (colour.linear(), rng.range(0.0, 0.08));
    let mut picture = Picture::filled(size, size, colour);
    for (y, row) in picture.pixels.chunks_exact_mut(size).enumerate() {
        row.fill(scale(colour, 1.0 - fall * y as f32 / size as f32));
    }
    picture
}

/// A photo of `size` by `size` pixels as a kiosk's camera takes it.
pub(crate) fn kiosk(
    subject: &Subject<'_>,
    surroundings: &Surroundings<'_>,
    rng: &mut Rng,
    raster: &mut Raster,
    size: usize,
) -> Result<Vec<u8>, Fault> {
    let light = Light::room(rng);
    let held = rng.chance(0.35);
    let pose = kiosk_pose(rng, held);
    let distance = subject.extent() * rng.range(3.2, 6.5);
    let roll = degrees(if rng.chance(0.1) { 16.0 } else { 5.0 }) * rng.normal();
    let target = add(subject.middle(), pose.place);
    let camera = Camera::orbit(target, distance, rng.range(0.04, 0.42), roll);
    let margin = (0.05 + 0.20 * rng.unit().powf(1.5)) * size as f32;
    let mut off = || size as f32 / 2.0 + rng.range(-0.5, 0.5) * margin;
    let centre = [off(), off()];
    let fill = size as f32 - 2.0 * margin;
    let camera = camera.framed(subject.bounds(&camera, &pose), fill, centre);

    let backdrop = surroundings.backdrops.pick(rng);
    let mut picture = behind(&backdrop, surroundings, rng, raster, &camera, &light, size);
    if !held {
        cast_shadows(&mut picture, subject, &pose, &camera, light.direction, 0.75);
    }
    if held || rng.chance(0.35) {
        let edges = [Edge::Left, Edge::Right, Edge::Bottom];
        // What stands on a table is not held from below.
        let edge = *rng.pick(if held { &edges } else { &edges[..2] });
        let hand = Hand::new(rng, edge);
        draw_held(raster, subject, &hand, &pose, &camera, &light);
    } else {
        raster.clear();
        raster.draw(&subject.mesh, &pose, &camera, &light, ITEM);
    }
    picture.cover(&raster.resolve());
    Effects::kiosk(rng, size as f32).develop(picture, rng)
}

/// Mostly facing the camera; freer in the hand than on a table.
fn kiosk_pose(rng: &mut Rng, held: bool) -> Pose {
    let wide = if rng.chance(0.08) { 1.6 } else { 1.0 };
    let yaw = (rng.normal() * degrees(16.0)).clamp(-degrees(35.0), degrees(35.0)) * wide;
    match held {
        false => Pose {
            yaw,
            ..Pose::UPRIGHT
        },
        true => Pose {
            yaw,
            lean: rng.normal() * degrees(7.0),
            tilt: rng.normal() * degrees(8.0),
            place: [0.0, rng.range(8.0, 20.0), 0.0],
            ..Pose::UPRIGHT
        },
    }
}

/// Table, wall and some clutter, out of focus.
fn behind(
    backdrop: &Backdrop<'_>,
    surroundings: &Surroundings<'_>,
    rng: &mut Rng,
    raster: &mut Raster,
    camera: &Camera,
    light: &Light,
    size: usize,
) -> Picture {
    let mut picture = backdrop.paint(camera, light, size, size);
    let count = rng.below(4);
    if count > 0 && !surroundings.decoys.is_empty() {
        raster.clear();
        for _ in 0..count {
            let decoy = rng.pick(&surroundings.decoys);
            let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
            let place = [side * rng.range(7.0, 22.0), 0.0, -rng.range(5.0, 14.0)];
            let pose = Pose {
                yaw: rng.range(-0.9, 0.9),
                place,
                ..Pose::UPRIGHT
            };
            cast_shadows(&mut picture, decoy, &pose, camera, light.direction, 0.5);
            raster.draw(&decoy.mesh, &pose, camera, light, ITEM);
        }
        picture.cover(&raster.resolve());
    }
    picture.blur(rng.range(0.4, 2.6) * size as f32 / 192.0);
    picture
}

/// Draws the item in `hand`. A hand that would hide too much lets go a little, and then altogether.
pub(crate) fn draw_held(
    raster: &mut Raster,
    subject: &Subject<'_>,
    hand: &Hand,
    pose: &Pose,
    camera: &Camera,
    light: &Light,
) {
    for hand in [Some(*hand), Some(hand.withdrawn()), None] {
        raster.clear();
        raster.draw(&subject.mesh, pose, camera, light, ITEM);
        let Some(hand) = hand else { return };
        let whole = raster.count(ITEM) as f32;
        raster.draw(&hand.mesh(&subject.package), pose, camera, light, HAND);
        if raster.count(ITEM) as f32 >= (1.0 - MAX_OCCLUSION) * whole {
            return;
        }
    }
}

/// Darkens the floor: a soft shade away from the lamp and a tight one where the item stands.
pub(crate) fn cast_shadows(
    picture: &mut Picture,
    subject: &Subject<'_>,
    pose: &Pose,
    camera: &Camera,
    lamp: Vec3,
    strength: f32,
) {
    let size = [picture.width, picture.height];
    let unit = picture.width as f32 / 192.0 / SHADOW_SCALE;
    let steep = normalize([lamp[0], lamp[1].max(0.9), lamp[2]]);
    let mut far = shadow(&subject.mesh, pose, camera, steep, size);
    far.blur(7.0 * unit);
    let mut near = shadow(&subject.mesh, pose, camera, [0.0, 1.0, 0.0], size);
    near.blur(2.5 * unit);
    let width = picture.width;
    let open =
        |mask: &Mask, x: usize, y: usize| mask.sample(x as f32 + 0.5, y as f32 + 0.5, SHADOW_SCALE);
    for (y, row) in picture.pixels.chunks_exact_mut(width).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let shade = (1.0 - 0.55 * strength * open(&far, x, y))
                * (1.0 - 0.6 * strength * open(&near, x, y));
            *pixel = scale(*pixel, shade);
        }
    }
}

fn degrees(angle: f32) -> f32 {
    angle.to_radians()
}
