//! The settings file: one TOML, read whole before anything starts.
//!
//! Every problem is found in one pass, with its line; a key that is not known is refused with the nearest one that is.
//! Relative paths are relative to the folder of the settings file. The defaults are those of `profiles/kiosk.toml`.

mod camera;
mod enrol;
pub mod last_good;
mod link;
mod log;
mod page;
mod parse;
mod problem;
mod reader;
mod renamed;
mod status;
mod thresholds;
mod update;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault, Thresholds};
use skueye_update::BootTool;
use skueye_vision::decode::read_bounded;
use skueye_vision::{localise, runtime, tensorrt};

use crate::camera::Camera;
use crate::decision_log::Keep;

pub use enrol::Enrol;
pub use link::{Link, Mqtt, Serial, Webhook};
pub use page::Page;
pub use problem::Problem;
pub use renamed::{Migrated, migrate};
pub use thresholds::Own;

/// The kiosk profile, as it is shipped.
pub const KIOSK_PROFILE: &str = include_str!("../../profiles/kiosk.toml");
/// The warehouse profile, as it is shipped.
pub const WAREHOUSE_PROFILE: &str = include_str!("../../profiles/warehouse.toml");
/// The version of the settings that this program knows. It grows when a key is renamed.
pub const VERSION: u32 = 2;
/// The longest settings file, in bytes.
pub const MAX_SETTINGS_BYTES: u64 = 256 * 1024;

/// Everything that a person may set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where relative paths start: the folder of the settings file.
    pub home: PathBuf,
    /// The model's folder.
    pub model: PathBuf,
    /// What computes the network.
    pub runtime: runtime::Settings,
    /// The power mode that the device is meant to be in, where it has such.
    pub power_mode: Option<String>,
    /// The gallery's file.
    pub gallery: PathBuf,
    /// Photos of its products, `GTIN.jpg`, for the page; `None`: there are none.
    pub photos: Option<PathBuf>,
    /// Where the frames come from.
    pub camera: Camera,
    /// How the stage is watched.
    pub localise: localise::Settings,
    /// When to accept, ask or reject.
    pub decision: Decision,
    /// The thresholds of single products, by the value of their number.
    pub thresholds: BTreeMap<u64, Own>,
    /// The way to the till.
    pub link: Link,
    /// How products are enrolled at the device.
    pub enrol: Enrol,
    /// The operator page.
    pub page: Page,
    /// Where the events go; `None` is the standard output.
    pub events: Option<PathBuf>,
    /// The sets of model, gallery and settings that come in bundles.
    pub update: Update,
    /// The decision log.
    pub log: Log,
    /// The file in which a running program says how it is, for `skueye status`.
    pub status: Option<PathBuf>,
    /// What a person should change in the file, though it is accepted.
    pub warnings: Vec<Problem>,
}

/// The decision log.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Its folder; `None`: nothing is logged.
    pub folder: Option<PathBuf>,
    /// How much of it is kept.
    pub keep: Keep,
    /// A fall of the day's median of accepted scores that is warned about; 0: none is.
    pub score_fall: f32,
}

impl Default for Log {
    fn default() -> Self {
        let keep = Keep {
            days: 90,
            bytes: 256 << 20,
        };
        Self {
            folder: Some("log".into()),
            keep,
            score_fall: 0.05,
        }
    }
}

/// The sets of model, gallery and settings that come in bundles. A set's own settings do not count here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The update folder; without it, model and gallery are those of the settings.
    pub folder: Option<PathBuf>,
    /// Whether a staged set is activated as soon as the stage is quiet; otherwise by `skueye update apply`.
    pub when_quiet: bool,
    /// The stage is quiet when nothing was on it for so many seconds.
    pub quiet_seconds: u32,
    /// Frames that the camera has to deliver for a set on trial.
    pub health_frames: u32,
    /// Seconds after which the health check of a set counts as hanging.
    pub health_seconds: u32,
    /// What tells the system that it works.
    pub boot: BootTool,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            folder: None,
            when_quiet: true,
            quiet_seconds: 60,
            health_frames: 8,
            health_seconds: 60,
            boot: BootTool::default(),
        }
    }
}

/// When to accept, ask or reject, and from how many frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// In place of the model's own threshold of the same name.
    pub accept: Option<f32>,
    /// In place of the model's own threshold of the same name.
    pub reject: Option<f32>,
    /// In place of the model's own threshold of the same name.
    pub margin: Option<f32>,
    /// How many items there are at once.
    pub items: Items,
    /// Votes that an acceptance needs.
    pub min_frames: u32,
    /// Votes after which the decision falls.
    pub max_frames: u32,
    /// Milliseconds after the first still frame at which the decision falls.
    pub timeout_ms: u32,
    /// How many products an event lists.
    pub candidates: u32,
    /// A frame whose crop is less sharp has no vote; 0: every frame votes.
    pub min_sharpness: f32,
    /// Whether an item that is not accepted at the first look is looked at once more, closer, in the same frame.
    pub second_look: bool,
}

/// How many items there are at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Items {
    /// One, which lies still on a stage.
    One,
    /// Several, which may move: a belt or a shelf.
    Many,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            home: PathBuf::new(),
            model: "model".into(),
            runtime: runtime::Settings {
                tensorrt: tensorrt::Options {
                    engines: Some("engines".into()),
                    ..tensorrt::Options::default()
                },
                ..runtime::Settings::default()
            },
            power_mode: None,
            gallery: "gallery.skg".into(),
            photos: Some("photos".into()),
            camera: Camera::default(),
            localise: localise::Settings::default(),
            decision: Decision::default(),
            thresholds: BTreeMap::new(),
            link: Link::default(),
            enrol: Enrol::default(),
            page: Page::default(),
            events: None,
            update: Update::default(),
            log: Log::default(),
            status: None,
            warnings: Vec::new(),
        }
    }
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            accept: None,
            reject: None,
            margin: None,
            items: Items::One,
            min_frames: 2,
            max_frames: 6,
            timeout_ms: 3000,
            candidates: 5,
            min_sharpness: 0.0,
            second_look: true,
        }
    }
}

impl Decision {
    /// The model's thresholds with the overrides. Errors: E402 when the bands are then in the wrong order.
    pub fn thresholds(&self, model: &Thresholds) -> Result<Thresholds, Fault> {
        let thresholds = Thresholds {
            accept: self.accept.unwrap_or(model.accept),
            reject: self.reject.unwrap_or(model.reject),
            margin: self.margin.unwrap_or(model.margin),
            false_accept_rate: model.false_accept_rate,
        };
        thresholds.validate()?;
        Ok(thresholds)
    }
}

impl Config {
    /// Reads the settings at `path`. Where there are several problems the fault carries the first and their number.
    pub fn load(path: &Path) -> Result<Self, Fault> {
        Self::check(path)?.map_err(|problems| Problem::summary(&problems, path))
    }

    /// The same, with relative paths seen from `home`.
    pub fn load_for(path: &Path, home: &Path) -> Result<Self, Fault> {
        let settings = Self::parse(&text(path)?, home);
        settings.map_err(|problems| Problem::summary(&problems, path))
    }

    /// Reads the settings at `path`, or lists all of their problems. The outer error: the file cannot be read.
    pub fn check(path: &Path) -> Result<Result<Self, Vec<Problem>>, Fault> {
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self::parse(&text(path)?, folder))
    }

    /// The settings in `text`, with relative paths seen from `folder`, or all of its problems in the order of lines.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        parse::parse(text, folder)
    }
}

/// The text of the settings at `path`. Errors: E101 too long, E901.
pub fn text(path: &Path) -> Result<String, Fault> {
    let bytes = read_bounded(path, MAX_SETTINGS_BYTES, Code::SettingsSyntax)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
