//! Who comes when: the day as scenes that follow one another, written down before it begins.

use crate::random::Random;

use super::film::{Film, Picture};
use super::goods::Standing;

/// Frames a second of the simulated camera.
pub const FPS: u64 = 10;
/// Frames of the empty stage before the first visitor.
const OPENING: u64 = 20;
/// Frames of the empty stage at the end, so that the last answer falls.
const CLOSING: u64 = 30;
/// How long an item lies, and how long the stage is empty after it: frames, each from and to.
const REST: [u64; 2] = [10, 30];
const EMPTY: [u64; 2] = [6, 56];
/// Frames of a hand's way in or out.
const SWEEP: u64 = 5;
/// Frames for which the light is dimmed.
const DIMMED: u64 = 25;
const PURPOSE: u64 = 0x7363_7269;

/// What a scene shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A presentation of the visit of this number.
    Item,
    /// The visit's item is carried past and never lies.
    Passing,
    /// A hand comes and goes.
    Hand,
    /// Nothing but the light changes.
    Dimmed,
    /// A newcomer is enrolled: this is its view of this number, of [`SHOTS`].
    Enrol(usize),
}

/// Shots of an enrolment.
pub const SHOTS: usize = 3;
/// Of so many presentations of known products one shows a newcomer that has been enrolled, once there is one.
const NEWCOMERS: u64 = 20;

/// One visitor.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    pub kind: Kind,
    /// Of the film.
    pub visit: usize,
    /// The first frame.
    pub begin: u64,
    /// Frames in which the item lies.
    rest: u64,
    /// Whether a hand comes from the right.
    right: bool,
}

/// What the day is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub presentations: u64,
    pub seed: u64,
    /// Share of the presentations that show products that are not in the gallery.
    pub unknown: f64,
    /// Share of scenes in which nothing is presented, beside the presentations.
    pub nothing: f64,
    pub camera_losses: u64,
    pub cable_losses: u64,
    /// Products that are enrolled, in even intervals.
    pub enrolments: u64,
}

/// The whole day.
pub struct Script {
    pub scenes: Vec<Scene>,
    /// Frames of the day.
    pub frames: u64,
    /// From which frame to which the camera, or the cable to the till, is unplugged.
    pub camera_away: Vec<[u64; 2]>,
    pub cable_away: Vec<[u64; 2]>,
}

impl Script {
    pub fn write(plan: &Plan, film: &Film) -> Self {
        let mut random = Random::new(plan.seed, PURPOSE, 0);
        let kinds = kinds(plan, &mut random);
        let every = kinds.len() as u64 / (plan.enrolments + 1) + 1;
        let mut decks = Decks::of(film);
        let mut scenes = Vec::with_capacity(kinds.len() + SHOTS * plan.enrolments as usize);
        let mut begin = OPENING;
        for ((kind, unknown), number) in kinds.into_iter().zip(1..) {
            let visit = decks.next(unknown, &mut random);
            let mut add = |kind, visit| {
                let rest = between(REST, &mut random);
                let right = random.bits().is_multiple_of(2);
                let scene = Scene {
                    kind,
                    visit,
                    begin,
                    rest,
                    right,
                };
                begin += scene.visible(film) + between(EMPTY, &mut random);
                scenes.push(scene);
            };
            add(kind, visit);
            if number % every == 0 {
                let views = decks.newcomer();
                for (part, visit) in views.into_iter().enumerate() {
                    add(Kind::Enrol(part), visit);
                }
            }
        }
        let frames = begin + CLOSING;
        let mut camera_away = absences(plan.camera_losses, frames, 2, &mut random);
        // What the operator does is not interrupted.
        for absence in &mut camera_away {
            let enrolments = scenes.windows(2).filter(|pair| pair[0].enrols());
            for pair in enrolments {
                let (from, to) = (pair[0].begin, pair[1].begin);
                if absence[0] < to && absence[1] + EMPTY[1] > from {
                    let length = absence[1] - absence[0];
                    *absence = [to, to + length];
                }
            }
        }
        Self {
            camera_away,
            cable_away: absences(plan.cable_losses, frames, 1, &mut random),
            scenes,
            frames,
        }
    }
}

/// What the scenes are, in random order: exactly as many as planned. With each whether it shows an unknown product.
fn kinds(plan: &Plan, random: &mut Random) -> Vec<(Kind, bool)> {
    let unknown = (plan.presentations as f64 * plan.unknown).round() as u64;
    let nothing = (plan.presentations as f64 * plan.nothing).round() as u64;
    let items = (0..plan.presentations).map(|i| (Kind::Item, i < unknown));
    let others = [Kind::Hand, Kind::Passing, Kind::Dimmed]
        .into_iter()
        .cycle();
    let mut kinds: Vec<_> = items
        .chain(others.take(nothing as usize).map(|kind| (kind, false)))
        .collect();
    shuffle(&mut kinds, random);
    kinds
}

/// `count` absences of 1 to 20 s, one in each of as many equal parts of the day. The first and the last parts of the day are
/// left alone, and `salt` keeps camera and cable apart.
fn absences(count: u64, frames: u64, salt: u64, random: &mut Random) -> Vec<[u64; 2]> {
    let (from, to) = (frames / 50, frames - frames / 20);
    let part = (to - from) / count.max(1);
    let mut absences = Vec::new();
    for i in 0..count {
        let length = between([FPS, 20 * FPS], random).min(part / 4).max(1);
        let room = (part / 2).saturating_sub(length).max(1);
        let half = part / 2 * (salt % 2);
        let begin = from + i * part + half + random.bits() % room;
        absences.push([begin, begin + length]);
    }
    absences
}

fn between([from, to]: [u64; 2], random: &mut Random) -> u64 {
    from + random.bits() % (to - from + 1)
}

fn shuffle<T>(values: &mut [T], random: &mut Random) {
    for last in (1..values.len()).rev() {
        values.swap(last, random.bits() as usize % (last + 1));
    }
}

/// Visits of known and of unknown products, none twice before all were there; and newcomers.
struct Decks {
    known: Deck,
    unknown: Deck,
    /// The visits of each newcomer.
    newcomers: Vec<Vec<usize>>,
    /// How many of them are enrolled.
    enrolled: usize,
}

#[derive(Default)]
struct Deck {
    cards: Vec<usize>,
    at: usize,
}

impl Deck {
    fn next(&mut self, random: &mut Random) -> usize {
        if self.at == 0 {
            shuffle(&mut self.cards, random);
        }
        let card = self.cards[self.at];
        self.at = (self.at + 1) % self.cards.len();
        card
    }
}

impl Decks {
    fn of(film: &Film) -> Self {
        let mut decks = Self {
            known: Deck::default(),
            unknown: Deck::default(),
            newcomers: Vec::new(),
            enrolled: 0,
        };
        for (at, visit) in film.visits.iter().enumerate() {
            match visit.row.standing {
                Standing::Known => decks.known.cards.push(at),
                Standing::Unknown | Standing::Sibling => decks.unknown.cards.push(at),
                Standing::Newcomer => decks.add_newcomer(at, film),
            }
        }
        decks
    }

    fn add_newcomer(&mut self, at: usize, film: &Film) {
        let gtin = film.visits[at].row.gtin;
        let mut newcomers = self.newcomers.iter_mut();
        match newcomers.find(|views| film.visits[views[0]].row.gtin == gtin) {
            Some(views) => views.push(at),
            None => self.newcomers.push(vec![at]),
        }
    }

    fn next(&mut self, unknown: bool, random: &mut Random) -> usize {
        let newcomer = !unknown && self.enrolled > 0 && random.bits().is_multiple_of(NEWCOMERS);
        match (unknown, newcomer) {
            (true, _) => self.unknown.next(random),
            (false, false) => self.known.next(random),
            (false, true) => {
                // A view from which it was not enrolled.
                let views = &self.newcomers[random.bits() as usize % self.enrolled];
                views[SHOTS + random.bits() as usize % (views.len() - SHOTS)]
            }
        }
    }

    /// The views from which the next newcomer is enrolled; none where all are.
    fn newcomer(&mut self) -> Vec<usize> {
        let next = self.newcomers.get(self.enrolled);
        let views = next.filter(|views| views.len() > SHOTS);
        let views = views.map_or(Vec::new(), |views| views[..SHOTS].to_vec());
        self.enrolled += usize::from(!views.is_empty());
        views
    }
}

impl Scene {
    fn enrols(&self) -> bool {
        matches!(self.kind, Kind::Enrol(_))
    }

    /// Frames until the stage is empty again.
    fn visible(&self, film: &Film) -> u64 {
        let visit = &film.visits[self.visit];
        match self.kind {
            Kind::Item | Kind::Enrol(_) => visit.coming + self.rest + visit.leaving,
            Kind::Passing => visit.coming + visit.leaving,
            Kind::Hand => 2 * SWEEP,
            Kind::Dimmed => DIMMED,
        }
    }

    /// What the `number`-th frame of the scene shows, and the light on it.
    pub fn picture(&self, number: u64, film: &Film) -> (Picture, f32) {
        let visit = &film.visits[self.visit];
        let item = |frame| Picture::Item {
            visit: self.visit,
            frame,
        };
        if number >= self.visible(film) {
            return (Picture::Empty, 1.0);
        }
        match self.kind {
            Kind::Dimmed => (Picture::Empty, 0.82),
            Kind::Hand => {
                let reach = number.min(2 * SWEEP - 1 - number) + 1;
                let reach = reach as f32 / SWEEP as f32;
                (
                    Picture::Hand {
                        reach,
                        right: self.right,
                    },
                    1.0,
                )
            }
            Kind::Passing if number >= visit.coming => (item(number + visit.resting), 1.0),
            _ if number < visit.coming => (item(number), 1.0),
            _ if self.lies(number, film) => {
                let lying = (number - visit.coming) % visit.resting;
                (item(visit.coming + lying), 1.0)
            }
            _ => (item(number - self.rest + visit.resting), 1.0),
        }
    }

    /// Whether an item lies still in the `number`-th frame.
    pub fn lies(&self, number: u64, film: &Film) -> bool {
        let coming = film.visits[self.visit].coming;
        let shows = self.kind == Kind::Item || self.enrols();
        shows && (coming..coming + self.rest).contains(&number)
    }
}

/// Red, green and blue of the light in the shop: brighter and cooler about noon, with clouds that pass.
pub fn daylight(frame: u64, frames: u64) -> [f32; 3] {
    let turn = |of: f64| (of * std::f64::consts::TAU).sin() as f32;
    let hour = frame as f64 / frames.max(1) as f64;
    let cloud = turn(frame as f64 / (1_200 * FPS) as f64);
    let level = 0.97 + 0.10 * turn(hour / 2.0) + 0.03 * cloud;
    let warmth = 0.03 * turn(hour + 0.25);
    [level * (1.0 + warmth), level, level * (1.0 - warmth)]
}
