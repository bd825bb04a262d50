//! The observer that writes the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use skueye_models::Fault;

use super::LogHandle;
use super::entry::{Decision, Entry, Failure, Setup, name, short};
use crate::report::{Line, Observer};

/// A fault of one number is written once in this time, with how often it happened.
const FAULT_EVERY_MS: u64 = 60_000;

/// Writes what happens in a run.
#[derive(Clone)]
pub struct Recorder {
    log: LogHandle,
    setup: Setup,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// By number of the fault: when it was written, and how often it has happened since.
    faults: BTreeMap<u16, (u64, u64)>,
}

impl Recorder {
    /// For one run, which decides with `setup`.
    pub fn new(log: LogHandle, setup: Setup) -> Self {
        log.add(Entry::Start(setup.clone()));
        Self {
            log,
            setup,
            memory: Arc::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fault(&self, fault: &Fault) {
        let now = self.log.now();
        if let Some(times) = self.with(|memory| memory.times(fault.code().number(), now)) {
            self.log.add(Entry::Fault(Failure::new(fault, times)));
        }
    }
}

impl Memory {
    /// How often to say that fault `number` happened; `None` to be silent for now.
    fn times(&mut self, number: u16, now: u64) -> Option<u64> {
        let Some((written, since)) = self.faults.get_mut(&number) else {
            self.faults.insert(number, (now, 0));
            return Some(1);
        };
        *since += 1;
        if now.abs_diff(*written) < FAULT_EVERY_MS {
            return None;
        }
        *written = now;
        Some(std::mem::take(since))
    }
}

impl Observer for Recorder {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        match line {
            Line::Event(event) => {
                let decision = Decision::new(event, self.setup.clone());
                self.log.add(Entry::Event(Box::new(decision)));
            }
            Line::Answer {
                presentation,
                said,
                was,
                ..
            } => self.log.add(Entry::Correction {
                presentation: *presentation,
                said: *said,
                was: *was,
            }),
            Line::Undone { presentation } => self.log.add(Entry::Undone {
                presentation: *presentation,
            }),
            Line::TakenBack {
                presentation,
                gtin,
                sent,
            } => self.log.add(Entry::TakenBack {
                presentation: *presentation,
                gtin: *gtin,
                sent: sent.name().into(),
            }),
            Line::Late {
                presentation,
                gtin,
                sent,
            } => self.log.add(Entry::Late {
                presentation: *presentation,
                gtin: *gtin,
                sent: sent.name().into(),
            }),
            Line::Fault { fault, .. } => self.fault(fault),
            Line::Set { release, step, why } => self.log.add(Entry::Set {
                release: short(release),
                step: name(step).unwrap_or_default(),
                why: why.map(|why| short(&why.to_string())),
            }),
            Line::Summary(summary) => self.log.add(Entry::End {
                frames: summary.frames,
                presentations: summary.presentations,
            }),
            _ => {}
        }
        Ok(())
    }
}
