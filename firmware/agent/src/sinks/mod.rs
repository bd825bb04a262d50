//! Who hears of what was recognised: each sink a thread of its own behind a fixed queue, so that a slow or dead one delays
//! neither another nor the recognition.
//!
//! | module | subject |
//! |---|---|
//! | [`about`] | what is known of a frame besides its product |
//! | [`ticket`] | what became of one frame at all sinks together |
//! | [`mail`] | what sinks have to say: faults, late outcomes, the tills' commands |
//! | [`till`] | the scanner protocol with one till: port, acknowledgement, commands, opening again |
//! | [`listen`] | tills that connect over TCP, each served as above |
//! | [`spool`] | events on disk until they are taken |
//! | [`events`] | events from the spool to a receiver, until they are taken |
//! | [`webhook`] | as HTTP requests |
//! | [`mqtt`] | as messages to an MQTT broker |
//!
//! **What falls into a gap.** A frame whose sending has not begun waits for the port or the till up to `link.hold_ms`; then it
//! is given up and told (E704). A frame whose sending had begun when the port went away is told at once (E702) and not sent
//! again: the till may have it.

pub mod about;
pub mod events;
pub mod listen;
pub mod mail;
pub mod mqtt;
pub mod spool;
pub mod ticket;
pub mod till;
pub mod webhook;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use skueye_link::{Frame, Reading};
use skueye_models::{Code, Fault};

use about::About;
use mail::Mail;
use ticket::{Share, State, Ticket};

/// Frames that may wait for one sink.
pub const QUEUE: usize = 64;
/// How often a sink looks at its port when it has nothing to send.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// How long after the end of a run frames may still wait for a till.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// One frame for one sink.
pub struct Job {
    /// The bytes for a till; none for those that take events alone.
    pub frame: Frame,
    /// What they say.
    pub reading: Reading,
    /// What is known besides.
    pub about: About,
    /// Milliseconds since 1970 by the device's clock.
    pub time_ms: u64,
    /// How long it may wait for a till.
    pub deadline: Instant,
    /// Learns what became of it.
    pub share: Share,
}

/// The thread of one sink, and the queue to it.
pub struct Sink {
    queue: Option<SyncSender<Job>>,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
    kind: Kind,
}

/// What a sink takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Frames of a barcode scanner.
    Frames,
    /// Events, whether or not there is a frame for them.
    Events,
}

impl Sink {
    /// Starts `work`, which takes jobs until their sender is gone.
    pub fn start(
        kind: Kind,
        state: Arc<State>,
        work: impl FnOnce(Receiver<Job>) + Send + 'static,
    ) -> Result<Self, Fault> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name(format!("sink {}", state.name()));
        let thread = thread
            .spawn(move || work(jobs))
            .map_err(|e| Fault::io("start a thread for", state.name(), &e))?;
        Ok(Self {
            queue: Some(queue),
            state,
            thread: Some(thread),
            kind,
        })
    }

    /// Whether it takes what has no frame.
    pub fn takes_events(&self) -> bool {
        self.kind == Kind::Events
    }

    /// What keeps it from its work now.
    pub fn trouble(&self) -> Option<Fault> {
        self.state.trouble()
    }

    /// Hands a frame over without waiting.
    pub fn hand_over(&self, ticket: &Arc<Ticket>, mail: &Arc<Mail>, job: impl Fn(Share) -> Job) {
        let job = job(Share::new(ticket, mail, &self.state));
        if let Err((job, _)) = push(self.queue.as_ref(), job) {
            job.share.failed(busy(self.state.name()));
        }
    }

    /// Lets it finish what it has.
    pub fn close(&mut self) {
        self.queue = None;
    }

    /// Waits for its end.
    pub fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of its was told by the shares that it dropped.
            let _ = thread.join();
        }
    }
}

/// Why a job comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// Too many wait.
    Full,
    /// Nobody takes jobs any more.
    Gone,
}

#[expect(
    clippy::result_large_err,
    reason = "a job that could not be handed over comes back"
)]
pub(crate) fn push(queue: Option<&SyncSender<Job>>, job: Job) -> Result<(), (Job, Back)> {
    let Some(queue) = queue else {
        return Err((job, Back::Gone));
    };
    queue.try_send(job).map_err(|error| match error {
        TrySendError::Full(job) => (job, Back::Full),
        TrySendError::Disconnected(job) => (job, Back::Gone),
    })
}

pub(crate) fn busy(name: &str) -> Fault {
    Fault::new(
        Code::LinkBusy,
        format!("at most {QUEUE} frames that wait"),
        "one more",
        "sell the item by hand; check why the till takes frames so slowly",
    )
    .at(name)
}
