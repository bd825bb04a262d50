//! The model manifest: everything a device must know to use a model, in one small JSON file beside the ONNX files.
//!
//! `model.json` is parsed once, here, into a [`Manifest`] whose values are proven; the files it names carry SHA-256.

use serde::{Deserialize, Serialize};

use crate::embedding::EmbeddingId;
use crate::fault::{Code, Fault};
use crate::preprocess::Preprocess;
use crate::thresholds::Thresholds;

/// The longest manifest, in bytes; a longer file is not one.
pub const MAX_MANIFEST_BYTES: usize = 256 * 1024;
/// The ONNX metadata key that carries the embedding id.
pub const ONNX_EMBEDDING_ID_KEY: &str = "skueye.embedding_id";
const FORMAT: &str = "skueye-model";
const VERSION: u32 = 1;

/// A file that a manifest names, relative to the manifest's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// A plain file name, without folders.
    pub name: String,
    /// SHA-256 of its content, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// One picture and what the network must make of it, run at start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// The picture (JPEG).
    pub image: FileRef,
    /// The expected unit embedding, `dim` values.
    pub embedding: Vec<f32>,
    /// The least cosine between the expected and the computed embedding.
    pub min_cosine: f32,
}

/// A model release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The network's name, such as `efficientnet-lite0`.
    pub network: String,
    /// The embedding space of this release.
    pub embedding_id: EmbeddingId,
    /// Length of the embedding: 32 to 1,024 in steps of 32.
    pub dim: u32,
    /// From pixels to the input tensor.
    pub preprocess: Preprocess,
    /// Calibrated decision bands.
    pub thresholds: Thresholds,
    /// The ONNX file with FP16 weights and arithmetic, typed in the file: input `[1, 3, size, size]` and output
    /// `[1, dim]` in f32, whitened, not normalised. A runtime without FP16 arithmetic widens it to f32.
    pub onnx_f16: FileRef,
    /// The same network in f32, where the release ships it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx_f32: Option<FileRef>,
    /// The golden self-test.
    pub self_test: SelfTest,
}

/// The parts of a [`Manifest`] that its maker chooses.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of Manifest")]
pub struct ManifestParts {
    pub network: String,
    pub embedding_id: EmbeddingId,
    pub dim: u32,
    pub preprocess: Preprocess,
    pub thresholds: Thresholds,
    pub onnx_f16: FileRef,
    pub onnx_f32: Option<FileRef>,
    pub self_test: SelfTest,
}

impl Manifest {
    /// Proves the parts and puts them together.
    pub fn new(parts: ManifestParts) -> Result<Self, Fault> {
        let ManifestParts {
            network,
            embedding_id,
            dim,
            preprocess,
            thresholds,
            onnx_f32,
            onnx_f16,
            self_test,
        } = parts;
        let manifest = Self {
            format: FORMAT.into(),
            version: VERSION,
            network,
            embedding_id,
            dim,
            preprocess,
            thresholds,
            onnx_f32,
            onnx_f16,
            self_test,
        };
        manifest.validate()?;
        Ok(manifest)
    }

    /// Parses and proves the content of a `model.json`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_MANIFEST_BYTES {
            return Err(syntax(format!("{} bytes", text.len())));
        }
        let manifest: Self = serde_json::from_str(text).map_err(|e| syntax(e.to_string()))?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The content of a `model.json`.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a manifest holds only finite numbers and strings");
        text.push('\n');
        text
    }

    fn validate(&self) -> Result<(), Fault> {
        if self.format != FORMAT || self.version != VERSION {
            return Err(syntax(format!(
                "{:?} version {}",
                self.format, self.version
            )));
        }
        if !dim_is_valid(self.dim) || self.self_test.embedding.len() != self.dim as usize {
            return Err(value(
                "a dimension of 32 to 1024 in steps of 32, and a self-test of that length",
                format!("{} and {}", self.dim, self.self_test.embedding.len()),
            ));
        }
        let golden = &self.self_test;
        if !golden.embedding.iter().all(|v| v.is_finite())
            || !(0.5..=1.0).contains(&golden.min_cosine)
        {
            return Err(value(
                "a finite self-test with a least cosine of 0.5 to 1",
                format!("{}", golden.min_cosine),
            ));
        }
        for file in [&self.onnx_f16, &golden.image]
            .into_iter()
            .chain(&self.onnx_f32)
        {
            file.validate()?;
        }
        self.preprocess.validate()?;
        self.thresholds.validate()
    }
}

impl FileRef {
    fn validate(&self) -> Result<(), Fault> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let name_ok = !self.name.starts_with('.')
            && (1..=128).contains(&self.name.len())
            && self.name.bytes().all(plain);
        let lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if !name_ok || self.sha256.len() != 64 || !self.sha256.bytes().all(lower_hex) {
            return Err(value(
                "a plain file name with its SHA-256",
                format!("{:?} {:?}", self.name, self.sha256),
            ));
        }
        Ok(())
    }
}

/// Whether `dim` is a dimension that gallery and kernels take: 32 to 1,024 in steps of 32.
pub fn dim_is_valid(dim: u32) -> bool {
    (32..=1024).contains(&dim) && dim.is_multiple_of(32)
}

fn syntax(got: String) -> Fault {
    Fault::new(
        Code::ManifestSyntax,
        format!("a {FORMAT} manifest of version {VERSION}"),
        got,
        "install the model again, or export it with a trainer of this version",
    )
}

fn value(expected: &str, got: String) -> Fault {
    Fault::new(Code::ManifestValue, expected, got, "export the model again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Manifest {
        let file = |name: &str| FileRef {
            name: name.into(),
            sha256: "0a".repeat(32),
        };
        Manifest::new(ManifestParts {
            network: "efficientnet-lite0".into(),
            embedding_id: EmbeddingId([1; 16]),
            dim: 32,
            preprocess: Preprocess::efficientnet_lite(128),
            thresholds: Thresholds {
                accept: 0.6,
                reject: 0.4,
                margin: 0.02,
                false_accept_rate: 0.01,
            },
            onnx_f16: file("model.f16.onnx"),
            onnx_f32: Some(file("model.onnx")),
            self_test: SelfTest {
                image: file("golden.jpg"),
                embedding: vec![0.125; 32],
                min_cosine: 0.999,
            },
        })
        .unwrap()
    }

    #[test]
    fn survives_text() {
        assert_eq!(Manifest::parse(&sample().to_json()).unwrap(), sample());
    }

    #[test]
    fn every_changed_value_out_of_range_is_refused() {
        let changes: [(&str, serde_json::Value); 8] = [
            ("/version", 2.into()),
            ("/format", "other".into()),
            ("/dim", 33.into()),
            ("/preprocess/size", 1.into()),
            ("/thresholds/reject", 0.9.into()),
            ("/onnx_f32/name", "../model.onnx".into()),
            ("/onnx_f32/sha256", "AB".into()),
            ("/self_test/min_cosine", 0.0.into()),
        ];
        for (pointer, changed) in changes {
            let mut json = serde_json::to_value(sample()).unwrap();
            *json.pointer_mut(pointer).unwrap() = changed;
            assert!(Manifest::parse(&json.to_string()).is_err(), "{pointer}");
        }
        let mut json = serde_json::to_value(sample()).unwrap();
        json["surprise"] = 1.into();
        assert_eq!(
            Manifest::parse(&json.to_string()).unwrap_err().code(),
            Code::ManifestSyntax
        );
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in ".{0,200}") {
            let _ = Manifest::parse(&text);
        }
    }
}
