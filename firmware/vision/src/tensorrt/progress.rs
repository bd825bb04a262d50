//! How far the build of an engine is, and about how long it will take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Phases nest; deeper ones than these move the whole too little to be seen.
const DEEPEST: usize = 8;
/// Below this share of the work there is no estimate yet.
const LEAST_FOR_ESTIMATE: f32 = 0.02;

/// One phase of a build.
#[derive(Debug)]
struct Phase {
    name: Vec<u8>,
    steps: i32,
    done: i32,
}

#[derive(Debug, Default)]
struct State {
    /// The outermost first.
    phases: Vec<Phase>,
    /// The greatest share so far: a bar that goes back helps nobody.
    share: f32,
}

/// The progress of one build, written by TensorRT's threads and read by ours.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
    stopped: AtomicBool,
    began: Instant,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            stopped: AtomicBool::new(false),
            began: Instant::now(),
        }
    }

    /// Makes the build end at its next step, without an engine.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A phase of `steps` begins; `nested` in those that are open, or else a new outermost one.
    pub fn start(&self, name: &[u8], nested: bool, steps: i32) {
        let mut state = self.lock();
        if !nested {
            state.phases.clear();
        }
        if state.phases.len() < DEEPEST {
            state.phases.push(Phase {
                name: name.to_vec(),
                steps: steps.max(1),
                done: 0,
            });
        }
    }

    /// Step `step`, counted from 0, of a phase is done. Whether the build is to go on.
    pub fn step(&self, name: &[u8], step: i32) -> bool {
        let mut state = self.lock();
        if let Some(phase) = state.phases.iter_mut().find(|phase| phase.name == name) {
            phase.done = step.saturating_add(1).clamp(phase.done, phase.steps);
        }
        state.share = share(&state.phases).max(state.share);
        !self.is_stopped()
    }

    /// A phase is over, and those in it.
    pub fn finish(&self, name: &[u8]) {
        let mut state = self.lock();
        let at = state.phases.iter().position(|phase| phase.name == name);
        if let Some(at) = at.filter(|at| *at > 0) {
            state.phases.truncate(at);
        }
    }

    /// The share of the work that is done, 0 to 1, and the time that is left, where it can be told.
    pub fn look(&self) -> (f32, Option<Duration>) {
        let share = self.lock().share.clamp(0.0, 1.0);
        let left = (share >= LEAST_FOR_ESTIMATE)
            .then(|| self.began.elapsed().mul_f32((1.0 - share) / share));
        (share, left)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An inner phase is one step of the phase around it.
fn share(phases: &[Phase]) -> f32 {
    phases.iter().rev().fold(0.0, |inner: f32, phase| {
        let inner = if phase.done < phase.steps { inner } else { 0.0 };
        (phase.done as f32 + inner) / phase.steps as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn inner_phases_move_the_whole_by_their_part() {
        let progress = Progress::new();
        progress.start(b"build", false, 4);
        progress.step(b"build", 0);
        assert_eq!(progress.look().0, 0.25);
        progress.start(b"tactics", true, 10);
        assert!(progress.step(b"tactics", 4));
        assert_eq!(progress.look().0, 0.375);
        progress.finish(b"tactics");
        progress.step(b"build", 1);
        assert_eq!(progress.look().0, 0.5);
        progress.stop();
        assert!(!progress.step(b"build", 2));
    }

    proptest! {
        #[test]
        fn whatever_is_reported_the_share_ascends_within_its_bounds(
            calls in prop::collection::vec((0..3u8, 0..4u8, -3..9i32, any::<bool>()), 0..60)
        ) {
            let progress = Progress::new();
            let mut last = 0.0;
            for (call, name, number, nested) in calls {
                match call {
                    0 => progress.start(&[name], nested, number),
                    1 => { progress.step(&[name], number); }
                    _ => progress.finish(&[name]),
                }
                let (share, _) = progress.look();
                prop_assert!((last..=1.0).contains(&share));
                last = share;
            }
        }
    }
}
