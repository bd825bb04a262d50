//! `skueye-train ensemble`: from finished runs to teachers.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_models::Fault;
use tch::Device;

use super::fit::{FitOptions, Fitted, Jury, fit_ensemble};
use super::teachers::{Teacher, Teachers};
use super::vectors::{statistics_of, tables};
use crate::data::{Dataset, Split};
use crate::evaluate::ValidationSet;
use crate::files::write_file;
use crate::pictures::Unreadable;
use crate::pictures::unreadable::DEFAULT_SHARE;
use crate::whitening::{Recipe, Tried};

/// What was tried on the way to an ensemble, MAR@10 on validation pictures among training pictures.
#[derive(Debug, Clone, Serialize)]
pub struct EnsembleReport {
    /// In the members' order.
    pub members: Vec<MemberReport>,
    /// The joined vectors.
    pub joined: f64,
    /// Their length.
    pub joined_dim: usize,
    /// What each recipe makes of them for the device.
    pub target: Vec<Tried>,
    /// The one that was taken, and its length.
    pub chosen: Option<(Recipe, usize)>,
}

/// One member.
#[derive(Debug, Clone, Serialize)]
pub struct MemberReport {
    /// Its network.
    pub network: String,
    /// Hash of its network and weights.
    pub hash: String,
    /// Its vectors as they are.
    pub raw: f64,
    /// What each recipe makes of them.
    pub tried: Vec<Tried>,
    /// The one that was taken.
    pub chosen: Recipe,
}

impl EnsembleReport {
    /// The member that validation ranks first, in whichever form it is better.
    pub fn best(&self) -> usize {
        let merit = |member: &MemberReport| {
            let tried = member.tried.iter().map(|tried| tried.figure);
            tried.fold(member.raw, f64::max)
        };
        let merits = self.members.iter().map(merit).enumerate();
        let best = merits.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(0, |(place, _)| place)
    }

    /// Of `fitted`, whose members are `networks`.
    pub fn new(networks: &[Teacher], fitted: &Fitted) -> Self {
        let members = networks.iter().zip(fitted.ensemble.members());
        let member = |((teacher, member), (raw, tried)): (
            (&Teacher, &crate::ensemble::Member),
            &(f64, Vec<Tried>),
        )| MemberReport {
            network: teacher.trained.network.name.clone(),
            hash: teacher.hash.clone(),
            raw: *raw,
            tried: tried.clone(),
            chosen: member.recipe(),
        };
        Self {
            members: members.zip(&fitted.members).map(member).collect(),
            joined: fitted.joined,
            joined_dim: fitted.ensemble.dim(),
            target: fitted.target.clone(),
            chosen: fitted.ensemble.target(),
        }
    }
}

/// Which pictures statistics are taken of.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The split.
    pub split: Split,
    /// So many of them at most, evenly spread over the table; every member computes each of them.
    pub most: usize,
    /// Share of them that may be unreadable.
    pub unreadable: f64,
}

impl Sample {
    /// Enough for the joined vectors of three large networks. Their values lie in the system's temporary folder meanwhile,
    /// 20 KB a picture.
    pub fn of(split: Split) -> Self {
        Self {
            split,
            most: 32_768,
            unreadable: DEFAULT_SHARE,
        }
    }
}

/// Fits the ensemble of `networks` on the pictures of `dataset`; statistics are those of `sample`, and memory does not grow
/// with their number. Errors: those of reading, E507 without ground truth, E605.
pub fn fit_networks(
    networks: &[Teacher],
    dataset: &Dataset,
    sample: Sample,
    options: &FitOptions,
    device: Device,
) -> Result<Fitted, Fault> {
    let validation = ValidationSet::load(dataset)?;
    let pictures = dataset
        .rows(sample.split)?
        .map(|row| row.map(|row| row.image))
        .collect::<Result<Vec<_>, Fault>>()?;
    let stride = pictures.len().div_ceil(sample.most.max(1)).max(1);
    let pictures: Vec<PathBuf> = pictures.into_iter().step_by(stride).collect();
    let members = networks
        .iter()
        .map(|teacher| {
            let unreadable = Unreadable::new(sample.unreadable);
            let of = statistics_of(&teacher.trained, pictures.clone(), unreadable, device)?;
            tables(teacher, of, &validation, device)
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    fit_ensemble(&members, &Jury::new(&validation), options)
}

/// Makes the ensemble of `runs` at `out`. Errors: those of [`fit_networks`], E610.
pub fn make_ensemble(
    runs: &[PathBuf],
    dataset: &Dataset,
    sample: Sample,
    options: &FitOptions,
    out: &Path,
    device: Device,
) -> Result<EnsembleReport, Fault> {
    let networks = runs
        .iter()
        .map(|run| Teacher::open(run))
        .collect::<Result<Vec<_>, Fault>>()?;
    let fitted = fit_networks(&networks, dataset, sample, options, device)?;
    Teachers::write(&fitted.ensemble, runs, out)?;
    let report = EnsembleReport::new(&networks, &fitted);
    let json = serde_json::to_string_pretty(&report).expect("plain values") + "\n";
    write_file(&out.join("report.json"), json.as_bytes())?;
    Ok(report)
}
