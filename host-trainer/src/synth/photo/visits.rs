//! Who visits the stage, in what order and for how many frames.

use crate::synth::SynthOptions;
use crate::synth::goods::plan::{Entry, Role};
use crate::synth::rng::{Purpose, stream};

/// Empty frames before the first item, from which the device learns its stage.
pub(crate) const LEAD: usize = 8;
/// One item's visit.
pub(crate) struct Visit {
    pub(crate) serial: usize,
    pub(crate) known: bool,
    pub(crate) first_frame: usize,
    pub(crate) coming: usize,
    pub(crate) resting: usize,
    pub(crate) leaving: usize,
    pub(crate) empty: usize,
}

impl Visit {
    pub(crate) fn frames(&self) -> usize {
        self.coming + self.resting + self.leaving + self.empty
    }
}

/// Known and unknown products in random order; none twice before all were shown.
pub(crate) fn visits(options: &SynthOptions, plan: &[Entry]) -> Vec<Visit> {
    let mut rng = stream(options.seed, Purpose::Presentation, 0, 1);
    let mut pool = |role: Role, count: usize| {
        let mut serials: Vec<usize> = (0..plan.len()).filter(|&i| plan[i].role == role).collect();
        rng.shuffle(&mut serials);
        serials.into_iter().cycle().take(count).collect::<Vec<_>>()
    };
    let known = pool(Role::Eval, options.presentations)
        .into_iter()
        .map(|s| (s, true));
    let mut all: Vec<_> = known.collect();
    all.extend(
        pool(Role::Unknown, options.unknown_presentations)
            .into_iter()
            .map(|s| (s, false)),
    );
    rng.shuffle(&mut all);
    let mut first_frame = LEAD;
    let visit = |(serial, known)| {
        let visit = Visit {
            serial,
            known,
            first_frame,
            coming: 3 + rng.below(2),
            resting: options.frames_per_presentation + rng.below(2),
            leaving: 2 + rng.below(2),
            empty: 3 + rng.below(2),
        };
        first_frame += visit.frames();
        visit
    };
    all.into_iter().map(visit).collect()
}
