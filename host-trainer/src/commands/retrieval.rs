//! `skueye-train bench retrieval`, which `skueye-bench retrieval` hands over to: products known again after a few shots, on sets
//! that nobody tuned for.

use std::path::PathBuf;

use clap::Args;
use skueye_trainer::evaluate::Bootstrap;
use skueye_trainer::retrieval::{BenchmarkOptions, Enrol, MadeOptions, benchmark};
use skueye_trainer::whitening::Recipe;

use super::print;

/// What to measure.
#[derive(Debug, Args)]
pub struct Retrieval {
    /// synth-unseen, makers-unseen or emoji-datasource, which are made or fetched; or, with --root, stanford-online-products,
    /// in-shop, products-10k, rp2k or eproduct.
    #[arg(long)]
    set: String,
    /// The folder of a public set, as its authors pack it.
    #[arg(long)]
    root: Option<PathBuf>,
    /// The release that is measured.
    #[arg(long, default_value = "models/zoo/default")]
    model: PathBuf,
    /// A training run whose network is measured besides; several also as an ensemble.
    #[arg(long = "run")]
    runs: Vec<PathBuf>,
    /// Enrolment shots of each product, such as 1,3,5 or all; by default 1,3,5, and all of a public set.
    #[arg(long, value_delimiter = ',', value_parser = shots)]
    shots: Vec<Shots>,
    /// Products of synth-unseen in the gallery.
    #[arg(long, default_value_t = 500)]
    products: usize,
    /// What is enrolled of synth-unseen.
    #[arg(long, default_value = "camera")]
    enrol: Enrol,
    /// Seed of the set, of corruptions and of intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What networks other than the release are whitened by, fitted on all enrolment pictures.
    #[arg(long, default_value = "pca:256:0.01")]
    whiten: Recipe,
    /// Edge of the pictures that the pretrained network sees; by default as many pixels as the release's.
    #[arg(long)]
    pretrained_size: Option<u32>,
    /// Also measure the release with every result rounded to FP16, as a GPU does: about a second a picture.
    #[arg(long)]
    fp16_arithmetic: bool,
    /// Also compare gallery entries of several shots: each, their mean, both.
    #[arg(long)]
    pooling: bool,
    /// Also ask with pictures made worse: eight corruptions at three levels.
    #[arg(long)]
    robustness: bool,
    /// How often items are drawn anew for the 95 % intervals.
    #[arg(long, default_value_t = 300)]
    replicates: usize,
    /// Where sets that were made lie, to be used again.
    #[arg(long, default_value = "target/retrieval")]
    work: PathBuf,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/cache")]
    cache: PathBuf,
    /// Folder for retrieval.json and corruptions.png; by default results/SET in the folder of --work.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How many shots; none for all.
#[derive(Debug, Clone, Copy)]
struct Shots(Option<usize>);

fn shots(text: &str) -> Result<Shots, String> {
    match (text, text.parse()) {
        ("all", _) => Ok(Shots(None)),
        (_, Ok(count @ 1..=8)) => Ok(Shots(Some(count))),
        _ => Err("1 to 8, or all".into()),
    }
}

/// Measures and prints.
pub fn run(options: Retrieval, json: bool) -> anyhow::Result<bool> {
    let options = settled(options);
    let found = benchmark(&options)?;
    print(json, &found, |found| {
        format!("{found}written to {}", options.out.display())
    })
}

fn settled(options: Retrieval) -> BenchmarkOptions {
    let shots = match (&options.shots[..], &options.root) {
        ([], None) => vec![Some(1), Some(3), Some(5)],
        ([], Some(_)) => vec![None],
        (given, _) => given.iter().map(|shots| shots.0).collect(),
    };
    let most = shots.iter().flatten().copied().max();
    let results = options.work.join("results");
    BenchmarkOptions {
        out: options.out.unwrap_or_else(|| results.join(&options.set)),
        made: MadeOptions {
            work: options.work,
            cache: options.cache,
            products: options.products,
            seed: options.seed,
            enrol: options.enrol,
            shots: most.unwrap_or(5),
        },
        set: options.set,
        root: options.root,
        model: options.model,
        runs: options.runs,
        shots,
        whiten: options.whiten,
        pretrained_size: options.pretrained_size,
        fp16_arithmetic: options.fp16_arithmetic,
        pooling: options.pooling,
        robustness: options.robustness,
        bootstrap: Bootstrap {
            replicates: options.replicates,
            seed: options.seed,
        },
    }
}
