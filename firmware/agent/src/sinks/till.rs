//! The scanner protocol with one till, over a port that may go away and come back.

use std::sync::Arc;
use std::sync::mpsc::{Receiver as Jobs, RecvTimeoutError};
use std::time::{Duration, Instant};

use skueye_link::ack::Refusal;
use skueye_link::{
    AckSettings, AwaitAck, Command, Gate, Link, Pass, Received, Receiver, Step, TriggerMode,
};
use skueye_models::{Code, Fault};

use super::mail::{Mail, Notice};
use super::ticket::State;
use super::{Job, TICK};
use crate::scanner::Sent;

/// How often a port is looked at while an answer is awaited.
const POLL: Duration = Duration::from_millis(2);
/// From the first try to open a port again to the second; then twice as long each time.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// At most.
const LAST_RETRY: Duration = Duration::from_secs(8);
/// Bytes that are read at one look; noise beyond waits in the system's buffers, or is lost there.
const LOOK: usize = 4096;

/// A way to the till.
pub type Port = Box<dyn Link + Send>;
/// Opens the port again.
pub type Opener = Box<dyn FnMut() -> Result<Port, Fault> + Send>;

/// How to speak with a till.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Waiting for the till's answer, where it gives one.
    pub ack: Option<AckSettings>,
    /// When frames are sent.
    pub trigger: TriggerMode,
}

/// One till.
pub struct Till {
    manner: Manner,
    port: Option<Port>,
    /// Where there is none, the till is gone for good when its port is.
    opener: Option<Opener>,
    retry: Duration,
    next_try: Instant,
    gate: Gate,
    receiver: Receiver,
    state: Arc<State>,
    mail: Arc<Mail>,
}

impl Till {
    /// A till at `port`; where it is `None`, it is opened as soon as it can be.
    pub fn new(
        manner: Manner,
        port: Option<Port>,
        opener: Option<Opener>,
        state: &Arc<State>,
        mail: &Arc<Mail>,
    ) -> Self {
        Self {
            manner,
            port,
            opener,
            retry: FIRST_RETRY,
            next_try: Instant::now() + FIRST_RETRY,
            gate: Gate::new(manner.trigger),
            receiver: Receiver::default(),
            state: state.clone(),
            mail: mail.clone(),
        }
    }

    /// Sends what comes until its sender is gone, or the till is for good.
    pub fn serve(mut self, jobs: &Jobs<Job>) {
        loop {
            let more = self.listen();
            let wait = if more { Duration::ZERO } else { TICK };
            match jobs.recv_timeout(wait) {
                Ok(job) => self.handle(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if !self.is_open() && self.opener.is_none() {
                return;
            }
        }
    }

    fn handle(&mut self, job: Job) {
        while !self.is_open() {
            if self.opener.is_none() {
                return; // dropping the share says so
            }
            if self.mail.is_over(job.deadline) {
                job.share.failed(self.too_late());
                return;
            }
            std::thread::sleep(POLL);
        }
        // What came before the frame is no answer to it.
        self.listen();
        match self.gate.pass() {
            Pass::Disabled => job.share.done(Sent::Disabled),
            Pass::Untriggered => job.share.done(Sent::Untriggered),
            Pass::Send => match self.deliver(&job.frame) {
                Ok(()) => job.share.done(Sent::Sent),
                Err(fault) => job.share.failed(fault),
            },
        }
    }

    /// Whether the port is there; where it went away and the time has come, a try to open it.
    fn is_open(&mut self) -> bool {
        match &mut self.port {
            Some(port) => match port.receive(&mut []) {
                Ok(_) => return true,
                Err(fault) => self.lose(fault),
            },
            None if Instant::now() >= self.next_try => self.open(),
            None => {}
        }
        self.port.is_some()
    }

    fn open(&mut self) {
        match self.opener.as_mut().map(|open| open()) {
            None => {}
            Some(Ok(port)) => {
                self.port = Some(port);
                self.retry = FIRST_RETRY;
                self.state.set_trouble(None);
                let name = self.state.name().to_owned();
                self.mail.tell(Notice::Opened(name));
            }
            Some(Err(fault)) => {
                self.retry = (self.retry * 2).min(LAST_RETRY);
                self.next_try = Instant::now() + self.retry;
                self.trouble(fault);
            }
        }
    }

    /// The port went away. Whoever comes next begins anew.
    fn lose(&mut self, fault: Fault) {
        self.port = None;
        self.next_try = Instant::now() + FIRST_RETRY;
        self.gate = Gate::new(self.manner.trigger);
        self.receiver = Receiver::default();
        if self.opener.is_some() {
            self.trouble(fault);
        }
    }

    fn trouble(&self, fault: Fault) {
        if self.state.set_trouble(Some(fault.clone())) {
            self.mail.tell(Notice::Fault(fault));
        }
    }

    fn too_late(&self) -> Fault {
        let why = self.state.trouble().map(|fault| fault.got().to_owned());
        Fault::new(
            Code::LinkHeld,
            "the port within link.hold_ms",
            why.unwrap_or_default(),
            "sell the item by hand; check plug, cable and path",
        )
        .at(self.state.name())
    }

    /// Takes what has arrived, outside of waiting for an answer; true where more may be there.
    fn listen(&mut self) -> bool {
        let (mut bytes, mut read) = ([0; 256], 0);
        while read < LOOK {
            let count = self.read(&mut bytes);
            for byte in &bytes[..count] {
                if let Some(Received::Command(command)) = self.receiver.push(*byte) {
                    self.command(command);
                }
            }
            if count == 0 {
                return false;
            }
            read += count;
        }
        true
    }

    fn command(&mut self, command: Command) {
        self.gate.hear(command);
        self.mail.command(command);
    }

    fn read(&mut self, into: &mut [u8]) -> usize {
        match self.port.as_mut().map(|port| port.receive(into)) {
            None => 0,
            Some(Ok(count)) => count,
            Some(Err(fault)) => {
                self.lose(fault);
                0
            }
        }
    }

    /// Sends a frame and waits for its answer, where there is to be one. It is sent again on NAK and silence, but never over a
    /// port that was opened anew.
    fn deliver(&mut self, frame: &[u8]) -> Result<(), Fault> {
        self.write(frame)?;
        let Some(settings) = self.manner.ack else {
            return Ok(());
        };
        let start = Instant::now();
        let now_ms = || start.elapsed().as_millis() as u64;
        let mut waiting = AwaitAck::sent(settings, now_ms());
        loop {
            match self.next_step(&mut waiting, now_ms()) {
                Step::Delivered => return Ok(()),
                Step::GaveUp(refusal) => return Err(self.refused(settings, refusal)),
                _ if self.port.is_none() => return Err(self.cut()),
                Step::Resend => self.write(frame)?,
                Step::Wait { .. } if self.is_over() => {
                    return Err(self.refused(settings, Refusal::Silence));
                }
                Step::Wait { .. } => std::thread::sleep(POLL),
            }
        }
    }

    /// What the till's bytes, or its silence, ask for.
    fn next_step(&mut self, waiting: &mut AwaitAck, now_ms: u64) -> Step {
        let (mut bytes, mut step) = ([0; 64], waiting.on_time(now_ms));
        let count = self.read(&mut bytes);
        for byte in &bytes[..count] {
            match self.receiver.push(*byte) {
                Some(Received::Ack) => step = waiting.on_ack(),
                // One refusal is one try, however often it is said at once.
                Some(Received::Nak) if step != Step::Resend => step = waiting.on_nak(now_ms),
                Some(Received::Command(command)) => self.command(command),
                _ => {}
            }
        }
        step
    }

    fn is_over(&self) -> bool {
        let never = Instant::now() + Duration::from_secs(1);
        self.mail.is_closing() && self.mail.is_over(never)
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), Fault> {
        match self.port.as_mut().map(|port| port.send(frame)) {
            None => Err(self.cut()),
            Some(Ok(())) => {
                self.mail.copy(frame);
                Ok(())
            }
            Some(Err(fault)) => {
                // A till that does not read is still there; a port that is gone is opened again.
                self.is_open();
                Err(fault)
            }
        }
    }

    /// The port went away between sending and the answer.
    fn cut(&self) -> Fault {
        Fault::new(
            Code::LinkWrite,
            "the till's answer",
            "the end of the port",
            "look at the till whether it has the item: it is not sent again",
        )
        .at(self.state.name())
    }

    fn refused(&self, settings: AckSettings, refusal: Refusal) -> Fault {
        let (tries, timeout) = (u32::from(settings.retries) + 1, settings.timeout_ms);
        Fault::new(
            Code::LinkWrite,
            format!("the till's ACK within {timeout} ms in one of {tries} tries"),
            format!("{refusal:?}"),
            "check the till; if it sends no ACK, set link.ack_timeout_ms = 0",
        )
        .at(self.state.name())
    }
}
