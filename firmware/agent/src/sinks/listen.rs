//! Tills that connect over TCP.
//!
//! The device listens and tills connect, as with fixed-mount scanners and serial device servers, whose drivers on the till's
//! side expect that. So the device needs no address of a till, several tills can listen at once, and it makes no connection of
//! its own.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use skueye_link::TcpLink;
use skueye_models::{Code, Fault};

use super::about::About;
use super::mail::{Mail, Notice};
use super::ticket::State;
use super::till::{Manner, Till};
use super::{Back, Job, QUEUE, TICK, busy, push};
use crate::scanner::Sent;

/// Tills that may be connected at once.
pub const TILLS: usize = 8;
/// Between two tries to listen.
const RETRY: Duration = Duration::from_secs(2);

/// Listens at `address`. Errors: E709.
pub fn bind(address: SocketAddr) -> Result<TcpListener, Fault> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|e| {
        Fault::new(
            Code::LinkListen,
            "an address of this device and a free port",
            e.to_string(),
            "check link.tcp and that no other program uses the port",
        )
        .at(address.to_string())
    })
}

/// The thread that takes connections and passes frames on to all of them.
pub struct Hub {
    address: SocketAddr,
    listener: Option<TcpListener>,
    next_try: Instant,
    manner: Manner,
    clients: Vec<Client>,
    held: VecDeque<Job>,
    state: Arc<State>,
    mail: Arc<Mail>,
}

struct Client {
    queue: Option<SyncSender<Job>>,
    thread: JoinHandle<()>,
}

impl Hub {
    /// With `listener`, or one of its own as soon as the address can be used.
    pub fn new(
        address: SocketAddr,
        listener: Option<TcpListener>,
        manner: Manner,
        state: &Arc<State>,
        mail: &Arc<Mail>,
    ) -> Self {
        state.set_alone(true);
        Self {
            address,
            listener,
            next_try: Instant::now() + RETRY,
            manner,
            clients: Vec::new(),
            held: VecDeque::new(),
            state: state.clone(),
            mail: mail.clone(),
        }
    }

    /// Passes on what comes until its sender is gone.
    pub fn serve(mut self, jobs: &Receiver<Job>) {
        let mut open = true;
        while open || !self.held.is_empty() {
            match jobs.recv_timeout(TICK) {
                Ok(job) if self.held.len() < QUEUE => self.held.push_back(job),
                Ok(job) => job.share.failed(busy(self.state.name())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    open = false;
                    // Nothing can be received any more, so this is the only wait.
                    if !self.held.is_empty() {
                        std::thread::sleep(TICK);
                    }
                }
            }
            self.accept();
            self.clients.retain(|client| !client.thread.is_finished());
            self.pass_on();
            self.state.set_alone(self.clients.is_empty());
        }
        for client in &mut self.clients {
            client.queue = None;
        }
        for client in self.clients {
            // A panic of its was told by the shares that it dropped.
            let _ = client.thread.join();
        }
    }

    fn accept(&mut self) {
        if self.listener.is_none() && Instant::now() >= self.next_try {
            self.next_try = Instant::now() + RETRY;
            self.listen();
        }
        let Some(listener) = &self.listener else {
            return;
        };
        // One a turn: a flood of connections delays no frame.
        let Ok((stream, _)) = listener.accept() else {
            return;
        };
        let taken = TcpLink::new(stream).and_then(|link| match self.clients.len() < TILLS {
            true => self.welcome(link),
            false => Err(too_many(self.state.name(), link.peer())),
        });
        if let Err(fault) = taken {
            self.mail.tell(Notice::Fault(fault));
        }
    }

    fn listen(&mut self) {
        match bind(self.address) {
            Ok(listener) => {
                self.listener = Some(listener);
                self.state.set_trouble(None);
                let address = self.address.to_string();
                self.mail.tell(Notice::Opened(address));
            }
            Err(fault) => {
                if self.state.set_trouble(Some(fault.clone())) {
                    self.mail.tell(Notice::Fault(fault));
                }
            }
        }
    }

    fn welcome(&mut self, link: TcpLink) -> Result<(), Fault> {
        let state = State::new(link.peer());
        let (queue, jobs) = sync_channel(QUEUE);
        let till = Till::new(self.manner, Some(Box::new(link)), None, &state, &self.mail);
        let thread = std::thread::Builder::new()
            .name("till".into())
            .spawn(move || till.serve(&jobs))
            .map_err(|e| Fault::io("start a thread for", state.name(), &e))?;
        let queue = Some(queue);
        self.clients.push(Client { queue, thread });
        self.mail.tell(Notice::Opened(state.name().to_owned()));
        Ok(())
    }

    /// Every frame to every till; where there is none, it waits.
    fn pass_on(&mut self) {
        while let Some(job) = self.held.pop_front() {
            let heard = self.clients.iter().filter(|client| self.give(client, &job));
            if heard.count() > 0 {
                job.share.done(Sent::Nothing); // the tills' shares count
            } else if self.mail.is_over(job.deadline) {
                job.share.failed(nobody(self.state.name()));
            } else {
                return self.held.push_front(job);
            }
        }
    }

    /// Whether the till is still there.
    fn give(&self, client: &Client, job: &Job) -> bool {
        let copy = Job {
            frame: job.frame.clone(),
            about: About::default(),
            share: job.share.split(),
            ..*job
        };
        match push(client.queue.as_ref(), copy) {
            Ok(()) => true,
            Err((job, Back::Full)) => {
                job.share.failed(busy(self.state.name()));
                true
            }
            Err((job, Back::Gone)) => {
                job.share.done(Sent::Nothing);
                false
            }
        }
    }
}

fn too_many(name: &str, peer: &str) -> Fault {
    Fault::new(
        Code::LinkListen,
        format!("at most {TILLS} tills at once"),
        format!("one more, {peer}"),
        "end connections that are not needed",
    )
    .at(name)
}

fn nobody(name: &str) -> Fault {
    Fault::new(
        Code::LinkHeld,
        "a till that connects within link.hold_ms",
        "none",
        "sell the item by hand; check the till's program and the network",
    )
    .at(name)
}
