//! What was shown, what the device said to it, and what the till heard. Its memory is taken at the begin.

use std::collections::VecDeque;
use std::time::Instant;

use skueye_agent::report::Event;
use skueye_agent::scanner::Sent;
use skueye_models::{Gtin, Verdict};

use super::film::Film;
use super::goods::Standing;
use super::script::{Kind, Scene};

/// Frames of an item at rest with which it must be answered: the camera was there for it.
const ENOUGH: u32 = 8;
/// Frames of the empty stage that set two items apart: two make it empty, and a hand may hide one.
const APART: u32 = 3;
/// How far back the scene of an event may lie.
const BACK: usize = 64;
/// Frames whose times are remembered.
const FRAMES: usize = 4096;

/// One scene as it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    kind: Kind,
    gtin: Gtin,
    pub standing: Standing,
    /// Numbers of its first and last frame that reached the device.
    frames: Option<[u64; 2]>,
    /// Frames of it in which the item lay.
    rested: u32,
    /// Whether the stage was seen empty between the item before and this one.
    apart: bool,
    events: u32,
    first: Option<Answer>,
}

/// What a frame shows, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// An item that lies.
    Lies,
    /// Nothing.
    Empty,
    /// Something that moves.
    Moves,
}

/// What the device said first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Right,
    Wrong,
    Asked,
    Rejected,
}

/// What became of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Accepted as what it is, or rejected where it is not in the gallery.
    Correct,
    /// Accepted as something else.
    Wrong,
    /// Left to a person.
    Asked,
    /// Rejected though it is in the gallery.
    Rejected,
    /// Lay in view and had no answer.
    Missed,
    /// The same, and it had taken the place of another item while the camera was away.
    Swapped,
    /// The camera was away.
    Unseen,
    /// Nothing was presented.
    Nothing,
}

/// An accepted event.
#[derive(Debug, Clone, Copy)]
struct Told {
    gtin: Gtin,
    sent: Sent,
}

/// All of it.
pub struct Ledger {
    pub shown: Vec<Shown>,
    /// Frames of the empty stage that were delivered since an item lay on it.
    empty: u32,
    /// The newest scene of which a frame was delivered.
    newest: usize,
    /// When frames were delivered, by number.
    times: Vec<(u64, Instant)>,
    accepted: Vec<Told>,
    readings: Vec<Gtin>,
    /// The last presentations by their numbers, with what was shown.
    numbered: VecDeque<(u32, usize)>,
    pub answer_ms: Vec<f32>,
    pub look_ms: Vec<f32>,
    /// Events of frames that no scene had.
    pub strays: u64,
    /// The cable to the till: whether it is there, and since when.
    cable: (bool, Instant),
    /// How long it took each time from the plugging of the cable to the first event that the till was sent.
    pub cable_recoveries: Vec<f32>,
    /// Whether that is waited for.
    recovers: bool,
    /// Events that failed though the cable was there.
    pub failed_with_cable: u64,
    /// Failures to tell the till, and other faults, by code.
    pub faults: Vec<(String, u64)>,
}

impl Ledger {
    pub fn new(scenes: &[Scene], film: &Film) -> Self {
        let shown = |scene: &Scene| {
            let row = &film.visits[scene.visit].row;
            Shown {
                kind: scene.kind,
                gtin: row.gtin,
                standing: row.standing,
                frames: None,
                rested: 0,
                apart: false,
                events: 0,
                first: None,
            }
        };
        let most = 3 * scenes.len() + 16;
        Self {
            shown: scenes.iter().map(shown).collect(),
            empty: APART,
            newest: 0,
            times: vec![(u64::MAX, Instant::now()); FRAMES],
            accepted: touched(
                most,
                Told {
                    gtin: film.visits[0].row.gtin,
                    sent: Sent::Nothing,
                },
            ),
            readings: touched(most, film.visits[0].row.gtin),
            answer_ms: touched(most, 0.0),
            look_ms: touched(most, 0.0),
            numbered: VecDeque::with_capacity(BACK),
            strays: 0,
            cable: (true, Instant::now()),
            cable_recoveries: Vec::with_capacity(scenes.len()),
            recovers: false,
            failed_with_cable: 0,
            faults: Vec::new(),
        }
    }

    /// A frame of `scene` was delivered under this number.
    pub fn delivered(&mut self, scene: usize, number: u64, sight: Sight) {
        self.times[number as usize % FRAMES] = (number, Instant::now());
        self.newest = self.newest.max(scene);
        let shown = &mut self.shown[scene];
        if sight == Sight::Lies {
            shown.apart |= shown.rested == 0 && self.empty >= APART;
            shown.rested += 1;
            self.empty = 0;
        }
        self.empty += u32::from(sight == Sight::Empty);
        let [first, _] = shown.frames.unwrap_or([number, number]);
        shown.frames = Some([first, number]);
    }

    /// The till has read a product.
    pub fn read(&mut self, gtin: Gtin) {
        self.readings.push(gtin);
    }

    /// The device has said something.
    pub fn event(&mut self, event: &Event<'_>) {
        if let Some((_, time)) = self.time_of(event.last_frame) {
            self.answer_ms.push(time.elapsed().as_secs_f32() * 1e3);
        }
        self.look_ms
            .extend(event.latency_ms.total.map(|ms| ms as f32));
        if let (Verdict::Accept, Some(gtin)) = (event.verdict, event.gtin) {
            self.told(gtin, event.sent);
        }
        let Some(scene) = self.scene_of(event.first_frame) else {
            self.strays += 1;
            return;
        };
        if self.numbered.len() == BACK {
            self.numbered.pop_front();
        }
        self.numbered.push_back((event.presentation, scene));
        let shown = &mut self.shown[scene];
        shown.events += 1;
        let answer = match event.verdict {
            Verdict::Accept if shown.known() && event.gtin == Some(shown.gtin) => Answer::Right,
            Verdict::Accept => Answer::Wrong,
            Verdict::Ask => Answer::Asked,
            Verdict::Reject => Answer::Rejected,
        };
        shown.first.get_or_insert(answer);
    }

    /// A person's answer went to the till.
    pub fn answer(&mut self, was: Option<Gtin>, sent: Sent) {
        if let Some(gtin) = was.filter(|_| sent != Sent::Nothing) {
            self.told(gtin, sent);
        }
    }

    /// What was shown as presentation `number`, where it is one of the last: the product, and whether the gallery has it.
    pub fn truth(&self, number: u32) -> Option<(Gtin, bool)> {
        let found = self.numbered.iter().find(|(known, _)| *known == number);
        let shown = &self.shown[found?.1];
        Some((shown.gtin, shown.known()))
    }

    fn told(&mut self, gtin: Gtin, sent: Sent) {
        self.accepted.push(Told { gtin, sent });
        let (there, _) = self.cable;
        self.failed_with_cable += u64::from(there && sent == Sent::Failed);
        self.recovered(sent);
    }

    /// The first frame that the till was sent since the cable is there again.
    fn recovered(&mut self, sent: Sent) {
        let (there, since) = self.cable;
        if there && sent == Sent::Sent && std::mem::take(&mut self.recovers) {
            self.cable_recoveries
                .push(since.elapsed().as_secs_f32() * 1e3);
        }
    }

    /// What became of a frame that was pending: the oldest of this product that still is.
    pub fn late(&mut self, gtin: Option<Gtin>, sent: Sent) {
        let pending = |told: &&mut Told| told.sent == Sent::Pending && Some(told.gtin) == gtin;
        if let Some(told) = self.accepted.iter_mut().find(pending) {
            told.sent = sent;
        }
        self.recovered(sent);
    }

    /// The cable to the till was pulled or plugged.
    pub fn cable(&mut self, there: bool) {
        self.cable = (there, Instant::now());
        self.recovers = there;
    }

    /// A fault of this code was told.
    pub fn fault(&mut self, code: &str) {
        match self.faults.iter_mut().find(|(known, _)| known == code) {
            Some((_, count)) => *count += 1,
            None => self.faults.push((code.to_owned(), 1)),
        }
    }

    /// Scenes of which a frame was delivered.
    pub fn reached(&self) -> usize {
        self.newest
    }

    fn time_of(&self, number: u64) -> Option<(u64, Instant)> {
        let found = self.times[number as usize % FRAMES];
        (found.0 == number).then_some(found)
    }

    fn scene_of(&self, number: u64) -> Option<usize> {
        let back = (0..=self.newest).rev().take(BACK);
        let holds = |scene: &usize| {
            let frames = self.shown[*scene].frames;
            frames.is_some_and(|[first, last]| (first..=last).contains(&number))
        };
        back.into_iter().find(holds)
    }

    /// What the till heard of the accepted events.
    pub fn heard(&self) -> Heard {
        Heard::compare(&self.accepted, &self.readings)
    }
}

/// A vector with room for `most` values whose pages are there already, so that the memory that is measured later is not ours.
fn touched<T: Copy>(most: usize, value: T) -> Vec<T> {
    let mut values = vec![value; most];
    std::hint::black_box(&mut values);
    values.clear();
    values
}

impl Shown {
    /// Whether the gallery has it. A newcomer is shown as an item only once it has been enrolled.
    pub fn known(&self) -> bool {
        matches!(self.standing, Standing::Known | Standing::Newcomer)
    }

    pub fn fate(&self) -> Fate {
        match (self.kind, self.first) {
            (Kind::Item, None) if self.rested < ENOUGH => Fate::Unseen,
            (Kind::Item, None) if !self.apart => Fate::Swapped,
            (Kind::Item, None) => Fate::Missed,
            (Kind::Item, Some(answer)) => match answer {
                Answer::Right => Fate::Correct,
                Answer::Wrong => Fate::Wrong,
                Answer::Asked => Fate::Asked,
                Answer::Rejected if self.known() => Fate::Rejected,
                Answer::Rejected => Fate::Correct,
            },
            _ => Fate::Nothing,
        }
    }

    /// Events beyond the one that a presentation has.
    pub fn doubles(&self) -> u64 {
        match self.kind {
            Kind::Item => u64::from(self.events.saturating_sub(1)),
            _ => 0,
        }
    }

    /// Events where nothing was presented, and whether one was accepted.
    pub fn phantoms(&self) -> (u64, bool) {
        match self.kind {
            Kind::Item | Kind::Enrol(_) => (0, false),
            _ => (
                self.events.into(),
                self.first == Some(Answer::Wrong) || self.first == Some(Answer::Right),
            ),
        }
    }
}

/// What the till heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Told as sent, and read exactly once.
    pub once: u64,
    /// Told as sent, and never read.
    pub lost: u64,
    /// Told as failed.
    pub failed: u64,
    /// Of those, read all the same: the answer was lost, not the reading.
    pub failed_but_read: u64,
    /// Readings that belong to no event, or to one that was read before.
    pub twice: u64,
}

/// How far a reading may lie behind the one that is looked for.
const AHEAD: usize = 8;

impl Heard {
    /// Goes through both in order.
    fn compare(accepted: &[Told], readings: &[Gtin]) -> Self {
        let (mut heard, mut rest) = (Self::default(), readings);
        for told in accepted {
            let at = rest
                .iter()
                .take(AHEAD)
                .position(|gtin| gtin.value() == told.gtin.value());
            match (told.sent, at) {
                (Sent::Sent | Sent::Pending, Some(at)) => {
                    heard.once += 1;
                    heard.twice += at as u64;
                    rest = &rest[at + 1..];
                }
                // A pending one whose end was never told is lost as well.
                (Sent::Sent | Sent::Pending, None) => heard.lost += 1,
                (Sent::Failed, at) => {
                    heard.failed += 1;
                    if at == Some(0) {
                        heard.failed_but_read += 1;
                        rest = &rest[1..];
                    }
                }
                _ => {}
            }
        }
        heard.twice += rest.len() as u64;
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtin(body: u64) -> Gtin {
        Gtin::from_body(body, 13).unwrap()
    }

    fn heard(accepted: &[(u64, Sent)], readings: &[u64]) -> [u64; 5] {
        let accepted: Vec<Told> = accepted
            .iter()
            .map(|(body, sent)| Told {
                gtin: gtin(*body),
                sent: *sent,
            })
            .collect();
        let readings: Vec<Gtin> = readings.iter().map(|body| gtin(*body)).collect();
        let heard = Heard::compare(&accepted, &readings);
        [
            heard.once,
            heard.lost,
            heard.failed,
            heard.failed_but_read,
            heard.twice,
        ]
    }

    #[test]
    fn each_reading_belongs_to_one_event() {
        use Sent::{Failed, Sent as Told};
        assert_eq!(
            heard(&[(1, Told), (2, Told), (1, Told)], &[1, 2, 1]),
            [3, 0, 0, 0, 0]
        );
        assert_eq!(
            heard(&[(1, Told), (2, Told)], &[2]),
            [1, 1, 0, 0, 0],
            "one was lost"
        );
        assert_eq!(
            heard(&[(1, Told), (2, Told)], &[1, 1, 2]),
            [2, 0, 0, 0, 1],
            "one was sold twice"
        );
        assert_eq!(heard(&[(1, Failed), (2, Told)], &[2]), [1, 0, 1, 0, 0]);
        assert_eq!(heard(&[(1, Failed), (2, Told)], &[1, 2]), [1, 0, 1, 1, 0]);
        assert_eq!(heard(&[(1, Told)], &[1, 9]), [1, 0, 0, 0, 1]);
    }
}
