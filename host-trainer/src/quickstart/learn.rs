//! The learning half of a quick start: teacher, whitening, student, by the parts that `train`, `ensemble` and `distil` are
//! made of.

use std::path::{Path, PathBuf};

use skueye_models::network::{LiteVariant, Network, Weights, efficientnet_lite};
use skueye_models::{Code, Fault, Preprocess, UnitEmbedding};
use tch::Device;

use super::options::{Passes, Recipe};
use super::timing::Timing;
use crate::distil::fit::{FitOptions, Jury, fit_ensemble};
use crate::distil::teachers::{Teacher, Teachers};
use crate::distil::vectors::{all_vectors, tables, vectors_of};
use crate::distil::{SourceKind, StoredStudent, TrainingPictures};
use crate::engine::objective::{AttributeLoss, Attributes, Head, Sum};
use crate::engine::{
    self, Alone, Curve, Descent, Module, Objective, Point, Source, TrainOptions, Trainer,
    output_length,
};
use crate::evaluate::{EvaluationSet, Metrics, ValidationSet};
use crate::fetch::lite_weights;
use crate::mine::TrainingIndex;
use crate::pictures::Unreadable;
use crate::pictures::unreadable::DEFAULT_SHARE;
use crate::run::TrainedNetwork;
use crate::vectors::Vectors;
use crate::weights::read_weights;
use crate::whitening;

/// The student sees the pictures in other orders than the teacher.
const STUDENT_ORDERS: u64 = 1_000_000;

/// Raw outputs of one network for the evaluation pictures.
pub struct Outputs {
    index: Vectors,
    queries: Vectors,
}

impl Outputs {
    fn of(trained: &TrainedNetwork, set: &EvaluationSet) -> Result<Self, Fault> {
        Ok(Self {
            index: vectors_of(trained, set.index.clone(), Device::Cpu)?,
            queries: vectors_of(trained, set.queries.clone(), Device::Cpu)?,
        })
    }

    /// As the teachers' students are to give them.
    fn targets(&self, teachers: &Teachers) -> Result<Self, Fault> {
        let targets = |of: &Vectors| Ok::<_, Fault>(teachers.ensemble.targets(&[of])?.into_table());
        Ok(Self {
            index: targets(&self.index)?,
            queries: targets(&self.queries)?,
        })
    }

    /// Unit embeddings of index and queries.
    pub fn units(&self) -> Result<(Vec<UnitEmbedding>, Vec<UnitEmbedding>), Fault> {
        let units = |of: &Vectors| Ok::<_, Fault>(of.clone().normalised()?.units().collect());
        Ok((units(&self.index)?, units(&self.queries)?))
    }

    /// The figures on `set`, whose pictures these are.
    pub fn metrics(&self, set: &EvaluationSet) -> Result<Metrics, Fault> {
        let units = |of: &Vectors| of.clone().normalised();
        set.metrics(&units(&self.index)?, &units(&self.queries)?)
    }
}

/// What was learnt.
pub struct Learned {
    /// The student, normalisation folded, ready for export.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// Outputs of the pretrained network.
    pub pretrained: Outputs,
    /// Of the teacher, raw.
    pub teacher: Outputs,
    /// Of the teacher, whitened.
    pub whitened: Outputs,
    /// Of the student as the training engine computes it: what the export must reproduce.
    pub student: Outputs,
    /// The ridge that validation chose for the whitening.
    pub ridge: f64,
    /// Loss curves of teacher and student.
    pub curves: [Vec<Point>; 2],
}

/// The pictures of a quick start.
pub struct Pictures<'a> {
    /// Learnt from.
    pub training: &'a TrainingIndex,
    /// Chosen with.
    pub validation: &'a ValidationSet,
    /// Measured on.
    pub evaluation: &'a EvaluationSet,
}

/// Trains by `recipe`, starting from the published weights in `cache` or fetched there.
pub fn learn(
    pictures: &Pictures,
    recipe: &Recipe,
    seed: u64,
    cache: &Path,
    timing: &mut Timing,
) -> Result<Learned, Fault> {
    engine::start(seed);
    let trunk = timing.step("fetch weights", || published(recipe, cache))?;
    let all = pictures.training.pictures().iter().collect();
    let seen = TrainingPictures::of(all, &Unreadable::new(DEFAULT_SHARE))?;
    let training = &pictures.training.without(&seen.left_out);
    let kind = SourceKind {
        freeze: recipe.freeze.as_deref().unwrap_or("none"),
        views: recipe.views(training.len()),
        augmentation: recipe.augmentation,
        seed,
    };
    let source = timing.step("store activations", || {
        seen.source(&trunk, &kind, Device::Cpu)
    })?;
    let evaluation = pictures.evaluation;
    let pretrained = timing.step("embed with the pretrained network", || {
        Outputs::of(&trunk, evaluation)
    })?;

    let options = options(&recipe.teacher, training.len(), seed, 0);
    let (learnt, teacher_curve) = timing.step("train the teacher", || {
        let objective = attributes(training, output_length(&trunk.network, recipe.size));
        train("teacher", &trunk, &source, &objective, &options)
    })?;
    let teacher = Teacher::new(learnt);
    let teacher_outputs = timing.step("embed with the teacher", || {
        Outputs::of(&teacher.trained, evaluation)
    })?;
    let (teachers, ridge) = timing.step("fit the whitening", || {
        whiten(teacher, &source, pictures.validation, recipe, kind.views)
    })?;

    let options = self::options(&recipe.student, training.len(), seed, STUDENT_ORDERS);
    let (student, student_curve) = timing.step("distil the student", || {
        let folder =
            tempfile::tempdir().map_err(|e| Fault::io("create", std::env::temp_dir(), &e))?;
        let taught = StoredStudent::prepare(folder.path(), &teachers, &[&source], &seen, &kind)?;
        let start = taught.start(&teachers, &teachers.networks[0], &source, Device::Cpu)?;
        let objective = Sum::default()
            .plus(1.0, || Box::new(taught.targets(&Default::default())))
            .plus(1.0, || Box::new(attributes(training, recipe.dim as i64)));
        train("student", &start, &source, &objective, &options)
    })?;
    let student_outputs = timing.step("embed with the student", || {
        Outputs::of(&student, evaluation)
    })?;
    let (network, weights) = student.network.fold(&student.weights);
    Ok(Learned {
        network,
        weights,
        pretrained,
        whitened: teacher_outputs.targets(&teachers)?,
        teacher: teacher_outputs,
        student: student_outputs,
        ridge,
        curves: [teacher_curve, student_curve],
    })
}

/// The trunk with its published weights.
fn published(recipe: &Recipe, cache: &Path) -> Result<TrainedNetwork, Fault> {
    let network = efficientnet_lite(LiteVariant::Lite0);
    let file: PathBuf = lite_weights(&network.name, cache)?;
    let (weights, _classifier) = read_weights(&file)?
        .matched(&network)
        .map_err(|fault| fault.at(&file))?;
    Ok(TrainedNetwork {
        network,
        weights,
        preprocess: Preprocess::efficientnet_lite(recipe.size),
        embedding: 0,
    })
}

/// The teacher with the whitening to the device's dimension that validation likes best, and its ridge.
fn whiten(
    teacher: Teacher,
    source: &Source,
    validation: &ValidationSet,
    recipe: &Recipe,
    views: usize,
) -> Result<(Teachers, f64), Fault> {
    let module = crate::distil::vectors::computing(&teacher.trained, Device::Cpu);
    let statistics = all_vectors(&module, source, views)?;
    let tables = tables(&teacher, statistics, validation, Device::Cpu)?;
    let dim = recipe.dim;
    let pca = |&ridge: &f64| whitening::Recipe::Pca { dim, ridge };
    let options = FitOptions {
        members: recipe.ridges.iter().map(pca).collect(),
        target: Vec::new(),
    };
    let ensemble = fit_ensemble(&[tables], &Jury::new(validation), &options)?.ensemble;
    let ridge = ensemble.members()[0].recipe().ridge();
    let teachers = Teachers::new(vec![teacher], ensemble)?;
    Ok((teachers, ridge.unwrap_or(0.0)))
}

fn options(passes: &Passes, pictures: usize, seed: u64, first_epoch: u64) -> TrainOptions {
    TrainOptions {
        epochs: passes.epochs(pictures),
        batch: passes.batch,
        rate: passes.rate,
        warm_up: 0.1,
        fall: Descent::Cosine {
            floor: passes.rate * 0.01,
        },
        seed,
        first_epoch,
        ..TrainOptions::default()
    }
}

/// The titles' attributes through a head on outputs of `features` values that is thrown away afterwards.
fn attributes(training: &TrainingIndex, features: i64) -> Attributes<'_> {
    let head = Head::linear(training.attribute_count(), features, Device::Cpu);
    let softmax = AttributeLoss::Softmax {
        poly: 0.0,
        negatives: None,
    };
    Attributes::new(training, head, softmax)
}

fn train(
    name: &'static str,
    start: &TrainedNetwork,
    source: &Source,
    objective: &dyn Objective,
    options: &TrainOptions,
) -> Result<(TrainedNetwork, Vec<Point>), Fault> {
    let module = Module::new(start.network.clone(), &start.weights, Device::Cpu);
    let mut trainer = Trainer::new(&module, source, objective, &Alone, options)?;
    let mut curve = Curve::new(name, &trainer);
    trainer.run(&mut curve)?;
    let learnt = TrainedNetwork {
        weights: trainer.weights(),
        ..start.clone()
    };
    Ok((learnt, curve.points()))
}

/// The least cosine between matching embeddings; refuses a least one below `bound` (E602).
pub fn parity(
    expected: &[UnitEmbedding],
    found: &[UnitEmbedding],
    bound: f32,
) -> Result<f32, Fault> {
    let least = expected
        .iter()
        .zip(found)
        .map(|(a, b)| a.cosine(b))
        .fold(1.0f32, f32::min);
    if least >= bound && expected.len() == found.len() {
        return Ok(least);
    }
    Err(Fault::new(
        Code::ParityFailed,
        format!("a cosine of at least {bound} between training engine and device on every picture"),
        format!("{least}"),
        "report it with the run folder; the export is not used",
    ))
}
