//! `cargo deb-package`: the device's program as a Debian package.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Step, Trouble};
use crate::usage;
use crate::workspace::Workspace;

const CARGO_DEB: &str = "3.8.0";

/// What the words after `deb-package` ask for.
#[derive(Debug, Default)]
pub struct Options {
    /// The program is there already.
    no_build: bool,
    /// Another machine's triple.
    target: Option<String>,
}

impl Options {
    /// Reads the words.
    pub fn parse(words: &[String]) -> Result<Self, Trouble> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--no-build" => options.no_build = true,
                "--target" => {
                    let target = words
                        .next()
                        .ok_or_else(|| usage("--target needs a triple"))?;
                    options.target = Some(target.clone());
                }
                other => return Err(usage(&format!("cargo deb-package knows no {other:?}"))),
            }
        }
        Ok(options)
    }
}

/// Writes the package to `target/debian`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), Trouble> {
    steps(workspace, options).iter().try_for_each(Step::run)?;
    println!("\npackages are in {}", folder(workspace).display());
    Ok(())
}

/// The same for `cargo ci`, where the program is built: what remains to be done, with the package tried. Nothing where this
/// machine has no dpkg.
pub fn check(workspace: &Workspace) -> Vec<Step> {
    if Command::new("dpkg").arg("--version").output().is_err() {
        println!("package: not built, this machine has no dpkg");
        return Vec::new();
    }
    let options = Options {
        no_build: true,
        target: None,
    };
    let mut steps = steps(workspace, &options);
    let script = "for package in target/debian/skueye_*.deb; do firmware/agent/packaging/try.sh \"$package\"; done";
    steps.push(
        workspace
            .step("try the package", "sh")
            .args(["-ec", script]),
    );
    steps
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.made().join("debian")
}

fn steps(workspace: &Workspace, options: &Options) -> Vec<Step> {
    let tools = workspace.made().join("tools");
    let mut steps = Vec::new();
    if !options.no_build {
        let build = "build --release -p skueye-agent";
        steps.push(workspace.cargo("build", build));
        if let Some(target) = &options.target {
            let title = format!("build for {target}");
            steps.push(workspace.cargo(&title, &format!("{build} --target {target}")));
        }
    }
    // Written by the program of this machine: pages and completions are the same for all.
    let program = workspace.program("skueye");
    let pages = workspace.step("man pages and completions", program);
    steps.push(pages.args([Path::new("manual"), &workspace.made().join("package")]));
    if !tools.join("bin/cargo-deb").exists() {
        let install =
            format!("install --locked --no-default-features cargo-deb@{CARGO_DEB} --root");
        steps.push(workspace.cargo("cargo-deb", &install).arg(&tools));
    }
    let pack = workspace.step("package", tools.join("bin/cargo-deb"));
    let pack = pack.args("--package skueye-agent --no-build --no-strip --output".split(' '));
    let pack = pack.arg(folder(workspace));
    steps.push(match &options.target {
        Some(target) => pack.args(["--target", target]),
        None => pack,
    });
    steps
}
