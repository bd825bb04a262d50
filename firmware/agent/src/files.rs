//! Small files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `bytes` in the place of the file at `path`: under a temporary name in the same folder, synced, renamed, the folder
/// synced. After a failure or a power cut `path` holds the old content or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, true)
}

/// The same for a file that need not survive a power cut, such as one in memory: nothing waits for the disk.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, false)
}

fn put(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.partial", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let put = fill(&temporary, bytes, sync).and_then(|()| fs::rename(&temporary, path));
    if put.is_err() {
        // Best effort: the first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    put?;
    if !sync {
        return Ok(());
    }
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn fill(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    match sync {
        true => file.sync_all(),
        false => Ok(()),
    }
}
