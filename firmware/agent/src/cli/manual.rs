//! `skueye manual`: what a package installs beside the program.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use skueye_models::Fault;

use super::Cli;

/// Options of `skueye manual`.
#[derive(Debug, Args)]
pub struct Manual {
    /// A folder that is made where it is missing: man pages go to `man`, completions to `completions`.
    folder: PathBuf,
}

impl Manual {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let failed = |error| Fault::io("write", &self.folder, &error);
        let (man, shells) = (self.folder.join("man"), self.folder.join("completions"));
        for folder in [&man, &shells] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        clap_mangen::generate_to(Cli::command(), &man).map_err(failed)?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut Cli::command(), "skueye", &shells)
                .map_err(failed)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
