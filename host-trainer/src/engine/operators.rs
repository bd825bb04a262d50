//! The operations of a network in libtorch, forwards; libtorch differentiates them itself.

use std::collections::BTreeMap;
use std::rc::Rc;

use skueye_distributed::{BatchNorm, ProcessGroup};
use skueye_models::network::{Conv, Op};
use tch::{Kind, Tensor};

use super::attention::Attention;
use super::module::{Mode, Precision};

/// Parameters by name.
type Params = BTreeMap<String, Tensor>;

/// Operations in one precision.
pub(super) struct Operators {
    precision: Precision,
    attention: Attention,
    /// The processes over whose joined batch a training pass normalises.
    group: Option<Rc<ProcessGroup>>,
}

impl Operators {
    pub(super) fn new(precision: Precision) -> Self {
        Self {
            precision,
            attention: Attention::default(),
            group: None,
        }
    }

    /// The same, normalising over the joined batch of `group`.
    pub(super) fn synchronised(self, group: Rc<ProcessGroup>) -> Self {
        Self {
            group: Some(group),
            ..self
        }
    }

    pub(super) fn precision(&self) -> Precision {
        self.precision
    }

    /// What `op` makes of `inputs` with its own of `params`. The input numbered `spare` may be overwritten.
    pub(super) fn compute(
        &self,
        op: &Op,
        inputs: &[&Tensor],
        spare: Option<usize>,
        params: &Params,
        mode: Mode,
    ) -> Tensor {
        let input = inputs[0];
        let param = |name: &str, part: &str| &params[&format!("{name}.{part}")];
        match op {
            Op::Conv(conv) => {
                let bias = conv.bias.then(|| self.reduced(param(&conv.name, "bias")));
                let weight = self.reduced(param(&conv.name, "weight"));
                convolve(&self.reduced(input), conv, &weight, bias.as_ref())
            }
            Op::Linear { name, bias, .. } => {
                let bias = bias.then(|| self.reduced(param(name, "bias")));
                let (input, weight) = (self.reduced(input), self.reduced(param(name, "weight")));
                over_channels(&input, |x| x.linear(&weight, bias.as_ref()))
            }
            Op::BatchNorm {
                name,
                eps,
                momentum,
                ..
            } => {
                let norm = BatchNorm {
                    weight: param(name, "weight"),
                    bias: param(name, "bias"),
                    running_mean: param(name, "running_mean"),
                    running_variance: param(name, "running_var"),
                    momentum: f64::from(*momentum),
                    eps: f64::from(*eps),
                };
                let group = self.group.as_deref().filter(|_| mode == Mode::Train);
                // Where another process is lost, this pass is lost too: averaging its gradients is going to say so.
                let joined = group.and_then(|group| group.batch_norm(input, norm).ok());
                joined.unwrap_or_else(|| batch_norm(input, norm, mode == Mode::Train))
            }
            Op::LayerNorm {
                name,
                channels,
                eps,
            } => {
                let (weight, bias) = (param(name, "weight"), param(name, "bias"));
                over_channels(&input.to_kind(Kind::Float), |x| {
                    let shape = [*channels as i64];
                    x.layer_norm(shape, Some(weight), Some(bias), f64::from(*eps), true)
                })
            }
            Op::LayerScale { name, .. } => over_channels(input, |x| x * &params[name]),
            Op::Relu if spare.is_some() => input.shallow_clone().relu_(),
            Op::Relu => input.relu(),
            Op::Relu6 if spare.is_some() => input.shallow_clone().relu6_(),
            Op::Relu6 => input.relu6(),
            // On a tensor that is contiguous as it stands libtorch takes oneDNN's kernel.
            Op::Gelu => over_channels(input, |x| x.gelu("none")),
            Op::Add => match spare {
                Some(k) if inputs[k].kind() == inputs[1 - k].kind() => {
                    inputs[k].shallow_clone().g_add_(inputs[1 - k])
                }
                _ => input + inputs[1],
            },
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                let [kernel, stride, padding] = [kernel, stride, padding].map(|&n| [n as i64; 2]);
                input.max_pool2d(kernel, stride, padding, [1, 1], false)
            }
            Op::AveragePool { size } => {
                let size = [*size as i64; 2];
                input.avg_pool2d(size, size, [0, 0], true, false, None)
            }
            Op::GlobalAveragePool => input.mean_dim([2i64, 3].as_slice(), true, Kind::Float),
            Op::Flatten => input.flatten(1, -1),
            Op::Involution {
                kernel,
                stride,
                groups,
            } => {
                let dims = [kernel, stride, groups].map(|&n| n as i64);
                let [input, kernels] = [0, 1].map(|i| inputs[i].to_kind(Kind::Float));
                involve(&input, &kernels, dims)
            }
            Op::WindowAttention(shape) => {
                let table = &params[&shape.table];
                self.attention.compute(shape, input, table)
            }
            Op::PatchMerge => merge_patches(input),
        }
    }

    /// `tensor` in the type that matrix products compute in.
    fn reduced(&self, tensor: &Tensor) -> Tensor {
        match self.precision {
            Precision::F32 => tensor.to_kind(Kind::Float),
            Precision::Bf16 => tensor.to_kind(Kind::BFloat16),
        }
    }
}

/// Batch normalisation by this process's batch where it is `training`, else by the running statistics.
fn batch_norm(input: &Tensor, norm: BatchNorm, training: bool) -> Tensor {
    input.batch_norm(
        Some(norm.weight),
        Some(norm.bias),
        Some(norm.running_mean),
        Some(norm.running_variance),
        training,
        norm.momentum,
        norm.eps,
        true,
    )
}

fn convolve(input: &Tensor, conv: &Conv, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let size = input.size();
    let (top, bottom) = conv.padding(size[2] as usize);
    let (left, right) = conv.padding(size[3] as usize);
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

/// `compute` with the channels last; for a channels-last tensor the permutations move nothing.
fn over_channels(input: &Tensor, compute: impl Fn(&Tensor) -> Tensor) -> Tensor {
    match input.dim() {
        4 => compute(&input.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]),
        _ => compute(input),
    }
}

/// One window offset at a time: the unfolded input would take `kernel * kernel` times the memory.
fn involve(input: &Tensor, kernels: &Tensor, [kernel, stride, groups]: [i64; 3]) -> Tensor {
    let (n, channels, height, width) = input.size4().expect("a batch of feature maps");
    let (_, _, rows, columns) = kernels.size4().expect("a batch of kernels");
    let pad = kernel / 2;
    let padded = input.constant_pad_nd([pad; 4]);
    let (height, width) = (height + 2 * pad, width + 2 * pad);
    let padded = padded.reshape([n, groups, channels / groups, height, width]);
    let kernels = kernels.reshape([n, groups, kernel * kernel, rows, columns]);
    let mut sum: Option<Tensor> = None;
    for at in 0..kernel * kernel {
        let (row, column) = (at / kernel, at % kernel);
        let seen = padded
            .slice(3, row, row + (rows - 1) * stride + 1, stride)
            .slice(4, column, column + (columns - 1) * stride + 1, stride);
        let weighted = seen * kernels.slice(2, at, at + 1, 1);
        sum = Some(match sum {
            Some(sum) => sum + weighted,
            None => weighted,
        });
    }
    let sum = sum.expect("a kernel of at least one place");
    channels_last(&sum.reshape([n, channels, rows, columns]))
}

fn merge_patches(input: &Tensor) -> Tensor {
    let (n, channels, height, width) = input.size4().expect("a batch of feature maps");
    let padded = input.constant_pad_nd([0, width % 2, 0, height % 2]);
    let (rows, columns) = ((height + 1) / 2, (width + 1) / 2);
    padded
        .permute([0, 2, 3, 1])
        .reshape([n, rows, 2, columns, 2, channels])
        .permute([0, 1, 3, 4, 2, 5])
        .reshape([n, rows, columns, 4 * channels])
        .permute([0, 3, 1, 2])
}

/// The same tensor laid out channels-last if it has four dimensions; `tch` has no memory formats, but a permuted
/// contiguous tensor is one.
pub(super) fn channels_last(tensor: &Tensor) -> Tensor {
    if tensor.dim() != 4 {
        return tensor.shallow_clone();
    }
    tensor
        .permute([0, 2, 3, 1])
        .contiguous()
        .permute([0, 3, 1, 2])
}
