//! `skueye config`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use skueye_agent::config::{self, Problem};
use skueye_agent::{Config, files};
use skueye_models::{Code, Fault};

use super::print;

/// The commands of `skueye config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List every problem of a settings file, and what should be changed though it is accepted.
    Check {
        /// The settings.
        file: PathBuf,
        /// Write one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Bring a settings file of an older version up to date. Comments and layout stay; the old file is kept beside it.
    Migrate {
        /// The settings.
        file: PathBuf,
        /// Only say what would be changed.
        #[arg(long)]
        dry_run: bool,
        /// Write one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Serialize)]
struct Checked {
    valid: bool,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Changed {
    changes: Vec<String>,
    /// The file as it was, where it was changed.
    kept: Option<PathBuf>,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Check { file, json } => check(&file, json),
            Self::Migrate {
                file,
                dry_run,
                json,
            } => migrate(&file, dry_run, json).map(|()| ExitCode::SUCCESS),
        }
    }
}

fn check(file: &Path, json: bool) -> Result<ExitCode, Fault> {
    let (problems, warnings) = match Config::check(file)? {
        Ok(config) => (Vec::new(), config.warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let valid = problems.is_empty();
    match json {
        true => print::json(&Checked {
            valid,
            problems,
            warnings,
        })?,
        false => {
            for problem in &problems {
                print::line(&format!("{}: {problem}", file.display()))?;
            }
            for warning in &warnings {
                print::line(&format!("{}: warning: {warning}", file.display()))?;
            }
            print::line(&match problems.len() {
                0 => format!("{}: no problems", file.display()),
                count => format!("{count} problems"),
            })?;
        }
    }
    Ok(ExitCode::from(if valid { 0 } else { 2 }))
}

/// Errors: those of [`Config::load`], as what has problems cannot be proven to mean the same afterwards; E901.
fn migrate(file: &Path, dry_run: bool, json: bool) -> Result<(), Fault> {
    let before = Config::load(file)?;
    let text = config::text(file)?;
    let migrated =
        config::migrate(&text).filter(|migrated| means_the_same(&before, migrated, file));
    let config::Migrated { text, changes } = migrated.ok_or_else(|| {
        let expected = "settings that mean the same after their keys were renamed";
        let remedy = "rename the keys by hand as skueye config check says";
        Fault::new(Code::SettingsValue, expected, "others", remedy).at(file)
    })?;
    let kept = match dry_run || changes.is_empty() {
        true => None,
        false => Some(write(file, &text)?),
    };
    if json {
        return print::json(&Changed { changes, kept });
    }
    for change in &changes {
        print::line(&format!("{}: {change}", file.display()))?;
    }
    print::line(&match &kept {
        Some(kept) => format!(
            "{}: migrated; the old file is {}",
            file.display(),
            kept.display()
        ),
        None if changes.is_empty() => format!("{}: up to date", file.display()),
        None => format!("{}: not changed", file.display()),
    })
}

fn means_the_same(before: &Config, migrated: &config::Migrated, file: &Path) -> bool {
    let folder = file.parent().unwrap_or(Path::new(""));
    let plain = |config: &Config| Config {
        warnings: Vec::new(),
        ..config.clone()
    };
    Config::parse(&migrated.text, folder).is_ok_and(|after| plain(&after) == plain(before))
}

/// Keeps the file as it is under another name, then writes `text` in its place with the same rights. Errors: E901.
fn write(file: &Path, text: &str) -> Result<PathBuf, Fault> {
    let other = |number: u32| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".before-{number}"));
        PathBuf::from(name)
    };
    let kept = (1..).map(other).find(|path| !path.exists());
    let kept = kept.unwrap_or_else(|| other(0));
    let failed = |error| Fault::io("write", file, &error);
    fs::copy(file, &kept).map_err(|error| Fault::io("write", &kept, &error))?;
    let rights = fs::metadata(file).map_err(failed)?.permissions();
    files::replace(file, text.as_bytes()).map_err(failed)?;
    fs::set_permissions(file, rights).map_err(failed)?;
    Ok(kept)
}
