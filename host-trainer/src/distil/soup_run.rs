//! `skueye-train soup`: from finished runs of one network to a run whose weights are their average.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_models::network::Weights;
use skueye_models::{Code, Fault};
use tch::Device;

use super::soup::{average, greedy};
use super::vectors::validate;
use crate::data::{Dataset, Split};
use crate::engine::{Source, normalised_anew};
use crate::evaluate::ValidationSet;
use crate::files::write_file;
use crate::pictures::{Loader, Unreadable};
use crate::run::settings::Settings;
use crate::run::{RunFolder, TrainedNetwork};

/// What a soup came to.
#[derive(Debug, Clone, Serialize)]
pub struct SoupReport {
    /// The runs that are in it.
    pub taken: Vec<PathBuf>,
    /// MAR@10 of each run on validation pictures among training pictures.
    pub alone: Vec<f64>,
    /// Of the soup.
    pub soup: f64,
    /// Where batch normalisation took its statistics of; none where the network has none, or one run was taken alone.
    pub normalised: Option<Normalised>,
}

/// The statistics of a soup's batch normalisation. After long training those of the average are wrong (arXiv 1803.05407,
/// section 3.2); after a short one they may still be those that the weights fit, so validation decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Normalised {
    /// MAR@10 with the mean of the runs' statistics.
    pub averaged: f64,
    /// With statistics taken anew.
    pub anew: f64,
    /// Of so many training pictures.
    pub pictures: usize,
}

impl Normalised {
    /// Whether the new ones were kept.
    pub fn is_anew(&self) -> bool {
        self.anew >= self.averaged
    }
}

/// Averages the networks of `runs` into a run folder at `out`: all of them, or with `choose` those that validation takes.
/// The statistics of batch normalisation are taken anew of training pictures, as the first run saw them, behind the cut
/// up to which it was frozen, and kept where validation does not find them worse. Errors: E604, E610, E654, those of reading.
pub fn make_soup(
    runs: &[PathBuf],
    dataset: &Dataset,
    choose: bool,
    out: &Path,
    device: Device,
) -> Result<SoupReport, Fault> {
    let folder = RunFolder::vacant(out)?;
    let first = RunFolder::open(runs.first().ok_or_else(no_run)?)?;
    let networks = of_one_kind(runs)?;
    let pot = Pot::new(&networks[0], &first.settings()?, dataset, &folder, device)?;
    let weights: Vec<_> = networks.iter().map(|n| &n.weights).collect();
    let judge = |weights: &Weights| pot.judge(weights);
    let (mixed, report) = match choose {
        true => {
            let soup = greedy(&weights, |mixed| pot.settle(mixed), judge)?;
            let report = SoupReport {
                taken: soup.taken.iter().map(|&i| runs[i].clone()).collect(),
                alone: soup.alone,
                soup: soup.figure,
                normalised: match soup.taken.len() {
                    1 => None,
                    _ => pot.normalised(soup.figure),
                },
            };
            (soup.weights, report)
        }
        false => {
            let mixed = pot.settle(average(&weights)?)?;
            let alone = weights.iter().map(|weights| judge(weights));
            let (alone, soup) = (alone.collect::<Result<_, Fault>>()?, judge(&mixed)?);
            let report = SoupReport {
                taken: runs.to_vec(),
                alone,
                soup,
                normalised: pot.normalised(soup),
            };
            (mixed, report)
        }
    };
    pot.with(mixed).write(&folder.model_path())?;
    let json = serde_json::to_string_pretty(&report).expect("plain values") + "\n";
    write_file(&out.join("soup.json"), json.as_bytes())?;
    folder.begin(&first.settings()?, &first.vocabulary()?)?;
    Ok(report)
}

/// What averages are finished and judged with.
struct Pot<'a> {
    like: &'a TrainedNetwork,
    validation: ValidationSet,
    source: Source,
    /// The value up to which the networks were frozen.
    from: usize,
    seed: u64,
    device: Device,
    /// Of every average that was finished.
    tried: RefCell<Vec<Normalised>>,
}

impl<'a> Pot<'a> {
    fn new(
        like: &'a TrainedNetwork,
        settings: &Settings,
        dataset: &Dataset,
        folder: &RunFolder,
        device: Device,
    ) -> Result<Self, Fault> {
        let rows = dataset.rows(Split::Train)?;
        let paths = rows.map(|row| row.map(|row| row.image));
        let paths = paths.collect::<Result<Vec<_>, Fault>>()?;
        let (augmentation, seed) = (settings.augmentation, settings.seed);
        let unreadable =
            Unreadable::listed_in(&folder.unreadable_path(0), settings.training.unreadable)?;
        let loader = Loader::new(paths, like.preprocess, augmentation, seed).tolerating(unreadable);
        Ok(Self {
            like,
            validation: ValidationSet::load(dataset)?,
            source: Source::live(loader, device),
            from: settings.network.frozen(&like.network)?,
            seed,
            device,
            tried: RefCell::default(),
        })
    }

    fn settle(&self, weights: Weights) -> Result<Weights, Fault> {
        let (network, source) = (&self.like.network, &self.source);
        let (anew, pictures) =
            normalised_anew(network, &weights, source, self.from, self.seed, self.device)?;
        if pictures == 0 {
            return Ok(weights);
        }
        let normalised = Normalised {
            averaged: self.judge(&weights)?,
            anew: self.judge(&anew)?,
            pictures,
        };
        self.tried.borrow_mut().push(normalised);
        Ok(if normalised.is_anew() { anew } else { weights })
    }

    /// Of the average that validation gives `figure`.
    fn normalised(&self, figure: f64) -> Option<Normalised> {
        let tried = self.tried.borrow();
        let found = |n: &&Normalised| n.averaged.max(n.anew) == figure;
        tried.iter().rev().find(found).copied()
    }

    fn with(&self, weights: Weights) -> TrainedNetwork {
        TrainedNetwork {
            weights,
            ..self.like.clone()
        }
    }

    fn judge(&self, weights: &Weights) -> Result<f64, Fault> {
        validate(&self.with(weights.clone()), &self.validation, self.device)
    }
}

fn of_one_kind(runs: &[PathBuf]) -> Result<Vec<TrainedNetwork>, Fault> {
    let networks = runs
        .iter()
        .map(|run| RunFolder::open(run)?.network())
        .collect::<Result<Vec<_>, Fault>>()?;
    let name = &networks[0].network.name;
    match networks.iter().find(|n| &n.network.name != name) {
        Some(other) => Err(other_network(name, &other.network.name)),
        None => Ok(networks),
    }
}

fn no_run() -> Fault {
    Fault::new(Code::Usage, "at least one run", "none", "name runs")
}

fn other_network(expected: &str, got: &str) -> Fault {
    Fault::new(
        Code::SoupMismatch,
        format!("runs of {expected}"),
        format!("one of {got}"),
        "name runs of one network",
    )
}
