//! The commands, one file each.

mod capture;
mod config;
mod doctor;
mod enrolled;
mod gallery;
mod log;
mod manual;
mod page;
mod print;
mod recognise;
mod run;
mod status;
mod support;
mod update;
mod wipe;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use skueye_models::Fault;

/// Recognises products in front of a camera and tells the till.
#[derive(Debug, Parser)]
#[command(name = "skueye", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the stage: one event for every item that is presented.
    Run(run::Run),
    /// Write frames of the camera to a folder.
    Capture(capture::Capture),
    /// Recognise one picture.
    Recognise(recognise::Recognise),
    /// Look into a gallery file.
    #[command(subcommand)]
    Gallery(gallery::Command),
    /// Install signed bundles, and go back.
    #[command(subcommand)]
    Update(update::Command),
    /// What was enrolled at this device, for the next training, and the shop's list of products.
    #[command(subcommand)]
    Enrolled(enrolled::Command),
    /// Who may use the operator page.
    Page(page::Page),
    /// How the running program is.
    Status(status::Status),
    /// Gather what a maker needs to help into one file, without pictures or secrets.
    SupportBundle(support::SupportBundle),
    /// Write man pages and shell completions, for packages.
    #[command(hide = true)]
    Manual(manual::Manual),
    /// Read and check the decision log.
    #[command(subcommand)]
    Log(log::Command),
    /// Remove what the device has stored about its work.
    Wipe(wipe::Wipe),
    /// Check model, gallery and what this machine offers.
    Doctor(doctor::Doctor),
    /// Look at the settings.
    #[command(subcommand)]
    Config(config::Command),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self.command {
            Command::Run(run) => run.run(),
            Command::Capture(capture) => capture.run(),
            Command::Recognise(recognise) => recognise.run(),
            Command::Gallery(command) => command.run(),
            Command::Update(command) => command.run(),
            Command::Enrolled(command) => command.run(),
            Command::Page(page) => page.run().map(|()| ExitCode::SUCCESS),
            Command::Status(status) => status.run(),
            Command::SupportBundle(bundle) => bundle.run(),
            Command::Manual(manual) => manual.run(),
            Command::Log(command) => command.run(),
            Command::Wipe(wipe) => wipe.run(),
            Command::Doctor(doctor) => doctor.run(),
            Command::Config(command) => command.run(),
        }
    }
}
