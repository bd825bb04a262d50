//! An ext4 on a loop device above a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

/// Runs a command; what it printed.
pub fn call(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        said.trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Unmounted and detached when it is dropped.
pub struct Mounted {
    device: String,
    folder: PathBuf,
}

impl Mounted {
    /// Mounts the file system in `file` on `folder`.
    pub fn new(file: &Path, folder: &Path) -> Result<Self> {
        let device = call("losetup", &["-f", "--show", &file.to_string_lossy()])?;
        // Made first, so that a failing mount detaches the device.
        let mounted = Self {
            folder: folder.to_owned(),
            device,
        };
        let folder = folder.to_string_lossy();
        call("mount", &["-t", "ext4", &mounted.device, &folder])?;
        Ok(mounted)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = call("umount", &[&self.folder.to_string_lossy()]);
        let _ = call("losetup", &["-d", &self.device]);
    }
}
