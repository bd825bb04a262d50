//! A [`Network`] with its parameters in libtorch.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use skueye_distributed::ProcessGroup;
use skueye_models::network::{Network, Op, Weights};
use tch::{Device, Kind, Tensor};

use super::operators::{Operators, channels_last};
use crate::random::Random;

/// Whether normalisation uses the batch's statistics (and updates the running ones) or the running ones, and whether
/// drop path drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own; drops.
    Train,
    /// The running ones; drops nothing.
    Infer,
}

/// The arithmetic of a [`Module`]. Its parameters, their gradients and its output are 32-bit in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits throughout.
    #[default]
    F32,
    /// By the rules of PyTorch's autocast: convolutions and matrix products take and give bfloat16; layer normalisation,
    /// softmax, involution and the pooled feature are 32-bit; batch normalisation gives what it takes and sums in 32 bits.
    Bf16,
}

/// A network that computes and learns. Activations and weights are laid out channels-last, which libtorch's convolutions
/// prefer.
pub struct Module {
    network: Network,
    params: BTreeMap<String, Tensor>,
    device: Device,
    operators: Operators,
    /// For each value the last node that reads it, so that memory is given back as early as possible.
    last_reader: Vec<usize>,
    /// For each value how often nodes read it.
    readers: Vec<usize>,
    /// For each node the share of the batch whose residual branch is dropped.
    drop_rates: Vec<f64>,
    /// Draws which are.
    paths: RefCell<Random>,
}

impl Module {
    /// `network` with `weights`, which must hold every parameter ([`Weights::matched`]), on `device`.
    pub fn new(network: Network, weights: &Weights, device: Device) -> Self {
        let params = network
            .parameters()
            .into_iter()
            .map(|(name, shape)| {
                let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
                let tensor = Tensor::from_slice(weights.data(&name))
                    .reshape(shape)
                    .to_device(device);
                (name, channels_last(&tensor))
            })
            .collect();
        let mut last_reader = vec![0; network.nodes.len() + 1];
        let mut readers = vec![0; network.nodes.len() + 1];
        for (i, node) in network.nodes.iter().enumerate() {
            for &value in &node.inputs {
                last_reader[value] = i;
                readers[value] += 1;
            }
        }
        Self {
            drop_rates: vec![0.0; network.nodes.len()],
            paths: RefCell::new(Random::new(0, &[])),
            network,
            params,
            device,
            operators: Operators::new(Precision::F32),
            last_reader,
            readers,
        }
    }

    /// The same module computing in `precision`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.operators = Operators::new(precision);
        self
    }

    /// The same module normalising over the joined batch of all processes while it trains (METHOD 2: synchronised
    /// normalisation). Each of them computes its part at the same time.
    #[must_use]
    pub fn synchronised(mut self, group: Rc<ProcessGroup>) -> Self {
        self.operators = self.operators.synchronised(group);
        self
    }

    /// The same module with stochastic depth (arXiv 1603.09382): while training, each picture's residual branch is
    /// dropped with a probability that rises from 0 at the first residual sum to `rate` (below 1) at the last, and scaled
    /// up where it stays. The numbers that [`Module::draw_paths`] was given decide.
    #[must_use]
    pub fn with_drop_path(mut self, rate: f64) -> Self {
        let is_add = |i: &usize| self.network.nodes[*i].op == Op::Add;
        let adds: Vec<usize> = (0..self.network.nodes.len()).filter(is_add).collect();
        let last = adds.len().saturating_sub(1).max(1) as f64;
        for (k, &node) in adds.iter().enumerate() {
            self.drop_rates[node] = rate * k as f64 / last;
        }
        self
    }

    /// Its description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Its arithmetic.
    pub fn precision(&self) -> Precision {
        self.operators.precision()
    }

    /// Computes value `to` from `input`, which is value `from` (0 is the picture batch `[n, 3, size, size]`).
    pub fn forward(&self, input: &Tensor, from: usize, to: usize, mode: Mode) -> Tensor {
        let mut values: Vec<Option<Tensor>> = (0..=to).map(|_| None).collect();
        values[from] = Some(channels_last(&input.to_device(self.device)));
        let nodes = self.network.nodes.iter().enumerate();
        for (i, node) in nodes.take(to).skip(from) {
            let read = |&value: &usize| {
                let value = values[value].as_ref();
                value.expect("computed before it is read")
            };
            let inputs: Vec<&Tensor> = node.inputs.iter().map(read).collect();
            let drop_rate = match mode {
                Mode::Train => self.drop_rates[i],
                Mode::Infer => 0.0,
            };
            let result = match drop_rate > 0.0 {
                true => self.drop_path(inputs[0], drop_rate) + inputs[1],
                false => {
                    let spare = self.spare_input(i, from);
                    let operators = &self.operators;
                    operators.compute(&node.op, &inputs, spare, &self.params, mode)
                }
            };
            for &value in &node.inputs {
                if self.last_reader[value] == i {
                    values[value] = None;
                }
            }
            values[i + 1] = Some(result);
        }
        let output = values[to].take();
        output
            .expect("a network's nodes read values made before them")
            .to_kind(Kind::Float)
    }

    /// Which input of node `i` may be overwritten by its result: one that was made after value `from`, that nobody else
    /// reads (an earlier reader may need it to be differentiated, as ConvNeXt's convolutions need their residual sums), and
    /// that its maker does not need either. Fresh memory for a large result costs more than a simple operation on it.
    fn spare_input(&self, i: usize, from: usize) -> Option<usize> {
        let inputs = &self.network.nodes[i].inputs;
        let is_spare = |&value: &usize| {
            value > from
                && self.readers[value] == 1
                && matches!(
                    self.network.nodes[value - 1].op,
                    Op::Conv(_) | Op::BatchNorm { .. } | Op::Add
                )
        };
        inputs.iter().position(is_spare)
    }

    /// The output for pictures `[n, 3, size, size]` at inference, without gradients.
    pub fn infer(&self, pictures: &Tensor) -> Tensor {
        self.infer_from(pictures, 0)
    }

    /// As [`Self::infer`] from `values`, which are the network's value `from`.
    pub fn infer_from(&self, values: &Tensor, from: usize) -> Tensor {
        tch::no_grad(|| self.forward(values, from, self.network.output(), Mode::Infer))
    }

    /// The learned parameters of the nodes after value `from`, set to collect gradients.
    pub fn trainable(&self, from: usize) -> Vec<(String, Tensor)> {
        let nodes = self.network.nodes[from..].iter();
        nodes
            .flat_map(|node| node.op.parameters())
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(name, _)| {
                let param = self.params[&name].set_requires_grad(true);
                (name, param)
            })
            .collect()
    }

    /// Every parameter by name, running statistics included.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.params
    }

    /// From here on `random` draws the branches that training passes drop. A step seeds them anew, so that a resumed run
    /// drops the same.
    pub fn draw_paths(&self, random: Random) {
        self.paths.replace(random);
    }

    /// `branch` with the pictures that fall to chance set to zero, the others divided by the share that stays.
    fn drop_path(&self, branch: &Tensor, rate: f64) -> Tensor {
        let mut shape = vec![1; branch.dim()];
        shape[0] = branch.size()[0];
        let mut random = self.paths.borrow_mut();
        let mut factor = || match random.chance(rate as f32) {
            true => 0.0,
            false => 1.0 / (1.0 - rate as f32),
        };
        let factors: Vec<f32> = (0..shape[0]).map(|_| factor()).collect();
        let factors = Tensor::from_slice(&factors).view(shape.as_slice());
        branch * factors.to_device(branch.device()).to_kind(branch.kind())
    }

    /// The parameters as they are now.
    pub fn weights(&self) -> Weights {
        to_weights(&self.params)
    }
}

/// Named tensors as a network's weights.
pub fn to_weights(tensors: &BTreeMap<String, Tensor>) -> Weights {
    let mut weights = Weights::default();
    for (name, tensor) in tensors {
        let shape = tensor.size().iter().map(|&n| n as usize).collect();
        weights.insert(name.clone(), shape, to_vec(tensor));
    }
    weights
}

/// Row-major values of a tensor of any layout and device, as f32.
pub fn to_vec(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor
        .detach()
        .to_device(Device::Cpu)
        .to_kind(Kind::Float)
        .contiguous()
        .view(-1);
    Vec::<f32>::try_from(&flat).expect("a contiguous float tensor")
}
