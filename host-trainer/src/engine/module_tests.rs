//! What a module promises to whoever trains it.

use skueye_models::network::{
    ConvNextSize, Network, Op, SwinSize, Weights, by_name, convnext, swin,
};
use tch::{Device, Kind, Tensor};

use super::module::{Mode, Module, Precision, to_vec};
use crate::random::Random;
use crate::weights::init;

fn pictures(count: usize, size: usize) -> Tensor {
    let mut random = Random::new(1, &[]);
    let values: Vec<f32> = (0..count * 3 * size * size)
        .map(|_| random.normal())
        .collect();
    let size = size as i64;
    Tensor::from_slice(&values).view([-1, 3, size, size])
}

/// A Swin with every operation of the family, small enough to be quick.
fn small_swin(window: usize) -> (Network, Weights) {
    let network = swin(&SwinSize {
        name: "swin-narrow",
        depths: [2, 2, 2, 2],
        width: 24,
        heads: 3,
        window,
        picture: 64,
    });
    let weights = init(&network, 3);
    (network, weights)
}

fn cosine(a: &Tensor, b: &Tensor) -> f64 {
    let norm = |t: &Tensor| (t * t).sum(Kind::Float).double_value(&[]).sqrt();
    (a * b).sum(Kind::Float).double_value(&[]) / norm(a) / norm(b)
}

#[test]
fn a_forward_pass_can_be_divided_at_every_cut() {
    let network = by_name("rednet50").unwrap();
    let weights = init(&network, 3);
    let module = Module::new(network, &weights, Device::Cpu);
    let input = pictures(2, 33);
    let whole = to_vec(&module.infer(&input));
    assert!(whole.iter().all(|v| v.is_finite()));
    for cut in ["blocks.0", "blocks.3", "blocks.15"] {
        let at = module.network().cut(cut).unwrap();
        let lower = tch::no_grad(|| module.forward(&input, 0, at, Mode::Infer));
        assert!(to_vec(&module.infer_from(&lower, at)) == whole, "{cut}");
    }
}

/// Where something reads a value later, nothing is written over it.
#[test]
fn results_written_over_their_inputs_change_no_gradient() {
    let narrow = ConvNextSize {
        name: "convnext-narrow",
        depths: [2, 2, 2, 2],
        widths: [16, 32, 48, 64],
    };
    let published = ["resnet50", "efficientnet-lite0", "rednet50"].map(|n| by_name(n).unwrap());
    let made = [convnext(&narrow), small_swin(4).0];
    for network in published.into_iter().chain(made) {
        let weights = init(&network, 3);
        let name = network.name.clone();
        let to = network.output();
        let mut kept = network.clone();
        (1..=to).for_each(|value| {
            kept.push(Op::Flatten, &[value]);
        });
        let gradients = |network: Network| -> Vec<Vec<f32>> {
            let module = Module::new(network, &weights, Device::Cpu);
            let learned = module.trainable(0);
            let output = module.forward(&pictures(2, 64), 0, to, Mode::Train);
            output.square().sum(Kind::Float).backward();
            learned
                .iter()
                .map(|(_, tensor)| to_vec(&tensor.grad()))
                .collect()
        };
        assert!(gradients(network) == gradients(kept), "{name}");
    }
}

#[test]
fn bfloat16_comes_close_and_learns_into_32_bit_weights() {
    let (network, weights) = small_swin(4);
    let input = pictures(2, 64);
    let exact = Module::new(network.clone(), &weights, Device::Cpu);
    let module = Module::new(network, &weights, Device::Cpu).with_precision(Precision::Bf16);
    let (exact, near) = (exact.infer(&input), module.infer(&input));
    assert_eq!(near.kind(), Kind::Float);
    let cosine = cosine(&exact, &near);
    assert!(cosine > 0.999, "{cosine}");
    assert!(to_vec(&exact) != to_vec(&near));
    let learned = module.trainable(0);
    let output = module.forward(&input, 0, module.network().output(), Mode::Train);
    output.square().sum(Kind::Float).backward();
    for (_, tensor) in learned {
        assert_eq!(
            (tensor.kind(), tensor.grad().kind()),
            (Kind::Float, Kind::Float)
        );
    }
}

#[test]
fn drop_path_drops_while_training_alone_and_keeps_the_mean() {
    let (network, weights) = small_swin(4);
    let value = network.output();
    let plain = Module::new(network.clone(), &weights, Device::Cpu);
    let module = Module::new(network, &weights, Device::Cpu).with_drop_path(0.5);
    let input = pictures(1, 64);
    assert!(to_vec(&plain.infer(&input)) == to_vec(&module.infer(&input)));
    let train = |module: &Module, input: &Tensor| {
        module.draw_paths(Random::new(5, &[]));
        tch::no_grad(|| module.forward(input, 0, value, Mode::Train))
    };
    let many = input.repeat([64, 1, 1, 1]);
    let rows = train(&module, &many);
    let again = train(&module, &many);
    assert!(to_vec(&rows) == to_vec(&again), "the seed decides");
    // Pictures alike, each with branches of its own.
    let distinct = (1..64).filter(|&row| rows.get(row) != rows.get(0)).count();
    assert!(distinct > 32, "{distinct}");
    let without = train(&plain, &many);
    assert!((1..64).all(|row| without.get(row) == without.get(0)));
}

#[test]
fn a_dropped_branch_is_zero_or_scaled_up() {
    let mut network = by_name("efficientnet-lite0").unwrap();
    let add = |n: &skueye_models::network::Node| n.op == skueye_models::network::Op::Add;
    let node = network.nodes.iter().rposition(add).unwrap();
    network.nodes.truncate(node + 1);
    let mut weights = init(&network, 3);
    // Branches start at zero.
    let last = weights
        .0
        .values_mut()
        .filter(|p| p.data[0] == 0.0 && p.shape.len() == 1);
    last.for_each(|p| p.data.fill(0.5));
    let module = Module::new(network, &weights, Device::Cpu).with_drop_path(0.25);
    let [branch, shortcut] = [0, 1].map(|i| module.network().nodes[node].inputs[i]);
    // From the branch's end on there is the sum alone, which reads both; so start before the branch.
    let input = tch::no_grad(|| module.forward(&pictures(32, 32), 0, shortcut, Mode::Infer));
    let from = |to: usize, mode| tch::no_grad(|| module.forward(&input, shortcut, to, mode));
    module.draw_paths(Random::new(1, &[]));
    let sum = from(node + 1, Mode::Train);
    let branch = from(branch, Mode::Train);
    let added = sum - &input;
    let mut dropped = 0;
    for row in 0..32 {
        let (added, branch) = (added.get(row), branch.get(row));
        if added.abs().max().double_value(&[]) == 0.0 {
            dropped += 1;
        } else {
            let error = (added - branch / 0.75).abs().max().double_value(&[]);
            assert!(error < 1e-4, "{error}");
        }
    }
    assert!((2..=15).contains(&dropped), "{dropped} of 32");
}
