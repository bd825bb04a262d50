//! The programs of this machine: the trainer, which draws the shop's goods, and the device's own program, which says on this
//! processor what the other one must say too.

use std::path::PathBuf;
use std::process::Command;

use crate::cross::done;
use crate::layout::Layout;
use crate::trouble::Trouble;

/// As `cargo demo --without-training` builds them, so that nothing is built twice.
const BUILD: &str = "build --release -p skueye-trainer -p skueye-agent";

/// Builds the programs where they are not up to date.
pub fn build(layout: &Layout) -> Result<(), Trouble> {
    done(layout.cargo().args(BUILD.split(' ')), "the build")
}

/// A program of this machine.
pub fn program(layout: &Layout, name: &str) -> Command {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Command::new(layout.root().join(target).join("release").join(name))
}

/// Runs a program that must end well; its standard output.
pub fn said(command: &mut Command) -> Result<String, Trouble> {
    let name = command.get_program().to_string_lossy().into_owned();
    let words: Vec<String> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = format!("{name} {}", words.join(" "));
    let output = command.output().map_err(|error| {
        Trouble::new(
            format!("{name} does not start ({error})"),
            "build it: cargo build --release -p skueye-trainer -p skueye-agent",
        )
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Trouble::new(
        format!("{line} failed"),
        format!("it said {said}"),
    ))
}
