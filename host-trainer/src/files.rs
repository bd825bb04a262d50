//! Files and folders that are whole or not there: written under another name, synced, renamed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use skueye_models::Fault;

/// Writes `bytes` to `path`, replacing what is there, through a temporary file in the same folder.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    write_with(path, |out| out.write_all(bytes))
}

/// As [`write_file`], with what `content` writes; nothing is held in memory.
pub fn write_with(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Fault> {
    let parent = parent_of(path);
    fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, &e))?;
    let failed = |e: std::io::Error| Fault::io("write", path, &e);
    let file = tempfile::Builder::new()
        .permissions(readable())
        .tempfile_in(&parent)
        .map_err(failed)?;
    let mut out = BufWriter::new(file);
    content(&mut out).map_err(failed)?;
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(&parent)
}

/// What other files get: the process's mask decides. Temporary files would be readable by their owner alone.
fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// Writes a folder of `files` (name and content) at `path`, replacing one that is there.
pub fn write_folder(path: &Path, files: &[(&str, &[u8])]) -> Result<(), Fault> {
    let parent = parent_of(path);
    fs::create_dir_all(&parent).map_err(|e| Fault::io("create", &parent, &e))?;
    let failed = |e: std::io::Error| Fault::io("write", path, &e);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    let new = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(open)
        .tempdir_in(&parent)
        .map_err(failed)?;
    for (name, bytes) in files {
        write_file(&new.path().join(name), bytes)?;
    }
    // A folder cannot be replaced by one rename; the old one steps aside first and is removed last.
    let old = tempfile::Builder::new()
        .prefix(".old-")
        .tempdir_in(&parent)
        .map_err(failed)?;
    if path.exists() {
        fs::rename(path, old.path().join("folder")).map_err(failed)?;
    }
    fs::rename(new.keep(), path).map_err(failed)?;
    sync_folder(&parent)
}

/// Writes `value` to `path` as JSON that a person can read, as [`write_file`] does. Errors: E901.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(value).expect("plain values") + "\n";
    write_file(path, text.as_bytes())
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn sync_folder(folder: &Path) -> Result<(), Fault> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| Fault::io("sync", folder, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_replaced_as_a_whole_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        write_folder(&folder, &[("a", b"1"), ("b", b"2")]).unwrap();
        write_folder(&folder, &[("a", b"3")]).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"3");
        assert!(!folder.join("b").exists());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
