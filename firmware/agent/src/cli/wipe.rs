//! `skueye wipe`

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use skueye_agent::{Config, decision_log, sets};
use skueye_gallery::store::carried;
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
    /// Remove also the products that were enrolled on this device: the gallery's journal, and those that are carried over
    /// from set to set.
    #[arg(long)]
    enrolled: bool,
    /// Remove, for another owner, also these: what was enrolled, the shop's list of products, and the page's password.
    #[arg(long)]
    all: bool,
    /// The copy of the settings that a run keeps (run --last-good), to be removed with --all.
    #[arg(long, value_name = "FILE", requires = "all")]
    last_good: Option<PathBuf>,
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
        for (what, path) in self.places(&config)? {
            let (mut files, mut bytes) = (0, 0);
            count(&path, &mut files, &mut bytes).map_err(|e| Fault::io("read", &path, &e))?;
            places.push(Place {
                what,
                path,
                files,
                bytes,
            });
        }
        let wiped = Wiped {
            removed: self.yes,
            places,
        };
        if !self.json {
            // Before it is done: a person may still pull the plug.
            wiped.print()?;
        }
        if self.yes {
            for place in &wiped.places {
                remove(place.what, &place.path)?;
            }
        }
        if self.json {
            print::json(&wiped)?;
        }
        match self.yes {
            true if self.json => Ok(ExitCode::SUCCESS),
            true => print::line("removed").map(|()| ExitCode::SUCCESS),
            false => Err(Fault::new(
                Code::WipeUnsure,
                "--yes",
                "a command without it",
                "call it again with --yes to remove what is listed",
            )),
        }
    }

    /// Everything that holds what happened in front of this device.
    fn places(&self, config: &Config) -> Result<Vec<(&'static str, PathBuf)>, Fault> {
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
        let mqtt = config.link.mqtt.as_ref();
        places.extend(mqtt.map(|mqtt| ("events for the broker", mqtt.spool.clone())));
        if self.enrolled || self.all {
            let journals = journals(config)?.into_iter();
            places.extend(journals.map(|path| ("enrolled products", path)));
        }
        if self.all {
            let list = config.enrol.product_list.clone();
            places.extend(list.map(|path| ("the shop's list of products", path)));
            places.push(("the page's password", config.page.access.clone()));
            let kept = self.last_good.clone();
            places.extend(kept.map(|path| ("the copy of the settings", path)));
        }
        Ok(places)
    }
}

/// The journal beside the gallery, and those of the update folder, which belong to no set. Errors: E901.
fn journals(config: &Config) -> Result<Vec<PathBuf>, Fault> {
    let mut beside = config.gallery.clone().into_os_string();
    beside.push(".journal");
    let mut journals = vec![PathBuf::from(beside)];
    if let Some(folder) = config
        .update
        .folder
        .as_ref()
        .filter(|folder| folder.is_dir())
    {
        journals.extend(
            carried::journals(folder)?
                .iter()
                .map(|name| folder.join(name)),
        );
    }
    Ok(journals)
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
        decision_log::scores::forget(path)?;
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
        let done = if self.removed { "removing" } else { "found" };
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
