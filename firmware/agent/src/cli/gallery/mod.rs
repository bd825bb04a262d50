//! `skueye gallery`: one file a command.

mod compact;
mod diff;
mod enrol;
mod export;
mod info;
pub(super) mod list;
mod npy;
mod parquet;
mod remove;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use skueye_models::Fault;

/// The commands of `skueye gallery`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Counts and identity.
    Info(Target),
    /// Every product, one a line.
    List(Target),
    /// Read everything and check it.
    Verify(Target),
    /// What differs between two galleries.
    Diff(diff::Diff),
    /// Add rows of a product.
    Enrol(enrol::Enrol),
    /// Take rows of a product out.
    Remove(remove::Remove),
    /// Write gallery and journal into one new file.
    Compact(Target),
    /// Write the rows and products for other programs.
    Export(export::Export),
}

/// Which file, and how to print.
#[derive(Debug, Args)]
pub struct Target {
    /// The gallery file.
    pub file: PathBuf,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Info(target) => info::run(&target)?,
            Self::List(target) => list::run(&target)?,
            Self::Verify(target) => verify::run(&target)?,
            Self::Diff(diff) => return diff.run(),
            Self::Enrol(enrol) => enrol.run()?,
            Self::Remove(remove) => remove.run()?,
            Self::Compact(target) => compact::run(&target)?,
            Self::Export(export) => export.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
