//! The seam to the disk: the few operations an update is made of, each a point at which the power may fail.
//!
//! Paths are relative to the storage's root, with `/`; the root is `""`. Nothing may be taken for kept before the file
//! *and* its folder are synced.

use skueye_models::Fault;

use crate::sealed;

pub mod disk;
#[cfg(any(test, feature = "fake"))]
pub mod fake;

/// A folder tree with explicit durability. All methods fail with E901.
pub trait Storage {
    /// The names in `folder`; none when there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault>;
    /// The length of a file in bytes; `None` when there is no such file.
    fn length(&self, path: &str) -> Result<Option<u64>, Fault>;
    /// Reads from `offset` on; answers how many bytes it filled in, 0 at the end.
    fn read_at(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize, Fault>;
    /// Makes a folder in the root; nothing happens when it is there.
    fn create_folder(&self, folder: &str) -> Result<(), Fault>;
    /// Makes an empty file, or empties it.
    fn create(&self, path: &str) -> Result<(), Fault>;
    /// Adds bytes at the end of a file.
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), Fault>;
    /// Makes the content of a file durable.
    fn sync_file(&self, path: &str) -> Result<(), Fault>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &str) -> Result<(), Fault>;
    /// Gives a file another name in the same folder, in place of what had it.
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault>;
    /// Removes a file.
    fn remove(&self, path: &str) -> Result<(), Fault>;
    /// Gives a file one more name, in another folder; answers false where the file system has no such thing.
    fn link(&self, from: &str, to: &str) -> Result<bool, Fault>;
    /// Bytes that can still be written; `None` where nobody knows.
    fn free(&self) -> Result<Option<u64>, Fault>;
}

/// A borrowed storage is one too.
impl<S: Storage + ?Sized> Storage for &S {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        (**self).list(folder)
    }
    fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        (**self).length(path)
    }
    fn read_at(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize, Fault> {
        (**self).read_at(path, offset, into)
    }
    fn create_folder(&self, folder: &str) -> Result<(), Fault> {
        (**self).create_folder(folder)
    }
    fn create(&self, path: &str) -> Result<(), Fault> {
        (**self).create(path)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        (**self).append(path, bytes)
    }
    fn sync_file(&self, path: &str) -> Result<(), Fault> {
        (**self).sync_file(path)
    }
    fn sync_folder(&self, folder: &str) -> Result<(), Fault> {
        (**self).sync_folder(folder)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        (**self).rename(from, to)
    }
    fn remove(&self, path: &str) -> Result<(), Fault> {
        (**self).remove(path)
    }
    fn link(&self, from: &str, to: &str) -> Result<bool, Fault> {
        (**self).link(from, to)
    }
    fn free(&self) -> Result<Option<u64>, Fault> {
        (**self).free()
    }
}

/// Puts `bytes` in place of the file at `path`: old or new, never half. The temporary name begins with a dot, which no
/// payload's name does.
pub(crate) fn replace(storage: &impl Storage, path: &str, bytes: &[u8]) -> Result<(), Fault> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let temporary = join(folder, &format!(".new{name}"));
    storage.create(&temporary)?;
    storage.append(&temporary, bytes)?;
    storage.sync_file(&temporary)?;
    storage.rename(&temporary, path)?;
    storage.sync_folder(folder)
}

/// A small file as a whole; `None` when there is none.
pub(crate) fn read_small(
    storage: &impl Storage,
    path: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, Fault> {
    let Some(length) = storage.length(path)? else {
        return Ok(None);
    };
    if length > most {
        let (expected, got) = (format!("at most {most} bytes"), format!("{length}"));
        return Err(sealed::damaged(path, expected, got));
    }
    let mut bytes = vec![0; length as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match storage.read_at(path, filled as u64, &mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// A path in a folder; the root has no slash.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
