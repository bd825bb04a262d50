//! Debian's cross tools where they were unpacked: small scripts that give each its libraries and folders, and the one driver
//! that Debian has as source only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cross::done;
use crate::image::kernel_modules;
use crate::layout::Layout;
use crate::trouble::Trouble;

/// The cross tools' names begin so.
pub const PREFIX: &str = "aarch64-linux-gnu-";
const BINUTILS: [&str; 7] = ["ar", "ld", "nm", "objcopy", "objdump", "readelf", "strip"];

/// The folder of the scripts, written where they differ.
pub fn ensure(layout: &Layout) -> Result<PathBuf, Trouble> {
    let folder = layout.made().join("bin");
    fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
    let host = layout.host().display().to_string();
    let mut tools = vec![("rustc".to_owned(), "rustc".to_owned())];
    for name in ["gcc", "gcc-12"] {
        let compiler = format!("{PREFIX}gcc-12 --sysroot={host}");
        tools.push((format!("{PREFIX}{name}"), compiler));
    }
    tools.extend(BINUTILS.map(|name| (format!("{PREFIX}{name}"), format!("{PREFIX}{name}"))));
    let libraries = layout.libraries().display().to_string();
    for (name, starts) in tools {
        let text =
            format!("#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {host}/usr/bin/{starts} \"$@\"\n");
        script(&folder.join(name), &text)?;
    }
    Ok(folder)
}

/// Cargo looks at a compiler's time, so a script that is there stays as it is.
fn script(path: &Path, text: &str) -> Result<(), Trouble> {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .map_err(|e| Trouble::disk(path, &e))
}

/// A camera that shows what a program writes to it: builds v4l2loopback for the guest's kernel and puts it among its modules.
pub fn loopback(layout: &Layout) -> Result<(), Trouble> {
    let arm64 = layout.arm64();
    let modules = kernel_modules(&arm64)?;
    let version = modules.file_name().unwrap_or_default().to_string_lossy();
    println!("v4l2loopback for {version}");
    let headers = arm64.join(format!("usr/src/linux-headers-{version}"));
    let makefile = headers.join("Makefile");
    let common = version
        .rsplit_once('-')
        .map_or(&*version, |(start, _)| start);
    let include = arm64.join(format!("usr/src/linux-headers-{common}-common/Makefile"));
    let written = fs::write(&makefile, format!("include {}\n", include.display()));
    written.map_err(|e| Trouble::disk(&makefile, &e))?;
    scripts_of_this_machine(layout)?;
    let source = named(&arm64.join("usr/src"), "v4l2loopback-")?;
    let mut make = layout.program("usr/bin/make");
    make.arg("-s").arg("-C").arg(&headers).arg("ARCH=arm64");
    make.arg(format!(
        "CROSS_COMPILE={}/{PREFIX}",
        ensure(layout)?.display()
    ));
    make.arg(format!("M={}", source.display())).arg("modules");
    done(&mut make, "the build of v4l2loopback")?;
    let (from, to) = (
        source.join("v4l2loopback.ko"),
        modules.join("kernel/v4l2loopback.ko"),
    );
    fs::copy(&from, &to)
        .map_err(|e| Trouble::disk(&from, &e))
        .map(drop)
}

/// The headers come with links to programs that run where the module is built.
fn scripts_of_this_machine(layout: &Layout) -> Result<(), Trouble> {
    let programs = named(&layout.host().join("usr/lib"), "linux-kbuild-")?;
    let link = layout
        .arm64()
        .join("usr/lib")
        .join(programs.file_name().unwrap_or_default());
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(&programs, &link).map_err(|e| Trouble::disk(&link, &e))
}

/// The one entry of `folder` whose name begins so.
pub fn named(folder: &Path, start: &str) -> Result<PathBuf, Trouble> {
    let entries = fs::read_dir(folder).map_err(|e| Trouble::disk(folder, &e))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    let is = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(start)
    };
    paths.find(is).ok_or_else(|| {
        let what = format!("{} holds no {start}*", folder.display());
        Trouble::new(what, "remove target/device and try again")
    })
}
