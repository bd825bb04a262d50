//! `skueye config`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use skueye_agent::Config;
use skueye_agent::config::Problem;
use skueye_models::Fault;

use super::print;

/// The commands of `skueye config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List every problem of a settings file.
    Check {
        /// The settings.
        file: PathBuf,
        /// Write one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Serialize)]
struct Checked {
    valid: bool,
    problems: Vec<Problem>,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let Self::Check { file, json } = self;
        let problems = Config::check(&file)?.err().unwrap_or_default();
        let valid = problems.is_empty();
        match json {
            true => print::json(&Checked { valid, problems })?,
            false => {
                for problem in &problems {
                    print::line(&format!("{}: {problem}", file.display()))?;
                }
                let count = problems.len();
                print::line(&match count {
                    0 => format!("{}: no problems", file.display()),
                    _ => format!("{count} problems"),
                })?;
            }
        }
        Ok(ExitCode::from(if valid { 0 } else { 2 }))
    }
}
