//! Where things are: the workspace, cargo's target folder, the demo's output.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Step, Trouble};

/// The workspace that `cargo demo` or `cargo ci` was called in.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// From the variables that `cargo run` sets for the program it starts.
    pub fn find() -> Result<Self, Trouble> {
        let own = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = own.as_deref().and_then(|own| own.ancestors().nth(2));
        let root = root.ok_or_else(|| {
            Trouble::new(
                "the workspace cannot be found",
                "start this program with cargo demo or cargo ci",
            )
        })?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self {
            root: root.to_owned(),
            target,
        })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that these commands fetch or make besides cargo's own output. It is `target/` of the workspace even
    /// where `CARGO_TARGET_DIR` names another, because `[env] LIBTORCH` in `.cargo/config.toml` names it so.
    pub fn made(&self) -> PathBuf {
        self.root.join("target")
    }

    /// A program of this workspace, built in release mode.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// A step that runs cargo in the workspace, without the variables that describe this very program.
    pub fn cargo(&self, title: impl Into<String>, arguments: &str) -> Step {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        self.step(title, cargo).args(arguments.split_whitespace())
    }

    /// A step that runs `program` in the workspace.
    pub fn step(&self, title: impl Into<String>, program: impl Into<OsString>) -> Step {
        Step::new(title, program, &self.root)
    }
}

/// Removes what `cargo run` tells about the program that it starts; a cargo below would take it for its user's wish
/// and build again.
pub fn forget_own_package(command: &mut Command) {
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
}
