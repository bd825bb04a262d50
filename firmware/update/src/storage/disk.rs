//! The real disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault};

use super::Storage;

/// Held while a program changes the sets.
#[derive(Debug)]
pub struct UpdateLock(#[expect(dead_code, reason = "closing the file unlocks it")] File);

/// A folder of the file system.
#[derive(Debug)]
pub struct DiskStorage {
    root: PathBuf,
}

impl DiskStorage {
    /// The storage in the folder `root`, which is made when it is missing. Errors: E901.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Fault> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|e| Fault::io("create", &root, &e))?;
        Ok(Self { root })
    }

    /// Keeps other programs from changing the sets until the result is dropped or this program ends, however it ends.
    /// Whoever only reads needs none. Errors: E816 while another has it, E901.
    pub fn lock(&self) -> Result<UpdateLock, Fault> {
        let file = self.on("open", "lock", |path| {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).open(path)
        })?;
        match file.try_lock() {
            Ok(()) => Ok(UpdateLock(file)),
            Err(fs::TryLockError::WouldBlock) => Err(Fault::new(
                Code::UpdateBusy,
                "to be the only one who changes the sets",
                "another program that does",
                "wait until the other command is done, then try again",
            )
            .at(&self.root)),
            Err(fs::TryLockError::Error(error)) => Err(Fault::io("lock", &self.root, &error)),
        }
    }

    /// Where a file of the storage lies, for programs that map or run it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn on<T>(
        &self,
        doing: &str,
        path: &str,
        operation: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, Fault> {
        let path = self.path(path);
        operation(&path).map_err(|e| Fault::io(doing, &path, &e))
    }
}

impl Storage for DiskStorage {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.on("list", folder, |path| {
            let entries = match fs::read_dir(path) {
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                other => other?,
            };
            let name = |entry: io::Result<fs::DirEntry>| {
                entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
            };
            entries.map(name).collect()
        })
    }

    fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        self.on("read", path, |path| match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Ok(meta) if !meta.is_file() => Err(io::Error::other("it is not a plain file")),
            other => other.map(|meta| Some(meta.len())),
        })
    }

    fn read_at(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize, Fault> {
        self.on("read", path, |path| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            file.read(into)
        })
    }

    fn create_folder(&self, folder: &str) -> Result<(), Fault> {
        self.on("create", folder, |path| fs::create_dir_all(path))
    }

    fn create(&self, path: &str) -> Result<(), Fault> {
        self.on("create", path, |path| File::create(path).map(|_| ()))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.on("write", path, |path| {
            let mut file = OpenOptions::new().append(true).open(path)?;
            file.write_all(bytes)
        })
    }

    fn sync_file(&self, path: &str) -> Result<(), Fault> {
        self.on("sync", path, |path| File::open(path)?.sync_all())
    }

    fn sync_folder(&self, folder: &str) -> Result<(), Fault> {
        self.on("sync", folder, |path| File::open(path)?.sync_all())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let to = self.path(to);
        self.on("rename", from, |from| fs::rename(from, to))
    }

    fn remove(&self, path: &str) -> Result<(), Fault> {
        self.on("remove", path, |path| fs::remove_file(path))
    }

    fn link(&self, from: &str, to: &str) -> Result<bool, Fault> {
        let to = self.path(to);
        self.on("link", from, |from| match fs::hard_link(from, to) {
            Ok(()) => Ok(true),
            Err(e) if has_no_links(&e) => Ok(false),
            Err(e) => Err(e),
        })
    }

    fn free(&self) -> Result<Option<u64>, Fault> {
        self.on("look at", "", |path| {
            let disk = rustix::fs::statvfs(path)?;
            Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
        })
    }
}

/// What Linux answers on file systems without hard links (link(2)), and at the most that a file can have.
fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::TooManyLinks
    )
}
