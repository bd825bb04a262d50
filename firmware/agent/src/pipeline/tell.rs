//! The link thread: outcomes to the till and to the observers.

use std::time::Duration;

use skueye_gallery::Snapshot;
use skueye_link::Command;
use skueye_models::{Fault, Gtin, Verdict};

use super::capture::Captures;
use super::watch::Watched;
use super::{Message, Said};
use crate::desk::{Desk, Meant};
use crate::lane::Receiver;
use crate::presentation::Outcome;
use crate::report::{Event, Line, Observer, Summary};
use crate::scanner::{Scanner, Sent};
use crate::sinks::about::About;
use crate::sinks::mail::Notice as LinkNotice;

/// Presentations that may wait for news of their frame at once.
const PENDING: usize = 16;

/// The link thread's state.
pub(super) struct Teller<'g> {
    scanner: Scanner,
    desk: &'g Desk,
    observer: &'g mut (dyn Observer + 'g),
    candidates: usize,
    /// The last outcome's time, on the frames' clock.
    last: Duration,
    /// Presentations of which it is not known yet what became of them, the oldest first.
    pending: heapless::Vec<(u32, Gtin), PENDING>,
    pub summary: Summary,
}

impl<'g> Teller<'g> {
    pub fn new(
        scanner: Scanner,
        desk: &'g Desk,
        observer: &'g mut (dyn Observer + 'g),
        candidates: u32,
    ) -> Self {
        Self {
            scanner,
            desk,
            observer,
            candidates: candidates as usize,
            last: Duration::ZERO,
            pending: heapless::Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Until recognition is gone; what people say comes from `said`.
    pub fn tell(
        &mut self,
        messages: &mut Receiver<'_, Message>,
        mut said: impl FnMut() -> Option<Message>,
    ) -> Result<(), Fault> {
        while let Some(message) = messages.receive_or(&mut said) {
            match message {
                Message::Outcome(outcome, gallery) => self.outcome(&outcome, &gallery)?,
                Message::Said(said) => self.said(&said)?,
                Message::Link(notice) => self.link(&notice)?,
                // What a command means for sending is done already; a trigger also looks again at what lies there.
                Message::Command(Command::Trigger) => self.desk.pulse.look_again(),
                Message::Command(_) => {}
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
        self.scanner.close();
        while let Some(notice) = self.scanner.notice() {
            self.link(&notice)?;
        }
        Ok(())
    }

    /// What the sinks have to say, apart from the frame that is being sent.
    fn link(&mut self, notice: &LinkNotice) -> Result<(), Fault> {
        match notice {
            LinkNotice::Fault(fault) => self.observer.observe(&Line::Fault { frame: None, fault }),
            LinkNotice::Opened(path) => self.observer.observe(&Line::Link { path }),
            LinkNotice::Late { gtin, sent } => {
                self.summary.answer(*sent);
                let (gtin, sent) = (*gtin, *sent);
                let at = self.pending.iter().position(|(_, of)| Some(*of) == gtin);
                let pending = at.and_then(|at| self.pending.get(at).copied());
                self.pending.retain(|entry| Some(*entry) != pending);
                self.observer.observe(&Line::Late {
                    presentation: pending.map(|(number, _)| number),
                    gtin,
                    sent,
                })
            }
        }
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
    fn outcome(&mut self, outcome: &Outcome, gallery: &Snapshot) -> Result<(), Fault> {
        let mut event = Event::new(outcome, gallery, self.candidates)?;
        self.last = outcome.last.time;
        let sent = match (event.verdict, event.gtin) {
            (Verdict::Accept, Some(gtin)) => {
                let about = About::event(&event);
                self.scanner.product(gtin, outcome.last.time, &about)
            }
            (Verdict::Reject, _) => self.scanner.no_read(&About::event(&event)),
            _ => Ok(Sent::Nothing),
        };
        event.sent = self.became(sent)?;
        self.note_pending(event.presentation, event.gtin, event.sent);
        self.summary.count(event.verdict, event.sent);
        self.observer.observe(&Line::Event(event))
    }

    /// A person's answer to an unsure presentation goes to the till as if it had been recognised; what the till was told and
    /// is not so is taken back.
    fn said(&mut self, said: &Said) -> Result<(), Fault> {
        if let Some(wrong) = &said.void {
            let sent = self.scanner.take_back(wrong.gtin, &wrong.about);
            let sent = self.became(sent)?;
            self.observer.observe(&Line::TakenBack {
                presentation: said.number,
                gtin: wrong.gtin,
                sent,
            })?;
        }
        let was = match &said.meant {
            Meant::Undone => {
                let presentation = said.number;
                return self.observer.observe(&Line::Undone { presentation });
            }
            Meant::NotThis => None,
            Meant::Is(right) => Some(right),
        };
        let sent = match was.filter(|_| said.send) {
            Some(right) => self.scanner.product(right.gtin, self.last, &right.about),
            None => Ok(Sent::Nothing),
        };
        let (sent, was) = (self.became(sent)?, was.map(|right| right.gtin));
        self.note_pending(said.number, was, sent);
        self.summary.answer(sent);
        self.observer.observe(&Line::Answer {
            presentation: said.number,
            said: said.said,
            was,
            sent,
        })
    }

    fn note_pending(&mut self, number: u32, gtin: Option<Gtin>, sent: Sent) {
        if let (Some(gtin), Sent::Pending) = (gtin, sent) {
            if self.pending.is_full() {
                self.pending.remove(0);
            }
            let _ = self.pending.push((number, gtin));
        }
    }

    /// What became of a frame; a fault is told.
    fn became(&mut self, sent: Result<Sent, Fault>) -> Result<Sent, Fault> {
        match sent {
            Ok(sent) => Ok(sent),
            Err(ref fault) => {
                self.observer.observe(&Line::Fault { frame: None, fault })?;
                Ok(Sent::Failed)
            }
        }
    }
}
