//! `skueye page`, and the page of a run.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;
use skueye_agent::Config;
use skueye_agent::desk::Desk;
use skueye_models::Fault;
use skueye_page::{Access, Server};

use super::print;

/// Who may use the operator page.
#[derive(Debug, Args)]
pub struct Page {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Forget the page's password: prints a one-time code with which a new one is chosen.
    ResetCode {
        /// The settings.
        #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
        config: PathBuf,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Serialize)]
struct NewCode {
    one_time_code: String,
}

impl Page {
    pub fn run(self) -> Result<(), Fault> {
        let Command::ResetCode { config, json } = self.command;
        let config = Config::load(&config)?;
        let one_time_code = Access::reset(&config.page.access)?.to_string();
        match json {
            true => print::json(&NewCode { one_time_code }),
            false => print::line(&format!("one-time code: {one_time_code}")),
        }
    }
}

/// Serves the page of a run, where the settings want one, and says where. The one-time code goes to the standard error, which
/// a person at the device reads, and nowhere else. Errors: E713, E714, E901.
pub(super) fn serve(device: &Config, desk: &Arc<Desk>) -> Result<Option<Server>, Fault> {
    let Some(settings) = device.page.settings() else {
        return Ok(None);
    };
    let (access, code) = Access::open(&device.page.access)?;
    let server = skueye_page::serve(settings, Arc::clone(desk) as _, Arc::new(access))?;
    eprintln!("skueye: operator page on http://{}/", server.address());
    if let Some(code) = code {
        eprintln!("skueye: one-time code of the page: {code}");
    }
    Ok(Some(server))
}
