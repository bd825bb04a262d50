//! `skueye-train ablate`.

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "torch")]
use skueye_models::{Code, Fault};
use skueye_trainer::quickstart::Data;

#[derive(Args)]
pub struct Ablate {
    /// How long it may take, such as 90m or 2h; sizes follow from it by a measured speed.
    #[arg(long, default_value = "2h", value_parser = duration)]
    budget: f64,
    /// Which sets: synth, makers, or folders of data sets, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "synth,makers")]
    sets: Vec<Data>,
    /// How many seeds of each.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Its folder; run again with the same options, it goes on where it was stopped.
    #[arg(long)]
    out: PathBuf,
    /// Also write the result here.
    #[arg(long)]
    results: Option<PathBuf>,
    /// Sizes in place of those that the budget gives: a JSON file, or tiny.
    #[arg(long, hide = true)]
    sizes: Option<String>,
    /// What networks start from: published or random.
    #[arg(long, default_value = "published", hide = true)]
    weights: String,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/cache")]
    cache: PathBuf,
}

/// Seconds of `90s`, `30m` or `2h`.
fn duration(text: &str) -> Result<f64, String> {
    let unit = match text.chars().last() {
        Some('s') => 1.0,
        Some('m') => 60.0,
        Some('h') => 3600.0,
        _ => 0.0,
    };
    let number = text[..text.len() - usize::from(unit > 0.0)].parse::<f64>();
    match number {
        Ok(number) if unit > 0.0 && number > 0.0 && number.is_finite() => Ok(number * unit),
        _ => Err("expected a duration such as 90m or 2h".into()),
    }
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
pub fn run(_: &Ablate, _: bool) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Runs it and prints the tables.
#[cfg(feature = "torch")]
pub fn run(options: &Ablate, json: bool) -> anyhow::Result<bool> {
    use skueye_trainer::ablate::{AblateRequest, ablate, markdown, write};
    use skueye_trainer::engine::device;

    let ablation = ablate(&AblateRequest {
        sets: &options.sets,
        seeds: options.seeds,
        budget: options.budget,
        sizes: options.sizes.as_deref().map(sizes).transpose()?,
        weights: &options.weights,
        out: &options.out,
        cache: &options.cache,
        device: device(&options.device, 0)?,
        command: command(),
    })?;
    write(&ablation, &options.out, options.results.as_deref())?;
    super::print(json, &ablation, markdown)
}

/// The command line, the program by its name alone.
#[cfg(feature = "torch")]
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("skueye-train {}", arguments.join(" "))
}

/// `tiny`, or what the file says.
#[cfg(feature = "torch")]
fn sizes(text: &str) -> Result<skueye_trainer::ablate::Sizes, Fault> {
    use skueye_trainer::ablate::Sizes;

    if text == "tiny" {
        return Ok(Sizes::tiny());
    }
    let bytes = std::fs::read(text).map_err(|e| Fault::io("read", text, &e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let expected = "sizes as an ablation's plan.json holds them";
        Fault::new(
            Code::SettingsSyntax,
            expected,
            e.to_string(),
            "correct the file",
        )
        .at(text)
    })
}
