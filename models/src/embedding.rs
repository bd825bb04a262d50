//! Embeddings and the id that says which of them may be compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fault::{Code, Fault};

/// Names one embedding space: network, weights, whitening and preprocessing. Vectors of different ids must never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EmbeddingId(pub [u8; 16]);

impl fmt::Display for EmbeddingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for EmbeddingId {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let refused = || {
            let shown: String = text.chars().take(40).collect();
            Fault::new(
                Code::ManifestValue,
                "an embedding id of 32 hexadecimal digits",
                format!("{shown:?}"),
                "export the model again",
            )
        };
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(id))
    }
}

impl Serialize for EmbeddingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EmbeddingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A vector whose every value is finite and whose Euclidean norm is 1 (to rounding).
#[derive(Debug, Clone, PartialEq)]
pub struct UnitEmbedding(Vec<f32>);

impl UnitEmbedding {
    /// Divides `values` by their norm. Refuses values that are not finite and a norm of zero, which no direction has.
    pub fn normalise(mut values: Vec<f32>) -> Result<Self, Fault> {
        normalise_in_place(&mut values)?;
        Ok(Self(values))
    }

    /// The values; their count is the dimension.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The cosine to another embedding of the same dimension.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

/// Divides `values` by their norm where they lie, for callers that must not allocate. Errors as [`UnitEmbedding::normalise`].
pub fn normalise_in_place(values: &mut [f32]) -> Result<(), Fault> {
    let norm = values
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt();
    if !norm.is_finite() || norm <= 1e-12 {
        return Err(Fault::new(
            Code::EmbeddingNotFinite,
            "finite values of which one is not zero",
            format!("a norm of {norm}"),
            "run the model's self-test; if it fails, install the model again",
        ));
    }
    let scale = (1.0 / norm) as f32;
    values.iter_mut().for_each(|v| *v *= scale);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text() {
        let id = EmbeddingId([7; 16]);
        assert_eq!(id.to_string().parse::<EmbeddingId>().unwrap(), id);
        for bad in [
            "",
            "07",
            "zz070707070707070707070707070707",
            "+7070707070707070707070707070707",
        ] {
            assert!(bad.parse::<EmbeddingId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_norm_is_one_and_bad_vectors_are_refused() {
        let unit = UnitEmbedding::normalise(vec![3.0, -4.0]).unwrap();
        assert_eq!(unit.as_slice(), [0.6, -0.8]);
        for bad in [
            vec![],
            vec![0.0; 4],
            vec![f32::NAN, 1.0],
            vec![f32::INFINITY, 1.0],
        ] {
            assert_eq!(
                UnitEmbedding::normalise(bad).unwrap_err().code(),
                Code::EmbeddingNotFinite
            );
        }
        assert!(
            UnitEmbedding::normalise(vec![f32::MAX; 8]).is_ok(),
            "the norm is summed in f64"
        );
    }
}
