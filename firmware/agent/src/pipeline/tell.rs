//! The link thread: outcomes to the till and to the observers.

use skueye_gallery::Snapshot;
use skueye_models::{Fault, Verdict};

use super::Message;
use super::capture::Captures;
use super::watch::Watched;
use crate::lane::Receiver;
use crate::presentation::Outcome;
use crate::report::{Event, Line, Observer, Summary};
use crate::scanner::{Scanner, Sent};

/// The link thread's state.
pub(super) struct Teller<'g> {
    gallery: &'g Snapshot,
    scanner: Scanner,
    observer: &'g mut (dyn Observer + 'g),
    candidates: usize,
    pub summary: Summary,
}

impl<'g> Teller<'g> {
    pub fn new(
        gallery: &'g Snapshot,
        scanner: Scanner,
        observer: &'g mut (dyn Observer + 'g),
        candidates: u32,
    ) -> Self {
        Self {
            gallery,
            scanner,
            observer,
            candidates: candidates as usize,
            summary: Summary::default(),
        }
    }

    pub fn tell(&mut self, messages: &mut Receiver<'_, Message>) -> Result<(), Fault> {
        while let Some(message) = messages.receive() {
            match message {
                Message::Outcome(outcome) => self.outcome(&outcome)?,
                Message::Camera(camera) => {
                    self.observer.observe(&Line::Camera { camera: &camera })?;
                }
                Message::Runtime(notice) => self.observer.observe(&Line::of_runtime(&notice))?,
                Message::Fault { frame, fault } => {
                    let fault = &fault;
                    self.observer.observe(&Line::Fault { frame, fault })?;
                }
            }
        }
        Ok(())
    }

    /// Joins what the threads counted and writes it.
    pub fn summarise(&mut self, captured: &Captures, watched: &Watched) -> Result<(), Fault> {
        let summary = &mut self.summary;
        summary.frames = captured.frames;
        summary.frames_dropped = captured.dropped;
        summary.camera_losses = captured.losses;
        summary.frames_damaged = watched.damaged;
        summary.presentations = watched.presentations;
        summary.latency_ms = watched.latencies.medians();
        self.observer.observe(&Line::Summary(summary))
    }

    /// The till first, then the event, which says what became of it.
    fn outcome(&mut self, outcome: &Outcome) -> Result<(), Fault> {
        let mut event = Event::new(outcome, self.gallery, self.candidates)?;
        let sent = match (event.verdict, event.gtin) {
            (Verdict::Accept, Some(gtin)) => self.scanner.product(gtin, outcome.last.time),
            (Verdict::Reject, _) => self.scanner.no_read(),
            _ => Ok(Sent::Nothing),
        };
        event.sent = match sent {
            Ok(sent) => sent,
            Err(ref fault) => {
                self.observer.observe(&Line::Fault { frame: None, fault })?;
                Sent::Failed
            }
        };
        self.summary.count(event.verdict, event.sent);
        self.observer.observe(&Line::Event(event))
    }
}
