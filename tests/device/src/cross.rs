//! The device's program for aarch64: host's cargo, Debian's compiler with its standard library for both processors, Debian's
//! cross linker.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::elf::Elf;
use crate::layout::Layout;
use crate::trouble::Trouble;
use crate::{packages, tools, usage};

const BUILD: &str = "build --release -p skueye-agent --target aarch64-unknown-linux-gnu";

/// `cargo device-build`
pub fn run(layout: &Layout, words: &[String]) -> Result<ExitCode, Trouble> {
    if !words.is_empty() {
        return Err(usage(&format!("cargo device-build knows no {words:?}")));
    }
    packages::ensure(layout)?;
    ensure(layout)?;
    let (major, minor) = Elf::open(&layout.skueye())?.glibc().unwrap_or_default();
    println!(
        "{} (glibc {major}.{minor} or later)",
        layout.skueye().display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Builds the program where it is not up to date. The packages must be there.
pub fn ensure(layout: &Layout) -> Result<(), Trouble> {
    let mut cargo = cargo(layout)?;
    done(cargo.args(BUILD.split(' ')), "the cross build")?;
    ceiling(layout)
}

/// JetPack 6 is Ubuntu 22.04.
const NEWEST_GLIBC: (u32, u32) = (2, 35);

fn ceiling(layout: &Layout) -> Result<(), Trouble> {
    let asks = Elf::open(&layout.skueye())?.glibc();
    match asks {
        Some(version) if version <= NEWEST_GLIBC => Ok(()),
        other => Err(Trouble::new(
            format!("the program asks for glibc {other:?}, JetPack 6 has {NEWEST_GLIBC:?}"),
            "find the symbol with objdump -T and do without it",
        )),
    }
}

/// Runs `command`, its output passed through.
pub fn done(command: &mut Command, what: &str) -> Result<(), Trouble> {
    let status = command.status();
    let status = status.map_err(|e| Trouble::start(Path::new(command.get_program()), &e))?;
    match status.success() {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("{what} failed"),
            "what went wrong is said above",
        )),
    }
}

/// Cargo with everything that it needs to build for the guest.
pub fn cargo(layout: &Layout) -> Result<Command, Trouble> {
    let tools = tools::ensure(layout)?;
    let mut cargo = layout.cargo();
    cargo
        .env("RUSTC", tools.join("rustc"))
        .env("CARGO_TARGET_DIR", layout.build())
        .env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            tools.join("aarch64-linux-gnu-gcc"),
        )
        .env(
            "CC_aarch64_unknown_linux_gnu",
            tools.join("aarch64-linux-gnu-gcc"),
        )
        .env(
            "AR_aarch64_unknown_linux_gnu",
            tools.join("aarch64-linux-gnu-ar"),
        )
        .env("LD_LIBRARY_PATH", layout.libraries());
    Ok(cargo)
}
