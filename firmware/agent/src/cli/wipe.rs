//! `skueye wipe`

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use skueye_agent::{Config, decision_log, sets};
use skueye_models::{Code, Fault};

use super::print;

/// Options of `skueye wipe`.
#[derive(Debug, Args)]
pub struct Wipe {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Remove: what is gone cannot be brought back. Without it the command only says what there is.
    #[arg(long)]
    yes: bool,
    /// Remove also the products that were enrolled on this device, with their journal.
    #[arg(long)]
    enrolled: bool,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// Something that a device stores about its work.
#[derive(Debug, Serialize)]
struct Place {
    what: &'static str,
    path: PathBuf,
    files: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Wiped {
    removed: bool,
    places: Vec<Place>,
}

impl Wipe {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let config = sets::in_use(&Config::load(&self.config)?)?;
        let mut places = Vec::new();
        for (what, path) in self.places(&config) {
            let (mut files, mut bytes) = (0, 0);
            count(&path, &mut files, &mut bytes).map_err(|e| Fault::io("read", &path, &e))?;
            places.push(Place {
                what,
                path,
                files,
                bytes,
            });
        }
        if self.yes {
            for place in &places {
                remove(place.what, &place.path)?;
            }
        }
        let wiped = Wiped {
            removed: self.yes,
            places,
        };
        match self.json {
            true => print::json(&wiped)?,
            false => wiped.print()?,
        }
        match self.yes {
            true => Ok(ExitCode::SUCCESS),
            false => Err(Fault::new(
                Code::WipeUnsure,
                "--yes",
                "a command without it",
                "call it again with --yes to remove what is listed",
            )),
        }
    }

    /// Everything that holds what happened in front of this device.
    fn places(&self, config: &Config) -> Vec<(&'static str, PathBuf)> {
        let mut places = Vec::new();
        places.extend(config.log.folder.clone().map(|path| (LOG, path)));
        places.extend(config.events.clone().map(|path| ("events", path)));
        places.extend(
            config
                .enrol
                .pictures
                .clone()
                .map(|path| ("pictures of enrolments", path)),
        );
        places.push(("corrections", config.enrol.feedback.clone()));
        let webhook = config.link.webhook.as_ref();
        places.extend(webhook.map(|webhook| ("events for the webhook", webhook.spool.clone())));
        if self.enrolled {
            let mut journal = config.gallery.clone().into_os_string();
            journal.push(".journal");
            places.push(("enrolled products", journal.into()));
        }
        places
    }
}

const LOG: &str = "decision log";

/// Files and bytes below `path`; links are not followed.
fn count(path: &Path, files: &mut u64, bytes: &mut u64) -> std::io::Result<()> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        meta => meta?,
    };
    if !meta.is_dir() {
        (*files, *bytes) = (*files + 1, *bytes + meta.len());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        count(&entry?.path(), files, bytes)?;
    }
    Ok(())
}

/// The log keeps its chain, so that it shows that something was wiped; of other folders the content goes.
fn remove(what: &str, path: &Path) -> Result<(), Fault> {
    if what == LOG {
        return decision_log::wipe(path).map(drop);
    }
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path).and_then(|()| fs::create_dir(path)),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.map_err(|error| Fault::io("remove", path, &error))
}

impl Wiped {
    fn print(&self) -> Result<(), Fault> {
        let done = if self.removed { "removed" } else { "found" };
        self.places.iter().try_for_each(|place| {
            let Place {
                what,
                path,
                files,
                bytes,
            } = place;
            let path = path.display();
            print::line(&format!(
                "{done} {what}: {files} files, {bytes} bytes in {path}"
            ))
        })
    }
}
