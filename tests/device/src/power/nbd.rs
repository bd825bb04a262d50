//! A disk of ours, served to the emulator as a network block device (NBD, fixed newstyle, simple replies) that writes down
//! every change and every flush. The protocol: <https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>.
//!
//! A request that a client must not make is refused by its number or, where nobody can tell where the next one begins, ends
//! the session with an error.

mod handshake;
mod request;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::trouble::Trouble;

use super::disk::Disk;
use super::log::{Content, Event, Log, Mark};
use handshake::{Handshake, Step};
use request::{Command, Request};

/// The longest read or write.
const MOST_BYTES: u32 = 32 << 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 18;

/// A disk and what happened to it, shared by its server and those who set marks.
#[derive(Debug, Default)]
pub struct Export(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    disk: Disk,
    log: Log,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            disk: Disk::new(0),
            log: Log::default(),
        }
    }
}

impl Export {
    /// Of a disk, with an empty log.
    pub fn new(disk: Disk) -> Self {
        let log = Log::default();
        Self(Mutex::new(Inner { disk, log }))
    }

    /// Puts a mark behind what happened so far.
    pub fn mark(&self, mark: Mark) {
        self.lock().log.add(Event::Mark(mark));
    }

    /// The disk as it is now.
    pub fn disk(&self) -> Disk {
        self.lock().disk.clone()
    }

    /// Puts a disk of the same size in its place. Nobody may be using it.
    pub fn insert(&self, disk: Disk) {
        self.lock().disk = disk;
    }

    /// How much happened.
    pub fn event_count(&self) -> usize {
        self.lock().log.events.len()
    }

    /// What happened, and an empty log from here on.
    pub fn take_log(&self) -> Log {
        std::mem::take(&mut self.lock().log)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one client until it leaves. An error where it does not keep to the protocol.
    pub fn serve(&self, stream: UnixStream) -> Result<(), Trouble> {
        let size = self.lock().disk.size();
        let mut client = Client::new(stream);
        if !client.negotiate(size)? {
            return Ok(());
        }
        let mut session = Session {
            export: self,
            size,
            acknowledged: 0,
        };
        // A request and how many events were acknowledged when it came.
        let mut waiting = VecDeque::new();
        loop {
            while let Some(request) = request::next(&mut client.input, size)? {
                waiting.push_back((request, session.acknowledged));
            }
            let Some((request, acknowledged)) = waiting.pop_front() else {
                match client.wait()? {
                    true => continue,
                    false => return Ok(()),
                }
            };
            if request.command == Command::Disconnect {
                return Ok(());
            }
            let (reply, done) = session.execute(request, acknowledged);
            // What was sent by now did not wait for this reply: it is stamped before the reply leaves.
            client.look()?;
            while let Some(request) = request::next(&mut client.input, size)? {
                waiting.push_back((request, session.acknowledged));
            }
            client.send(&reply)?;
            session.acknowledged = done;
        }
    }
}

struct Session<'e> {
    export: &'e Export,
    size: u64,
    /// The events before this one were acknowledged to the client, or are marks.
    acknowledged: usize,
}

impl Session<'_> {
    /// Does what is asked. The reply, and how many events are acknowledged once it is sent.
    fn execute(&mut self, request: Request, acknowledged: usize) -> (Vec<u8>, usize) {
        let mut inner = self.export.lock();
        debug_assert_eq!(inner.disk.size(), self.size);
        let (mut error, mut read) = (0, Vec::new());
        match request.command {
            Command::Read(extent) => read = inner.disk.read(extent),
            Command::Write {
                extent,
                bytes,
                durable,
            } => {
                inner.disk.write(extent, &bytes);
                inner.log.add(Event::Change {
                    extent,
                    content: Content::Bytes(bytes),
                    durable,
                });
            }
            Command::Zero { extent, durable } | Command::Trim { extent, durable } => {
                inner.disk.zero(extent);
                inner.log.add(Event::Change {
                    extent,
                    content: Content::Zeros,
                    durable,
                });
            }
            Command::Flush => {
                inner.log.add(Event::Flush {
                    covers: acknowledged,
                });
            }
            Command::Refuse(number) => error = number,
            Command::Disconnect => {}
        }
        let reply = request::reply(request.cookie, error, &read);
        (reply, inner.log.events.len())
    }
}

/// A client and what it has sent.
struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            buffer: vec![0; READ_BYTES],
        }
    }

    /// False where the client leaves instead.
    fn negotiate(&mut self, size: u64) -> Result<bool, Trouble> {
        let (mut handshake, greeting) = Handshake::new(size);
        self.send(&greeting)?;
        loop {
            match handshake.next(&mut self.input)? {
                Step::Wait if self.wait()? => {}
                Step::Wait => return Ok(false),
                Step::Reply(bytes) => self.send(&bytes)?,
                Step::Ready(bytes) => {
                    self.send(&bytes)?;
                    return Ok(true);
                }
                Step::End(bytes) => {
                    self.send(&bytes)?;
                    return Ok(false);
                }
            }
        }
    }

    /// Waits for bytes; false where the client has left.
    fn wait(&mut self) -> Result<bool, Trouble> {
        match self.stream.read(&mut self.buffer) {
            Ok(count) => {
                self.input.extend_from_slice(&self.buffer[..count]);
                Ok(count > 0)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(true),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(e) => Err(broken(&e)),
        }
    }

    /// Takes all bytes that are there already.
    fn look(&mut self) -> Result<(), Trouble> {
        let quiet = |on: bool| self.stream.set_nonblocking(on).map_err(|e| broken(&e));
        quiet(true)?;
        let read = loop {
            match (&self.stream).read(&mut self.buffer) {
                Ok(0) => break Ok(()),
                Ok(count) => self.input.extend_from_slice(&self.buffer[..count]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => break Err(broken(&e)),
            }
        };
        quiet(false)?;
        read
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let sent = self.stream.write_all(bytes);
        sent.map_err(|e| broken(&e))
    }
}

/// The first `count` bytes, once there are so many.
fn take(input: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    (input.len() >= count).then(|| input.drain(..count).collect())
}

fn broken(error: &io::Error) -> Trouble {
    Trouble::disk(Path::new("the block device's socket"), error)
}

fn malformed(expected: &str, got: impl std::fmt::Display) -> Trouble {
    Trouble::new(
        format!("the block device's client sent {got} in place of {expected}"),
        "serve it to QEMU's own client alone",
    )
}

#[cfg(test)]
mod tests;
