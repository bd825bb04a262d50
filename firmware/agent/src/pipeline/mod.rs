//! The threads and what they hand on: capture -> recognise -> link.
//!
//! Frames travel in buffers that go back and forth between capture and recognition; outcomes travel by value. All
//! queues are fixed. A **replay** drops no frame: capture waits for recognition, so one folder gives the same answers on
//! every machine, timings aside. Of a **camera** the latest frame wins: capture goes on reading over the same buffer
//! until recognition asks for the next, and counts what it read over.

mod capture;
mod stand;
mod tell;
mod watch;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use skueye_camera::{CameraError, Frame, FrameSource};
use skueye_gallery::Snapshot;
use skueye_link::Command;
use skueye_models::{Code, Fault};
use skueye_vision::embed::Notice;
use skueye_vision::localise::Localiser;

use crate::camera::camera_fault;
use crate::config::Config;
use crate::desk::{Desk, Run, Said};
use crate::lane::Lane;
use crate::moment::Activity;
use crate::presentation::Outcome;
use crate::recognise::{self, Recogniser};
use crate::report::{Line, Observer, Summary};
use crate::scanner::Scanner;
use crate::sinks::mail::{Mail, Notice as LinkNotice};
use capture::capture;
use tell::Teller;
use watch::Watcher;

/// What capture does when recognition is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Waits: every frame is looked at.
    EveryFrame,
    /// Reads on: recognition gets the newest.
    LatestWins,
}

impl Policy {
    /// Buffers beside the one that capture fills. With one, whatever recognition gets was read after it asked.
    fn buffers(self) -> usize {
        match self {
            Self::EveryFrame => 3,
            Self::LatestWins => 1,
        }
    }
}

/// Who learns of a run.
pub struct Output<'w> {
    /// Of everything that happens.
    pub observer: &'w mut (dyn Observer + 'w),
    /// A file for a copy of every byte that the till is sent.
    pub link_log: Option<&'w Path>,
    /// Learns when something was on the stage.
    pub activity: &'w Activity,
    /// Shared with the people at the device.
    pub desk: &'w Desk,
}

/// What recognition tells the link thread.
#[expect(
    clippy::large_enum_variant,
    reason = "outcomes travel by value so that the frame path does not allocate"
)]
enum Message {
    /// With the state of the gallery in which its products are numbered.
    Outcome(Outcome, Arc<Snapshot>),
    /// From a person, by way of the desk.
    Said(Said),
    /// From a till.
    Command(Command),
    Camera(String),
    Runtime(Notice),
    /// From a sink of the scanner.
    Link(LinkNotice),
    Fault {
        frame: Option<u64>,
        fault: Fault,
    },
}

/// What capture hands on.
#[derive(Debug, PartialEq)]
enum Captured {
    Frame(Frame),
    /// The camera is open; what was agreed with it.
    Opened(String),
    /// A frame or the camera was lost.
    Fault(CameraError),
}

/// Runs until `source` ends, and writes a line for everything that happens and a summary.
///
/// Faults of single frames and of the link are written and counted; the run goes on. Errors: model, gallery, port or
/// output cannot be opened or written; the source is lost (after the summary has been written); E921 where a thread panicked.
pub fn run(
    config: &Config,
    source: impl FrameSource + Send,
    policy: Policy,
    output: Output<'_>,
) -> Result<Summary, Fault> {
    let (model, gallery) = recognise::open(config)?;
    let embedding = model.manifest.embedding_id;
    let recogniser = Recogniser::new(model, Arc::clone(&gallery), config)?;
    let localiser = match policy {
        Policy::EveryFrame => Localiser::new(config.localise),
        Policy::LatestWins => output.desk.take_stage(config.localise),
    };
    let watcher = Watcher::new(recogniser, localiser, output.activity, output.desk, config);
    let scanner = Scanner::open(&config.link, output.link_log)?;
    let observer = output.observer;
    for path in scanner.paths() {
        observer.observe(&Line::Link { path })?;
    }
    let run = Run { gallery, embedding };
    if let Some(fault) = &output.desk.begin(run) {
        observer.observe(&Line::Fault { frame: None, fault })?;
    }
    let mail = scanner.mail();
    mail.wake(Arc::clone(&output.desk.bell));
    let teller = Teller::new(scanner, output.desk, observer, config.decision.candidates);
    connect(source, policy, watcher, teller, (output.desk, &mail))
}

/// A thread ended in a panic: a mistake in the program. Whoever runs the loop starts it anew.
fn failed(part: &str, panic: &(dyn Any + Send)) -> Fault {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Fault::new(
        Code::PartFailed,
        format!("{part} to go on"),
        text.unwrap_or("a panic"),
        "nothing: it is started again; report this with a support bundle",
    )
}

/// Starts the threads, waits for them, and joins what they counted.
fn connect(
    source: impl FrameSource + Send,
    policy: Policy,
    watcher: Watcher<'_>,
    mut teller: Teller<'_>,
    (desk, mail): (&Desk, &Mail),
) -> Result<Summary, Fault> {
    let (mut full, mut free) = (Lane::<Captured, 5>::new(), Lane::<Frame, 5>::new());
    let mut messages = Lane::<Message, 33>::with_bell(Arc::clone(&desk.bell));
    let (to_watch, mut from_capture) = full.split();
    let (mut give_back, buffers) = free.split();
    let (to_tell, mut from_watch) = messages.split();
    for _ in 0..policy.buffers() {
        // The lane has more room than there are buffers.
        let _ = give_back.send(Frame::default());
    }
    let (captured, watched, told) = std::thread::scope(|scope| {
        let capture = scope.spawn(move || capture(source, policy, to_watch, buffers));
        let watch = scope.spawn(move || watcher.watch(&mut from_capture, give_back, to_tell));
        let said = || desk.letter().map(Message::Said);
        let told = teller.tell(&mut from_watch, || {
            said()
                .or_else(|| mail.notice().map(Message::Link))
                .or_else(|| mail.next_command().map(Message::Command))
        });
        // The others end by themselves once nobody listens.
        drop(from_watch);
        match (capture.join(), watch.join()) {
            (Ok(captured), Ok(watched)) => Ok((captured, watched, told)),
            (Err(panic), _) => Err(failed("capture", &*panic)),
            (_, Err(panic)) => Err(failed("recognition", &*panic)),
        }
    })?;
    told?;
    teller.summarise(&captured, &watched)?;
    match captured.lost {
        Some(error) => Err(camera_fault(&error)),
        None => Ok(teller.summary),
    }
}
