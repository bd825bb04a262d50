//! From scenes and votes to exactly one outcome for each presentation.
//!
//! A presentation begins with the first still frame of an item and ends when the stage is empty again; whatever happens
//! in between, it has one outcome. The outcome falls as soon as enough frames agree on a sure answer, else after
//! `max_frames` votes, after `timeout_ms` of the frames' own time, or when the item leaves. Something that never lies
//! still, such as a hand that passes, is no presentation.

use std::time::Duration;

use heapless::Vec;
use serde::Serialize;
use skueye_gallery::Hit;
use skueye_models::{Thresholds, Verdict};
use skueye_vision::Region;
use skueye_vision::localise::Scene;

use crate::config::Decision;
use crate::latency::{FrameTimes, StageMillis};
use crate::vote::{PRODUCTS_PER_FRAME, Ranked, Vote};

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
}

/// Follows the presentations on one stage.
#[derive(Debug)]
pub struct Presenter {
    decision: Decision,
    thresholds: Thresholds,
    phase: Phase,
    number: u32,
    vote: Vote,
    first: Moment,
    sharpness: f32,
    blurred: u32,
    contested: u32,
    latency_ms: StageMillis,
}

impl Presenter {
    /// Waits for the first presentation.
    pub fn new(decision: Decision, thresholds: Thresholds) -> Self {
        Self {
            decision,
            thresholds,
            phase: Phase::Armed,
            number: 0,
            vote: Vote::default(),
            first: Moment::default(),
            sharpness: 0.0,
            blurred: 0,
            contested: 0,
            latency_ms: StageMillis::default(),
        }
    }

    /// Presentations so far.
    pub fn presentations(&self) -> u32 {
        self.number
    }

    /// Takes a frame's scene.
    pub fn observe(&mut self, now: Moment, scene: Scene) -> Step {
        match (scene, self.phase) {
            (Scene::Empty | Scene::Learning, phase) => {
                self.phase = Phase::Armed;
                match phase {
                    Phase::Voting => Step::Close(self.decide(now)),
                    Phase::Armed | Phase::Decided => Step::Rest,
                }
            }
            (Scene::Still(region), Phase::Armed) => {
                self.begin(now);
                Step::Look(region)
            }
            (Scene::Still(region), Phase::Voting) if !self.is_late(now) => Step::Look(region),
            (_, Phase::Voting) if self.is_late(now) => self.close(now),
            _ => Step::Rest,
        }
    }

    /// Votes of the presentation that is open or was last.
    pub fn votes(&self) -> u32 {
        self.vote.frames()
    }

    /// Whether the outcome has fallen and the item is still there.
    pub fn has_decided(&self) -> bool {
        self.phase == Phase::Decided
    }

    /// Waits until the stage is empty before the next presentation: what lies there was dealt with otherwise. What is open
    /// is closed.
    pub fn hold(&mut self, now: Moment) -> Option<Outcome> {
        let open = self.finish(now);
        self.phase = Phase::Decided;
        open
    }

    /// Takes the hits of the region that was asked for; `contested`: a person has said of such a look that it is not the
    /// first of them.
    pub fn looked(
        &mut self,
        now: Moment,
        hits: &[Hit],
        sharpness: f32,
        contested: bool,
        times: &FrameTimes,
    ) -> Option<Outcome> {
        self.latency_ms = times.millis();
        self.sharpness = self.sharpness.max(sharpness);
        if sharpness < self.decision.min_sharpness {
            self.blurred += 1;
            return None;
        }
        self.vote.add(hits, sharpness, &self.thresholds);
        self.contested += u32::from(contested);
        let votes = self.vote.frames();
        let outcome = self.decide(now);
        let sure = outcome.verdict == Verdict::Accept;
        let over = votes >= self.decision.max_frames;
        if !sure && !over {
            return None;
        }
        self.phase = Phase::Decided;
        Some(outcome)
    }

    /// The end of the frames: closes what is open.
    pub fn finish(&mut self, now: Moment) -> Option<Outcome> {
        let open = self.phase == Phase::Voting;
        self.phase = Phase::Armed;
        open.then(|| self.decide(now))
    }

    fn begin(&mut self, now: Moment) {
        self.phase = Phase::Voting;
        self.number += 1;
        self.vote.clear();
        self.first = now;
        (self.sharpness, self.blurred, self.contested) = (0.0, 0, 0);
        self.latency_ms = StageMillis::default();
    }

    fn close(&mut self, now: Moment) -> Step {
        self.phase = Phase::Decided;
        Step::Close(self.decide(now))
    }

    fn is_late(&self, now: Moment) -> bool {
        let limit = Duration::from_millis(self.decision.timeout_ms.into());
        now.time.saturating_sub(self.first.time) >= limit
    }

    /// The outcome if it fell now.
    fn decide(&self, now: Moment) -> Outcome {
        let candidates = self.vote.ranking();
        let agreeing = candidates
            .first()
            .map_or(0, |best| self.vote.firsts(best.product));
        let (verdict, reason) = self.judge(&candidates, agreeing);
        Outcome {
            presentation: self.number,
            verdict,
            reason,
            candidates,
            votes: self.vote.frames(),
            agreeing,
            sharpness: self.sharpness,
            first: self.first,
            last: now,
            latency_ms: self.latency_ms,
        }
    }

    fn judge(&self, candidates: &[Ranked], agreeing: u32) -> (Verdict, Option<Reason>) {
        let votes = self.vote.frames();
        let Some(best) = candidates.first() else {
            let reason = match (votes, self.blurred) {
                (0, 0) => Reason::Unreadable,
                (0, _) => Reason::Blurred,
                _ => Reason::Unknown,
            };
            return (Verdict::Reject, Some(reason));
        };
        let second = candidates.get(1).map(|second| second.score);
        match self.thresholds.judge(best.score, second) {
            Verdict::Reject => (Verdict::Reject, Some(Reason::Unknown)),
            Verdict::Ask if best.score >= self.thresholds.accept => {
                (Verdict::Ask, Some(Reason::SmallMargin))
            }
            Verdict::Ask => (Verdict::Ask, Some(Reason::BelowAccept)),
            Verdict::Accept if votes < self.decision.min_frames => {
                (Verdict::Ask, Some(Reason::TooFewFrames))
            }
            Verdict::Accept if agreeing * 2 < votes => (Verdict::Ask, Some(Reason::SplitVote)),
            Verdict::Accept if self.contested * 2 >= votes => {
                (Verdict::Ask, Some(Reason::Corrected))
            }
            Verdict::Accept => (Verdict::Accept, None),
        }
    }
}

#[cfg(test)]
mod tests;
