//! Where things are: the workspace, and `target/device` with everything that is fetched or made here.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::trouble::Trouble;

/// The paths of this workspace.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// From the variables that `cargo run` sets for the program it starts.
    pub fn find() -> Result<Self, Trouble> {
        let own = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = own.as_deref().and_then(|own| own.ancestors().nth(2));
        let root = root.ok_or_else(|| {
            Trouble::new(
                "the workspace cannot be found",
                "start this program with cargo device-build, device-test, device-vm or device-power",
            )
        })?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `target/device`: nothing is written elsewhere but sockets.
    pub fn made(&self) -> PathBuf {
        self.root.join("target/device")
    }

    /// Programs of this machine's architecture, unpacked from packages.
    pub fn host(&self) -> PathBuf {
        self.made().join("host")
    }

    /// Kernel, programs and libraries of the guest, unpacked from packages.
    pub fn arm64(&self) -> PathBuf {
        self.made().join("arm64")
    }

    /// Cargo's target folder of the cross build.
    pub fn build(&self) -> PathBuf {
        self.made().join("build")
    }

    /// The cross-built program of the device.
    pub fn skueye(&self) -> PathBuf {
        self.build()
            .join("aarch64-unknown-linux-gnu/release/skueye")
    }

    /// Libraries of the unpacked programs, as the loader takes them.
    pub fn libraries(&self) -> OsString {
        let host = self.host();
        let folders = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
        let folders: Vec<PathBuf> = folders.iter().map(|folder| host.join(folder)).collect();
        env::join_paths(folders).unwrap_or_default()
    }

    /// An unpacked program by its path below `host`, such as `sbin/mkfs.f2fs`, with the libraries that it was linked with.
    pub fn program(&self, path: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.host().join(path));
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// Cargo in the workspace, without the variables that describe this very program.
    pub fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        let own = |name: &OsStr| {
            name.to_str()
                .is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"))
        };
        for (name, _) in env::vars_os() {
            if own(&name) {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.root);
        command
    }
}
