//! A slot: one folder with a whole set, and the record that says what belongs to it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skueye_models::{Code, EmbeddingId, Fault};

use crate::content::Content;
use crate::manifest::{Kind, Payload};
use crate::sealed;
use crate::sealed::damaged;
use crate::storage::{Storage, join};

/// The record's name. It begins with a dot, which no payload's name does.
const RECORD: &str = ".slot";

/// One of the three slots; also the name of its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotName {
    /// Folder `a`.
    A,
    /// Folder `b`.
    B,
    /// Folder `c`.
    C,
}

/// Where a file lies that belongs to a set: the update folder and the path from there. `None` for any other file, and for
/// one that cannot be looked at. Links are followed.
pub fn of_file(path: &Path) -> Option<(PathBuf, String)> {
    let path = path.canonicalize().ok()?;
    let folder = path.parent()?;
    let is_slot = SlotName::ALL
        .iter()
        .any(|slot| folder.file_name().is_some_and(|n| n == slot.folder()));
    let record = folder.join(RECORD);
    (is_slot && record.is_file()).then_some(())?;
    let root = folder.parent()?;
    let name = path.strip_prefix(root).ok()?.to_str()?;
    Some((root.to_owned(), name.to_owned()))
}

impl SlotName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// The folder, relative to the storage's root.
    pub fn folder(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        }
    }
}

/// A file of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotFile {
    /// Its name in the slot's folder.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Its bytes.
    pub content: Content,
}

impl From<&Payload> for SlotFile {
    fn from(payload: &Payload) -> Self {
        Self {
            name: payload.name.clone(),
            kind: payload.kind,
            content: payload.result().clone(),
        }
    }
}

/// What a slot holds. Written last, so a slot without it is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotRecord {
    /// The release of the bundle that made it.
    pub release: String,
    /// See [`crate::epoch`].
    pub security_epoch: u64,
    /// The embedding space of its model and gallery.
    pub embedding_id: Option<EmbeddingId>,
    /// The number of the permit by which it may be of an older epoch than the device.
    pub permit: Option<u64>,
    /// All its files, those carried over from the set before included.
    pub files: Vec<SlotFile>,
}

impl SlotRecord {
    /// The record of a complete slot. Errors: E805 when there is none.
    pub(crate) fn read(storage: &impl Storage, slot: SlotName) -> Result<Self, Fault> {
        let path = join(slot.folder(), RECORD);
        let record = sealed::read(storage, &path)?;
        record.ok_or_else(|| damaged(&path, "a complete set", "no record"))
    }

    pub(crate) fn write(&self, storage: &impl Storage, slot: SlotName) -> Result<(), Fault> {
        sealed::write(storage, &join(slot.folder(), RECORD), self)
    }

    /// Cheap: every file is there with its length. Errors: E805.
    pub(crate) fn check(&self, storage: &impl Storage, slot: SlotName) -> Result<(), Fault> {
        self.files.iter().try_for_each(|file| {
            let path = join(slot.folder(), &file.name);
            match storage.length(&path)? {
                Some(length) if length == file.content.length => Ok(()),
                Some(got) => {
                    let expected = format!("{} bytes", file.content.length);
                    Err(damaged(&path, expected, got.to_string()))
                }
                None => Err(damaged(&path, "the file", "none")),
            }
        })
    }

    /// Costly: every byte of every file. Errors: E805.
    pub(crate) fn verify(&self, storage: &impl Storage, slot: SlotName) -> Result<(), Fault> {
        self.check(storage, slot)?;
        self.files.iter().try_for_each(|file| {
            let path = join(slot.folder(), &file.name);
            prove(storage, &path, &file.content)
        })
    }
}

/// Reads every byte of a file. Errors: E805 where they are others than `content` says.
pub(crate) fn prove(storage: &impl Storage, path: &str, content: &Content) -> Result<(), Fault> {
    let mut offset = 0;
    let read = |into: &mut [u8]| {
        let count = storage.read_at(path, offset, into)?;
        offset += count as u64;
        Ok(count)
    };
    let proven = content.copy(read, |_| Ok(()));
    proven.map_err(|fault| match fault.code() {
        Code::BundleDamaged => damaged(path, format!("SHA-256 {}", content.sha256), fault.got()),
        _ => fault,
    })
}

/// Removes everything from a slot, the record first, so that it is never taken for complete.
pub(crate) fn clear(storage: &impl Storage, slot: SlotName) -> Result<(), Fault> {
    let mut names = storage.list(slot.folder())?;
    names.sort_by_key(|name| name != RECORD);
    for name in names {
        storage.remove(&join(slot.folder(), &name))?;
        if name == RECORD {
            storage.sync_folder(slot.folder())?;
        }
    }
    Ok(())
}
