//! A stick as a folder: read-only, and nothing on it is a device, a program or a way to more rights.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use skueye_models::{Code, Fault};

/// The file systems that are tried, the usual ones first.
const KINDS: [&str; 3] = ["vfat", "exfat", "ext4"];

/// Nothing on a stick is a device, a program, or a way to more rights.
const HARMLESS: MountFlags = MountFlags::NODEV
    .union(MountFlags::NOSUID)
    .union(MountFlags::NOEXEC);

/// A mounted stick; unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    folder: PathBuf,
}

impl Mounted {
    /// Mounts the block device `/dev/NAME` on `folder`, which must exist. Errors: E811 where it holds no file system that is
    /// known, or this user may not mount.
    pub fn new(name: &str, folder: &Path) -> Result<Self, Fault> {
        let flags = MountFlags::RDONLY | HARMLESS;
        let device = Path::new("/dev").join(name);
        let mut last = Errno::INVAL;
        for kind in KINDS {
            match mount(&device, folder, kind, flags, None) {
                Ok(()) => {
                    return Ok(Self {
                        folder: folder.to_owned(),
                    });
                }
                // Another file system; one that this kernel does not have.
                Err(error @ (Errno::INVAL | Errno::NODEV | Errno::UCLEAN)) => last = error,
                Err(error) => return Err(refused(&device, error)),
            }
        }
        Err(refused(&device, last))
    }

    /// Writes the result of an update to the stick, which is writable for that long only. What had the name before is
    /// replaced, links included; nothing is followed. Errors: E815.
    pub fn leave(&self, result: &[u8]) -> Result<PathBuf, Fault> {
        let as_was = MountFlags::RDONLY | HARMLESS;
        mount_remount(&self.folder, HARMLESS, "")
            .map_err(|e| unwritable(&self.folder, &e.into()))?;
        let left = leave(&self.folder, result);
        // Written for good or not at all: the technician pulls it out next.
        let _ = mount_remount(&self.folder, as_was, "");
        left
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A stick that was pulled out cannot be unmounted in order; detaching works always.
        let _ = unmount(&self.folder, UnmountFlags::DETACH);
    }
}

fn refused(device: &Path, error: Errno) -> Fault {
    let expected = format!("a file system of the kind {}", KINDS.join(", "));
    let remedy = "format the stick as FAT32 or exFAT and copy the bundle again";
    Fault::new(Code::StickMount, expected, error.to_string(), remedy).at(device)
}

/// The name of the file with the result of an update.
const RESULT: &str = "skueye-result.json";

/// Puts the result into `folder`, in place of an older one.
fn leave(folder: &Path, result: &[u8]) -> Result<PathBuf, Fault> {
    let path = folder.join(RESULT);
    let temporary = folder.join(format!(".new-{RESULT}"));
    let write = || -> io::Result<()> {
        match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // A link of that name would not be followed: the file must not be there.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        file.write_all(result)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        // FAT keeps a file's length and place in its name's entry, and a rename writes the new entry without them.
        file.sync_all()?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| unwritable(folder, &error))?;
    Ok(path)
}

fn unwritable(folder: &Path, error: &io::Error) -> Fault {
    let remedy = "unlock the stick or make room on it; skueye update history has the result";
    let expected = format!("to write {RESULT}");
    Fault::new(Code::StickWrite, expected, error.to_string(), remedy).at(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    #[test]
    fn a_result_replaces_an_older_one_and_follows_no_link() {
        let (stick, device) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let precious = device.path().join("precious");
        fs::write(&precious, b"precious").unwrap();
        for name in [RESULT, ".new-skueye-result.json"] {
            symlink(&precious, stick.path().join(name)).unwrap();
        }
        for result in [b"one", b"two"] {
            let path = leave(stick.path(), result).unwrap();
            assert!(path.symlink_metadata().unwrap().is_file());
            assert_eq!(fs::read(path).unwrap(), result);
        }
        assert_eq!(fs::read(precious).unwrap(), b"precious");
        let fault = leave(&stick.path().join("gone"), b"x").unwrap_err();
        assert_eq!(fault.code(), Code::StickWrite);
    }

    /// A disk in a file, as a block device.
    struct Loop(String);

    impl Loop {
        fn new(image: &Path) -> Self {
            let said = |command: &mut Command| {
                let output = command.output().unwrap();
                assert!(output.status.success(), "{output:?}");
                String::from_utf8(output.stdout).unwrap().trim().to_owned()
            };
            fs::write(image, vec![0; 4 << 20]).unwrap();
            said(Command::new("mkfs.ext4").arg("-q").arg(image));
            Self(said(
                Command::new("losetup").args(["-f", "--show"]).arg(image),
            ))
        }
    }

    impl Drop for Loop {
        fn drop(&mut self) {
            let _ = Command::new("losetup").args(["-d", &self.0]).status();
        }
    }

    #[test]
    #[ignore = "needs the right to mount, loop devices and mkfs.ext4"]
    fn a_real_file_system_is_read_only_but_while_a_result_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let device = Loop::new(&folder.path().join("image"));
        let name = device.0.strip_prefix("/dev/").unwrap();
        let at = folder.path().join("stick");
        fs::create_dir(&at).unwrap();
        for round in 0..2 {
            let mounted = Mounted::new(name, &at).unwrap();
            let writable = || fs::write(at.join("x"), b"x").is_ok();
            assert!(!writable());
            assert_eq!(at.join(RESULT).exists(), round == 1);
            mounted.leave(b"{}").unwrap();
            assert!(!writable());
        }
        assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "it is unmounted");
    }
}
