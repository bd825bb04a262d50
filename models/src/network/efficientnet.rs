//! EfficientNet-Lite (ReLU6, no squeeze-and-excitation), without the classifier: ends at the pooled feature.
//!
//! Parameter names are those of the published PyTorch weights (`_conv_stem`, `_blocks.N`, `_conv_head`).

use super::{Conv, Cut, Network, Op};

/// Members of the family for which weights can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteVariant {
    /// 4.65 M parameters with its classifier, made for 224 px.
    Lite0,
    /// 5.42 M, 240 px.
    Lite1,
    /// 6.09 M, 260 px.
    Lite2,
}

/// Repeats, kernel, stride, expansion, output channels of each stage, before scaling.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];
const BATCH_NORM_EPS: f32 = 1e-3;

impl LiteVariant {
    fn scaling(self) -> (&'static str, f64, f64) {
        match self {
            Self::Lite0 => ("efficientnet-lite0", 1.0, 1.0),
            Self::Lite1 => ("efficientnet-lite1", 1.0, 1.1),
            Self::Lite2 => ("efficientnet-lite2", 1.1, 1.2),
        }
    }
}

/// The network from the picture to the 1,280 pooled features. Every block's end is a cut named `blocks.N`.
pub fn efficientnet_lite(variant: LiteVariant) -> Network {
    let (name, width, depth) = variant.scaling();
    let mut net = Network::new(name);
    let mut value = conv_norm(
        &mut net,
        0,
        conv("_conv_stem", 3, 32, 3, 2, 1),
        "_bn0",
        true,
    );
    let (mut channels, mut block) = (32, 0);
    for (stage, &(repeats, kernel, stride, expansion, out)) in STAGES.iter().enumerate() {
        let out = round_to_8(out as f64 * width);
        // Lite keeps the first and last stage, like stem and head, at their depth.
        let fixed = stage == 0 || stage + 1 == STAGES.len();
        let repeats = if fixed {
            repeats
        } else {
            (repeats as f64 * depth).ceil() as usize
        };
        for repeat in 0..repeats {
            let stride = if repeat == 0 { stride } else { 1 };
            value = inverted_bottleneck(
                &mut net,
                value,
                block,
                [channels, out, kernel, stride, expansion],
            );
            net.cuts.push(Cut {
                name: format!("blocks.{block}"),
                value,
            });
            channels = out;
            block += 1;
        }
    }
    let value = conv_norm(
        &mut net,
        value,
        conv("_conv_head", channels, 1280, 1, 1, 1),
        "_bn1",
        true,
    );
    net.push(Op::GlobalAveragePool, &[value]);
    net
}

fn inverted_bottleneck(net: &mut Network, input: usize, block: usize, dims: [usize; 5]) -> usize {
    let [channels, out, kernel, stride, expansion] = dims;
    let name = |part: &str| format!("_blocks.{block}.{part}");
    let wide = channels * expansion;
    let mut value = input;
    if expansion != 1 {
        value = conv_norm(
            net,
            value,
            conv(name("_expand_conv"), channels, wide, 1, 1, 1),
            &name("_bn0"),
            true,
        );
    }
    let depthwise = conv(name("_depthwise_conv"), wide, wide, kernel, stride, wide);
    value = conv_norm(net, value, depthwise, &name("_bn1"), true);
    value = conv_norm(
        net,
        value,
        conv(name("_project_conv"), wide, out, 1, 1, 1),
        &name("_bn2"),
        false,
    );
    if stride == 1 && channels == out {
        value = net.push(Op::Add, &[value, input]);
    }
    value
}

fn conv_norm(net: &mut Network, input: usize, conv: Conv, norm: &str, activate: bool) -> usize {
    let channels = conv.out_channels;
    let value = net.push(Op::Conv(conv), &[input]);
    let value = net.push(
        Op::BatchNorm {
            name: norm.into(),
            channels,
            eps: BATCH_NORM_EPS,
        },
        &[value],
    );
    if activate {
        net.push(Op::Relu6, &[value])
    } else {
        value
    }
}

fn conv(
    name: impl Into<String>,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Conv {
    Conv {
        name: name.into(),
        in_channels: inputs,
        out_channels: outputs,
        kernel,
        stride,
        groups,
        bias: false,
    }
}

/// Rounds to a multiple of 8, but never down by more than a tenth.
fn round_to_8(channels: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels {
        rounded + 8
    } else {
        rounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published: 4.65 / 5.42 / 6.09 M parameters and 407 / 631 / 899 M multiply-adds, classifier of 1,000 classes included.
    #[test]
    fn sizes_and_costs_are_the_published_ones() {
        let cases = [
            (LiteVariant::Lite0, 224, 4_652_008, 407),
            (LiteVariant::Lite1, 240, 5_416_680, 631),
            (LiteVariant::Lite2, 260, 6_092_072, 899),
        ];
        for (variant, size, parameters, millions) in cases {
            let net = efficientnet_lite(variant).with_linear("_fc", 1000);
            assert_eq!(net.parameter_count(), parameters, "{}", net.name);
            let found = net.multiply_adds(size) as f64 / 1e6;
            assert!(
                (found - f64::from(millions)).abs() < 0.06 * f64::from(millions),
                "{}: {found}",
                net.name
            );
        }
    }

    #[test]
    fn shapes_shrink_by_32_and_end_at_the_pooled_feature() {
        let net = efficientnet_lite(LiteVariant::Lite0);
        let shapes = net.shapes(224);
        assert_eq!(
            shapes[net.cut("blocks.10").unwrap()],
            crate::network::Shape {
                channels: 112,
                size: 14
            }
        );
        assert_eq!(
            shapes[net.cut("blocks.15").unwrap()],
            crate::network::Shape {
                channels: 320,
                size: 7
            }
        );
        assert_eq!(
            *shapes.last().unwrap(),
            crate::network::Shape {
                channels: 1280,
                size: 1
            }
        );
    }

    #[test]
    fn same_padding_puts_the_odd_row_last() {
        let stem = conv("s", 3, 32, 3, 2, 1);
        assert_eq!(stem.same_padding(224), (0, 1));
        assert_eq!(stem.same_padding(225), (1, 1));
        assert_eq!(conv("d", 8, 8, 5, 1, 8).same_padding(7), (2, 2));
    }
}
