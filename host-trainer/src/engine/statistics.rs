//! The running statistics of batch normalisation, taken anew for weights that no training made: those of an average of
//! networks are not the averages of theirs (arXiv 1803.05407, section 3.2).

use std::collections::BTreeMap;

use skueye_models::Fault;
use skueye_models::network::{Network, Op, Weights};
use tch::{Device, Kind, Tensor};

use super::memory::guarded;
use super::module::{Mode, Module, to_vec};
use super::order::order;
use super::source::{Pick, Source};
use crate::progress::Step;

/// Pictures of a batch: the statistics are the mean of those of such batches.
const BATCH: usize = 64;
/// Pictures in all, chosen by the seed; more change no digit that matters.
const MOST: usize = 4096;

/// `weights` of `network` with the statistics that its normalisations behind value `from` have on augmented pictures of
/// `source`, which are its inputs. Gives the number of pictures, too: 0 where nothing there is normalised by batches, or
/// where there are fewer than two pictures; then the weights stay as they are. Errors: those of loading, E608.
pub fn normalised_anew(
    network: &Network,
    weights: &Weights,
    source: &Source,
    from: usize,
    seed: u64,
    device: Device,
) -> Result<(Weights, usize), Fault> {
    let picks = batches(source.pictures(), seed);
    let names = statistics(network, from);
    if names.is_empty() || picks.is_empty() {
        return Ok((weights.clone(), 0));
    }
    let module = Module::new(forgetful(network), weights, device);
    let mut sums: BTreeMap<String, Tensor> = BTreeMap::new();
    let pictures = picks.iter().map(Vec::len).sum();
    let (step, count) = (Step::new("normalise", pictures as u64), picks.len());
    for batch in source.batches(picks) {
        let batch = batch?;
        guarded(|| {
            let output = module.network().output();
            // What it gives is not needed: it moves the statistics.
            let _ = tch::no_grad(|| {
                let below = module.forward(&batch.input, 0, from, Mode::Infer);
                module.forward(&below, from, output, Mode::Train)
            });
            for name in &names {
                let seen = module.tensors()[name].to_kind(Kind::Double);
                let sum = sums.remove(name).map_or(seen.copy(), |sum| sum + seen);
                sums.insert(name.clone(), sum);
            }
            Ok(())
        })?;
        step.advance(batch.pictures.len() as u64);
    }
    let mut settled = weights.clone();
    for (name, sum) in sums {
        let shape = weights.0[&name].shape.clone();
        settled.insert(name, shape, to_vec(&(sum / count as f64)));
    }
    Ok((settled, pictures))
}

/// At most [`MOST`] of `pictures` pictures in whole batches, or one batch of all where there are fewer.
fn batches(pictures: usize, seed: u64) -> Vec<Vec<Pick>> {
    let picks = order(seed, 0, pictures, None);
    let picks = &picks[..pictures.min(MOST)];
    if picks.len() < 2 {
        return Vec::new();
    }
    let batches = picks.chunks_exact(BATCH.min(picks.len()));
    batches.map(<[Pick]>::to_vec).collect()
}

/// The running statistics of the nodes behind value `from`, by name.
fn statistics(network: &Network, from: usize) -> Vec<String> {
    let normalising = |op: &&Op| matches!(op, Op::BatchNorm { .. });
    let ops = network.nodes[from..].iter().map(|node| &node.op);
    let named = ops.filter(normalising).flat_map(Op::parameters);
    let names = named.map(|(name, _)| name);
    names.filter(|name| name.contains(".running_")).collect()
}

/// The same network, whose running statistics are those of the last batch alone.
fn forgetful(network: &Network) -> Network {
    let mut network = network.clone();
    for node in &mut network.nodes {
        if let Op::BatchNorm { momentum, .. } = &mut node.op {
            *momentum = 1.0;
        }
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{network, set, weights};

    /// The largest difference between what `weights` give at inference and while training, of one batch.
    fn difference(weights: &Weights, source: &Source) -> f64 {
        let module = Module::new(network(), weights, Device::Cpu);
        let batch = source.batches(batches(source.pictures(), 3)).next();
        let input = batch.unwrap().unwrap().input;
        let output = module.network().output();
        let [trained, inferred] = [Mode::Train, Mode::Infer].map(|mode| {
            // A copy: training moves the statistics.
            Module::new(network(), weights, Device::Cpu).forward(&input, 0, output, mode)
        });
        (trained - inferred).abs().max().double_value(&[])
    }

    #[test]
    fn inference_normalises_as_training_does_again() {
        let (set, mut spoilt) = (set(), weights(&network()));
        spoilt.insert("norm.running_mean", vec![6], vec![3.0; 6]);
        spoilt.insert("norm.running_var", vec![6], vec![40.0; 6]);
        let before = difference(&spoilt, &set.source);
        let anew =
            |from| normalised_anew(&network(), &spoilt, &set.source, from, 3, Device::Cpu).unwrap();
        let (settled, pictures) = anew(0);
        assert_eq!(pictures, set.source.pictures());
        let after = difference(&settled, &set.source);
        assert!(before > 0.3 && after < 1e-3, "{before} {after}");
        assert_eq!(settled.data("conv.weight"), spoilt.data("conv.weight"));
        // The normalisation is the second node: what lies before the cut stays.
        let (kept, pictures) = anew(2);
        assert_eq!(
            (kept.data("norm.running_mean"), pictures),
            (&[3.0; 6][..], 0)
        );
    }

    #[test]
    fn batches_are_whole_and_bounded() {
        let sizes = |pictures| {
            let batches = batches(pictures, 1);
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(0).len() + sizes(1).len(), 0);
        assert_eq!(sizes(20), [20]);
        assert_eq!(sizes(150), [64, 64]);
        assert_eq!(sizes(1_000_000), [64; 64]);
    }
}
