//! Events for those that take more than a barcode scanner says. One thread keeps events in the spool as they come, another
//! hands the oldest over until it is taken, so that a receiver that hangs keeps no event from the disk.
//!
//! An event that is not taken is tried again: after half a second, then at twice the interval each time, up to half a minute.
//! Events go one at a time in their order. The receiver may get one twice, where its answer was lost; it then has the same key.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use skueye_link::Reading;
use skueye_models::{Code, Fault, Gtin};
use skueye_update::{DiskStorage, Storage};

use super::mail::{Mail, Notice, held};
use super::spool::{Entry, Spool};
use super::ticket::State;
use super::{Job, TICK};
use crate::scanner::Sent;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Hands events to a receiver.
pub trait Post: Send {
    /// Hands one over: `body` is JSON, `key` the idempotency key in it. Whether it is safe with the receiver, or why not, in
    /// words.
    fn post(&mut self, key: &str, body: &[u8]) -> Result<(), String>;

    /// What is told where it does not take events.
    fn refused(&self, why: &str) -> Fault;
}

/// What the receiver gets.
#[derive(Debug, Serialize)]
struct Body<'e> {
    /// The same again where the same event is sent again, and never for another. Also the header `Idempotency-Key`.
    key: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gtin: Option<Gtin>,
    /// The product's name; left out where it is not known.
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f32>,
    /// Counted from 1 since the start that the key names.
    presentation: u32,
    /// Who said so: `device` or `person`.
    by: &'static str,
    time_ms: u64,
}

impl<'e> From<&'e Entry> for Body<'e> {
    fn from(entry: &'e Entry) -> Self {
        let about = &entry.about;
        Self {
            key: entry.key.to_string(),
            kind: match entry.reading {
                Reading::Product(_) => "product",
                Reading::NoRead => "no_read",
                Reading::TakenBack(_) => "taken_back",
            },
            gtin: entry.reading.gtin(),
            title: &about.title,
            score: about.score,
            margin: about.margin,
            presentation: about.presentation,
            by: if about.by_person { "person" } else { "device" },
            time_ms: entry.time_ms,
        }
    }
}

/// Opens the spool's folder for this program alone. Errors: E901, E707.
pub fn folder(spool: &Path) -> Result<(DiskStorage, File), Fault> {
    let storage = DiskStorage::open(spool)?;
    let path = storage.path("lock");
    let lock = File::create(&path).map_err(|e| Fault::io("create", &path, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok((storage, lock)),
        Err(TryLockError::Error(error)) => Err(Fault::io("lock", &path, &error)),
        Err(TryLockError::WouldBlock) => Err(Fault::new(
            Code::SpoolUnusable,
            "to be the only program that uses it",
            "another",
            "end the other program or sink, or give each its own spool",
        )
        .at(spool)),
    }
}

/// Keeps what comes and sends it until its sender is gone; what is left then waits for the next start.
pub fn serve<S: Storage + Send>(
    post: impl Post,
    keep: u32,
    storage: S,
    jobs: &Receiver<Job>,
    state: &State,
    mail: &Mail,
) {
    let (spool, settled) = Spool::open(storage, keep as usize);
    let shared = Shared {
        spool: Mutex::new(spool),
        changed: Condvar::new(),
    };
    note(state, mail, settled);
    std::thread::scope(|scope| {
        let sender = Sender {
            post,
            shared: &shared,
            mail,
            told: None,
        };
        scope.spawn(move || sender.send_all());
        while let Ok(job) = jobs.recv() {
            let kept = shared.spool().push(job.reading, job.time_ms, job.about);
            shared.changed.notify_all();
            note(state, mail, kept);
            job.share.done(Sent::Sent);
        }
        mail.close();
        shared.changed.notify_all();
    });
}

/// A spool in trouble: the event is sent all the same, so this is no failure of the frame. A full one works as it should.
fn note(state: &State, mail: &Mail, result: Result<(), Fault>) {
    let full = |fault: &Fault| fault.code() == Code::SpoolFull;
    let trouble = result.as_ref().err().filter(|fault| !full(fault)).cloned();
    let news = state.set_trouble(trouble);
    if let Err(fault) = result
        && (news || full(&fault))
    {
        mail.tell(Notice::Fault(fault));
    }
}

struct Shared<S> {
    spool: Mutex<Spool<S>>,
    changed: Condvar,
}

impl<S> Shared<S> {
    fn spool(&self) -> std::sync::MutexGuard<'_, Spool<S>> {
        held(&self.spool)
    }
}

/// The thread that sends.
struct Sender<'s, S, P> {
    post: P,
    shared: &'s Shared<S>,
    mail: &'s Mail,
    /// Why the receiver does not take events, as it was told.
    told: Option<String>,
}

impl<S: Storage, P: Post> Sender<'_, S, P> {
    /// Until the run ends, and then as long as each is taken at once.
    fn send_all(mut self) {
        let mut retry = FIRST_RETRY;
        while let Some(entry) = self.next() {
            match self.hand_over(&entry) {
                Ok(()) => {
                    retry = FIRST_RETRY;
                    self.told = None;
                    if let Err(fault) = self.shared.spool().taken(entry.key) {
                        self.mail.tell(Notice::Fault(fault));
                    }
                }
                Err(why) => {
                    self.tell(why);
                    if self.rest(retry) {
                        return;
                    }
                    retry = (retry * 2).min(LAST_RETRY);
                }
            }
        }
    }

    /// Waits for an event; `None` at the end of the run.
    fn next(&self) -> Option<Entry> {
        let mut spool = self.shared.spool();
        loop {
            let over = Instant::now() + Duration::from_secs(3600);
            match spool.first() {
                _ if self.mail.is_closing() && self.mail.is_over(over) => return None,
                Some(entry) => return Some(entry),
                None if self.mail.is_closing() => return None,
                None => {}
            }
            let waited = self.shared.changed.wait_timeout(spool, TICK * 10);
            spool = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the next try; true where the run ends first.
    fn rest(&self, retry: Duration) -> bool {
        let until = Instant::now() + retry;
        while Instant::now() < until && !self.mail.is_closing() {
            std::thread::sleep(TICK);
        }
        self.mail.is_closing()
    }

    fn hand_over(&mut self, entry: &Entry) -> Result<(), String> {
        let body = Body::from(entry);
        let text = serde_json::to_vec(&body).map_err(|e| e.to_string())?;
        self.post.post(&body.key, &text)
    }

    fn tell(&mut self, why: String) {
        if self.told.as_ref() == Some(&why) {
            return;
        }
        let fault = self.post.refused(&why);
        self.mail.tell(Notice::Fault(fault));
        self.told = Some(why);
    }
}
