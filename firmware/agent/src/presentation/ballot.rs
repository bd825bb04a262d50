//! The votes of one presentation, and the outcome that they make.

use skueye_models::{Thresholds, Verdict};

use super::{Moment, Outcome, Reason};
use crate::config::Decision;
use crate::latency::{FrameTimes, StageMillis};
use crate::vote::{Ranked, Vote};

/// The rules by which votes are judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub decision: Decision,
    pub thresholds: Thresholds,
}

impl Rules {
    /// The thresholds by which this product is judged: its own, where it has some.
    fn of(&self, ranked: &Ranked) -> Thresholds {
        ranked.own.unwrap_or(self.thresholds)
    }
}

/// One look at an item.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'f> {
    /// The best products, the best first.
    pub found: &'f [Ranked],
    /// Of the crop.
    pub sharpness: f32,
    /// Whether a person has said of such a look that it is not the first of `found`.
    pub contested: bool,
    /// How long it took.
    pub times: &'f FrameTimes,
}

/// The votes of one presentation. It allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Ballot {
    pub number: u32,
    pub first: Moment,
    vote: Vote,
    sharpness: f32,
    blurred: u32,
    contested: u32,
    latency_ms: StageMillis,
}

impl Ballot {
    /// Opens presentation `number`.
    pub fn begin(&mut self, number: u32, now: Moment) {
        *self = Self {
            number,
            first: now,
            ..Self::default()
        };
    }

    /// Frames that voted.
    pub fn votes(&self) -> u32 {
        self.vote.frames()
    }

    /// Takes a look. The outcome, where it falls with it: enough frames are sure of one answer, or there are enough votes.
    pub fn look(&mut self, rules: &Rules, now: Moment, looked: &Looked<'_>) -> Option<Outcome> {
        self.latency_ms = looked.times.millis();
        self.sharpness = self.sharpness.max(looked.sharpness);
        if looked.sharpness < rules.decision.min_sharpness {
            self.blurred += 1;
            return None;
        }
        self.vote
            .add(looked.found, looked.sharpness, &rules.thresholds);
        self.contested += u32::from(looked.contested);
        let outcome = self.outcome(rules, now);
        let sure = outcome.verdict == Verdict::Accept;
        let over = self.votes() >= rules.decision.max_frames;
        (sure || over).then_some(outcome)
    }

    /// Whether a later look is one at the same item: the best product is the same, or neither is known.
    pub fn is_of(&self, rules: &Rules, looked: &Looked<'_>) -> bool {
        let known = |r: &Ranked| (r.score >= rules.of(r).reject).then_some(r.product);
        let before = self.vote.ranking().first().and_then(known);
        let now = looked.found.first().and_then(known);
        before == now
    }

    /// Whether the time for it has run out.
    pub fn is_late(&self, rules: &Rules, now: Moment) -> bool {
        let limit = std::time::Duration::from_millis(rules.decision.timeout_ms.into());
        now.time.saturating_sub(self.first.time) >= limit
    }

    /// The outcome if it fell now.
    pub fn outcome(&self, rules: &Rules, now: Moment) -> Outcome {
        let candidates = self.vote.ranking();
        let agreeing = candidates
            .first()
            .map_or(0, |best| self.vote.firsts(best.product));
        let (verdict, reason) = self.judge(rules, &candidates, agreeing);
        Outcome {
            presentation: self.number,
            verdict,
            reason,
            candidates,
            votes: self.votes(),
            agreeing,
            sharpness: self.sharpness,
            first: self.first,
            last: now,
            latency_ms: self.latency_ms,
        }
    }

    fn judge(
        &self,
        rules: &Rules,
        candidates: &[Ranked],
        agreeing: u32,
    ) -> (Verdict, Option<Reason>) {
        let votes = self.votes();
        let Some(best) = candidates.first() else {
            let reason = match (votes, self.blurred) {
                (0, 0) => Reason::Unreadable,
                (0, _) => Reason::Blurred,
                _ => Reason::Unknown,
            };
            return (Verdict::Reject, Some(reason));
        };
        let thresholds = rules.of(best);
        let second = candidates.get(1).map(|second| second.score);
        match thresholds.judge(best.score, second) {
            Verdict::Reject => (Verdict::Reject, Some(Reason::Unknown)),
            Verdict::Ask if best.score >= thresholds.accept => {
                (Verdict::Ask, Some(Reason::SmallMargin))
            }
            Verdict::Ask => (Verdict::Ask, Some(Reason::BelowAccept)),
            Verdict::Accept if votes < rules.decision.min_frames => {
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
