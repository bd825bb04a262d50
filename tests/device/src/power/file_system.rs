//! The file systems of devices and sticks, and their own tools.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::crash::Medium;
use super::disk::{Disk, SECTOR};
use super::program::said;
use crate::layout::Layout;
use crate::trouble::Trouble;

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// A device's.
    Ext4,
    /// A device's whose disk is bare flash memory behind a controller.
    F2fs,
    /// A stick's.
    Vfat,
}

impl FileSystem {
    /// Its name for the kernel.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::F2fs => "f2fs",
            Self::Vfat => "vfat",
        }
    }

    /// The kernel's modules for it.
    pub fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &["crc32c_generic", "ext4"],
            Self::F2fs => &["crc32_generic", "f2fs"],
            Self::Vfat => &["vfat", "nls_ascii", "nls_cp437"],
        }
    }

    /// Whether this machine's tools can do what its kernel does after a cut. Those of f2fs do not roll forward what was synced
    /// since its last checkpoint: a kernel has to mount it.
    pub fn has_tools(self) -> bool {
        self != Self::F2fs
    }

    /// The harshest disk on which it keeps what it synced. f2fs is made for flash memory: it relies on pages of 4 KiB, and in
    /// Linux 6.1 sends the flush of an fsync at times while the last block of nodes is still under way (docs/power-cuts.md).
    pub fn medium(self) -> Medium {
        match self {
            Self::Ext4 | Self::Vfat => Medium {
                atom: SECTOR,
                in_order: false,
            },
            Self::F2fs => Medium {
                atom: 4096,
                in_order: false,
            },
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::Ext4 => 48 << 20,
            Self::F2fs => 96 << 20,
            Self::Vfat => 16 << 20,
        }
    }

    /// A new disk with an empty file system; `folder` is for files on the way.
    pub fn make(self, layout: &Layout, folder: &Path) -> Result<Disk, Trouble> {
        let image = folder.join("new.img");
        Disk::new(self.bytes()).save(&image)?;
        let (tool, words) = match self {
            Self::Ext4 => (
                "sbin/mkfs.ext4",
                "-q -F -b 4096 -E lazy_itable_init=0,lazy_journal_init=0",
            ),
            Self::F2fs => ("sbin/mkfs.f2fs", "-q -f"),
            Self::Vfat => ("sbin/mkfs.fat", "-F 16"),
        };
        let mut command = layout.program(tool);
        command.env("MKE2FS_CONFIG", layout.host().join("etc/mke2fs.conf"));
        command.args(words.split(' ')).arg(&image);
        tool_ends(&mut command, tool, 0)
            .map_err(|why| Trouble::new(why, "remove target/device/host and try again"))?;
        let disk = Disk::load(&image)?;
        fs::remove_file(&image).map_err(|e| Trouble::disk(&image, &e))?;
        Ok(disk)
    }

    /// Checks and mends the file system in `image` with its own tools, then puts its files into the new folder `out`. The error
    /// says that it cannot be mended.
    pub fn extract(self, layout: &Layout, image: &Path, out: &Path) -> Result<(), String> {
        fs::create_dir(out).map_err(|error| error.to_string())?;
        match self {
            Self::Ext4 => {
                // 1: mended, as a journal is replayed.
                let mut check = layout.program("sbin/e2fsck");
                tool_ends(check.arg("-fy").arg(image), "e2fsck", 1)?;
                let mut dump = layout.program("sbin/debugfs");
                let request = format!("rdump / {}", out.display());
                tool_ends(dump.args(["-R", &request]).arg(image), "debugfs", 0)
            }
            Self::Vfat => {
                let mut check = layout.program("sbin/fsck.fat");
                tool_ends(check.arg("-a").arg(image), "fsck.fat", 1)?;
                let mut copy = layout.program("usr/bin/mcopy");
                copy.args(["-s", "-Q", "-n", "-i"]).arg(image);
                copy.arg("::*").arg(out).env("MTOOLS_SKIP_CHECK", "1");
                // An empty file system holds nothing that could be copied.
                match tool_ends(&mut copy, "mcopy", 0) {
                    Err(why) if !why.contains("No match") && !why.contains("not found") => Err(why),
                    _ => Ok(()),
                }
            }
            Self::F2fs => Err("f2fs has no tools that recover it".into()),
        }
    }

    /// Whether a file system that a kernel has recovered and unmounted is sound.
    pub fn is_sound(self, layout: &Layout, image: &Path) -> Result<(), String> {
        let (tool, words) = match self {
            Self::Ext4 => ("sbin/e2fsck", "-fn"),
            Self::F2fs => ("sbin/fsck.f2fs", "--dry-run"),
            Self::Vfat => ("sbin/fsck.fat", "-n"),
        };
        let mut command = layout.program(tool);
        tool_ends(command.args(words.split(' ')).arg(image), tool, 0)
    }
}

/// Runs a tool that must end with `most` or less. The error says what it said.
pub fn tool_ends(command: &mut Command, name: &str, most: i32) -> Result<(), String> {
    let output = command.output();
    let output = output.map_err(|error| format!("{name} does not start: {error}"))?;
    match output.status.code() {
        Some(code) if code <= most => Ok(()),
        code => Err(format!("{name} ended with {code:?}: {}", said(&output))),
    }
}
