//! What a running program says of itself, in a small file that `skueye status` reads. It carries the program's number and the moment
//! at which the kernel started it, so that the file of a dead program is told apart, also from another that has its number now.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};
use skueye_page::station::{Health, Station, View};

use crate::decision_log::system_clock;
use crate::desk::Desk;
use crate::files;

/// A program that has not written for so long does not answer any more, in milliseconds.
const SILENT_MS: u64 = 15_000;
/// The longest status that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// How a program is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// When the kernel started it, in its ticks since the machine's start.
    pub started: u64,
    /// Milliseconds since 1970 by the device's clock.
    pub time: u64,
    /// The program's version.
    pub version: String,
    /// Whether camera, model, gallery and link work.
    pub ready: bool,
    /// Each of them.
    pub health: Health,
    /// How things stand on the stage.
    pub view: View,
}

impl Status {
    /// Of this process.
    pub fn now(desk: &Desk) -> Self {
        let (health, pid) = (desk.health(), std::process::id());
        Self {
            pid,
            started: started(pid).unwrap_or_default(),
            time: system_clock(),
            version: env!("CARGO_PKG_VERSION").into(),
            ready: health.ready(),
            health,
            view: desk.view(),
        }
    }

    /// Puts it at `path`, whole or not at all.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let json = serde_json::to_vec(self).map_err(io::Error::other)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        files::replace_unsynced(path, &json)
    }

    /// What the running program last said. Errors: E913 where none runs, or it says nothing any more; E901.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let bytes = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(not_running("no status").at(path));
            }
            Ok(meta) if meta.len() > MOST_BYTES => Err(io::ErrorKind::FileTooLarge.into()),
            _ => fs::read(path),
        };
        let bytes = bytes.map_err(|error| Fault::io("read", path, &error))?;
        let status: Self = serde_json::from_slice(&bytes)
            .map_err(|_| not_running("a status of another version").at(path))?;
        status.alive().map_err(|fault| fault.at(path))?;
        Ok(status)
    }

    fn alive(&self) -> Result<(), Fault> {
        if started(self.pid) != Some(self.started) {
            let got = format!("the last words of process {}, which has ended", self.pid);
            return Err(not_running(&got));
        }
        let silent = system_clock().saturating_sub(self.time);
        match silent > SILENT_MS {
            true => Err(not_running(&format!(
                "process {} silent for {} s",
                self.pid,
                silent / 1000
            ))),
            false => Ok(()),
        }
    }
}

fn not_running(got: &str) -> Fault {
    Fault::new(
        Code::NotRunning,
        "a running skueye run with the same settings",
        got,
        "start it: systemctl start skueye; journalctl -u skueye says why it ended",
    )
}

/// Field 22 of /proc/PID/stat (proc(5)); the name before it may hold anything, also brackets.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let pid = std::process::id();
        Status {
            pid,
            started: started(pid).unwrap(),
            time: system_clock(),
            version: "1".into(),
            ready: true,
            health: Health::default(),
            view: View::default(),
        }
    }

    #[test]
    fn only_the_words_of_a_living_program_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/status.json");
        let code = |path: &Path| Status::read(path).map_err(|fault| fault.code());
        assert_eq!(code(&path), Err(Code::NotRunning));
        let now = status();
        now.write(&path).unwrap();
        assert_eq!(code(&path), Ok(now.clone()));
        let dead = Status {
            started: now.started + 1,
            ..now.clone()
        };
        let silent = Status {
            time: now.time - 2 * SILENT_MS,
            ..now
        };
        for other in [dead, silent] {
            other.write(&path).unwrap();
            assert_eq!(code(&path), Err(Code::NotRunning));
        }
        fs::write(&path, "{}").unwrap();
        assert_eq!(code(&path), Err(Code::NotRunning));
    }
}
