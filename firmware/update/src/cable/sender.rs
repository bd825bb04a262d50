//! The host's side.

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use skueye_models::Fault;

use super::frame::{Frame, MAX_DATA_BYTES};
use crate::bundle::UntrustedBundle;
use crate::digest::Digest;

/// Bytes that may be on their way without an answer.
pub const WINDOW: u64 = 8 * MAX_DATA_BYTES as u64;
/// After so long without an answer the bundle is offered again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Put this on the wire.
    Send(Frame),
    /// Wait for a frame, or at most this long.
    Wait(Duration),
    /// The device has staged it, or says why not.
    Done(Option<String>),
}

/// A bundle on its way out. Time is the caller's, counted from any moment.
#[derive(Debug)]
pub struct Sender<R> {
    reader: R,
    head: Digest,
    length: u64,
    /// Bytes that the device has; `None` until it said so.
    have: Option<u64>,
    sent: u64,
    offered_at: Option<Duration>,
    done: Option<Option<String>>,
}

/// What the device names the spool after, and the length of the file. Errors: E801 for what is no bundle, E901.
pub fn identity<R: Read + Seek>(reader: R) -> Result<(Digest, u64), Fault> {
    let bundle = UntrustedBundle::parse(reader)?;
    Ok((bundle.head(), bundle.file_bytes()))
}

impl<R: Read + Seek> Sender<R> {
    /// Of the bundle in `reader`. Errors: E801 for what is no bundle, E901.
    pub fn new(mut reader: R) -> Result<Self, Fault> {
        let (head, length) = identity(&mut reader)?;
        Ok(Self {
            reader,
            head,
            length,
            have: None,
            sent: 0,
            offered_at: None,
            done: None,
        })
    }

    /// Bytes that the device has, and of how many.
    pub fn progress(&self) -> (u64, u64) {
        (self.have.unwrap_or(0), self.length)
    }

    /// The port was opened anew: the device may be another, or have forgotten.
    pub fn reconnected(&mut self) {
        self.have = None;
        self.offered_at = None;
    }

    /// Takes a frame of the device's, which came at `now`.
    pub fn take(&mut self, frame: Frame, now: Duration) {
        match frame {
            Frame::Have(count) if count <= self.length => {
                let is_new = self.have.is_none_or(|have| count > have);
                // The first answer to an offer says where to go on.
                self.sent = match self.have {
                    Some(_) => self.sent.max(count),
                    None => count,
                };
                self.have = self.have.max(Some(count));
                if is_new {
                    self.offered_at = Some(now);
                }
            }
            Frame::Done(why_not) => self.done = Some(why_not),
            _ => {}
        }
    }

    /// What to do at `now`. Errors: E901 where the bundle cannot be read.
    pub fn next(&mut self, now: Duration) -> Result<Next, Fault> {
        if let Some(done) = &self.done {
            return Ok(Next::Done(done.clone()));
        }
        let waited = self.offered_at.map(|at| now.saturating_sub(at));
        if waited.is_none_or(|waited| waited >= PATIENCE) {
            // Also says where to go on: what is on its way counts as lost.
            self.have = None;
            self.offered_at = Some(now);
            return Ok(Next::Send(Frame::Offer {
                head: self.head,
                length: self.length,
            }));
        }
        match self.have {
            Some(have) if self.sent < self.length && self.sent < have + WINDOW => {
                self.data().map(Next::Send)
            }
            _ => Ok(Next::Wait(
                PATIENCE.saturating_sub(waited.unwrap_or_default()),
            )),
        }
    }

    fn data(&mut self) -> Result<Frame, Fault> {
        let count = (self.length - self.sent).min(MAX_DATA_BYTES as u64);
        let mut bytes = vec![0; count as usize];
        self.reader
            .seek(SeekFrom::Start(self.sent))
            .map_err(crate::bundle::io)?;
        self.reader
            .read_exact(&mut bytes)
            .map_err(crate::bundle::io)?;
        let offset = self.sent;
        self.sent += count;
        Ok(Frame::Data { offset, bytes })
    }
}
