//! Pictures to their places: hard links, symbolic links or copies.

use std::fs;
use std::io;
use std::path::Path;

use skueye_models::{Code, Fault};

use super::import::Placement;
use super::writer::DatasetWriter;

/// Hard links where `picture` can be linked into what `writer` builds, else copies. Errors: E901.
pub(super) fn choose(writer: &DatasetWriter, picture: &Path) -> Result<Placement, Fault> {
    let trial = writer.place("Images/trial")?;
    if fs::hard_link(picture, &trial).is_err() {
        return Ok(Placement::Copy);
    }
    fs::remove_file(&trial).map_err(|e| Fault::io("remove", &trial, &e))?;
    Ok(Placement::HardLink)
}

/// Puts the picture `from` to `to`, relative to the data set's root. Errors: E505 where it is not there, E901.
pub(super) fn place(
    writer: &DatasetWriter,
    from: &Path,
    to: &str,
    placement: Placement,
) -> Result<(), Fault> {
    if !from.is_file() {
        let remedy = "copy the picture there, or remove the row";
        let fault = Fault::new(Code::DataMissingFile, "a picture", "no such file", remedy);
        return Err(fault.at(from));
    }
    let to = writer.place(to)?;
    let done = match placement {
        Placement::HardLink => fs::hard_link(from, &to),
        Placement::SymbolicLink => {
            std::path::absolute(from).and_then(|from| std::os::unix::fs::symlink(from, &to))
        }
        Placement::Copy => fs::copy(from, &to).map(|_| ()),
    };
    match done {
        // A row that comes twice has its picture; `data validate` reports the name.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map_err(|e| Fault::io("place", &to, &e)),
    }
}
