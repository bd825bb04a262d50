//! `skueye-train mine` and `skueye-train mine merge`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};
use skueye_models::{Code, Fault};
use skueye_trainer::data::Dataset;
use skueye_trainer::mine::{
    Counts, DEFAULT_THRESHOLD, Language, MiningOptions, Part, Vocabulary, count_titles,
};
use skueye_trainer::shard::Shard;

use super::print;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Mine {
    /// The data set's folder.
    #[arg(required = true)]
    root: Option<PathBuf>,
    /// The vocabulary file to write; with --shard the part.
    #[arg(long, required = true)]
    out: Option<PathBuf>,
    /// Count only this shard, such as 2/8, and write its part for `mine merge`.
    #[arg(long)]
    shard: Option<Shard>,
    #[command(flatten)]
    flags: MiningFlags,
    #[command(subcommand)]
    merge: Option<MineCommand>,
}

#[derive(Subcommand)]
enum MineCommand {
    /// Joins the parts of all shards into the vocabulary that one run would have written.
    Merge {
        /// The parts, in any order.
        #[arg(required = true)]
        parts: Vec<PathBuf>,
        /// The vocabulary file to write.
        #[arg(long)]
        out: PathBuf,
    },
}

/// How titles are mined; without any of them as the paper does.
#[derive(Args)]
pub struct MiningFlags {
    /// A token must occur more often than this.
    #[arg(long, default_value_t = DEFAULT_THRESHOLD)]
    threshold: u64,
    /// Whose stop words are left out: en, de, ...; may be given several times.
    #[arg(long = "language", default_value = "en")]
    languages: Vec<Language>,
    /// Join numbers and units: 500 ml = 500ml.
    #[arg(long)]
    units: bool,
    /// Make one attribute of a word's spellings: plural, hyphen, slips of the pen.
    #[arg(long)]
    fold: bool,
    /// Also take pairs of neighbouring words of at least this pointwise mutual information, bits.
    #[arg(long, value_name = "BITS")]
    pairs: Option<f64>,
    /// Leave out words of whose presence the category explains less than this share of the entropy.
    #[arg(long, value_name = "SHARE")]
    prune: Option<f64>,
    /// Weigh attributes by how much they tell within their category.
    #[arg(long)]
    weights: bool,
    /// The category that --prune and --weights look at: meta, second or leaf.
    #[arg(long, default_value = "meta", value_parser = level)]
    level: skueye_trainer::data::Level,
}

impl MiningFlags {
    /// The settings that they stand for.
    pub fn options(&self) -> MiningOptions {
        MiningOptions {
            threshold: self.threshold,
            languages: self.languages.clone(),
            units: self.units,
            fold: self.fold,
            pairs: self.pairs,
            prune: self.prune,
            weights: self.weights,
            level: self.level,
        }
    }
}

fn level(text: &str) -> Result<skueye_trainer::data::Level, String> {
    serde_json::from_value(text.into()).map_err(|_| "one of meta, second, leaf".into())
}

/// Counts the titles and writes the vocabulary, or a shard's part.
pub fn run(mine: &Mine, json: bool) -> anyhow::Result<bool> {
    match (&mine.merge, &mine.root, &mine.out) {
        (Some(MineCommand::Merge { parts, out }), ..) => {
            let start = Instant::now();
            write(&Part::merge(parts)?, out, start, json)
        }
        (None, Some(root), Some(out)) => {
            let (dataset, options) = (Dataset::open(root)?, mine.flags.options());
            let start = Instant::now();
            match mine.shard {
                Some(shard) => write_part(&dataset, &options, shard, out, json),
                None => {
                    let counts = count_titles(&dataset, &options, Shard::WHOLE)?;
                    write(&counts, out, start, json)
                }
            }
        }
        _ => Err(Fault::new(
            Code::Usage,
            "a data folder and --out, or merge",
            "neither",
            "see --help",
        )
        .into()),
    }
}

fn write(counts: &Counts, out: &Path, start: Instant, json: bool) -> anyhow::Result<bool> {
    let vocabulary = Vocabulary::new(counts)?;
    vocabulary.write(out)?;
    let rate = per_second(vocabulary.titles(), start);
    let found = serde_json::json!({
        "titles": vocabulary.titles(), "threshold": vocabulary.threshold(), "attributes": vocabulary.len(),
        "titles_per_second": rate,
    });
    print(json, &found, |_| {
        format!(
            "{} attributes from {} titles in {} ({rate} titles/s)",
            vocabulary.len(),
            vocabulary.titles(),
            out.display()
        )
    })
}

fn write_part(
    dataset: &Dataset,
    options: &MiningOptions,
    shard: Shard,
    out: &Path,
    json: bool,
) -> anyhow::Result<bool> {
    let start = Instant::now();
    let part = Part::count(dataset, options, shard)?;
    part.write(out)?;
    let (titles, rate) = (
        part.counts.titles(),
        per_second(part.counts.titles(), start),
    );
    let found = serde_json::json!({
        "shard": shard.to_string(), "titles": titles, "titles_per_second": rate,
    });
    print(json, &found, |_| {
        format!(
            "shard {shard}: {titles} titles counted in {} ({rate} titles/s)",
            out.display()
        )
    })
}

fn per_second(count: u64, start: Instant) -> u64 {
    (count as f64 / start.elapsed().as_secs_f64().max(1e-9)) as u64
}
