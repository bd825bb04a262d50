//! Several items at once: on a belt, or laid on a shelf one after another.
//!
//! Every item is followed from frame to frame by where it is, and has its own votes and its one outcome. It need not lie still.
//! Items that touch become one blob and part again; each is then followed by its last speed, so that none is counted
//! twice. Of the items whose outcome is open, the one with the fewest votes is looked at next: one look a frame keeps up
//! with the camera.

use heapless::{Deque, Vec};
use skueye_models::Thresholds;
use skueye_vision::Region;
use skueye_vision::localise::Item;

use super::ballot::{Ballot, Looked, Rules};
use super::{Moment, Outcome};
use crate::config::Decision;

/// Items that are followed at once; more wait until one has left.
const TRACKS: usize = 8;
/// An item that was not seen for so many frames has left.
const MISSING: u32 = 6;
/// An item that is seen less often was noise, or a hand that passed.
const LEAST_SEEN: u32 = 2;
/// After so many frames an item is looked at although it reaches the picture's edge: it may be too large for it.
const PATIENCE: u32 = 15;
/// The least overlap (intersection over union) of an item with where it was expected.
const LEAST_OVERLAP: f32 = 0.2;
/// Tracks in one blob for so many frames are one item after all.
const TOGETHER: u32 = 90;
/// A track that was seen for so many frames is an item, not a part of one that was seen by itself for a moment.
const REAL: u32 = 5;
/// A track that has at least this share of its box inside a blob is part of it.
const SHARED: f32 = 0.6;

/// Follows the items on one stage.
#[derive(Debug)]
pub struct Tracker {
    rules: Rules,
    tracks: Vec<Track, TRACKS>,
    closed: Deque<Outcome, TRACKS>,
    number: u32,
    /// The place of the track that is being looked at.
    looking: Option<usize>,
}

#[derive(Debug)]
struct Track {
    place: Place,
    /// Pixels a frame.
    speed: (f32, f32),
    seen: u32,
    missing: u32,
    whole: bool,
    /// Frames for which it has been in one blob with another: a picture of it shows both.
    joined: u32,
    state: State,
    ballot: Ballot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not looked at yet: no presentation.
    New,
    Voting,
    Decided,
}

/// A box in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

impl Place {
    fn of(region: Region) -> Self {
        let [x, y, width, height] =
            [region.x, region.y, region.width, region.height].map(|n| n as f32);
        Self {
            left: x,
            top: y,
            right: x + width,
            bottom: y + height,
        }
    }

    fn moved(self, by: (f32, f32)) -> Self {
        Self {
            left: self.left + by.0,
            top: self.top + by.1,
            right: self.right + by.0,
            bottom: self.bottom + by.1,
        }
    }

    fn area(self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    fn shared(self, other: Self) -> f32 {
        let both = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        match both.right > both.left && both.bottom > both.top {
            true => both.area(),
            false => 0.0,
        }
    }

    fn overlap(self, other: Self) -> f32 {
        let shared = self.shared(other);
        shared / (self.area() + other.area() - shared).max(1.0)
    }

    /// Moved, no farther than needed, so that it lies inside `other`.
    fn inside(self, other: Self) -> Self {
        let along = |from: f32, to: f32, least: f32, most: f32| {
            (least - from).max(0.0) - (to - most).max(0.0)
        };
        self.moved((
            along(self.left, self.right, other.left, other.right),
            along(self.top, self.bottom, other.top, other.bottom),
        ))
    }

    fn side(self) -> f32 {
        (self.right - self.left).max(self.bottom - self.top)
    }

    fn distance(self, other: Self) -> f32 {
        let (a, b) = (self.centre(), other.centre());
        (a.0 - b.0).hypot(a.1 - b.1)
    }

    fn centre(self) -> (f32, f32) {
        let middle = |a: f32, b: f32| (a + b) / 2.0;
        (middle(self.left, self.right), middle(self.top, self.bottom))
    }
}

impl Tracker {
    /// Follows nothing yet.
    pub fn new(decision: Decision, thresholds: Thresholds) -> Self {
        Self {
            rules: Rules {
                decision,
                thresholds,
            },
            tracks: Vec::new(),
            closed: Deque::new(),
            number: 0,
            looking: None,
        }
    }

    /// The same, numbering on from `presentations` of earlier runs.
    pub fn after(mut self, presentations: u32) -> Self {
        self.number = presentations;
        self
    }

    /// Presentations so far.
    pub fn presentations(&self) -> u32 {
        self.number
    }

    /// Whether an outcome is open.
    pub fn is_voting(&self) -> bool {
        self.tracks.iter().any(|track| track.state == State::Voting)
    }

    /// Whether nothing has been voted on that is still open.
    pub fn is_fresh(&self) -> bool {
        let open = self
            .tracks
            .iter()
            .filter(|track| track.state == State::Voting);
        open.map(|track| track.ballot.votes()).sum::<u32>() == 0
    }

    /// Takes a frame's items. The region to look at, if any: tell what was found with [`Self::looked`]. Outcomes of
    /// items that have left are taken with [`Self::closed`].
    pub fn observe(&mut self, now: Moment, items: impl Iterator<Item = Item>) -> Option<Region> {
        let mut items: Vec<Item, 16> = items.take(16).collect();
        self.match_items(&mut items);
        self.drop_those_that_left(now);
        self.close_late(now);
        for item in &items {
            self.follow(item);
        }
        self.choose(now)
    }

    /// Takes what was found in the region that was asked for.
    pub fn looked(&mut self, now: Moment, looked: &Looked<'_>) -> Option<Outcome> {
        let at = self.looking.take()?;
        let track = self.tracks.get_mut(at)?;
        let outcome = track.ballot.look(&self.rules, now, looked)?;
        track.state = State::Decided;
        Some(outcome)
    }

    /// The next outcome that fell without a look.
    pub fn closed(&mut self) -> Option<Outcome> {
        self.closed.pop_front()
    }

    /// Closes what is open, and asks nothing more of what is on the stage now.
    pub fn hold(&mut self, now: Moment) {
        for at in 0..self.tracks.len() {
            self.close(at, now);
        }
    }

    /// The camera was lost: what is on the belt when it comes back is new, and what was open is closed.
    pub fn lost(&mut self, now: Moment) {
        self.hold(now);
        self.tracks.clear();
    }

    /// Each item goes on with the track that expects it most; the items that are left over are new.
    fn match_items(&mut self, items: &mut Vec<Item, 16>) {
        let mut free: Vec<usize, TRACKS> = (0..self.tracks.len()).collect();
        items.retain(|item| !self.join(item, &mut free));
        while let Some((at, item)) = self.best_match(&free, items) {
            let track = free.swap_remove(at);
            let item = items.swap_remove(item);
            self.tracks[track].see(&item);
        }
        // After a join the expectation has drifted: the nearest of what is left over it is.
        while let Some((at, item)) = self.nearest_parted(&free, items) {
            let track = free.swap_remove(at);
            let item = items.swap_remove(item);
            self.tracks[track].see(&item);
        }
        for at in free {
            let track = &mut self.tracks[at];
            track.place = track.expected();
            track.missing += 1;
        }
    }

    /// Of the tracks that were in one blob with another a moment ago, and the items: the pair that is nearest.
    fn nearest_parted(&self, free: &[usize], items: &[Item]) -> Option<(usize, usize)> {
        let mut best: Option<(f32, usize, usize)> = None;
        for (at, track) in free.iter().enumerate() {
            let track = &self.tracks[*track];
            let limit = 2.0 * track.place.side();
            for (item, seen) in items.iter().enumerate().filter(|_| track.joined > 0) {
                let distance = track.expected().distance(Place::of(seen.region));
                if distance < limit && best.is_none_or(|best| distance < best.0) {
                    best = Some((distance, at, item));
                }
            }
        }
        best.map(|(_, at, item)| (at, item))
    }

    /// Of the tracks that are free and the items: the pair that overlaps most.
    fn best_match(&self, free: &[usize], items: &[Item]) -> Option<(usize, usize)> {
        let mut best: Option<(f32, usize, usize)> = None;
        for (at, track) in free.iter().enumerate() {
            let expected = self.tracks[*track].expected();
            for (item, seen) in items.iter().enumerate() {
                let overlap = expected.overlap(Place::of(seen.region));
                if overlap >= LEAST_OVERLAP && best.is_none_or(|best| overlap > best.0) {
                    best = Some((overlap, at, item));
                }
            }
        }
        best.map(|(_, at, item)| (at, item))
    }

    /// Whether several tracks are expected inside one item: they have joined, and go on at their own speeds. Where one
    /// of them was seen for a moment only, or they stay together for long, it is one item, of which parts had been seen: one
    /// track goes on alone.
    fn join(&mut self, item: &Item, free: &mut Vec<usize, TRACKS>) -> bool {
        let place = Place::of(item.region);
        let is_inside = |track: &Track| {
            let expected = track.expected();
            expected.shared(place) >= SHARED * expected.area().max(1.0)
        };
        let inside = |at: &usize| is_inside(&self.tracks[*at]);
        let joined: Vec<usize, TRACKS> = free.iter().copied().filter(inside).collect();
        if joined.len() < 2 {
            return false;
        }
        free.retain(|at| !joined.contains(at));
        let real = |at: &&usize| self.tracks[**at].seen >= REAL;
        let together = joined.iter().map(|at| self.tracks[*at].joined).min();
        let one = joined.iter().filter(real).count() < 2;
        if one || together.is_some_and(|frames| frames >= TOGETHER) {
            let first = joined.iter().copied().max_by_key(|at| {
                let track = &self.tracks[*at];
                (track.state != State::New, track.seen)
            });
            for at in joined {
                match Some(at) == first {
                    true => self.tracks[at].see(item),
                    // Not seen again from here on; where it was looked at it has its event.
                    false => self.tracks[at].missing = MISSING + 1,
                }
            }
            return true;
        }
        for at in joined {
            let track = &mut self.tracks[at];
            track.place = track.expected().inside(place);
            track.joined += 1;
            track.missing = 0;
        }
        true
    }

    fn drop_those_that_left(&mut self, now: Moment) {
        let mut at = 0;
        while at < self.tracks.len() {
            if self.tracks[at].missing > MISSING {
                self.close(at, now);
                self.tracks.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    fn close_late(&mut self, now: Moment) {
        for at in 0..self.tracks.len() {
            let track = &self.tracks[at];
            if track.state == State::Voting && track.ballot.is_late(&self.rules, now) {
                self.close(at, now);
            }
        }
    }

    fn close(&mut self, at: usize, now: Moment) {
        let track = &mut self.tracks[at];
        if track.state == State::Voting {
            let outcome = track.ballot.outcome(&self.rules, now);
            if self.closed.is_full() {
                // As many as there are tracks, taken after every frame: it is never full.
                self.closed.pop_front();
            }
            let _ = self.closed.push_back(outcome);
        }
        track.state = State::Decided;
    }

    fn follow(&mut self, item: &Item) {
        let place = Place::of(item.region);
        // No room: it waits at the edge of the memory until one has left.
        let _ = self.tracks.push(Track {
            place,
            speed: (0.0, 0.0),
            seen: 1,
            missing: 0,
            whole: item.whole,
            joined: 0,
            state: State::New,
            ballot: Ballot::default(),
        });
    }

    fn choose(&mut self, now: Moment) -> Option<Region> {
        let wanted = |track: &&mut Track| {
            let open = track.state != State::Decided;
            let shows = track.whole || track.seen >= PATIENCE;
            open && shows && track.joined == 0 && track.missing == 0 && track.seen >= LEAST_SEEN
        };
        let candidates = self.tracks.iter_mut().enumerate();
        let candidates = candidates.filter(|(_, track)| wanted(track));
        let (at, track) = candidates.min_by_key(|(_, track)| {
            let votes = match track.state {
                State::New => 0,
                _ => track.ballot.votes() + 1,
            };
            (votes, track.ballot.number)
        })?;
        if track.state == State::New {
            self.number += 1;
            track.ballot.begin(self.number, now);
            track.state = State::Voting;
        }
        self.looking = Some(at);
        Some(track.region())
    }
}

impl Track {
    fn expected(&self) -> Place {
        self.place.moved(self.speed)
    }

    fn see(&mut self, item: &Item) {
        let place = Place::of(item.region);
        let (from, to) = (self.place.centre(), place.centre());
        let frames = (self.missing + 1) as f32;
        let now = ((to.0 - from.0) / frames, (to.1 - from.1) / frames);
        // Half of the new, half of the old: boxes shiver by a cell.
        self.speed = match self.seen {
            1 => now,
            _ => ((self.speed.0 + now.0) / 2.0, (self.speed.1 + now.1) / 2.0),
        };
        self.place = place;
        self.seen += 1;
        self.missing = 0;
        self.joined = 0;
        self.whole = item.whole;
    }

    fn region(&self) -> Region {
        let Place {
            left,
            top,
            right,
            bottom,
        } = self.place;
        Region {
            x: left as u32,
            y: top as u32,
            width: (right - left) as u32,
            height: (bottom - top) as u32,
        }
    }
}

#[cfg(test)]
mod tests;
