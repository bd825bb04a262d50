//! The teacher: a trunk that learns to name the attributes of its pictures' titles (METHOD 2).

use skueye_models::{Code, Fault};
use tch::{Kind, Tensor};

use super::Point;
use super::adamw::AdamW;
use super::loss::{attribute_loss, normalised_multi_hot};
use super::module::{Mode, Module};
use super::schedule::Schedule;
use super::source::Source;
use crate::progress::Step;

/// How the teacher learns.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherOptions {
    /// Passes over the pictures.
    pub epochs: u64,
    /// Pictures per step.
    pub batch: usize,
    /// Peak learning rate of the trunk.
    pub rate: f64,
    /// The attribute head learns this many times as fast: it starts from nothing, the trunk does not.
    pub head_rate_factor: f64,
    /// Share of the steps that warm up.
    pub warm_up: f64,
    /// Decoupled weight decay of the trunk; the head has none.
    pub weight_decay: f64,
    /// Weight of the Poly-1 term.
    pub poly: f64,
}

/// Trains the nodes of `module` behind `source`'s value against `targets`, the attribute numbers (below `attributes`) of
/// each picture's title. Gives the loss curve. Errors: those of loading, and E601 where the loss stops being a number.
pub fn train_teacher(
    module: &Module,
    source: &Source,
    targets: &[Vec<u32>],
    attributes: usize,
    options: &TeacherOptions,
) -> Result<Vec<Point>, Fault> {
    let features = module
        .network()
        .shapes(32)
        .last()
        .map_or(0, |shape| shape.channels) as i64;
    // METHOD 2: the head starts at a thousandth of the usual 0.02.
    let head = Tensor::randn(
        [attributes as i64, features],
        (Kind::Float, module.device()),
    ) * 2e-5;
    let head = head.set_requires_grad(true);
    let mut optimiser = AdamW::new();
    optimiser.add(module.trainable(source.from()), options.weight_decay, 1.0);
    optimiser.add([head.shallow_clone()], 0.0, options.head_rate_factor);
    let mut run = Run::new(
        "teacher",
        source.pictures(),
        options.epochs,
        options.batch,
        options.rate,
        options.warm_up,
    );
    for epoch in 0..options.epochs {
        for batch in source.epoch(epoch, options.batch) {
            let (pictures, input) = batch?;
            let rows: Vec<&[u32]> = pictures.iter().map(|&p| targets[p].as_slice()).collect();
            let targets = normalised_multi_hot(&rows, attributes).to_device(module.device());
            let feature = module.forward(
                &input,
                source.from(),
                module.network().output(),
                Mode::Train,
            );
            let loss = attribute_loss(
                &feature.linear::<Tensor>(&head, None),
                &targets,
                options.poly,
            );
            optimiser.step(&loss, run.rate());
            run.record(loss.double_value(&[]))?;
        }
    }
    Ok(run.finish())
}

/// Counts steps, keeps the curve, shows progress and guards against a loss that is no number.
pub(super) struct Run {
    schedule: Schedule,
    step: u64,
    points: Vec<Point>,
    since: (f64, u64),
    every: u64,
    progress: Step,
}

impl Run {
    pub(super) fn new(
        name: &'static str,
        pictures: usize,
        epochs: u64,
        batch: usize,
        rate: f64,
        warm_up: f64,
    ) -> Self {
        let batches = (pictures / batch.min(pictures).max(1)) as u64;
        let steps = (batches * epochs).max(1);
        let schedule = Schedule {
            peak: rate,
            last: rate * 0.01,
            warm_up: (steps as f64 * warm_up) as u64,
            steps,
        };
        let every = (steps / 100).max(1);
        Self {
            schedule,
            step: 0,
            points: Vec::new(),
            since: (0.0, 0),
            every,
            progress: Step::new(name, steps),
        }
    }

    /// The rate of the coming step.
    pub(super) fn rate(&self) -> f64 {
        self.schedule.rate(self.step)
    }

    /// Notes the loss of the step just made.
    pub(super) fn record(&mut self, loss: f64) -> Result<(), Fault> {
        if !loss.is_finite() {
            return Err(Fault::new(
                Code::TrainingNan,
                "a finite loss",
                format!("{loss} at step {}", self.step),
                "lower the learning rate; if it stays, look at the batch's pictures",
            ));
        }
        self.since = (self.since.0 + loss, self.since.1 + 1);
        if (self.step + 1).is_multiple_of(self.every) {
            self.close_point();
        }
        self.step += 1;
        self.progress.advance(1);
        Ok(())
    }

    fn close_point(&mut self) {
        let loss = self.since.0 / self.since.1 as f64;
        self.points.push(Point {
            step: self.step,
            loss,
            rate: self.schedule.rate(self.step),
        });
        self.progress.remark(format!("loss {loss:.4}"));
        self.since = (0.0, 0);
    }

    pub(super) fn finish(self) -> Vec<Point> {
        self.points
    }
}
