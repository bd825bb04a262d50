//! The student: one small network with the whitening in its last layer, taught by the teacher's vectors (METHOD 4).

use skueye_models::{Fault, Whitening};
use tch::{Kind, Tensor};

use super::Point;
use super::adamw::AdamW;
use super::loss::{attribute_loss, cosine_loss, normalised_multi_hot, relational_loss, unit};
use super::module::{Mode, Module};
use super::source::Source;
use super::teacher::Run;
use super::whiten::whiten;

/// How the student learns.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistilOptions {
    /// Passes over the pictures.
    pub epochs: u64,
    /// Pictures per step.
    pub batch: usize,
    /// Peak learning rate.
    pub rate: f64,
    /// Share of the steps that warm up.
    pub warm_up: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Weight of the relational distance loss beside the cosine regression.
    pub relational: f64,
    /// Weight of the attribute loss, through a head on the embedding that is thrown away afterwards.
    pub attributes: f64,
}

/// The teacher's unit vector for each picture, `[pictures, dim]`: the mean over its views of the whitened `features`
/// (`[views * pictures, d]`, as [`Source::features`] gives them), which is less noisy than any single view's.
pub fn teacher_vectors(features: &Tensor, whitening: &Whitening, pictures: usize) -> Tensor {
    let whitened = unit(&whiten(features, whitening));
    let by_view = whitened.view([-1, pictures as i64, whitening.output_dim() as i64]);
    unit(&by_view.sum_dim_intlist([0i64].as_slice(), false, Kind::Float))
}

/// Trains the nodes of `student` behind `source`'s value towards `vectors` (`[pictures, dim]`, unit rows).
pub fn distil(
    student: &Module,
    source: &Source,
    vectors: &Tensor,
    targets: &[Vec<u32>],
    attributes: usize,
    options: &DistilOptions,
) -> Result<Vec<Point>, Fault> {
    let dim = vectors.size()[1];
    let head = Tensor::randn([attributes as i64, dim], (Kind::Float, student.device())) * 1e-3;
    let head = head.set_requires_grad(true);
    let mut optimiser = AdamW::new();
    optimiser.add(student.trainable(source.from()), options.weight_decay, 1.0);
    optimiser.add([head.shallow_clone()], 0.0, 10.0);
    let mut run = Run::new(
        "student",
        source.pictures(),
        options.epochs,
        options.batch,
        options.rate,
        options.warm_up,
    );
    for epoch in 0..options.epochs {
        // Other epochs than the teacher's, so that the two see the pictures in different orders.
        for batch in source.epoch(epoch + 1_000_000, options.batch) {
            let (pictures, input) = batch?;
            let rows: Vec<i64> = pictures.iter().map(|&p| p as i64).collect();
            let wanted = vectors
                .index_select(0, &Tensor::from_slice(&rows))
                .to_device(student.device());
            let output = student.forward(
                &input,
                source.from(),
                student.network().output(),
                Mode::Train,
            );
            let found = unit(&output);
            let titles: Vec<&[u32]> = pictures.iter().map(|&p| targets[p].as_slice()).collect();
            let titles = normalised_multi_hot(&titles, attributes).to_device(student.device());
            let named = attribute_loss(&output.linear::<Tensor>(&head, None), &titles, 0.0);
            let loss = cosine_loss(&found, &wanted)
                + relational_loss(&found, &wanted) * options.relational
                + named * options.attributes;
            optimiser.step(&loss, run.rate());
            run.record(loss.double_value(&[]))?;
        }
    }
    Ok(run.finish())
}
