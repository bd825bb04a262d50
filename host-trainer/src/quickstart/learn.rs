//! The learning half of a quick start: teacher, whitening, student, export.

use std::path::Path;

use skueye_models::network::{LiteVariant, Network, Weights, efficientnet_lite};
use skueye_models::{Code, Fault, Preprocess, UnitEmbedding, Whitening};
use tch::Device;

use super::options::Recipe;
use super::timing::Timing;
use super::training_set::TrainingSet;
use crate::engine::{
    self, DistilOptions, Module, Point, Source, StoreOptions, TeacherOptions, distil,
    fit_whitening, pictures, teacher_vectors, to_vec, train_teacher,
};
use crate::evaluate::{EvaluationSet, Metrics};
use crate::fetch::lite_weights;
use crate::pictures::{Job, Loader};
use crate::progress::Step;
use crate::weights::read_pth;

/// Pictures computed at a time where nothing is learnt.
const BATCH: usize = 32;
/// The layer that a device's network ends in.
const EMBEDDING: &str = "embedding";

/// Embeddings of the evaluation pictures by one network.
pub struct Embedded {
    /// Of the index, in its order.
    pub index: Vec<UnitEmbedding>,
    /// Of the queries, in their order.
    pub queries: Vec<UnitEmbedding>,
}

impl Embedded {
    /// Their figures on `set`, whose pictures they are.
    pub fn metrics(&self, set: &EvaluationSet) -> Metrics {
        set.metrics(&self.index, &self.queries)
    }
}

/// What was learnt.
pub struct Learned {
    /// The student, normalisation folded, ready for export.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// Evaluation embeddings of the pretrained network.
    pub pretrained: Embedded,
    /// Of the teacher, raw.
    pub teacher: Embedded,
    /// Of the teacher, whitened.
    pub whitened: Embedded,
    /// Of the student as the training engine computes it: what the export must reproduce.
    pub student: Embedded,
    /// Loss curves of teacher and student.
    pub curves: [Vec<Point>; 2],
}

/// Trains on `training` by `recipe`, starting from the published weights.
pub fn learn(
    training: &TrainingSet,
    evaluation: &EvaluationSet,
    recipe: &Recipe,
    seed: u64,
    cache: &Path,
    timing: &mut Timing,
) -> Result<Learned, Fault> {
    engine::start(seed);
    let trunk = efficientnet_lite(LiteVariant::Lite0);
    let file = timing.step("fetch weights", || lite_weights(&trunk.name, cache))?;
    let (published, _classifier) = read_pth(&file)?
        .matched(&trunk)
        .map_err(|fault| fault.at(&file))?;
    let preprocess = Preprocess::efficientnet_lite(recipe.size);
    let loader = |paths: &[_]| Loader {
        paths: paths.to_vec(),
        preprocess,
        augmentation: recipe.augmentation,
        seed,
    };
    let store = StoreOptions {
        views: recipe.views,
        batch: BATCH,
    };
    let source = timing.step("store activations", || {
        Source::frozen(
            loader(&training.paths),
            &trunk,
            &published,
            &recipe.freeze,
            &store,
            Device::Cpu,
        )
    })?;
    let evaluator = Evaluator {
        index: loader(&evaluation.index),
        queries: loader(&evaluation.queries),
    };
    let pretrained = timing.step("embed with the pretrained network", || {
        evaluator.embed(&trunk, &published)
    })?;

    let teacher = Module::new(trunk.clone(), &published, Device::Cpu);
    let teacher_curve = timing.step("train the teacher", || {
        train_teacher(
            &teacher,
            &source,
            &training.targets,
            training.attributes,
            &teacher_options(recipe),
        )
    })?;
    let learnt = teacher.weights();
    let teacher_rows = timing.step("embed with the teacher", || {
        evaluator.embed(&trunk, &learnt)
    })?;
    let features = timing.step("features for the whitening", || {
        source.features(&teacher, BATCH)
    })?;
    let whitening = timing.step("fit the whitening", || {
        fit_whitening(&features, recipe.dim, recipe.ridge)
    })?;
    let (whitened_net, whitened_weights) = whitened(&teacher, &whitening);
    let whitened_rows = timing.step("embed with the whitened teacher", || {
        evaluator.embed(&whitened_net, &whitened_weights)
    })?;

    let vectors = teacher_vectors(&features, &whitening, training.paths.len());
    let student = Module::new(whitened_net.clone(), &whitened_weights, Device::Cpu);
    let student_curve = timing.step("distil the student", || {
        distil(
            &student,
            &source,
            &vectors,
            &training.targets,
            training.attributes,
            &distil_options(recipe),
        )
    })?;
    let (network, weights) = whitened_net.fold(&student.weights());
    let student = timing.step("embed with the student", || {
        evaluator.embed_folded(&network, &weights)
    })?;
    let curves = [teacher_curve, student_curve];
    Ok(Learned {
        network,
        weights,
        pretrained,
        teacher: teacher_rows,
        whitened: whitened_rows,
        student,
        curves,
    })
}

fn teacher_options(recipe: &Recipe) -> TeacherOptions {
    TeacherOptions {
        epochs: recipe.teacher.epochs,
        batch: recipe.teacher.batch,
        rate: recipe.teacher.rate,
        head_rate_factor: 10.0,
        warm_up: 0.1,
        weight_decay: 1e-4,
        poly: 0.0,
    }
}

fn distil_options(recipe: &Recipe) -> DistilOptions {
    DistilOptions {
        epochs: recipe.student.epochs,
        batch: recipe.student.batch,
        rate: recipe.student.rate,
        warm_up: 0.1,
        weight_decay: 1e-4,
        relational: 1.0,
        attributes: 0.1,
    }
}

/// The teacher's network with the whitening as its last layer.
fn whitened(teacher: &Module, whitening: &Whitening) -> (Network, Weights) {
    let (weight, bias) = whitening.as_linear();
    let mut weights = teacher.weights();
    weights.insert(
        format!("{EMBEDDING}.weight"),
        vec![whitening.output_dim(), whitening.input_dim()],
        weight,
    );
    weights.insert(
        format!("{EMBEDDING}.bias"),
        vec![whitening.output_dim()],
        bias,
    );
    (
        teacher
            .network()
            .clone()
            .with_linear(EMBEDDING, whitening.output_dim()),
        weights,
    )
}

struct Evaluator {
    index: Loader,
    queries: Loader,
}

impl Evaluator {
    fn embed(&self, network: &Network, weights: &Weights) -> Result<Embedded, Fault> {
        let (network, weights) = network.fold(weights);
        self.embed_folded(&network, &weights)
    }

    fn embed_folded(&self, network: &Network, weights: &Weights) -> Result<Embedded, Fault> {
        let module = Module::new(network.clone(), weights, Device::Cpu);
        let step = Step::new(
            "embed",
            (self.index.paths.len() + self.queries.paths.len()) as u64,
        );
        Ok(Embedded {
            index: embed_all(&module, &self.index, &step)?,
            queries: embed_all(&module, &self.queries, &step)?,
        })
    }
}

fn embed_all(module: &Module, loader: &Loader, step: &Step) -> Result<Vec<UnitEmbedding>, Fault> {
    let jobs: Vec<Job> = (0..loader.paths.len())
        .map(|picture| Job {
            picture,
            view: None,
        })
        .collect();
    let mut rows = Vec::with_capacity(jobs.len());
    for batch in loader.stream(jobs.chunks(BATCH).map(<[Job]>::to_vec).collect()) {
        let (jobs, input) = batch?;
        let output = to_vec(&module.infer(&pictures(&input, loader.preprocess.size)));
        for row in output.chunks(output.len() / jobs.len()) {
            rows.push(UnitEmbedding::normalise(row.to_vec())?);
        }
        step.advance(jobs.len() as u64);
    }
    Ok(rows)
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
