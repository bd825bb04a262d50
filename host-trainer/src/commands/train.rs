//! `skueye-train train`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct Train {
    /// The data set's folder.
    data: PathBuf,
    /// The run's folder; absent or empty, unless --resume.
    #[arg(long)]
    out: PathBuf,
    /// A TOML file; whatever it leaves out has its default. RUN/settings.toml shows all keys.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// A setting over the file's, such as training.rate=1e-4. Can be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What the network starts from: published, random, or a file. As --set network.weights=...
    #[arg(long)]
    weights: Option<String>,
    /// A vocabulary that `mine` wrote; by default the titles are mined.
    #[arg(long)]
    vocabulary: Option<PathBuf>,
    /// Go on where the folder holds a run; begin where it does not.
    #[arg(long)]
    resume: bool,
    /// End after so many epochs; --resume goes on from there.
    #[arg(long, value_name = "EPOCH")]
    until: Option<u64>,
    /// auto (a GPU where there is one; of several processes on a machine each takes its own), cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/cache")]
    cache: PathBuf,
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
pub fn run(_: Train, _: bool) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Trains and tells what came of it. Started by `torchrun` or `srun` it is one process of several.
#[cfg(feature = "torch")]
pub fn run(options: Train, json: bool) -> anyhow::Result<bool> {
    use skueye_trainer::run::{TrainRequest, train};

    use super::ranks::Ranks;

    let ranks = Ranks::join(&options.device)?;
    let weights = options.weights;
    let weights = weights.map(|from| format!("network.weights={}", toml::Value::from(from)));
    let overrides: Vec<String> = options.set.into_iter().chain(weights).collect();
    let trained = train(&TrainRequest {
        data: &options.data,
        out: &options.out,
        settings: options.settings.as_deref(),
        overrides: &overrides,
        vocabulary: options.vocabulary.as_deref(),
        resume: options.resume,
        until: options.until,
        device: ranks.device,
        cache: &options.cache,
        threads: ranks.threads,
        group: ranks.group.clone(),
    })?;
    if !ranks.speaks() {
        return Ok(true);
    }
    super::print(json, &trained, |trained| {
        let best = match &trained.best {
            Some(best) => format!(
                "; validation MAR@10 {:.4}, recall@1 {:.4} after epoch {}",
                best.mar10, best.recall1, best.epoch
            ),
            None => String::new(),
        };
        format!(
            "{} epochs, {} steps in {}{best}",
            trained.epochs,
            trained.steps,
            trained.run.display()
        )
    })
}
