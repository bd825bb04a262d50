//! A stick as a folder: read-only, and nothing on it is a device, a program or a way to more rights.

use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use skueye_models::{Code, Fault};

/// The file systems that are tried, the usual ones first.
const KINDS: [&str; 3] = ["vfat", "exfat", "ext4"];

/// A mounted stick; unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    folder: PathBuf,
}

impl Mounted {
    /// Mounts the block device `/dev/NAME` on `folder`, which must exist. Errors: E811 where it holds no file system that is
    /// known, or this user may not mount.
    pub fn new(name: &str, folder: &Path) -> Result<Self, Fault> {
        let flags =
            MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
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
