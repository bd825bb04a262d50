//! `cargo deb-package`: the device's program as a Debian package.

use std::path::{Path, PathBuf};

use crate::machine;
use crate::steps::{Step, Trouble};
use crate::usage;
use crate::workspace::Workspace;

const CARGO_DEB: &str = "3.8.0";
const ARM64: &str = "aarch64-unknown-linux-gnu";

/// What the words after `deb-package` ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// For the boards of devices, by the cross build; else for this machine's processor.
    pub arm64: bool,
}

impl Options {
    /// Reads the words.
    pub fn parse(words: &[String]) -> Result<Self, Trouble> {
        match words {
            [] => Ok(Self { arm64: false }),
            [word] if word == "--arm64" => Ok(Self { arm64: true }),
            other => Err(usage(&format!("cargo deb-package knows no {other:?}"))),
        }
    }
}

/// Writes the package to `target/debian`.
pub fn run(workspace: &Workspace, options: Options) -> Result<(), Trouble> {
    let steps = steps(workspace, options)?;
    steps.iter().try_for_each(Step::run)?;
    println!("\npackages are in {}", folder(workspace).display());
    Ok(())
}

/// The same for `cargo ci`, with the package tried. Nothing where this machine has no dpkg.
pub fn checked(workspace: &Workspace, options: Options) -> Result<Vec<Step>, Trouble> {
    if !machine::answers("dpkg", &["--version"]) {
        println!("package: not built, this machine has no dpkg");
        return Ok(Vec::new());
    }
    let mut steps = steps(workspace, options)?;
    let (title, architecture, emulator) = match options.arm64 {
        false => ("try the package", "amd64", ""),
        true => (
            "try the package for arm64",
            "arm64",
            "target/device/host/usr/bin/qemu-aarch64-static -L target/device/host/usr/aarch64-linux-gnu",
        ),
    };
    let script = format!(
        "for package in target/debian/skueye_*_{architecture}.deb; do \
         firmware/agent/packaging/try.sh \"$package\" {emulator}; done"
    );
    steps.push(workspace.step(title, "sh").args(["-ec", &script]));
    Ok(steps)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.made().join("debian")
}

fn steps(workspace: &Workspace, options: Options) -> Result<Vec<Step>, Trouble> {
    let mut steps = vec![workspace.cargo("program", "build --release -p skueye-agent")];
    if options.arm64 {
        steps.push(workspace.cargo("cross build", "device-build"));
    }
    // Written by the program of this machine: pages and completions are the same for all.
    let pages = workspace.step("man pages and completions", workspace.program("skueye"));
    steps.push(pages.args([Path::new("manual"), &workspace.made().join("package")]));
    let tools = workspace.made().join("tools");
    if !tools.join("bin/cargo-deb").exists() {
        let install =
            format!("install --locked --no-default-features cargo-deb@{CARGO_DEB} --root");
        steps.push(workspace.cargo("cargo-deb", &install).arg(&tools));
    }
    let pack = workspace.step("package", tools.join("bin/cargo-deb"));
    let pack = pack.args("--package skueye-agent --no-build --no-strip --output".split(' '));
    let pack = pack.arg(folder(workspace));
    steps.push(match options.arm64 {
        false => pack,
        true => pack
            .env("CARGO_TARGET_DIR", workspace.made().join("device/build"))
            .args(["--target", ARM64]),
    });
    Ok(steps)
}
