//! The file in which the hashes of code and password are kept, for its owner's eyes alone.
//!
//! JSON with name and version: no checksum of its own, since it is written whole (temporary name, sync, rename), and a hash
//! that a failing disk changed lets nobody in. The remedy for every damage is the same, a new code.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

use super::secret::Hashed;

const FORMAT: &str = "skueye page access";
const VERSION: u32 = 1;
/// Far more than it ever has.
const LARGEST: u64 = 4096;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) code: Option<Hashed>,
    pub(super) password: Option<Hashed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    code: Option<Hashed>,
    password: Option<Hashed>,
}

/// Tells one writing of the file from another: each is a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u64, i64, i64, u64);

impl Seen {
    pub(super) fn of(path: &Path) -> Result<Self, Fault> {
        let data = fs::metadata(path).map_err(|e| Fault::io("look at", path, &e))?;
        Ok(Self::new(&data))
    }

    fn new(data: &fs::Metadata) -> Self {
        Self(data.ino(), data.mtime(), data.mtime_nsec(), data.len())
    }
}

impl Stored {
    /// What is kept at `path`; `None` where nothing is. Errors: E714, E901.
    pub(super) fn read(path: &Path) -> Result<Option<(Self, Seen)>, Fault> {
        let file = match File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|e| Fault::io("open", path, &e))?,
        };
        let data = file
            .metadata()
            .map_err(|e| Fault::io("look at", path, &e))?;
        let mut bytes = Vec::new();
        let read = file.take(LARGEST).read_to_end(&mut bytes);
        read.map_err(|e| Fault::io("read", path, &e))?;
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|e| damaged(path, e.to_string()))?;
        if document.format != FORMAT || document.version != VERSION {
            let got = format!("{} version {}", document.format, document.version);
            return Err(damaged(path, got));
        }
        let stored = Self {
            code: document.code,
            password: document.password,
        };
        Ok(Some((stored, Seen::new(&data))))
    }

    /// Replaces the file. It has the rights 0600 from its first byte on. Errors: E901.
    pub(super) fn write(&self, path: &Path) -> Result<(), Fault> {
        let failed = |e: std::io::Error| Fault::io("write", path, &e);
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let document = Document {
            format: FORMAT.into(),
            version: VERSION,
            code: self.code.clone(),
            password: self.password.clone(),
        };
        fs::create_dir_all(parent).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
        serde_json::to_writer(&mut file, &document).map_err(|e| failed(e.into()))?;
        file.write_all(b"\n").map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|e| failed(e.error))?;
        File::open(parent)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }
}

fn damaged(path: &Path, got: String) -> Fault {
    Fault::new(
        Code::PageAccess,
        format!("{FORMAT} version {VERSION}"),
        got,
        "make a new code with skueye page reset-code; the password is chosen anew with it",
    )
    .at(path)
}
