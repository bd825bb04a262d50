//! A [`Network`] with its parameters in libtorch.

use std::collections::BTreeMap;

use skueye_models::network::{Conv, Network, Node, Op, Weights};
use tch::{Device, Kind, Tensor};

/// PyTorch's momentum of running statistics; EfficientNet's is 0.99 in TensorFlow's sense.
const BATCH_NORM_MOMENTUM: f64 = 0.01;

/// Whether normalisation uses the batch's statistics (and updates the running ones) or the running ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own.
    Train,
    /// The running ones.
    Infer,
}

/// A network that computes and learns. Activations and weights are laid out channels-last, which libtorch's convolutions
/// prefer.
pub struct Module {
    network: Network,
    params: BTreeMap<String, Tensor>,
    device: Device,
    /// For each value the last node that reads it, so that memory is given back as early as possible.
    last_reader: Vec<usize>,
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
                let tensor = if tensor.dim() == 4 {
                    channels_last(&tensor)
                } else {
                    tensor
                };
                (name, tensor)
            })
            .collect();
        let mut last_reader = vec![0; network.nodes.len() + 1];
        for (i, node) in network.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&value| last_reader[value] = i);
        }
        Self {
            network,
            params,
            device,
            last_reader,
        }
    }

    /// Its description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Computes value `to` from `input`, which is value `from` (0 is the picture batch `[n, 3, size, size]`).
    pub fn forward(&self, input: &Tensor, from: usize, to: usize, mode: Mode) -> Tensor {
        let mut values: Vec<Option<Tensor>> = (0..=to).map(|_| None).collect();
        let input = input.to_device(self.device);
        values[from] = Some(if input.dim() == 4 {
            channels_last(&input)
        } else {
            input
        });
        for (i, node) in self.network.nodes.iter().enumerate().take(to).skip(from) {
            let result = self.compute(node, &values, mode);
            for &value in node
                .inputs
                .iter()
                .filter(|&&value| self.last_reader[value] == i)
            {
                values[value] = None;
            }
            values[i + 1] = Some(result);
        }
        values[to]
            .take()
            .expect("a network's nodes read values made before them")
    }

    /// The output for pictures `[n, 3, size, size]` at inference, without gradients.
    pub fn infer(&self, pictures: &Tensor) -> Tensor {
        self.infer_from(pictures, 0)
    }

    /// As [`Self::infer`] from `values`, which are the network's value `from`.
    pub fn infer_from(&self, values: &Tensor, from: usize) -> Tensor {
        tch::no_grad(|| self.forward(values, from, self.network.output(), Mode::Infer))
    }

    fn compute(&self, node: &Node, values: &[Option<Tensor>], mode: Mode) -> Tensor {
        let value = |i: usize| {
            values[node.inputs[i]]
                .as_ref()
                .expect("computed before it is read")
        };
        let param = |name: &str, part: &str| &self.params[&format!("{name}.{part}")];
        match &node.op {
            Op::Conv(c) => {
                let bias = c.bias.then(|| param(&c.name, "bias"));
                convolve(value(0), c, param(&c.name, "weight"), bias)
            }
            Op::BatchNorm { name, eps, .. } => value(0).batch_norm(
                Some(param(name, "weight")),
                Some(param(name, "bias")),
                Some(param(name, "running_mean")),
                Some(param(name, "running_var")),
                mode == Mode::Train,
                BATCH_NORM_MOMENTUM,
                f64::from(*eps),
                true,
            ),
            Op::Relu6 => value(0).clamp(0.0, 6.0),
            Op::Add => value(0) + value(1),
            Op::GlobalAveragePool => value(0).mean_dim([2i64, 3].as_slice(), false, Kind::Float),
            Op::Linear { name, .. } => {
                value(0).linear(param(name, "weight"), Some(param(name, "bias")))
            }
        }
    }

    /// The learned parameters of the nodes after value `from`, set to collect gradients.
    pub fn trainable(&self, from: usize) -> Vec<Tensor> {
        let nodes = self.network.nodes[from..].iter();
        nodes
            .flat_map(|node| node.op.parameters())
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(name, _)| self.params[&name].set_requires_grad(true))
            .collect()
    }

    /// The parameters as they are now.
    pub fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        for (name, tensor) in &self.params {
            let shape = tensor.size().iter().map(|&n| n as usize).collect();
            weights.insert(name.clone(), shape, to_vec(tensor));
        }
        weights
    }
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

fn convolve(input: &Tensor, conv: &Conv, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let size = input.size();
    let (top, bottom) = conv.same_padding(size[2] as usize);
    let (left, right) = conv.same_padding(size[3] as usize);
    let stride = [conv.stride as i64; 2];
    let convolve = |input: &Tensor, padding: [i64; 2]| {
        input.conv2d(weight, bias, stride, padding, [1, 1], conv.groups as i64)
    };
    if top == bottom && left == right {
        return convolve(input, [top as i64, left as i64]);
    }
    let padded = input.constant_pad_nd([left as i64, right as i64, top as i64, bottom as i64]);
    convolve(&padded, [0, 0])
}

/// The same tensor laid out channels-last; `tch` has no memory formats, but a permuted contiguous tensor is one.
fn channels_last(tensor: &Tensor) -> Tensor {
    tensor
        .permute([0, 2, 3, 1])
        .contiguous()
        .permute([0, 3, 1, 2])
}
