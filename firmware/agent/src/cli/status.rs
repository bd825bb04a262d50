//! `skueye status`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use skueye_agent::report::printable;
use skueye_agent::{Config, status};
use skueye_models::{Code, Fault};

use super::print;

/// Options of `skueye status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// In place of the settings' status file.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let path = match self.file {
            Some(path) => path,
            None => file_of(&Config::load(&self.config)?)?,
        };
        let status = status::Status::read(&path)?;
        match self.json {
            true => print::json(&status)?,
            false => show(&status)?,
        }
        Ok(ExitCode::from(u8::from(!status.ready)))
    }
}

/// Where the program of `config` says how it is. Errors: E103 where the settings do not want that.
fn file_of(config: &Config) -> Result<PathBuf, Fault> {
    config.status.clone().ok_or_else(|| {
        Fault::new(
            Code::SettingsValue,
            "status.path in the settings",
            "none",
            "set status.path and start the program again",
        )
    })
}

fn show(status: &status::Status) -> Result<(), Fault> {
    let view = &status.view;
    let ready = if status.ready { "ready" } else { "NOT READY" };
    print::line(&format!(
        "{ready}, process {}, version {}",
        status.pid,
        printable(&status.version)
    ))?;
    let latency = view
        .latency_ms
        .map_or(String::new(), |ms| format!(", {ms:.0} ms to an answer"));
    let stage = format!("{:?}", view.stage).to_lowercase();
    print::line(&format!("stage {stage}, {:.1} frames/s{latency}", view.fps))?;
    let counts = &view.counts;
    print::line(&format!(
        "{} presentations: {} accepted, {} asked, {} rejected, {} corrected",
        counts.presentations, counts.accepted, counts.asked, counts.rejected, counts.corrected
    ))?;
    print::line(&format!("{} products", view.products))?;
    if let Some(release) = &view.update.release {
        print::line(&format!("release {}", printable(release)))?;
    }
    if let Some(staged) = &view.update.staged {
        print::line(&format!("release {} waits to be tried", printable(staged)))?;
    }
    let of_parts = [
        &status.health.camera,
        &status.health.model,
        &status.health.gallery,
        &status.health.link,
    ];
    let troubles = view.troubles.iter().chain(of_parts.into_iter().flatten());
    let mut told: Vec<&str> = troubles.map(|trouble| trouble.text.as_str()).collect();
    told.sort_unstable();
    told.dedup();
    told.into_iter()
        .try_for_each(|text| print::line(&format!("FAULT {}", printable(text))))
}
