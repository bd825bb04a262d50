//! `skueye-train train`: a data set and settings to a trained network.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Serialize;
use skueye_distributed::ProcessGroup;
use skueye_models::Fault;
use tch::Device;

use super::keeper::{Follower, Keeper, Window};
use super::metrics::{Metrics, ValidationRecord};
use super::network::TrainedNetwork;
use super::prepare::{Prepared, prepare};
use super::renderer::renderer;
use super::settings::Settings;
use super::validation::Validation;
use super::{report, start};
use crate::engine::{self, Alone, Checkpoint, Objective, Reducer, Source, Trainer, share_state};
use crate::pictures::Unreadable;

/// What is asked for.
pub struct TrainRequest<'a> {
    /// The data set's folder.
    pub data: &'a Path,
    /// The run's folder.
    pub out: &'a Path,
    /// A settings file.
    pub settings: Option<&'a Path>,
    /// `key=value` over the file.
    pub overrides: &'a [String],
    /// The attributes; mined from the data set without.
    pub vocabulary: Option<&'a Path>,
    /// Go on where the folder holds a run.
    pub resume: bool,
    /// End after so many epochs of the run, as if it had been killed there.
    pub until: Option<u64>,
    /// What to compute on.
    pub device: Device,
    /// Where fetched packages stay.
    pub cache: &'a Path,
    /// Threads that this process may use.
    pub threads: usize,
    /// The processes that train together. The first of them keeps the run's folder, which all of them see.
    /// Without, there is one.
    pub group: Option<Rc<ProcessGroup>>,
}

impl TrainRequest<'_> {
    /// What joins the gradients.
    pub fn reducer(&self) -> &dyn Reducer {
        match &self.group {
            Some(group) => group.as_ref(),
            None => &Alone,
        }
    }
}

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
pub struct Trained {
    /// Its folder.
    pub run: PathBuf,
    /// Epochs done.
    pub epochs: u64,
    /// Steps done.
    pub steps: u64,
    /// The best validation; `None` where the data set cannot be validated.
    pub best: Option<ValidationRecord>,
}

/// What is there already instead of being made from a request's settings, and what is taught beside their objectives.
#[derive(Default)]
pub struct Lesson<'a> {
    /// The effective settings, in place of file and overrides.
    pub settings: Option<&'a Settings>,
    /// The training pictures as the network sees them.
    pub source: Option<&'a Source>,
    /// Rows of the training table that `source` lacks, ascending.
    pub left_out: &'a [usize],
    /// What a student learns from its teachers.
    pub student: Option<Student<'a>>,
}

/// What a student learns from its teachers.
pub struct Student<'a> {
    /// What it starts from; kept in the run's folder `start`.
    pub start: &'a TrainedNetwork,
    /// Its teachers' vectors.
    pub targets: &'a dyn Objective,
    /// What these depend on: a checkpoint of others is refused.
    pub identity: String,
}

/// Trains. Errors: those of settings, data, weights and training; E604 where the folder holds a run and `resume` is not
/// asked for, E607 where it holds a run of other data or settings.
pub fn train(request: &TrainRequest) -> Result<Trained, Fault> {
    learn(request, &Lesson::default())
}

/// As [`train`], with what `lesson` has.
pub fn learn(request: &TrainRequest, lesson: &Lesson) -> Result<Trained, Fault> {
    let prepared = prepare(request, lesson)?;
    let Prepared {
        settings,
        folder,
        training,
        start,
        ..
    } = &prepared;
    engine::start(settings.seed);
    tch::set_num_threads(request.threads as i32);
    let (reducer, device) = (request.reducer(), request.device);
    let options = start::options(settings);
    options.division(reducer).of(training.len())?;
    let vocabulary = &prepared.vocabulary;
    let mut objective = start::objective(training, vocabulary, start, &settings.objective, device)?;
    if let Some(student) = &lesson.student {
        objective = objective.plus(1.0, || Box::new(student.targets));
    }
    prepared.begin(request)?;
    let mut module = start::module(start, &settings.network, device);
    if let Some(group) = &request.group {
        module = module.synchronised(Rc::clone(group));
    }
    let made = match lesson.source {
        Some(_) => None,
        None => {
            let unreadable = folder.unreadable_path(reducer.rank());
            let unreadable = Unreadable::listed_in(&unreadable, settings.training.unreadable)?;
            Some(start::source(
                training, start, settings, unreadable, request,
            )?)
        }
    };
    let source = lesson.source.or(made.as_ref()).expect("given or made");
    let mut trainer = Trainer::new(&module, source, &objective, reducer, &options)?;
    if let Some(latest) = prepared.checkpoint()? {
        Checkpoint::restore(&latest, &mut trainer, &prepared.identity)?;
    }
    if let Some(group) = &request.group {
        share_state(&trainer, group)?;
    }
    let best = match reducer.rank() {
        0 => keep(request, &prepared, &mut trainer)?,
        _ => {
            trainer.run(&mut Follower(request.until))?;
            None
        }
    };
    Ok(Trained {
        run: folder.path().to_owned(),
        epochs: trainer.position().epoch,
        steps: trainer.position().step,
        best,
    })
}

/// Trains as the process that keeps the run's folder. Gives the best validation.
fn keep(
    request: &TrainRequest,
    prepared: &Prepared,
    trainer: &mut Trainer,
) -> Result<Option<ValidationRecord>, Fault> {
    let Prepared {
        settings,
        folder,
        dataset,
        start,
        ..
    } = prepared;
    let validation = Validation::load(dataset, start.preprocess, settings.validation.pictures)?;
    let mut keeper = Keeper {
        folder,
        settings,
        identity: prepared.identity.clone(),
        start,
        validation,
        metrics: Metrics::resume(&folder.metrics_path(), trainer.position().step)?,
        renderer: renderer(trainer.steps()),
        path: &|picture| prepared.training.picture(picture),
        until: request.until,
        window: Window::default(),
    };
    introduce(&mut keeper, trainer, prepared);
    trainer.run(&mut keeper)?;
    report::write(folder, dataset, keeper.metrics.records())?;
    Ok(keeper.metrics.best().cloned())
}

fn introduce(keeper: &mut Keeper, trainer: &Trainer, prepared: &Prepared) {
    let from = match trainer.position().step {
        0 => format!("from {} weights", prepared.settings.network.weights),
        step => format!("on from step {step}"),
    };
    let (pictures, attributes) = (prepared.training.len(), prepared.training.attribute_count());
    keeper.renderer.note(&format!(
        "{} {from}: {pictures} pictures, {attributes} attributes, {} steps of {} epochs",
        prepared.start.network.name,
        trainer.steps(),
        prepared.settings.training.epochs,
    ));
    if keeper.validation.is_none() {
        keeper
            .renderer
            .note("no validation: the data set does not say which product a picture shows");
    }
}
