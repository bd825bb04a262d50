//! The networks, described once as data. The trainer's libtorch module, the folding of normalisation and the ONNX
//! writer are all driven by a [`Network`], so the three cannot drift apart.

mod efficientnet;
mod fold;
mod shape;
mod weights;

pub use efficientnet::{LiteVariant, efficientnet_lite};
pub use shape::Shape;
pub use weights::{Param, Weights};

/// One operation. Convolutions pad "SAME" as TensorFlow does: the output has `ceil(input / stride)` rows, and where the
/// padding is odd the extra row goes to the bottom and right.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Parameters `<name>.weight` `[out_channels, in_channels / groups, kernel, kernel]` and, if `bias`, `<name>.bias`.
    Conv(Conv),
    /// Parameters `<name>.{weight,bias,running_mean,running_var}`, each `[channels]`.
    BatchNorm {
        /// Prefix of the parameters' names.
        name: String,
        /// Channels of the input.
        channels: usize,
        /// Added to the variance.
        eps: f32,
    },
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// The sum of two inputs of one shape.
    Add,
    /// The mean over height and width: `[n, c, h, w]` to `[n, c]`.
    GlobalAveragePool,
    /// Parameters `<name>.weight` `[outputs, inputs]` and `<name>.bias` `[outputs]`.
    Linear {
        /// Prefix of the parameters' names.
        name: String,
        /// Length of the input vector.
        inputs: usize,
        /// Length of the output vector.
        outputs: usize,
    },
}

/// A two-dimensional convolution with a square kernel.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "the fields are the usual terms of a convolution"
)]
pub struct Conv {
    pub name: String,
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: usize,
    pub stride: usize,
    pub groups: usize,
    pub bias: bool,
}

impl Conv {
    /// Rows (or columns) of padding before and after an input of `size` rows.
    pub fn same_padding(&self, size: usize) -> (usize, usize) {
        let covered = (size.div_ceil(self.stride) - 1) * self.stride + self.kernel;
        let total = covered.saturating_sub(size);
        (total / 2, total - total / 2)
    }
}

/// An operation and the values it reads: value 0 is the picture `[n, 3, size, size]`, value `i + 1` the output of node
/// `i`.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// The values it reads, each made by an earlier node.
    pub inputs: Vec<usize>,
}

/// A value that everything after it depends on alone, so that the network can be divided there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Name of the block that ends here, such as `blocks.7`.
    pub name: String,
    /// The value's number, in the sense of [`Node::inputs`].
    pub value: usize,
}

/// Nodes in the order of computation. The last one's output is the network's.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The published name.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Where the network can be divided, from the picture on.
    pub cuts: Vec<Cut>,
}

impl Network {
    /// An empty network that only passes the picture on.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            nodes: Vec::new(),
            cuts: Vec::new(),
        }
    }

    /// Appends `op` reading `inputs`; gives the number of the value it makes.
    pub fn push(&mut self, op: Op, inputs: &[usize]) -> usize {
        assert!(
            inputs.iter().all(|&i| i <= self.nodes.len()),
            "a node reads values made before it"
        );
        self.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
        });
        self.nodes.len()
    }

    /// Number of the value that the network gives.
    pub fn output(&self) -> usize {
        self.nodes.len()
    }

    /// The value of the cut called `name`.
    pub fn cut(&self, name: &str) -> Option<usize> {
        self.cuts
            .iter()
            .find(|cut| cut.name == name)
            .map(|cut| cut.value)
    }

    /// The same network with a linear layer `name` behind it, to `outputs` values.
    #[must_use]
    pub fn with_linear(mut self, name: &str, outputs: usize) -> Self {
        let inputs = self.shapes(32).last().map_or(3, |shape| shape.channels);
        let last = self.output();
        self.push(
            Op::Linear {
                name: name.into(),
                inputs,
                outputs,
            },
            &[last],
        );
        self
    }

    /// Every parameter's name and shape, in the order of computation.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.nodes
            .iter()
            .flat_map(|node| node.op.parameters())
            .collect()
    }
}

impl Op {
    /// The operation's parameters: name and shape.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        match self {
            Op::Conv(c) => {
                let weight = vec![c.out_channels, c.in_channels / c.groups, c.kernel, c.kernel];
                let mut all = vec![(format!("{}.weight", c.name), weight)];
                if c.bias {
                    all.push((format!("{}.bias", c.name), vec![c.out_channels]));
                }
                all
            }
            Op::BatchNorm { name, channels, .. } => {
                ["weight", "bias", "running_mean", "running_var"]
                    .iter()
                    .map(|part| (format!("{name}.{part}"), vec![*channels]))
                    .collect()
            }
            Op::Linear {
                name,
                inputs,
                outputs,
            } => {
                vec![
                    (format!("{name}.weight"), vec![*outputs, *inputs]),
                    (format!("{name}.bias"), vec![*outputs]),
                ]
            }
            Op::Relu6 | Op::Add | Op::GlobalAveragePool => Vec::new(),
        }
    }
}
