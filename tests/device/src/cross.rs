//! The device's program for aarch64: host's cargo, Debian's compiler with its standard library for both processors, Debian's
//! cross linker.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::layout::Layout;
use crate::trouble::Trouble;
use crate::{packages, usage};

const TRIPLE: &str = "aarch64-unknown-linux-gnu";
/// In a folder of its own, so the features that other crates ask of common packages do not matter.
const BUILD: &str =
    "build --release -p skueye-agent --features v4l2 --target aarch64-unknown-linux-gnu";

/// `cargo device-build`
pub fn run(layout: &Layout, words: &[String]) -> Result<ExitCode, Trouble> {
    if !words.is_empty() {
        return Err(usage(&format!("cargo device-build knows no {words:?}")));
    }
    packages::ensure(layout)?;
    ensure(layout)?;
    println!("{}", layout.skueye().display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the program where it is not up to date. The packages must be there.
pub fn ensure(layout: &Layout) -> Result<(), Trouble> {
    let mut cargo = cargo(layout)?;
    done(cargo.args(BUILD.split(' ')), "the cross build")
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
    let tools = tools(layout)?;
    let host = layout.host();
    let headers = [
        host.join("usr/aarch64-linux-gnu/include"),
        host.join("usr/lib/gcc-cross/aarch64-linux-gnu/12/include"),
    ];
    let headers = headers.map(|folder| format!("-I{}", folder.display()));
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
        .env("LIBCLANG_PATH", host.join("usr/lib/llvm-14/lib"))
        .env("LD_LIBRARY_PATH", layout.libraries())
        .env(
            "BINDGEN_EXTRA_CLANG_ARGS_aarch64_unknown_linux_gnu",
            headers.join(" "),
        );
    Ok(cargo)
}

/// Small scripts that start the unpacked tools where they are.
fn tools(layout: &Layout) -> Result<std::path::PathBuf, Trouble> {
    let folder = layout.made().join("bin");
    fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
    let host = layout.host().display().to_string();
    let gcc = format!("aarch64-linux-gnu-gcc-12 --sysroot={host}");
    for (name, starts) in [
        ("rustc", "rustc"),
        ("aarch64-linux-gnu-gcc", gcc.as_str()),
        ("aarch64-linux-gnu-ar", "aarch64-linux-gnu-ar"),
    ] {
        let libraries = layout.libraries().display().to_string();
        let text =
            format!("#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {host}/usr/bin/{starts} \"$@\"\n");
        let path = folder.join(name);
        // Cargo looks at the compiler's time: it is written where it differs only.
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        let written = fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
        written.map_err(|e| Trouble::disk(&path, &e))?;
    }
    Ok(folder)
}
