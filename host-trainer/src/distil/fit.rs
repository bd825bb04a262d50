//! Fitting of an ensemble on its members' vectors (METHOD 3): each member's whitening, then the device's vector, both
//! chosen by validation. No network runs here.

use serde::{Deserialize, Serialize};
use skueye_models::{Fault, Whitening};

use super::statistics::{BLOCK, Statistics};
use crate::ensemble::{Ensemble, Member};
use crate::evaluate::{Metrics, TOP, Truth, ValidationSet, float_ranking};
use crate::vectors::{UnitVectors, Vectors};
use crate::whitening::{Choice, Moments, Recipe, Spectrum, Tried, choose_whitening, whiten};

/// Vectors of no more values than these get all their directions; the time for that grows with the cube.
const WHOLE: usize = 1536;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitOptions {
    /// For each member's vectors.
    pub members: Vec<Recipe>,
    /// For the joined vectors, to the device's dimension; none where the members' vectors are the device's.
    pub target: Vec<Recipe>,
}

impl FitOptions {
    /// For device vectors of `dim` values. METHOD 3.1's ridge of 1e-7 is among the members' recipes; on few vectors others
    /// win. Raw is not: an ensemble compares members on equal terms, and the figures of raw members stand beside it.
    pub fn for_dim(dim: usize) -> Self {
        let zca = |ridge| Recipe::Zca { ridge };
        let pca = |ridge| Recipe::Pca { dim, ridge };
        Self {
            members: [1e-7, 0.1, 1.0, 10.0, 100.0].map(zca).into(),
            target: [1.0, 10.0]
                .map(pca)
                .into_iter()
                .chain([Recipe::Projection { dim }])
                .collect(),
        }
    }

    /// For one teacher whose whitening gives the device's vectors of `dim` values: it can be folded into a student.
    pub fn for_one(dim: usize) -> Self {
        let pca = |ridge| Recipe::Pca { dim, ridge };
        Self {
            members: [0.01, 0.1, 1.0, 10.0].map(pca).into(),
            target: Vec::new(),
        }
    }
}

/// A network's vectors of the pictures that an ensemble is fitted on; every member has the same pictures in one order.
#[derive(Debug)]
pub struct MemberTables {
    /// Hash of the run that made the network.
    pub run: String,
    /// Of the pictures that statistics are taken of: training pictures, or an index.
    pub statistics: Statistics,
    /// Of the validation pictures that ask.
    pub probes: Vectors,
    /// Of the pictures that are asked.
    pub rows: Vectors,
}

/// Judges vectors by how well validation pictures find each other among training pictures. Without those the validation
/// pictures of a small set are found by anything: on `synth` raw category features reach a MAR@10 of 0.99 that way.
#[derive(Debug, Clone)]
pub struct Jury {
    /// Who asks and who answers: first [`ValidationSet::rows`], then [`ValidationSet::distractors`].
    truth: Truth,
}

impl Jury {
    /// Of the pictures of `validation`.
    pub fn new(validation: &ValidationSet) -> Self {
        let Truth {
            mut index, queries, ..
        } = validation.truth();
        index.extend(validation.distractors.iter().map(|shot| shot.product));
        Self {
            truth: Truth::new(index, queries),
        }
    }

    /// MAR@10 of `probes` among `rows`.
    pub fn mar10(&self, rows: &UnitVectors, probes: &UnitVectors) -> Result<f64, Fault> {
        let ranking = float_ranking(rows, probes, TOP)?;
        Ok(Metrics::new(&ranking, &self.truth).mar10)
    }
}

/// An ensemble with what was tried on the way to it.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// With its target.
    pub ensemble: Ensemble,
    /// For each member what its vectors reach on validation as they are, and by each recipe.
    pub members: Vec<(f64, Vec<Tried>)>,
    /// What the joined vectors reach on validation.
    pub joined: f64,
    /// What each recipe makes of them.
    pub target: Vec<Tried>,
}

/// Fits the ensemble of `members`. Errors: E605, E626, E406.
pub fn fit_ensemble(
    members: &[MemberTables],
    jury: &Jury,
    options: &FitOptions,
) -> Result<Fitted, Fault> {
    let (mut whitened, mut figures) = (Vec::new(), Vec::new());
    for tables in members {
        let raw = jury.mar10(
            &tables.rows.clone().normalised()?,
            &tables.probes.clone().normalised()?,
        )?;
        let choice = choose(
            &tables.statistics,
            &options.members,
            jury,
            &tables.rows,
            &tables.probes,
        )?;
        figures.push((raw, choice.tried.clone()));
        whitened.push(Member::new(
            &tables.run,
            tables.statistics.dim(),
            1.0,
            choice,
        )?);
    }
    let ensemble = Ensemble::new(whitened)?;
    let join = |table: fn(&MemberTables) -> &Vectors| {
        ensemble.join(&members.iter().map(table).collect::<Vec<_>>())
    };
    let (rows, probes) = (join(|m| &m.rows)?, join(|m| &m.probes)?);
    let joined = jury.mar10(&rows, &probes)?;
    let mut fitted = Fitted {
        ensemble: ensemble.clone(),
        members: figures,
        joined,
        target: Vec::new(),
    };
    if !options.target.is_empty() {
        let spectrum = joined_spectrum(&ensemble, members, &options.target)?;
        let choice = choose_whitening(&spectrum, &options.target, |map| {
            judge(map, jury, &rows, &probes)
        })?;
        fitted.ensemble = ensemble.with_target(&spectrum, choice.recipe)?;
        fitted.target = choice.tried;
    }
    Ok(fitted)
}

/// The directions of the joined vectors: all of them, or where there are thousands those that `recipes` need.
fn joined_spectrum(
    ensemble: &Ensemble,
    members: &[MemberTables],
    recipes: &[Recipe],
) -> Result<Spectrum, Fault> {
    let dim = ensemble.dim();
    let most = recipes.iter().map(|recipe| recipe.output_dim(dim));
    let most = most.max().unwrap_or(1);
    let here: Option<Vec<&Vectors>> = members.iter().map(|m| m.statistics.here()).collect();
    match here {
        Some(tables) if dim > WHOLE => Spectrum::leading(ensemble.join(&tables)?.table(), most),
        _ => {
            let moments = joined_moments(ensemble, members)?;
            match dim > WHOLE {
                true => Spectrum::leading_of(&moments, most),
                false => Spectrum::of(&moments),
            }
        }
    }
}

/// Of the joined vectors, a block of them at a time. Errors: E626 where members have unequally many, E406, E901.
fn joined_moments(ensemble: &Ensemble, members: &[MemberTables]) -> Result<Moments, Fault> {
    let rows = members.iter().map(|m| m.statistics.rows()).max();
    let mut moments = Moments::new(ensemble.dim());
    for first in (0..rows.unwrap_or(0)).step_by(BLOCK) {
        let blocks = members.iter().map(|m| m.statistics.block(first));
        let blocks = blocks.collect::<Result<Vec<_>, Fault>>()?;
        let joined = ensemble.join(&blocks.iter().collect::<Vec<_>>())?;
        moments.add(joined.table())?;
    }
    Ok(moments)
}

fn choose(
    statistics: &Statistics,
    recipes: &[Recipe],
    jury: &Jury,
    rows: &Vectors,
    probes: &Vectors,
) -> Result<Choice, Fault> {
    let spectrum = Spectrum::of(statistics.moments())?;
    choose_whitening(&spectrum, recipes, |map| judge(map, jury, rows, probes))
}

fn judge(
    map: Option<&Whitening>,
    jury: &Jury,
    rows: &Vectors,
    probes: &Vectors,
) -> Result<f64, Fault> {
    let units = |table: &Vectors| match map {
        Some(map) => whiten(table, map)?.normalised(),
        None => table.clone().normalised(),
    };
    jury.mar10(&units(rows)?, &units(probes)?)
}
