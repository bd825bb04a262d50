//! Pictures that cannot be read while a network learns: noted, listed, borne up to a stated share.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

/// Share of a data set's pictures that may be unreadable unless it is stated otherwise.
pub const DEFAULT_SHARE: f64 = 0.01;

/// Counts the pictures that could not be read, each once.
#[derive(Debug)]
pub struct Unreadable {
    share: f64,
    list: Option<PathBuf>,
    found: Mutex<BTreeSet<PathBuf>>,
}

/// A line of the list; the fault's other parts stand beside the path as they are.
#[derive(Deserialize)]
struct Line {
    picture: PathBuf,
}

#[derive(Serialize)]
struct NewLine<'a> {
    picture: &'a Path,
    #[serde(flatten)]
    fault: &'a Fault,
}

impl Unreadable {
    /// Bears a share of `share` of all pictures, 0 to 1.
    pub fn new(share: f64) -> Self {
        Self {
            share,
            list: None,
            found: Mutex::default(),
        }
    }

    /// As [`Self::new`], each picture listed as a line of JSON in the file `list`, with its path (`picture`) and the
    /// fault. What the file lists already, of a run that goes on, counts. Errors: E901.
    pub fn listed_in(list: &Path, share: f64) -> Result<Self, Fault> {
        let found = match File::open(list) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
            opened => read_list(opened.map_err(|e| Fault::io("open", list, &e))?, list)?,
        };
        Ok(Self {
            share,
            list: Some(list.to_owned()),
            found: Mutex::new(found),
        })
    }

    /// How many pictures were found unreadable.
    pub fn count(&self) -> usize {
        self.found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Notes that `picture`, one of `total`, cannot be read. Errors: E506 where it is one too many, E901 for the list.
    pub(crate) fn note(&self, picture: &Path, fault: &Fault, total: usize) -> Result<(), Fault> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.insert(picture.to_owned()) {
            return Ok(());
        }
        if let Some(list) = &self.list {
            append(list, picture, fault).map_err(|e| Fault::io("write", list, &e))?;
        }
        match found.len() as f64 > self.share * total as f64 {
            true => Err(self.too_many(found.len(), total, fault)),
            false => Ok(()),
        }
    }

    fn too_many(&self, found: usize, total: usize, last: &Fault) -> Fault {
        let listed = self
            .list
            .as_ref()
            .map(|list| format!(" ({})", list.display()));
        Fault::new(
            Code::DataTooManyBad,
            format!(
                "at most {} % of {total} pictures unreadable",
                self.share * 100.0
            ),
            format!("{found} so far; the last: {last}"),
            format!(
                "copy the pictures that are listed{} again, remove their rows, or allow a larger share",
                listed.unwrap_or_default()
            ),
        )
    }
}

/// A line that broke off with the power is passed over: its picture will be found again.
fn read_list(file: File, path: &Path) -> Result<BTreeSet<PathBuf>, Fault> {
    let mut found = BTreeSet::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|e| Fault::io("read", path, &e))?;
        if let Ok(Line { picture }) = serde_json::from_str(&line) {
            found.insert(picture);
        }
    }
    Ok(found)
}

fn append(list: &Path, picture: &Path, fault: &Fault) -> std::io::Result<()> {
    if let Some(parent) = list.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().append(true).create(true).open(list)?;
    let line = serde_json::to_string(&NewLine { picture, fault })?;
    file.write_all(format!("{line}\n").as_bytes())
}
