//! Shapes and costs of a network, computed from its description alone.

use super::{Network, Op};

/// A value's shape without the batch: `[channels, size, size]`, or `[channels]` with `size` 1 after pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "said above")]
pub struct Shape {
    pub channels: usize,
    pub size: usize,
}

impl Network {
    /// The shape of every value for a picture of `size` x `size`; the first is the picture's.
    pub fn shapes(&self, size: usize) -> Vec<Shape> {
        let mut shapes = vec![Shape { channels: 3, size }];
        for node in &self.nodes {
            let input = shapes[node.inputs[0]];
            shapes.push(match &node.op {
                Op::Conv(c) => Shape {
                    channels: c.out_channels,
                    size: input.size.div_ceil(c.stride),
                },
                Op::GlobalAveragePool => Shape { size: 1, ..input },
                Op::Linear { outputs, .. } => Shape {
                    channels: *outputs,
                    size: 1,
                },
                Op::BatchNorm { .. } | Op::Relu6 | Op::Add => input,
            });
        }
        shapes
    }

    /// Learned parameters, as papers count them: running statistics are not learned.
    pub fn parameter_count(&self) -> usize {
        let learned =
            |name: &String| !name.ends_with("running_mean") && !name.ends_with("running_var");
        self.parameters()
            .iter()
            .filter(|(name, _)| learned(name))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }

    /// Multiply-adds of the convolutions and linear layers for one picture of `size` x `size`.
    pub fn multiply_adds(&self, size: usize) -> usize {
        let shapes = self.shapes(size);
        let cost = |i: usize| match &self.nodes[i].op {
            Op::Conv(c) => {
                shapes[i + 1].size.pow(2)
                    * c.out_channels
                    * (c.in_channels / c.groups)
                    * c.kernel.pow(2)
            }
            Op::Linear {
                inputs, outputs, ..
            } => inputs * outputs,
            _ => 0,
        };
        (0..self.nodes.len()).map(cost).sum()
    }
}
