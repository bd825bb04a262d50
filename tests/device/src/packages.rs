//! Debian's packages by name, fetched through the apt configuration of this machine into `target/device` and unpacked there.
//! Nothing is installed: apt gets lists, state and cache of its own, and no maintainer script runs.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross::done;
use crate::image::kernel_modules;
use crate::layout::Layout;
use crate::tools;
use crate::trouble::Trouble;

/// Packages of one architecture, in a folder of their own.
struct Set {
    architecture: &'static str,
    /// With everything that they depend on.
    whole: &'static [&'static str],
    /// Without what they depend on.
    alone: &'static [&'static str],
    /// What whoever depends on it does not get, by the beginnings of names.
    without: &'static [&'static str],
}

/// The programs that run here. The C library is this machine's: apt serves packages that fit it.
const HOST: Set = Set {
    architecture: "amd64",
    whole: &[
        "cpio",
        "dosfstools",
        "e2fsprogs",
        "f2fs-tools",
        "gcc-aarch64-linux-gnu",
        "kmod",
        "libc6-dev-arm64-cross",
        "libstd-rust-web-dev",
        "linux-headers-amd64",
        "make",
        "mtools",
        "qemu-system-arm",
        "qemu-user-static",
        "rustc-web",
    ],
    alone: &[],
    without: &[
        "libc6_",
        "libc6-dev_",
        "libgcc-s1_",
        "libstdc++6_",
        "gcc-12_",
        "cpp-12_",
        "linux-headers-",
        "linux-compiler-",
        "iso-codes_",
    ],
};

/// What runs in the guest.
const GUEST: Set = Set {
    architecture: "arm64",
    whole: &[
        "busybox-static",
        "dbus",
        "linux-headers-arm64",
        "linux-image-arm64",
        "systemd",
        "udev",
        "v4l-utils",
    ],
    alone: &["libstd-rust-web-dev", "v4l2loopback-dkms"],
    without: &[
        "gcc-12_",
        "cpp-12_",
        "linux-kbuild-",
        "linux-compiler-",
        "perl-modules-",
    ],
};

/// A list of what a folder holds; it is written when the folder is whole.
const MARKER: &str = "skueye-packages.txt";

/// Fetches and unpacks what is not there yet. Needs no network where all of it is.
pub fn ensure(layout: &Layout) -> Result<(), Trouble> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Trouble::new(
            "this machine is not x86-64",
            "use one that is: the programs are fetched for it",
        ));
    }
    let new = HOST.ensure(layout, &layout.host())? | GUEST.ensure(layout, &layout.arm64())?;
    match new {
        true => join(layout),
        false => Ok(()),
    }
}

/// What needs both. The Rust compiler looks for the guest's standard library beside its own; the kernel's modules want a list
/// of what each needs.
fn join(layout: &Layout) -> Result<(), Trouble> {
    let triple = "usr/lib/rustlib/aarch64-unknown-linux-gnu";
    let link = layout.host().join(triple);
    let _ = fs::remove_file(&link);
    let library = layout.arm64().join(triple);
    std::os::unix::fs::symlink(&library, &link).map_err(|e| Trouble::disk(&link, &e))?;
    tools::loopback(layout)?;
    let modules = kernel_modules(&layout.arm64())?;
    let version = modules.file_name().unwrap_or_default();
    // One program with several names, of which Debian makes links from the root.
    let mut list = layout.program("bin/kmod");
    done(
        list.arg0("depmod")
            .arg("-b")
            .arg(layout.arm64())
            .arg(version),
        "depmod",
    )
}

impl Set {
    /// True where the folder is new.
    fn ensure(&self, layout: &Layout, folder: &Path) -> Result<bool, Trouble> {
        let wanted = self.wanted();
        let held = fs::read_to_string(folder.join(MARKER)).unwrap_or_default();
        if held.starts_with(&wanted) {
            return Ok(false);
        }
        let apt = Apt::new(layout, self.architecture)?;
        println!("packages of {}: lists", self.architecture);
        apt.run(&["update"])?;
        let names = self.names(&apt.resolved(self.whole)?);
        println!(
            "packages of {}: fetching {}",
            self.architecture,
            names.len()
        );
        let archives = apt.download(&names)?;
        let partial = folder.with_extension("partial");
        let _ = fs::remove_dir_all(&partial);
        make(&partial)?;
        println!("packages of {}: unpacking", self.architecture);
        for archive in &archives {
            unpack(archive, &partial)?;
        }
        let marker = partial.join(MARKER);
        fs::write(&marker, wanted + &versions(&archives))
            .map_err(|e| Trouble::disk(&marker, &e))?;
        let _ = fs::remove_dir_all(folder);
        fs::rename(&partial, folder).map_err(|e| Trouble::disk(folder, &e))?;
        apt.forget();
        Ok(true)
    }

    fn wanted(&self) -> String {
        let words = [self.whole, self.alone, self.without].map(|names| names.join(" "));
        format!("{}\n\n", words.join("\n"))
    }

    fn names(&self, resolved: &[String]) -> Vec<String> {
        let left_out = |name: &String| {
            let name = format!("{name}_");
            self.without.iter().any(|start| name.starts_with(start))
        };
        let alone = self.alone.iter().map(|name| (*name).to_owned());
        let resolved = resolved.iter().filter(|name| !left_out(name)).cloned();
        resolved.chain(alone).collect()
    }
}

/// The file names say name, version and architecture.
fn versions(archives: &[PathBuf]) -> String {
    let names = archives.iter().filter_map(|path| path.file_stem());
    names
        .map(|name| format!("{}\n", name.to_string_lossy()))
        .collect()
}

/// `apt-get` with lists, state and cache of its own.
struct Apt {
    architecture: &'static str,
    folder: PathBuf,
}

impl Apt {
    fn new(layout: &Layout, architecture: &'static str) -> Result<Self, Trouble> {
        let folder = layout.made().join("apt").join(architecture);
        for part in ["lists/partial", "cache/archives/partial", "archives"] {
            make(&folder.join(part))?;
        }
        let status = folder.join("status");
        fs::write(&status, "").map_err(|e| Trouble::disk(&status, &e))?;
        Ok(Self {
            architecture,
            folder,
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("apt-get");
        let (name, folder) = (self.architecture, self.folder.display());
        let options = [
            format!("APT::Architecture={name}"),
            format!("APT::Architectures={name}"),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::State::status={folder}/status"),
            format!("Dir::Cache={folder}/cache"),
            "APT::Install-Recommends=false".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Debug::NoLocking=true".to_owned(),
        ];
        for option in options {
            command.arg("-o").arg(option);
        }
        command.arg("-q").args(words).env("LC_ALL", "C");
        command.current_dir(self.folder.join("archives"));
        command
    }

    /// The standard output.
    fn run(&self, words: &[&str]) -> Result<String, Trouble> {
        let output = self.command(words).output().map_err(|error| {
            let what = format!("apt-get does not start ({error})");
            Trouble::new(
                what,
                "use a machine with Debian's apt, such as the one of `cargo ci`",
            )
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let what = format!("apt-get {} failed: {said}", words[0]);
            return Err(Trouble::new(what, "give apt sources that it reaches"));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `names` and all that they depend on.
    fn resolved(&self, names: &[&str]) -> Result<Vec<String>, Trouble> {
        let words = [&["--simulate", "-y", "install"], names].concat();
        let text = self.run(&words)?;
        let new = text.lines().filter_map(|line| line.strip_prefix("Inst "));
        let new = new.filter_map(|line| line.split_whitespace().next());
        Ok(new.map(str::to_owned).collect())
    }

    fn download(&self, names: &[String]) -> Result<Vec<PathBuf>, Trouble> {
        let folder = self.folder.join("archives");
        let _ = fs::remove_dir_all(&folder);
        make(&folder)?;
        let names = names.iter().map(String::as_str);
        let words: Vec<&str> = std::iter::once("download").chain(names).collect();
        self.run(&words)?;
        let entries = fs::read_dir(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
        let mut archives: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        archives.sort();
        Ok(archives)
    }

    /// What was fetched is unpacked, and its lists are out of date when they are needed again.
    fn forget(self) {
        let _ = fs::remove_dir_all(self.folder);
    }
}

fn make(folder: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(folder).map_err(|e| Trouble::disk(folder, &e))
}

fn unpack(archive: &Path, folder: &Path) -> Result<(), Trouble> {
    let program = Path::new("dpkg-deb");
    let output = Command::new(program)
        .arg("-x")
        .args([archive, folder])
        .output();
    let output = output.map_err(|error| Trouble::start(program, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Trouble::new(
        format!("{} cannot be unpacked: {said}", archive.display()),
        "check the space on the disk and try again",
    ))
}
