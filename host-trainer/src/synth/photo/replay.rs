//! A film of a fixed kiosk camera: items are brought by a hand, rest, and are taken away.

use rayon::prelude::*;
use skueye_models::Fault;

use super::backdrop::Backdrop;
use super::effects::Effects;
use super::plane::Picture;
use super::scene::{Subject, cast_shadows, draw_held};
use super::visits::{LEAD, Visit, visits};
use crate::data::PresentationRow;
use crate::progress::Step;
use crate::synth::goods::plan::Entry;
use crate::synth::print::art::Artwork;
use crate::synth::rng::{Purpose, Rng, stream};
use crate::synth::solid::camera::Camera;
use crate::synth::solid::hand::{Edge, Hand};
use crate::synth::solid::light::Light;
use crate::synth::solid::mesh::Pose;
use crate::synth::solid::raster::Raster;
use crate::synth::solid::vector::add;
use crate::synth::studio::Studio;

/// Height of what the camera sees where items stand, cm.
const VIEW: f32 = 30.0;
/// How far off the middle an item is in each frame of its way in, cm; the way out is the reverse.
const WAY: [f32; 4] = [21.0, 13.5, 6.5, 1.2];
/// Share of the time between frames during which the shutter is open.
const SHUTTER: f32 = 0.3;

/// The stage, its camera and its light, which never move.
struct Stage {
    camera: Camera,
    light: Light,
    empty: Picture,
}

/// Films every presentation; returns the truth about them.
pub(crate) fn film(studio: &Studio<'_>, plan: &[Entry]) -> Result<Vec<PresentationRow>, Fault> {
    let visits = visits(studio.options, plan);
    if visits.is_empty() {
        return Ok(Vec::new());
    }
    let total = LEAD + visits.iter().map(Visit::frames).sum::<usize>();
    let step = Step::new("synth replay", total as u64);
    let mut rng = stream(studio.options.seed, Purpose::Stage, 0, 1);
    let stage = Stage::new(
        &studio.surroundings.backdrops.stage(&mut rng),
        studio.options.frame_size.map(|n| n as usize),
    );
    for frame in 0..LEAD {
        write(studio, frame, stage.empty.clone(), &step)?;
    }
    visits
        .par_iter()
        .enumerate()
        .map_init(
            || Raster::new(stage.empty.width, stage.empty.height),
            |raster, (i, visit)| {
                let product = plan[visit.serial].product(studio.options, visit.serial);
                let art = Artwork::new(studio.options.seed, &product, stage.empty.height as f32);
                let rng = stream(studio.options.seed, Purpose::Presentation, i as u64, 0);
                let shown = Shown::new(Subject::new(&art), &stage, rng);
                shown.film(studio, visit, raster, &step)?;
                Ok(row(i, visit, product.gtin, shown.bounds()))
            },
        )
        .collect()
}

fn row(
    i: usize,
    visit: &Visit,
    gtin: skueye_models::Gtin,
    [x, y, w, h]: [u32; 4],
) -> PresentationRow {
    let still = visit.first_frame + visit.coming;
    PresentationRow {
        presentation: i as u64,
        first_frame: visit.first_frame as u64,
        last_frame: (still + visit.resting + visit.leaving - 1) as u64,
        first_still: still as u64,
        last_still: (still + visit.resting - 1) as u64,
        gtin,
        known: visit.known,
        x,
        y,
        w,
        h,
    }
}

impl Stage {
    fn new(backdrop: &Backdrop<'_>, [width, height]: [usize; 2]) -> Self {
        let light = Light::kiosk();
        let camera = Camera::orbit([0.0, 9.0, 0.0], 62.0, 0.30, 0.0);
        let sight = [[0.0, 9.0 - VIEW / 2.0, 0.0], [0.0, 9.0 + VIEW / 2.0, 0.0]];
        let middle = [width, height].map(|n| n as f32 / 2.0);
        let camera = camera.framed(camera.bounds(sight.into_iter()), height as f32, middle);
        let mut empty = backdrop.paint(&camera, &light, width, height);
        empty.blur(0.8 * height as f32 / 360.0);
        Self {
            camera,
            light,
            empty,
        }
    }
}

/// An item with its place on the stage and the hand that brings it.
struct Shown<'a> {
    subject: Subject<'a>,
    stage: &'a Stage,
    rest: Pose,
    hand: Hand,
    /// -1 where it comes from the left, 1 from the right.
    side: f32,
}

impl<'a> Shown<'a> {
    fn new(subject: Subject<'a>, stage: &'a Stage, mut rng: Rng) -> Self {
        let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
        let [w, h, _] = subject.package.size;
        let height = rng.range(0.38, 0.58) * VIEW;
        let rest = Pose {
            yaw: (rng.normal() * 0.22).clamp(-0.5, 0.5),
            size: (height / h).min(0.55 * VIEW / w),
            place: [rng.range(-4.0, 4.0), 0.0, rng.range(-2.0, 3.0)],
            ..Pose::UPRIGHT
        };
        let edge = if side > 0.0 { Edge::Right } else { Edge::Left };
        let hand = Hand::new(&mut rng, edge);
        Self {
            subject,
            stage,
            rest,
            hand,
            side,
        }
    }

    /// Left, top, width and height of the item at rest, in whole pixels of the frame.
    fn bounds(&self) -> [u32; 4] {
        let Stage { camera, empty, .. } = self.stage;
        let [x0, y0, x1, y1] = self.subject.bounds(camera, &self.rest);
        let limit = |v: f32, n: usize| v.clamp(0.0, n as f32) as u32;
        let (x, y) = (
            limit(x0.floor(), empty.width),
            limit(y0.floor(), empty.height),
        );
        [
            x,
            y,
            limit(x1.ceil(), empty.width) - x,
            limit(y1.ceil(), empty.height) - y,
        ]
    }

    fn film(
        &self,
        studio: &Studio<'_>,
        visit: &Visit,
        raster: &mut Raster,
        step: &Step,
    ) -> Result<(), Fault> {
        let mut frame = visit.first_frame;
        let mut next = |picture: Picture| {
            frame += 1;
            write(studio, frame - 1, picture, step)
        };
        let way = &WAY[WAY.len() - visit.coming..];
        for (i, &off) in way.iter().enumerate() {
            let before = if i == 0 { off + 9.0 } else { way[i - 1] };
            next(self.moving(raster, off, before - off))?;
        }
        let still = self.still(raster);
        for _ in 0..visit.resting {
            next(still.clone())?;
        }
        for &off in WAY[WAY.len() - visit.leaving - 1..WAY.len() - 1]
            .iter()
            .rev()
        {
            next(self.moving(raster, off, 7.5))?;
        }
        for _ in 0..visit.empty {
            next(self.stage.empty.clone())?;
        }
        Ok(())
    }

    fn still(&self, raster: &mut Raster) -> Picture {
        let Stage {
            camera,
            light,
            empty,
        } = self.stage;
        let mut picture = empty.clone();
        cast_shadows(
            &mut picture,
            &self.subject,
            &self.rest,
            camera,
            light.direction,
            0.75,
        );
        raster.clear();
        raster.draw(&self.subject.mesh, &self.rest, camera, light, 1);
        picture.cover(&raster.resolve());
        picture
    }

    /// The item in the hand, `off` cm from its place and moving `speed` cm between frames.
    fn moving(&self, raster: &mut Raster, off: f32, speed: f32) -> Picture {
        let Stage {
            camera,
            light,
            empty,
        } = self.stage;
        // Every frame of the way shows some of the item.
        let edge = 0.62 * VIEW - self.side * self.rest.place[0];
        let lift = |off: f32| (0.35 * off).min(3.0);
        let pose = |off: f32| Pose {
            place: add(self.rest.place, [self.side * off.min(edge), lift(off), 0.0]),
            tilt: self.side * 0.006 * off,
            ..self.rest
        };
        let (now, then) = (pose(off), pose(off + speed * SHUTTER));
        let mut picture = empty.clone();
        cast_shadows(
            &mut picture,
            &self.subject,
            &now,
            camera,
            light.direction,
            0.4,
        );
        draw_held(raster, &self.subject, &self.hand, &now, camera, light);
        let mut layer = raster.resolve();
        let (from, to) = (camera.project(then.place), camera.project(now.place));
        layer.smear(to[0] - from[0], to[1] - from[1]);
        picture.cover(&layer);
        picture
    }
}

/// Exposes and writes one frame: a little noise, and light that drifts as daylight in a room does.
fn write(studio: &Studio<'_>, frame: usize, picture: Picture, step: &Step) -> Result<(), Fault> {
    let mut rng = stream(studio.options.seed, Purpose::Frame, frame as u64, 0);
    let phase = frame as f32 / 300.0 * std::f32::consts::TAU;
    let drift = 1.0 + 0.04 * phase.sin();
    let warmth = 0.012 * (0.7 * phase).cos();
    let effects = Effects {
        blur: 0.45,
        smear: [0.0; 2],
        gain: [drift * (1.0 + warmth), drift, drift * (1.0 - warmth)],
        vignette: 0.12,
        noise: 1.6,
        quality: 90,
    };
    studio
        .writer
        .write_frame(frame as u64, &effects.develop(picture, &mut rng)?)?;
    step.advance(1);
    Ok(())
}
