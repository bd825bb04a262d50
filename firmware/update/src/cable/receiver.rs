//! The device's side: a spool file, named after the bundle, that grows.

use skueye_models::Fault;

use super::frame::Frame;
use crate::digest::Digest;
use crate::storage::{Storage, join};

/// The folder of spooled bundles in the update folder.
const FOLDER: &str = "incoming";
/// Bytes after which the spool is made durable, so that a power cut costs little.
const SYNC_BYTES: u64 = 4 << 20;

/// What a frame led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrived {
    /// Send this back.
    Answer(Frame),
    /// All of the bundle is there, at this path in the storage. Stage it, then tell [`Receiver::done`].
    Whole(String),
    /// The host knows what became of it.
    Heard,
    /// Nothing to do.
    Nothing,
}

/// A bundle on its way in.
#[derive(Debug)]
pub struct Receiver<S> {
    storage: S,
    offer: Option<Offer>,
    /// What was staged last: the host may not have heard of it.
    staged: Option<Digest>,
}

#[derive(Debug)]
struct Offer {
    head: Digest,
    path: String,
    length: u64,
    have: u64,
    synced: u64,
}

impl<S: Storage> Receiver<S> {
    /// Spools into `storage`. Errors: E901.
    pub fn new(storage: S) -> Result<Self, Fault> {
        storage.create_folder(FOLDER)?;
        storage.sync_folder("")?;
        Ok(Self {
            storage,
            offer: None,
            staged: None,
        })
    }

    /// Takes a frame of the host's. Errors: E901, also where the disk is full: tell the host by [`Receiver::failed`].
    pub fn take(&mut self, frame: Frame) -> Result<Arrived, Fault> {
        match frame {
            Frame::Offer { head, length } => self.begin(head, length),
            Frame::Data { offset, bytes } => self.append(offset, &bytes),
            Frame::Heard => Ok(Arrived::Heard),
            // A device says these; a host that does is none.
            Frame::Have(_) | Frame::Done(_) => Ok(Arrived::Nothing),
        }
    }

    /// What was spooled has been staged or refused; the spool is removed. Answers what to send.
    pub fn done(&mut self, why_not: Option<&Fault>) -> Result<Frame, Fault> {
        if let Some(offer) = self.offer.take() {
            self.storage.remove(&offer.path)?;
            self.staged = why_not.is_none().then_some(offer.head);
        }
        Ok(Frame::Done(why_not.map(ToString::to_string)))
    }

    /// What to send where taking a frame failed; the spool stays.
    pub fn failed(&mut self, fault: &Fault) -> Frame {
        self.offer = None;
        Frame::Done(Some(fault.to_string()))
    }

    /// Goes on with the spool of this bundle, or begins one in place of any other.
    fn begin(&mut self, head: Digest, length: u64) -> Result<Arrived, Fault> {
        if self.staged == Some(head) {
            return Ok(Arrived::Answer(Frame::Done(None)));
        }
        let name = format!("{head}.skueye");
        let path = join(FOLDER, &name);
        for other in self.storage.list(FOLDER)? {
            if other != name {
                self.storage.remove(&join(FOLDER, &other))?;
            }
        }
        let have = match self.storage.length(&path)? {
            Some(have) if have <= length => have,
            _ => {
                self.storage.create(&path)?;
                self.storage.sync_folder(FOLDER)?;
                0
            }
        };
        self.offer = Some(Offer {
            head,
            path,
            length,
            have,
            synced: have,
        });
        self.progress()
    }

    fn append(&mut self, offset: u64, bytes: &[u8]) -> Result<Arrived, Fault> {
        let Some(offer) = &mut self.offer else {
            return Ok(Arrived::Nothing); // the device was started anew; the host will offer again
        };
        let end = offset.checked_add(bytes.len() as u64);
        let fits = offset == offer.have && end.is_some_and(|end| end <= offer.length);
        if fits && !bytes.is_empty() {
            self.storage.append(&offer.path, bytes)?;
            offer.have += bytes.len() as u64;
            if offer.have - offer.synced >= SYNC_BYTES || offer.have == offer.length {
                self.storage.sync_file(&offer.path)?;
                offer.synced = offer.have;
            }
        }
        self.progress()
    }

    fn progress(&self) -> Result<Arrived, Fault> {
        Ok(match &self.offer {
            Some(offer) if offer.have == offer.length => Arrived::Whole(offer.path.clone()),
            Some(offer) => Arrived::Answer(Frame::Have(offer.have)),
            None => Arrived::Nothing,
        })
    }
}
