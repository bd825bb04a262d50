//! From scenes and votes to exactly one outcome for each presentation.
//!
//! A presentation begins with the first still frame of an item and ends when the stage is empty again; whatever happens
//! in between, it has one outcome. The outcome falls as soon as enough frames agree on a sure answer, else after
//! `max_frames` votes, after `timeout_ms` of the frames' own time, or when the item leaves. Something that never lies
//! still, such as a hand that passes, is no presentation.

use std::time::Duration;

use heapless::Vec;
use serde::Serialize;
use skueye_models::{Thresholds, Verdict};
use skueye_vision::Region;
use skueye_vision::localise::Scene;

use crate::config::Decision;
use crate::latency::StageMillis;
use crate::vote::{PRODUCTS_PER_FRAME, Ranked};

mod ballot;
pub mod tracks;

pub use ballot::Looked;
use ballot::{Ballot, Rules};

/// Which frame, and when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// The frame's number.
    pub sequence: u64,
    /// The source's clock.
    pub time: Duration,
}

/// Why an answer was withheld from the till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No product of the gallery comes near.
    Unknown,
    /// The best score lies between the two thresholds.
    BelowAccept,
    /// The second product is nearly as good.
    SmallMargin,
    /// Most frames prefer another product.
    SplitVote,
    /// The item left, or the time ran out, before enough frames had voted.
    TooFewFrames,
    /// No frame was sharp enough.
    Blurred,
    /// No frame could be recognised; faults say why.
    Unreadable,
    /// A person has said of such a look that it is not this product.
    Corrected,
}

impl Reason {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::BelowAccept => "below_accept",
            Self::SmallMargin => "small_margin",
            Self::SplitVote => "split_vote",
            Self::TooFewFrames => "too_few_frames",
            Self::Blurred => "blurred",
            Self::Unreadable => "unreadable",
            Self::Corrected => "corrected",
        }
    }
}

/// The one outcome of a presentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Number of the presentation, from 1.
    pub presentation: u32,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why it was not accepted.
    pub reason: Option<Reason>,
    /// The best products, the best first.
    pub candidates: Vec<Ranked, PRODUCTS_PER_FRAME>,
    /// Frames that voted.
    pub votes: u32,
    /// Frames that voted for the best product.
    pub agreeing: u32,
    /// The sharpest crop.
    pub sharpness: f32,
    /// The first still frame.
    pub first: Moment,
    /// The frame at which the outcome fell.
    pub last: Moment,
    /// Times of the last frame that was looked at.
    pub latency_ms: StageMillis,
}

impl Outcome {
    /// The distance of the best product to the second, where there are two.
    pub fn margin(&self) -> Option<f32> {
        let [best, second, ..] = self.candidates[..] else {
            return None;
        };
        Some(best.score - second.score)
    }
}

/// What the presenter wants done with a frame.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "outcomes travel by value so that the frame path does not allocate"
)]
pub enum Step {
    /// Nothing.
    Rest,
    /// Recognise this region and tell what was found with [`Presenter::looked`].
    Look(Region),
    /// A presentation is over.
    Close(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The stage is or was empty: the next still item begins a presentation.
    Armed,
    Voting,
    /// The outcome has fallen; the item is still there.
    Decided,
    /// The outcome had fallen when the camera was lost: what lies there now may be another item.
    Doubtful,
}

/// Follows the presentations on one stage.
#[derive(Debug)]
pub struct Presenter {
    rules: Rules,
    phase: Phase,
    ballot: Ballot,
}

impl Presenter {
    /// Waits for the first presentation.
    pub fn new(decision: Decision, thresholds: Thresholds) -> Self {
        Self {
            rules: Rules {
                decision,
                thresholds,
            },
            phase: Phase::Armed,
            ballot: Ballot::default(),
        }
    }

    /// The same, numbering on from `presentations` of earlier runs.
    pub fn after(mut self, presentations: u32) -> Self {
        self.ballot.number = presentations;
        self
    }

    /// Presentations so far.
    pub fn presentations(&self) -> u32 {
        self.ballot.number
    }

    /// Votes of the presentation that is open or was last.
    pub fn votes(&self) -> u32 {
        self.ballot.votes()
    }

    /// Whether the outcome has fallen and the item is still there.
    pub fn has_decided(&self) -> bool {
        self.phase == Phase::Decided
    }

    /// Takes a frame's scene.
    pub fn observe(&mut self, now: Moment, scene: Scene) -> Step {
        let is_late = self.ballot.is_late(&self.rules, now);
        match (scene, self.phase) {
            (Scene::Empty | Scene::Learning, phase) => {
                self.phase = Phase::Armed;
                match phase {
                    Phase::Voting => Step::Close(self.ballot.outcome(&self.rules, now)),
                    Phase::Armed | Phase::Decided | Phase::Doubtful => Step::Rest,
                }
            }
            (Scene::Still(region), Phase::Armed) => {
                self.phase = Phase::Voting;
                self.ballot.begin(self.ballot.number + 1, now);
                Step::Look(region)
            }
            (Scene::Still(region), Phase::Voting) if !is_late => Step::Look(region),
            (Scene::Still(region), Phase::Doubtful) => Step::Look(region),
            (_, Phase::Voting) if is_late => {
                self.phase = Phase::Decided;
                Step::Close(self.ballot.outcome(&self.rules, now))
            }
            _ => Step::Rest,
        }
    }

    /// Takes what was found in the region that was asked for.
    pub fn looked(&mut self, now: Moment, looked: &Looked<'_>) -> Option<Outcome> {
        if self.phase == Phase::Doubtful {
            if self.ballot.is_of(&self.rules, looked) {
                self.phase = Phase::Decided;
                return None;
            }
            self.phase = Phase::Voting;
            self.ballot.begin(self.ballot.number + 1, now);
        }
        let outcome = self.ballot.look(&self.rules, now, looked)?;
        self.phase = Phase::Decided;
        Some(outcome)
    }

    /// Waits until the stage is empty before the next presentation: what lies there was dealt with otherwise. What is open
    /// is closed.
    pub fn hold(&mut self, now: Moment) -> Option<Outcome> {
        let open = self.finish(now);
        self.phase = Phase::Decided;
        open
    }

    /// The camera was lost: whatever was there may have been exchanged. Votes begin anew, and an item whose outcome has
    /// fallen is looked at once more: the same one has no second event, another one is a new presentation.
    pub fn lost(&mut self, now: Moment) {
        match self.phase {
            Phase::Voting => self.ballot.begin(self.ballot.number, now),
            Phase::Decided => self.phase = Phase::Doubtful,
            Phase::Armed | Phase::Doubtful => {}
        }
    }

    /// What lies there is presented anew, as if it had been taken away between.
    pub fn look_again(&mut self) {
        if matches!(self.phase, Phase::Decided | Phase::Doubtful) {
            self.phase = Phase::Armed;
        }
    }

    /// The end of the frames: closes what is open.
    pub fn finish(&mut self, now: Moment) -> Option<Outcome> {
        let open = self.phase == Phase::Voting;
        self.phase = Phase::Armed;
        open.then(|| self.ballot.outcome(&self.rules, now))
    }
}

#[cfg(test)]
mod tests;
