//! Folding of batch normalisation into the convolution before it, for inference.

use super::{Conv, Cut, Network, Node, Op, Param, Weights};

impl Network {
    /// The same function with each normalisation folded into the convolution that feeds it, and its weights.
    ///
    /// `weights` must hold every parameter of the network ([`Weights::matched`]). A normalisation whose input is not a
    /// convolution, or whose convolution feeds anything else, stays.
    pub fn fold(&self, weights: &Weights) -> (Network, Weights) {
        let mut folded = Network::new(self.name.clone());
        let mut kept = Weights::default();
        // Where each of this network's values is found in the folded one.
        let mut moved = vec![0; self.nodes.len() + 1];
        for (i, node) in self.nodes.iter().enumerate() {
            let feeding = node.inputs[0]
                .checked_sub(1)
                .filter(|_| self.readers(node.inputs[0]) == 1);
            if let (Op::BatchNorm { name, eps, .. }, Some(before)) = (&node.op, feeding)
                && let Op::Conv(conv) = &self.nodes[before].op
            {
                fold_into(conv, name, *eps, weights, &mut kept);
                let at = moved[node.inputs[0]];
                if let Op::Conv(c) = &mut folded.nodes[at - 1].op {
                    c.bias = true;
                }
                moved[i + 1] = at;
                continue;
            }
            for (name, _) in node.op.parameters() {
                kept.0.insert(name.clone(), weights.0[&name].clone());
            }
            let inputs = node.inputs.iter().map(|&v| moved[v]).collect();
            folded.nodes.push(Node {
                op: node.op.clone(),
                inputs,
            });
            moved[i + 1] = folded.nodes.len();
        }
        folded.cuts = self
            .cuts
            .iter()
            .map(|c| Cut {
                name: c.name.clone(),
                value: moved[c.value],
            })
            .collect();
        (folded, kept)
    }

    fn readers(&self, value: usize) -> usize {
        self.nodes
            .iter()
            .flat_map(|node| &node.inputs)
            .filter(|&&v| v == value)
            .count()
    }
}

/// `norm(conv(x)) = (w s) x + (b - mean) s + beta` with `s = gamma / sqrt(var + eps)` per output channel.
fn fold_into(conv: &Conv, norm: &str, eps: f32, weights: &Weights, kept: &mut Weights) {
    let of = |part: &str| weights.data(&format!("{norm}.{part}"));
    let (gamma, beta, mean, var) = (
        of("weight"),
        of("bias"),
        of("running_mean"),
        of("running_var"),
    );
    let Param { shape, data } = &weights.0[&format!("{}.weight", conv.name)];
    let per_channel = data.len() / conv.out_channels;
    let mut weight = data.clone();
    let mut bias = vec![0.0; conv.out_channels];
    for (channel, filter) in weight.chunks_mut(per_channel).enumerate() {
        let scale = f64::from(gamma[channel]) / (f64::from(var[channel]) + f64::from(eps)).sqrt();
        let before = if conv.bias {
            weights.data(&format!("{}.bias", conv.name))[channel]
        } else {
            0.0
        };
        filter
            .iter_mut()
            .for_each(|w| *w = (f64::from(*w) * scale) as f32);
        bias[channel] =
            (f64::from(before - mean[channel]) * scale + f64::from(beta[channel])) as f32;
    }
    kept.insert(format!("{}.weight", conv.name), shape.clone(), weight);
    kept.insert(format!("{}.bias", conv.name), vec![conv.out_channels], bias);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{LiteVariant, efficientnet_lite};

    #[test]
    fn no_normalisation_is_left_and_every_parameter_has_its_shape() {
        let network = efficientnet_lite(LiteVariant::Lite0);
        let mut weights = Weights::default();
        for (name, shape) in network.parameters() {
            let data = vec![0.5; shape.iter().product()];
            weights.insert(name, shape, data);
        }
        let (folded, kept) = network.fold(&weights);
        assert!(
            !folded
                .nodes
                .iter()
                .any(|n| matches!(n.op, Op::BatchNorm { .. }))
        );
        assert!(kept.matched(&folded).unwrap().1.is_empty());
        assert_eq!(folded.shapes(224).last(), network.shapes(224).last());
        for (cut, before) in folded.cuts.iter().zip(&network.cuts) {
            assert_eq!(
                folded.shapes(224)[cut.value],
                network.shapes(224)[before.value],
                "{}",
                cut.name
            );
        }
    }

    #[test]
    fn folded_values_follow_the_formula() {
        let mut network = Network::new("one");
        let conv = Conv {
            name: "c".into(),
            in_channels: 1,
            out_channels: 1,
            kernel: 1,
            stride: 1,
            groups: 1,
            bias: false,
        };
        let value = network.push(Op::Conv(conv), &[0]);
        network.push(
            Op::BatchNorm {
                name: "n".into(),
                channels: 1,
                eps: 0.0,
            },
            &[value],
        );
        let mut weights = Weights::default();
        weights.insert("c.weight", vec![1, 1, 1, 1], vec![2.0]);
        for (part, v) in [
            ("weight", 3.0),
            ("bias", 1.0),
            ("running_mean", 4.0),
            ("running_var", 4.0),
        ] {
            weights.insert(format!("n.{part}"), vec![1], vec![v]);
        }
        let (_, kept) = network.fold(&weights);
        assert_eq!(
            (kept.data("c.weight"), kept.data("c.bias")),
            (&[3.0][..], &[-5.0][..])
        );
    }
}
