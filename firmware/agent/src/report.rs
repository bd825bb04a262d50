//! What happened, one line at a time: JSON for programs, text for people.

use std::io::Write;

use serde::Serialize;
use skueye_gallery::Snapshot;
use skueye_models::{Code, Fault, Gtin, Thresholds, Verdict};
use skueye_vision::embed::Notice;

use crate::latency::StageMillis;
use crate::presentation::{Outcome, Reason};
use crate::scanner::Sent;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, told apart by `kind`.
    Json,
    /// For people.
    Text,
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line<'a> {
    /// A set of the update folder.
    Set {
        /// Its release.
        release: &'a str,
        /// What happened to it.
        step: SetStep,
        /// Why it was given up.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a Fault>,
    },
    /// The link is open.
    Link {
        /// The path at which a till listens.
        path: &'a str,
    },
    /// The camera is open; what was agreed with it.
    Camera {
        /// In words.
        camera: &'a str,
    },
    /// TensorRT's engine is being built, or is ready.
    Runtime {
        /// `building`: tract answers; `ready`: TensorRT does from now on.
        state: &'static str,
        /// Of the build.
        #[serde(skip_serializing_if = "Option::is_none")]
        percent: Option<u8>,
        /// An estimate.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds_left: Option<u32>,
    },
    /// A presentation is over.
    Event(Event<'a>),
    /// A person's answer to a presentation.
    Answer {
        /// The presentation.
        presentation: u32,
        /// What the device had said first.
        said: Option<Gtin>,
        /// What it is; `None`: not that.
        was: Option<Gtin>,
        /// What became of it on the way to the till.
        sent: Sent,
    },
    /// A person took an answer of their own back: the presentation asks again.
    Undone {
        /// The presentation.
        presentation: u32,
    },
    /// A product that the till was told of is taken back.
    TakenBack {
        /// The presentation.
        presentation: u32,
        /// The product.
        gtin: Gtin,
        /// Whether the till was told; `nothing` where it knows no such word, and the product is to be voided there.
        sent: Sent,
    },
    /// What became of a frame for the till of which an event or answer said that it was pending.
    Late {
        /// The presentation, where it is one of the last.
        presentation: Option<u32>,
        /// The product; `None` where it was not recognised.
        gtin: Option<Gtin>,
        /// What became of it; where it failed, a fault line stands before.
        sent: Sent,
    },
    /// Something failed and the work goes on.
    Fault {
        /// The frame it concerns.
        #[serde(skip_serializing_if = "Option::is_none")]
        frame: Option<u64>,
        /// What failed.
        fault: &'a Fault,
    },
    /// The frames are over.
    Summary(&'a Summary),
}

/// What happened to a set of the update folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetStep {
    /// It is tried.
    Tried,
    /// It has passed its health check and is kept.
    Committed,
    /// It was given up; the set before counts again.
    Returned,
    /// The run begins with it.
    InUse,
}

impl SetStep {
    fn text(self) -> &'static str {
        match self {
            Self::Tried => "is tried",
            Self::Committed => "works and is kept",
            Self::Returned => "was given up",
            Self::InUse => "is in use",
        }
    }
}

impl<'a> Line<'a> {
    /// What a runtime has to tell.
    pub fn of_runtime(notice: &'a Notice) -> Self {
        match *notice {
            Notice::Building {
                percent,
                seconds_left,
            } => Self::Runtime {
                state: "building",
                percent: Some(percent),
                seconds_left,
            },
            Notice::Ready => Self::Runtime {
                state: "ready",
                percent: None,
                seconds_left: None,
            },
            Notice::Trouble(ref fault) => Self::Fault { frame: None, fault },
        }
    }
}

/// One product of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate<'a> {
    /// Its number.
    pub gtin: Gtin,
    /// Its name.
    pub title: &'a str,
    /// Its score.
    pub score: f32,
}

/// One presentation.
#[derive(Debug, Serialize)]
pub struct Event<'a> {
    /// Its number, from 1.
    pub presentation: u32,
    /// What is to be done.
    pub verdict: Verdict,
    /// The answer, where it was accepted.
    pub gtin: Option<Gtin>,
    /// The answer's name, where it was accepted.
    pub title: Option<&'a str>,
    /// The best product's score.
    pub score: Option<f32>,
    /// Its distance to the second.
    pub margin: Option<f32>,
    /// The thresholds that the best product has for itself, if it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_thresholds: Option<Thresholds>,
    /// Why the answer was withheld.
    pub reason: Option<Reason>,
    /// Frames that voted.
    pub votes: u32,
    /// Frames that voted for the best product.
    pub agreeing: u32,
    /// The sharpest crop.
    pub sharpness: f32,
    /// The first still frame.
    pub first_frame: u64,
    /// The frame at which the outcome fell.
    pub last_frame: u64,
    /// The best products, the best first.
    pub candidates: Vec<Candidate<'a>>,
    /// What became of it on the way to the till.
    pub sent: Sent,
    /// Times of the last frame that was looked at.
    pub latency_ms: StageMillis,
}

impl<'a> Event<'a> {
    /// The event of `outcome`, with at most `most` candidates, named from the gallery. E201 for a product that the
    /// gallery cannot name.
    pub fn new(outcome: &Outcome, gallery: &'a Snapshot, most: usize) -> Result<Self, Fault> {
        let candidates = outcome.candidates.iter().take(most.max(1)).map(|ranked| {
            let product = gallery.product(ranked.product)?;
            Ok(Candidate {
                gtin: product.gtin,
                title: product.title,
                score: ranked.score,
            })
        });
        let candidates = candidates.collect::<Result<Vec<_>, Fault>>()?;
        let accepted = outcome.verdict == Verdict::Accept;
        let answer = candidates.first().filter(|_| accepted);
        Ok(Self {
            presentation: outcome.presentation,
            verdict: outcome.verdict,
            gtin: answer.map(|answer| answer.gtin),
            title: answer.map(|answer| answer.title),
            score: outcome.candidates.first().map(|best| best.score),
            margin: outcome.margin(),
            own_thresholds: outcome.candidates.first().and_then(|best| best.own),
            reason: outcome.reason,
            votes: outcome.votes,
            agreeing: outcome.agreeing,
            sharpness: outcome.sharpness,
            first_frame: outcome.first.sequence,
            last_frame: outcome.last.sequence,
            candidates,
            sent: Sent::Nothing,
            latency_ms: outcome.latency_ms,
        })
    }
}

/// A run in figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Frames that were delivered.
    pub frames: u64,
    /// Of those, frames that could not be read, decoded or recognised.
    pub frames_damaged: u64,
    /// Frames that were passed over because newer ones had come; none in a replay.
    pub frames_dropped: u64,
    /// How often the camera was lost, or could not be opened for a new reason.
    pub camera_losses: u64,
    /// Items that were presented.
    pub presentations: u32,
    /// Answers that were accepted.
    pub accepted: u32,
    /// Answers that a person was asked about.
    pub asked: u32,
    /// Items that are not in the gallery.
    pub rejected: u32,
    /// Frames that the till was sent.
    pub sent: u32,
    /// Frames that the till did not take.
    pub link_failures: u32,
    /// Median times.
    pub latency_ms: StageMillis,
}

impl Summary {
    /// Counts one outcome.
    pub fn count(&mut self, verdict: Verdict, sent: Sent) {
        match verdict {
            Verdict::Accept => self.accepted += 1,
            Verdict::Ask => self.asked += 1,
            Verdict::Reject => self.rejected += 1,
        }
        self.answer(sent);
    }

    /// Counts what became of a frame for the till.
    pub fn answer(&mut self, sent: Sent) {
        self.sent += u32::from(sent == Sent::Sent);
        self.link_failures += u32::from(sent == Sent::Failed);
    }
}

/// Learns of everything that happens in a run, in order, on the link thread.
pub trait Observer: Send {
    /// Takes one line. A fault ends the run: an observer that can do without a line says so in another way.
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault>;
}

/// Several, each told in turn.
#[derive(Default)]
pub struct Observers<'w>(Vec<Box<dyn Observer + 'w>>);

impl<'w> Observers<'w> {
    /// One more.
    pub fn add(&mut self, observer: impl Observer + 'w) {
        self.0.push(Box::new(observer));
    }
}

impl Observer for Observers<'_> {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        self.0
            .iter_mut()
            .try_for_each(|observer| observer.observe(line))
    }
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        (**self).observe(line)
    }
}

impl Observer for Reporter<'_> {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        self.write(line)
    }
}

/// Writes lines, each at once.
pub struct Reporter<'w> {
    out: &'w mut (dyn Write + Send),
    format: Format,
}

impl<'w> Reporter<'w> {
    /// Writes to `out`.
    pub fn new(out: &'w mut (dyn Write + Send), format: Format) -> Self {
        Self { out, format }
    }

    /// Writes one line. E901 when it cannot be written.
    pub fn write(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        let mut text = match self.format {
            Format::Json => serde_json::to_string(line).map_err(|e| unwritable(&e))?,
            Format::Text => text(line),
        };
        text.push('\n');
        let written = self.out.write_all(text.as_bytes());
        written
            .and_then(|()| self.out.flush())
            .map_err(|e| unwritable(&e))
    }
}

fn unwritable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        Code::Io,
        "to write the events",
        error.to_string(),
        "free space, or let the reader of the output run",
    )
}

fn text(line: &Line<'_>) -> String {
    match line {
        Line::Set { release, step, why } => {
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            format!("set {} {}{why}", printable(release), step.text())
        }
        Line::Link { path } => format!("scanner output on {path}"),
        Line::Camera { camera } => format!("camera {}", printable(camera)),
        Line::Runtime {
            percent,
            seconds_left,
            ..
        } => runtime_text(*percent, *seconds_left),
        Line::Event(event) => event_text(event),
        Line::Answer {
            presentation, was, ..
        } => match was {
            Some(gtin) => format!("{presentation:>5} answer {gtin}"),
            None => format!("{presentation:>5} answer: not this"),
        },
        Line::Undone { presentation } => format!("{presentation:>5} answer taken back"),
        Line::TakenBack {
            presentation,
            gtin,
            sent,
        } => format!("{presentation:>5} till: {gtin} taken back: {}", sent.name()),
        Line::Late { gtin, sent, .. } => match gtin {
            Some(gtin) => format!("till: {gtin} {}", sent.name()),
            None => format!("till: no-read {}", sent.name()),
        },
        Line::Fault { frame, fault } => match frame {
            Some(frame) => format!("frame {frame}: {fault}"),
            None => fault.to_string(),
        },
        Line::Summary(summary) => summary_text(summary),
    }
}

fn runtime_text(percent: Option<u8>, seconds_left: Option<u32>) -> String {
    let left = seconds_left.map_or(String::new(), |s| format!(", about {s} s left"));
    match percent {
        Some(percent) => format!("engine {percent} % built{left}; tract answers until then"),
        None => "engine ready: TensorRT answers".into(),
    }
}

fn event_text(event: &Event<'_>) -> String {
    let verdict = match event.verdict {
        Verdict::Accept => "accept",
        Verdict::Ask => "ask   ",
        Verdict::Reject => "reject",
    };
    let best = match event.candidates.first() {
        Some(best) => format!("{} {:.3} {}", best.gtin, best.score, printable(best.title)),
        None => "nothing".into(),
    };
    let reason = match event.reason {
        Some(reason) => format!(" ({reason:?})"),
        None => String::new(),
    };
    let number = event.presentation;
    format!(
        "{number:>5} {verdict} {best}{reason}, {} votes",
        event.votes
    )
}

fn summary_text(summary: &Summary) -> String {
    let total = summary.latency_ms.total;
    let median = total.map_or(String::new(), |ms| format!(", median {ms:.1} ms a frame"));
    format!(
        "{} frames, {} presentations: {} accepted, {} asked, {} rejected{median}",
        summary.frames, summary.presentations, summary.accepted, summary.asked, summary.rejected
    )
}

/// A title as a terminal may show it: control characters, which could move its cursor, are replaced.
pub fn printable(title: &str) -> String {
    title
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
