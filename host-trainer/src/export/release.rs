//! A model release: ONNX files, manifest and golden self-test in one folder, written whole or not at all.

use std::path::Path;

use sha2::{Digest, Sha256};
use skueye_models::manifest::{FileRef, ManifestParts, SelfTest};
use skueye_models::network::{Network, Weights};
use skueye_models::{EmbeddingId, Fault, Manifest, Preprocess, Thresholds};
use skueye_vision::decode::decode;
use skueye_vision::model::{MANIFEST_NAME, sha256_hex};
use skueye_vision::onnx::Contract;
use skueye_vision::picture::Region;
use skueye_vision::{Embedder, Preprocessor, TractEmbedder};

use super::{Precision, write_onnx};
use crate::files::write_folder;

/// The golden self-test must be met this closely on every runtime: FP16 arithmetic stays within 1e-3 of f32.
const GOLDEN_MIN_COSINE: f32 = 0.995;
const F16_NAME: &str = "model.f16.onnx";
const F32_NAME: &str = "model.onnx";
const GOLDEN_NAME: &str = "golden.jpg";

/// What a release is made of.
pub struct ReleaseParts<'a> {
    /// The network, normalisation folded, ending in the embedding.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
    /// From pixels to its input.
    pub preprocess: Preprocess,
    /// Calibrated decision bands.
    pub thresholds: Thresholds,
    /// JPEG bytes of the self-test's picture.
    pub golden: Vec<u8>,
    /// Whether the f32 file is shipped beside the FP16 one.
    pub with_f32: bool,
}

/// Names the embedding space: half of a SHA-256 over the network's name, its weights in order and its preprocessing.
pub fn embedding_id(network: &Network, weights: &Weights, preprocess: &Preprocess) -> EmbeddingId {
    let mut hash = Sha256::new();
    hash.update(network.name.as_bytes());
    for (name, shape) in network.parameters() {
        hash.update(name.as_bytes());
        shape
            .iter()
            .for_each(|&n| hash.update((n as u64).to_le_bytes()));
        weights
            .data(&name)
            .iter()
            .for_each(|v| hash.update(v.to_le_bytes()));
    }
    hash.update(preprocess.size.to_le_bytes());
    preprocess
        .mean
        .iter()
        .chain(&preprocess.std)
        .for_each(|v| hash.update(v.to_le_bytes()));
    let digest = hash.finalize();
    EmbeddingId(digest[..16].try_into().expect("a SHA-256 has 32 bytes"))
}

/// Writes the release to `folder`, replacing one that is there. The golden embedding is computed from the FP16 file, the
/// one that every device runs.
pub fn write_release(folder: &Path, parts: &ReleaseParts) -> Result<Manifest, Fault> {
    let id = embedding_id(parts.network, parts.weights, &parts.preprocess);
    let size = parts.preprocess.size;
    let onnx = |precision| write_onnx(parts.network, parts.weights, size, id, precision);
    let f16 = onnx(Precision::F16);
    let dim = parts
        .network
        .shapes(size as usize)
        .last()
        .map_or(0, |shape| shape.channels) as u32;
    let embedding = golden_embedding(
        &f16,
        Contract {
            embedding_id: id,
            size,
            dim,
        },
        parts,
    )?;
    let file = |name: &str, bytes: &[u8]| FileRef {
        name: name.into(),
        sha256: sha256_hex(bytes),
    };
    let f32 = parts.with_f32.then(|| onnx(Precision::F32));
    let manifest = Manifest::new(ManifestParts {
        network: parts.network.name.clone(),
        embedding_id: id,
        dim,
        preprocess: parts.preprocess,
        thresholds: parts.thresholds,
        onnx_f16: file(F16_NAME, &f16),
        onnx_f32: f32.as_deref().map(|bytes| file(F32_NAME, bytes)),
        self_test: SelfTest {
            image: file(GOLDEN_NAME, &parts.golden),
            embedding,
            min_cosine: GOLDEN_MIN_COSINE,
        },
    })?;
    let json = manifest.to_json();
    let mut files = vec![
        (F16_NAME, f16.as_slice()),
        (GOLDEN_NAME, parts.golden.as_slice()),
        (MANIFEST_NAME, json.as_bytes()),
    ];
    files.extend(f32.as_deref().map(|bytes| (F32_NAME, bytes)));
    write_folder(folder, &files)?;
    Ok(manifest)
}

fn golden_embedding(
    onnx: &[u8],
    contract: Contract,
    parts: &ReleaseParts,
) -> Result<Vec<f32>, Fault> {
    let mut embedder = TractEmbedder::new(onnx, &contract)?;
    let golden = decode(&parts.golden)?;
    let mut preprocessor = Preprocessor::new(parts.preprocess)?;
    let mut embedding = vec![0.0; contract.dim as usize];
    embedder.embed_unit(
        preprocessor.tensor(&golden, Region::whole(&golden))?,
        &mut embedding,
    )?;
    Ok(embedding)
}
