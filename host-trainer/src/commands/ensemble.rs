//! `skueye-train ensemble` and `skueye-train soup`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct Ensemble {
    /// Run folders, one a member.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The data set's folder: statistics come from it, and choices are made on its validation pictures.
    #[arg(long)]
    data: PathBuf,
    /// The ensemble's folder; an ensemble there is replaced.
    #[arg(long)]
    out: PathBuf,
    /// Length of the device's vectors.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=512))]
    dim: u32,
    /// Take the whitening's statistics from the index instead of the training pictures.
    #[arg(long)]
    index_statistics: bool,
    /// Take them of so many pictures at most, evenly spread; every member computes each of them. By default 32768.
    #[arg(long, value_name = "PICTURES", value_parser = clap::value_parser!(u64).range(2..))]
    statistics: Option<u64>,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

#[derive(Args)]
pub struct Soup {
    /// Run folders of one network from one start.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The data set's folder, for its validation pictures.
    #[arg(long)]
    data: PathBuf,
    /// The soup's run folder; absent or empty.
    #[arg(long)]
    out: PathBuf,
    /// Take those runs alone that do not make it worse on validation.
    #[arg(long)]
    greedy: bool,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
pub fn ensemble(_: &Ensemble, _: bool) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
pub fn soup(_: &Soup, _: bool) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Fits the ensemble and tells what was chosen.
#[cfg(feature = "torch")]
pub fn ensemble(options: &Ensemble, json: bool) -> anyhow::Result<bool> {
    use std::fmt::Write;

    use skueye_trainer::data::{Dataset, Split};
    use skueye_trainer::distil::ensemble::{Sample, make_ensemble};
    use skueye_trainer::distil::fit::FitOptions;
    use skueye_trainer::engine::device;

    let mut sample = Sample::of(match options.index_statistics {
        true => Split::Index,
        false => Split::Train,
    });
    sample.most = options.statistics.map_or(sample.most, |most| most as usize);
    let report = make_ensemble(
        &options.runs,
        &Dataset::open(&options.data)?,
        sample,
        &FitOptions::for_dim(options.dim as usize),
        &options.out,
        device(&options.device, 0)?,
    )?;
    super::print(json, &report, |report| {
        let mut text = String::from("MAR@10 of validation pictures among training pictures\n");
        for member in &report.members {
            let (name, raw, chosen) = (&member.network, member.raw, member.chosen);
            let _ = write!(text, "{name}: raw {raw:.4}");
            for tried in &member.tried {
                let _ = write!(text, ", {} {:.4}", tried.recipe, tried.figure);
            }
            let _ = writeln!(text, "; takes {chosen}");
        }
        let _ = write!(
            text,
            "ensemble of {} values: {:.4}",
            report.joined_dim, report.joined
        );
        for tried in &report.target {
            let _ = write!(text, ", {} {:.4}", tried.recipe, tried.figure);
        }
        text
    })
}

/// Averages and tells what is in it.
#[cfg(feature = "torch")]
pub fn soup(options: &Soup, json: bool) -> anyhow::Result<bool> {
    use skueye_trainer::data::Dataset;
    use skueye_trainer::distil::soup_run::make_soup;
    use skueye_trainer::engine::device;

    let report = make_soup(
        &options.runs,
        &Dataset::open(&options.data)?,
        options.greedy,
        &options.out,
        device(&options.device, 0)?,
    )?;
    super::print(json, &report, |report| {
        let normalised = report.normalised.map_or(String::new(), |n| {
            let (averaged, anew, pictures) = (n.averaged, n.anew, n.pictures);
            let kept = if n.is_anew() { "new" } else { "averaged" };
            format!(
                "; with averaged statistics {averaged:.4}, with new ones of {pictures} pictures {anew:.4}: the {kept} ones are kept"
            )
        });
        format!(
            "{} of {} runs; MAR@10 on validation alone {:.4?}, together {:.4}{normalised}",
            report.taken.len(),
            report.alone.len(),
            report.alone,
            report.soup
        )
    })
}
