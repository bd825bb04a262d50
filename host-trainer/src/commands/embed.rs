//! `skueye-train embed` and `skueye-train embed merge`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use skueye_models::{Code, Fault};
use skueye_trainer::data::{Dataset, Split};
use skueye_trainer::embed::{EmbedOptions, embed, merge};
use skueye_trainer::shard::Shard;

use super::print;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Embed {
    /// The model's folder.
    #[arg(required = true)]
    model: Option<PathBuf>,
    /// The data set's folder.
    #[arg(long, required = true)]
    data: Option<PathBuf>,
    /// Whose pictures: train, val, index or query.
    #[arg(long, default_value = "index", value_parser = split)]
    split: Split,
    /// The .npy file to write; its .tsv stands beside it.
    #[arg(long, required = true)]
    out: Option<PathBuf>,
    /// Embed only this shard, such as 2/8.
    #[arg(long, default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Share of the rows whose pictures may be unreadable.
    #[arg(long, default_value_t = 0.01)]
    max_bad: f64,
    #[command(subcommand)]
    merge: Option<EmbedCommand>,
}

#[derive(Subcommand)]
enum EmbedCommand {
    /// Joins the vectors of all shards into the file that one process would have written.
    Merge {
        /// The .npy files, in any order.
        #[arg(required = true)]
        parts: Vec<PathBuf>,
        /// The .npy file to write.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Embeds a split, or joins what was embedded.
pub fn run(options: Embed, json: bool) -> anyhow::Result<bool> {
    let start = Instant::now();
    match (options.merge, options.model, options.data, options.out) {
        (Some(EmbedCommand::Merge { parts, out }), ..) => {
            let vectors = merge(&parts, &out)?;
            print(json, &serde_json::json!({"vectors": vectors}), |_| {
                format!("{vectors} vectors in {}", out.display())
            })
        }
        (None, Some(model), Some(data), Some(out)) => {
            let (split, shard, max_bad) = (options.split, options.shard, options.max_bad);
            let embedding = EmbedOptions {
                model,
                split,
                shard,
                out,
                max_bad,
            };
            let report = embed(&Dataset::open(&data)?, &embedding)?;
            let new = report.vectors + report.skipped - report.resumed;
            let rate = new as f64 / start.elapsed().as_secs_f64().max(1e-9);
            print(json, &report, |report| {
                format!(
                    "{} vectors in {} ({} rows without, {} resumed, {rate:.1} pictures/s)",
                    report.vectors,
                    embedding.out.display(),
                    report.skipped,
                    report.resumed
                )
            })
        }
        _ => {
            let expected = "a model folder, --data and --out, or merge";
            Err(Fault::new(Code::Usage, expected, "neither", "see --help").into())
        }
    }
}

fn split(text: &str) -> Result<Split, String> {
    serde_json::from_value(text.into()).map_err(|_| "one of train, val, index, query".into())
}
