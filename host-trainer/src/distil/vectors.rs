//! Vectors of data sets' pictures by trained networks.

use std::path::PathBuf;

use skueye_models::Fault;
use tch::Device;

use super::fit::{Jury, MemberTables};
use super::statistics::{Gathering, Statistics};
use super::teachers::Teacher;
use crate::engine::{Module, Pick, Source, each_output, guarded, outputs, to_vectors};
use crate::evaluate::{Shot, ValidationSet};
use crate::pictures::{Augmentation, Loader, Unreadable};
use crate::progress::Step;
use crate::run::TrainedNetwork;
use crate::vectors::Vectors;

/// Pictures computed at a time where nothing is learnt.
pub const BATCH: usize = 64;

/// `trained` ready to compute on `device`.
pub fn computing(trained: &TrainedNetwork, device: Device) -> Module {
    Module::new(trained.network.clone(), &trained.weights, device)
}

/// What `trained` makes of the plain views of `paths`, normalisation folded. Errors: those of loading, E406, E608.
pub fn vectors_of(
    trained: &TrainedNetwork,
    paths: Vec<PathBuf>,
    device: Device,
) -> Result<Vectors, Fault> {
    embed(trained, &plain(trained, paths), device)
}

fn plain(trained: &TrainedNetwork, paths: Vec<PathBuf>) -> Loader {
    Loader::new(paths, trained.preprocess, Augmentation::default(), 0)
}

fn embed(trained: &TrainedNetwork, loader: &Loader, device: Device) -> Result<Vectors, Fault> {
    let (network, weights) = trained.network.fold(&trained.weights);
    let module = Module::new(network, &weights, device);
    let step = Step::new("embed", loader.files.count() as u64);
    to_vectors(&outputs(&module, loader, BATCH, &step)?)
}

/// What `trained` makes of the pictures that answer in validation, in the order of [`Jury`]. The distractors among them are
/// training pictures; for one of those that cannot be read another distractor stands in.
fn answers(
    trained: &TrainedNetwork,
    validation: &ValidationSet,
    device: Device,
) -> Result<Vectors, Fault> {
    let paths = |shots: &[Shot]| shots.iter().map(|shot| shot.path.clone()).collect();
    let rows = vectors_of(trained, paths(&validation.rows), device)?;
    if validation.distractors.is_empty() {
        return Ok(rows);
    }
    let distractors = plain(trained, paths(&validation.distractors));
    let any = Unreadable::new(1.0);
    let distractors = embed(trained, &distractors.tolerating(any), device)?;
    let values = [rows.values(), distractors.values()].concat();
    Vectors::new(trained.dim(), values)
}

/// As [`vectors_of`], for statistics: they do not stay in memory, and for a picture that cannot be read its neighbour
/// counts twice, the same one whatever the network. Errors: E506 for too many of those, E406, E608, E901.
pub fn statistics_of(
    trained: &TrainedNetwork,
    paths: Vec<PathBuf>,
    unreadable: Unreadable,
    device: Device,
) -> Result<Statistics, Fault> {
    let (network, weights) = trained.network.fold(&trained.weights);
    let module = Module::new(network, &weights, device);
    let loader = plain(trained, paths).tolerating(unreadable);
    let step = Step::new("embed", loader.files.count() as u64);
    let mut gathering = Gathering::new(trained.dim())?;
    each_output(&module, &loader, BATCH, &step, |part| {
        gathering.add(&to_vectors(&part)?)
    })?;
    gathering.finish()
}

/// What `module` makes of views 0 to `views - 1` of `source`'s pictures. Errors: those of loading, E406, E608.
pub fn all_vectors(module: &Module, source: &Source, views: usize) -> Result<Vectors, Fault> {
    let of = |picture| (0..views as u64).map(move |view| (picture, view));
    let picks: Vec<Pick> = (0..source.pictures()).flat_map(of).collect();
    let step = Step::new("embed", picks.len() as u64);
    let mut parts = Vec::new();
    for batch in source.batches(picks.chunks(BATCH).map(<[Pick]>::to_vec).collect()) {
        let batch = batch?;
        let values = guarded(|| Ok(module.infer_from(&batch.input, source.from())))?;
        parts.push(values.to_device(Device::Cpu));
        step.advance(batch.pictures.len() as u64);
    }
    to_vectors(&tch::Tensor::cat(&parts, 0))
}

/// The tables that an ensemble is fitted on: `statistics` are `teacher`'s vectors of the pictures that statistics are taken
/// of. Errors: those of loading.
pub fn tables(
    teacher: &Teacher,
    statistics: impl Into<Statistics>,
    validation: &ValidationSet,
    device: Device,
) -> Result<MemberTables, Fault> {
    let probes = validation.probes.iter().map(|shot| shot.path.clone());
    Ok(MemberTables {
        run: teacher.hash.clone(),
        probes: vectors_of(&teacher.trained, probes.collect(), device)?,
        rows: answers(&teacher.trained, validation, device)?,
        statistics: statistics.into(),
    })
}

/// MAR@10 of `trained`'s vectors as they are. Errors: those of loading.
pub fn validate(
    trained: &TrainedNetwork,
    validation: &ValidationSet,
    device: Device,
) -> Result<f64, Fault> {
    let probes = validation.probes.iter().map(|shot| shot.path.clone());
    let probes = vectors_of(trained, probes.collect(), device)?.normalised()?;
    let rows = answers(trained, validation, device)?.normalised()?;
    Jury::new(validation).mar10(&rows, &probes)
}
