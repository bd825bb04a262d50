//! What a network makes of pictures at inference.

use skueye_models::network::Network;
use skueye_models::{Fault, UnitEmbedding};
use tch::{Device, Tensor};

use super::memory::guarded;
use super::module::{Module, to_vec};
use super::source::pictures;
use crate::pictures::{Job, Loader};
use crate::progress::Step;

/// The outputs of `module` for the plain views of `loader`'s pictures, `[pictures, d]` on the CPU, `batch` at a time.
pub fn outputs(
    module: &Module,
    loader: &Loader,
    batch: usize,
    step: &Step,
) -> Result<Tensor, Fault> {
    let mut parts = Vec::new();
    each_output(module, loader, batch, step, |part| {
        parts.push(part);
        Ok(())
    })?;
    Ok(Tensor::cat(&parts, 0))
}

/// As [`outputs`], `take` being given them batch by batch.
pub fn each_output(
    module: &Module,
    loader: &Loader,
    batch: usize,
    step: &Step,
    mut take: impl FnMut(Tensor) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let plain = |picture| Job {
        picture,
        view: None,
    };
    let jobs: Vec<Job> = (0..loader.files.count()).map(plain).collect();
    let jobs: Vec<Vec<Job>> = jobs.chunks(batch).map(<[Job]>::to_vec).collect();
    for batch in loader.stream(jobs)? {
        let batch = batch?;
        let computed = guarded(|| {
            let input = pictures(batch.pixels(), &loader.preprocess, module.device());
            Ok(module.infer(&input).to_device(Device::Cpu))
        });
        take(computed?)?;
        step.advance(batch.jobs.len() as u64);
    }
    Ok(())
}

/// The length of what `network` gives for pictures of `size` x `size` pixels.
pub fn output_length(network: &Network, size: u32) -> i64 {
    let shapes = network.shapes(size as usize);
    shapes.last().map_or(0, |shape| shape.channels) as i64
}

/// The rows of `outputs` (`[n, d]`) as unit embeddings.
pub fn unit_rows(outputs: &Tensor) -> Result<Vec<UnitEmbedding>, Fault> {
    let dim = outputs.size()[1] as usize;
    to_vec(outputs)
        .chunks(dim)
        .map(|row| UnitEmbedding::normalise(row.to_vec()))
        .collect()
}
