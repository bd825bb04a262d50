//! A network's parameters by name.

use std::collections::BTreeMap;

use super::Network;
use crate::fault::{Code, Fault};

/// One parameter: its shape and its values in row-major order.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "said above")]
pub struct Param {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Parameters by name, as a checkpoint holds them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights(pub BTreeMap<String, Param>);

impl Weights {
    /// The values of `name`. [`Weights::matched`] proves that each of a network's parameters is there.
    pub fn data(&self, name: &str) -> &[f32] {
        &self.0[name].data
    }

    /// Adds or replaces a parameter.
    pub fn insert(&mut self, name: impl Into<String>, shape: Vec<usize>, data: Vec<f32>) {
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "a parameter fills its shape"
        );
        self.0.insert(name.into(), Param { shape, data });
    }

    /// Those parameters that `network` has, and the names of those that it has no use for. A parameter that is missing,
    /// has another shape or holds a value that is not finite is refused (E407); every such name is listed.
    pub fn matched(mut self, network: &Network) -> Result<(Self, Vec<String>), Fault> {
        let mut kept = Self::default();
        let mut bad = Vec::new();
        for (name, shape) in network.parameters() {
            match self.0.remove(&name) {
                None => bad.push(format!("{name} {shape:?} is missing")),
                Some(p) if p.shape != shape => {
                    bad.push(format!("{name} is {:?}, not {shape:?}", p.shape))
                }
                Some(p) if !p.data.iter().all(|v| v.is_finite()) => {
                    bad.push(format!("{name} is not finite"))
                }
                Some(p) => {
                    kept.0.insert(name, p);
                }
            }
        }
        if !bad.is_empty() {
            return Err(Fault::new(
                Code::WeightsMismatch,
                format!("the parameters of {}", network.name),
                bad.join(", "),
                "use weights made for this network",
            ));
        }
        Ok((kept, self.0.into_keys().collect()))
    }
}
