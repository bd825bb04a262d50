//! `skueye-bench`: how fast and how right the rooms of the house are, on vectors that a file gives.
#![forbid(unsafe_code)]

mod count;
mod day;
mod gallery;
mod npy;
mod page_load;
mod progress;
mod random;
mod retrieval;
mod start;
mod update;
mod vectors;
mod vision;

use anyhow::Context;
use clap::{Parser, Subcommand};
use skueye_models::Fault;

/// Measures Skueye.
#[derive(Debug, Parser)]
#[command(name = "skueye-bench", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, open and search a gallery of given vectors, and compare with float.
    Gallery(gallery::GalleryBench),
    /// Answer queries and do nothing else, to count instructions (see tests/bench/instructions.py).
    Count(count::Count),
    /// From camera pixels to an embedding: time, memory taken, agreement of the runtimes, and the same work in Python.
    Vision(vision::VisionBench),
    /// A simulated day of the device's run loop: thousands of presentations, unplugged cameras and cables, and what came of it.
    Day(day::DayBench),
    /// Browsers and requests on the page while the device recognises, in turns with none.
    PageLoad(page_load::PageLoadBench),
    /// The browsers and requests; called by `page-load`.
    #[command(hide = true)]
    PageClients(page_load::clients::Clients),
    /// Products known again after a few shots, on sets that nobody tuned for; and what worse pictures cost.
    Retrieval(retrieval::RetrievalBench),
    /// From the start of the device program to its first answer, with a large gallery.
    Start(start::StartBench),
    /// Install a gallery bundle: time against disk and SHA-256, memory, and the size of a delta.
    Update(update::UpdateBench),
    /// One install in a process of its own; called by `update`.
    #[command(hide = true)]
    UpdateInstall(update::install::Install),
    /// Make synthetic test vectors: clustered as products are, with queries of which some are of unknown products.
    Vectors(vectors::Vectors),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Count(command) => command.run().context("skueye-bench count"),
        Command::Day(command) => command.run().context("skueye-bench day"),
        Command::Gallery(command) => command.run().context("skueye-bench gallery"),
        Command::PageLoad(command) => command.run().context("skueye-bench page-load"),
        Command::PageClients(command) => command.run().context("skueye-bench page-clients"),
        Command::Retrieval(command) => command.run().context("skueye-bench retrieval"),
        Command::Start(command) => command.run().context("skueye-bench start"),
        Command::Update(command) => command.run().context("skueye-bench update"),
        Command::UpdateInstall(command) => command.run().context("skueye-bench update-install"),
        Command::Vision(command) => command.run().context("skueye-bench vision"),
        Command::Vectors(command) => command.run().context("skueye-bench vectors"),
    }
}

/// A fault of a file that was given.
fn refused(expected: impl Into<String>, got: impl Into<String>) -> Fault {
    Fault::new(
        skueye_models::Code::Usage,
        expected,
        got,
        "run skueye-bench --help",
    )
}
