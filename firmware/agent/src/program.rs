//! The program of a set, in place of the one that the system starts.
//!
//! The system always starts the same program, the *launcher*. Where the set that counts brings a program of its own the
//! launcher becomes it (`exec`): the process and its arguments stay, so a supervisor sees one program. A set on trial has
//! paid for the start by then, so that a program which dies, or does not even begin, uses up the starts of its trial, and the
//! launcher, which no set can change, returns to the set before.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use skueye_models::{Code, Fault};
use skueye_update::{SlotFile, SlotName};

/// The launcher's path, in the environment of a program that was handed over to.
const LAUNCHER: &str = "SKUEYE_LAUNCHER";
/// The SHA-256 of that program.
const PROGRAM: &str = "SKUEYE_PROGRAM";
/// The slot whose start it was handed.
const SLOT: &str = "SKUEYE_SLOT";

/// Which program this process is.
#[derive(Debug)]
pub struct Running {
    launcher: PathBuf,
    /// The SHA-256 of the set's program that it became; `None` for the launcher.
    own: Option<String>,
    /// The slot whose start was handed to it.
    handed: Option<SlotName>,
}

impl Running {
    /// What the environment says. Errors: E901 where the system does not tell the launcher its path.
    pub fn here() -> Result<Self, Fault> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let launcher = match variable(LAUNCHER) {
            Some(path) => path.into(),
            None => std::env::current_exe()
                .map_err(|e| Fault::io("find", Path::new("the running program"), &e))?,
        };
        let slot = variable(SLOT);
        let is_slot = |name: &SlotName| slot.as_deref() == Some(name.folder());
        Ok(Self {
            launcher,
            own: variable(PROGRAM),
            handed: SlotName::ALL.into_iter().find(is_slot),
        })
    }

    /// The slot whose start was handed to this program; only the first call tells.
    pub fn take_handed(&mut self) -> Option<SlotName> {
        self.handed.take()
    }

    /// Becomes the program `file` in `slot` of the update folder, or the launcher where a set has none. Returns where this
    /// process is that program already. Errors: E806 where it cannot be started; then this program goes on.
    pub fn become_that_of(
        &self,
        folder: &Path,
        slot: SlotName,
        file: Option<&SlotFile>,
    ) -> Result<(), Fault> {
        let wanted = file.map(|file| file.content.sha256.to_string());
        if wanted == self.own {
            return Ok(());
        }
        let path = match file {
            Some(file) => folder.join(slot.folder()).join(&file.name),
            None => self.launcher.clone(),
        };
        if file.is_some() {
            check_machine(&path)?;
            make_executable(&path)?;
        }
        let error = Command::new(&path)
            .args(std::env::args_os().skip(1))
            .env(LAUNCHER, &self.launcher)
            .env(PROGRAM, wanted.unwrap_or_default())
            .env(SLOT, slot.folder())
            .exec();
        Err(not_started(&path, &error))
    }

    /// Becomes the launcher again, where no set counts. Errors: as above.
    pub fn become_launcher(&self) -> Result<(), Fault> {
        self.become_that_of(Path::new(""), SlotName::A, None)
    }
}

/// Refuses what is neither a script nor an ELF file of this machine: the C library would give it to a shell, line by line.
fn check_machine(path: &Path) -> Result<(), Fault> {
    let failed = |error| not_started(path, &error);
    let found = head(path).map_err(failed)?;
    let own = head(Path::new("/proc/self/exe")).map_err(failed)?;
    // Of ELF's header: magic, class and byte order, and the machine at 18.
    let kind = |head: &[u8; HEAD]| (head[..6].to_owned(), head[18..].to_owned());
    match found.starts_with(b"#!") || kind(&found) == kind(&own) {
        true => Ok(()),
        false => Err(failed(std::io::Error::other("a file for another machine"))),
    }
}

/// The part of ELF's header up to the machine.
const HEAD: usize = 20;

fn head(path: &Path) -> std::io::Result<[u8; HEAD]> {
    let mut head = [0; HEAD];
    let mut bytes = Vec::with_capacity(HEAD);
    fs::File::open(path)?
        .take(HEAD as u64)
        .read_to_end(&mut bytes)?;
    head[..bytes.len()].copy_from_slice(&bytes);
    Ok(head)
}

/// A bundle holds bytes and no modes.
fn make_executable(path: &Path) -> Result<(), Fault> {
    let set = fs::metadata(path).and_then(|metadata| {
        let mut permissions = metadata.permissions();
        if permissions.mode() & 0o111 == 0o111 {
            return Ok(());
        }
        permissions.set_mode(permissions.mode() | 0o111);
        fs::set_permissions(path, permissions)
    });
    set.map_err(|error| not_started(path, &error))
}

fn not_started(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(
        Code::TrialFailed,
        "a program that this machine can start",
        error.to_string(),
        "ask the maker for a bundle for this hardware; update folders must lie where programs may be started (no noexec)",
    )
    .at(path)
}
