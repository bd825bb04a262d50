//! What the camera stands over: a stage for one item at a time, or a belt or shelf with several.

use heapless::Deque;
use skueye_models::Thresholds;
use skueye_vision::Region;
use skueye_vision::localise::{Localiser, Scene};

use crate::config::{Decision, Items};
use crate::presentation::tracks::Tracker;
use crate::presentation::{Looked, Moment, Outcome, Presenter, Step};

/// Follows whatever is in front of the camera.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of them, on the recognition thread"
)]
pub(super) enum Stand {
    /// One item at a time, which lies still.
    One(Presenter, Deque<Outcome, 2>),
    /// Several items, which may move.
    Many(Tracker),
}

impl Stand {
    /// Waits for the first item after `before` presentations.
    pub fn new(decision: Decision, thresholds: Thresholds, before: u32) -> Self {
        match decision.items {
            Items::One => {
                let presenter = Presenter::new(decision, thresholds).after(before);
                Self::One(presenter, Deque::new())
            }
            Items::Many => Self::Many(Tracker::new(decision, thresholds).after(before)),
        }
    }

    pub fn presentations(&self) -> u32 {
        match self {
            Self::One(presenter, _) => presenter.presentations(),
            Self::Many(tracker) => tracker.presentations(),
        }
    }

    /// Takes a frame's scene. The region to look at, if any.
    pub fn observe(&mut self, now: Moment, scene: Scene, seen: &Localiser) -> Option<Region> {
        match self {
            Self::One(presenter, closed) => match presenter.observe(now, scene) {
                Step::Rest => None,
                Step::Look(region) => Some(region),
                Step::Close(outcome) => {
                    put(closed, Some(outcome));
                    None
                }
            },
            Self::Many(tracker) => tracker.observe(now, seen.items()),
        }
    }

    pub fn looked(&mut self, now: Moment, looked: &Looked<'_>) -> Option<Outcome> {
        match self {
            Self::One(presenter, _) => presenter.looked(now, looked),
            Self::Many(tracker) => tracker.looked(now, looked),
        }
    }

    /// The next outcome that fell without a look.
    pub fn closed(&mut self) -> Option<Outcome> {
        match self {
            Self::One(_, closed) => closed.pop_front(),
            Self::Many(tracker) => tracker.closed(),
        }
    }

    /// Closes what is open, and asks nothing more of what is there now.
    pub fn hold(&mut self, now: Moment) {
        match self {
            Self::One(presenter, closed) => put(closed, presenter.hold(now)),
            Self::Many(tracker) => tracker.hold(now),
        }
    }

    /// The camera was lost: whatever was there may have been exchanged.
    pub fn lost(&mut self, now: Moment) {
        match self {
            Self::One(presenter, _) => presenter.lost(now),
            Self::Many(tracker) => tracker.lost(now),
        }
    }

    /// A till wants to hear of what lies there, whether it has heard of it or not. Of a belt it hears of everything once.
    pub fn look_again(&mut self) {
        if let Self::One(presenter, _) = self {
            presenter.look_again();
        }
    }

    /// The end of the frames: closes what is open.
    pub fn finish(&mut self, now: Moment) {
        match self {
            Self::One(presenter, closed) => put(closed, presenter.finish(now)),
            Self::Many(tracker) => tracker.hold(now),
        }
    }

    /// Whether no votes are open: the gallery's products may be numbered anew.
    pub fn is_fresh(&self) -> bool {
        match self {
            Self::One(presenter, _) => presenter.votes() == 0,
            Self::Many(tracker) => tracker.is_fresh(),
        }
    }

    /// Whether the outcome of what is there has fallen.
    pub fn has_decided(&self) -> bool {
        match self {
            Self::One(presenter, _) => presenter.has_decided(),
            Self::Many(tracker) => !tracker.is_voting(),
        }
    }
}

/// Each is taken after the frame that closed it: there is always room.
fn put(closed: &mut Deque<Outcome, 2>, outcome: Option<Outcome>) {
    if let Some(outcome) = outcome {
        let _ = closed.push_back(outcome);
    }
}
