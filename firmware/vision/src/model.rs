//! A model folder made ready to run: manifest read, checksums proven, network loaded, golden self-test passed.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use skueye_models::manifest::{FileRef, MAX_MANIFEST_BYTES};
use skueye_models::{Code, Fault, Manifest, UnitEmbedding};

use crate::decode::{MAX_FILE_BYTES, decode, read_bounded};
use crate::embed::{Embedder, Notice};
use crate::golden::Golden;
use crate::onnx::{Contract, Network};
use crate::picture::{Region, RgbImage};
use crate::preprocess::Preprocessor;
use crate::runtime::{Finding, Settings, choose};

/// The manifest's name in a model folder.
pub const MANIFEST_NAME: &str = "model.json";
/// The largest ONNX file, in bytes: protobuf's own limit is four times this.
pub const MAX_ONNX_BYTES: u64 = 512 * 1024 * 1024;

/// A model that has passed its self-test.
pub struct ModelSet {
    /// What the release says of itself.
    pub manifest: Manifest,
    /// From pixels to tensor.
    pub preprocessor: Preprocessor,
    /// From tensor to embedding.
    pub embedder: Box<dyn Embedder>,
    golden: Arc<Golden>,
    self_test_cosine: f32,
    runtimes: Vec<Finding>,
}

impl ModelSet {
    /// Loads the model in `folder` for tract. Errors as [`Self::load_with`].
    pub fn load(folder: &Path) -> Result<Self, Fault> {
        Self::load_with(folder, &Settings::tract())
    }

    /// Loads the model in `folder` for the runtime of `settings`: the f32 file where the release ships one, else the
    /// FP16 file, widened; for TensorRT the FP16 file.
    ///
    /// Every file that the manifest names is proven against its SHA-256, used or not. A runtime whose golden self-test
    /// fails is not taken. Errors: E401 to E406, E409, E410, E413, E901.
    pub fn load_with(folder: &Path, settings: &Settings) -> Result<Self, Fault> {
        let manifest = read_manifest(folder)?;
        let files = Files::read(folder, &manifest)?;
        let golden = decode(&files.golden)
            .map_err(|fault| fault.at(folder.join(&manifest.self_test.image.name)))?;
        let mut preprocessor = Preprocessor::new(manifest.preprocess)?;
        let golden = Arc::new(Golden::new(&manifest, &golden, &mut preprocessor)?);
        let chosen = choose(&files.network(&manifest), settings, &golden)
            .map_err(|fault| fault.at(folder.join(files.name(&manifest))))?;
        Ok(Self {
            manifest,
            preprocessor,
            embedder: chosen.embedder,
            golden,
            self_test_cosine: chosen.cosine,
            runtimes: chosen.findings,
        })
    }

    /// The cosine that the golden self-test reached at load.
    pub fn self_test_cosine(&self) -> f32 {
        self.self_test_cosine
    }

    /// Waits until the runtime that was chosen computes itself, telling how far it is; then the self-test is of it.
    /// Errors: E403 it fails the self-test.
    pub fn settle(&mut self, tell: &mut dyn FnMut(Notice)) -> Result<(), Fault> {
        self.embedder.settle(tell);
        self.self_test_cosine = self.golden.check(&mut *self.embedder)?;
        for finding in self.runtimes.iter_mut().filter(|finding| finding.chosen) {
            finding.about = self.embedder.about();
        }
        Ok(())
    }

    /// The runtimes that were looked at.
    pub fn runtimes(&self) -> &[Finding] {
        &self.runtimes
    }

    /// The unit embedding of `region` of `image`.
    pub fn embed_image(
        &mut self,
        image: &RgbImage,
        region: Region,
    ) -> Result<UnitEmbedding, Fault> {
        let mut values = vec![0.0; self.embedder.dim()];
        self.embed_into(image, region, &mut values)?;
        UnitEmbedding::normalise(values)
    }

    /// As [`Self::embed_image`], into `out` (`dim` values), without taking memory of our own.
    pub fn embed_into(
        &mut self,
        image: &RgbImage,
        region: Region,
        out: &mut [f32],
    ) -> Result<(), Fault> {
        let tensor = self.preprocessor.tensor(image, region)?;
        self.embedder.embed_unit(tensor, out)
    }
}

/// Reads and proves the manifest of the model in `folder`.
pub fn read_manifest(folder: &Path) -> Result<Manifest, Fault> {
    let path = folder.join(MANIFEST_NAME);
    let bytes = read_bounded(&path, MAX_MANIFEST_BYTES as u64, Code::ManifestSyntax)?;
    Manifest::parse(&String::from_utf8_lossy(&bytes)).map_err(|fault| fault.at(path))
}

/// The files of a model, proven against their checksums.
struct Files {
    f16: Vec<u8>,
    f32: Option<Vec<u8>>,
    golden: Vec<u8>,
}

impl Files {
    fn read(folder: &Path, manifest: &Manifest) -> Result<Self, Fault> {
        let read = |file| read_proven(folder, file, MAX_ONNX_BYTES);
        Ok(Self {
            f16: read(&manifest.onnx_f16)?,
            f32: manifest.onnx_f32.as_ref().map(read).transpose()?,
            golden: read_proven(folder, &manifest.self_test.image, MAX_FILE_BYTES)?,
        })
    }

    fn network(&self, manifest: &Manifest) -> Network<'_> {
        Network {
            f32: self.f32.as_ref().unwrap_or(&self.f16),
            f16: &self.f16,
            contract: Contract::of(manifest),
        }
    }

    /// The file that a fault of the network names.
    fn name<'m>(&self, manifest: &'m Manifest) -> &'m str {
        let file = manifest.onnx_f32.as_ref().unwrap_or(&manifest.onnx_f16);
        &file.name
    }
}

fn read_proven(folder: &Path, file: &FileRef, limit: u64) -> Result<Vec<u8>, Fault> {
    let path = folder.join(&file.name);
    let bytes = read_bounded(&path, limit, Code::ModelDamaged)?;
    let found = sha256_hex(&bytes);
    if found == file.sha256 {
        return Ok(bytes);
    }
    Err(Fault::new(
        Code::ModelDamaged,
        format!("SHA-256 {}", file.sha256),
        found,
        "install the model again",
    )
    .at(path))
}

/// SHA-256 of `bytes` as a manifest writes it: 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::write_tiny_model;
    use skueye_models::EmbeddingId;
    use std::fs;

    fn load_code(folder: &Path) -> Code {
        ModelSet::load(folder).map(|_| ()).unwrap_err().code()
    }

    #[test]
    fn a_model_folder_loads_and_passes_its_self_test() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_model(folder.path(), EmbeddingId([1; 16]));
        let mut model = ModelSet::load(folder.path()).unwrap();
        assert!(model.self_test_cosine() > 0.9999);
        let green = RgbImage::new(50, 40, [0, 255, 0].repeat(2000)).unwrap();
        let embedding = model.embed_image(&green, Region::whole(&green)).unwrap();
        let strongest = embedding.as_slice()[2];
        assert!(
            (strongest - 0.5).abs() < 0.01,
            "four equal outputs: {strongest}"
        );
    }

    #[test]
    fn a_release_without_the_f32_file_runs_on_the_widened_fp16_file() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = write_tiny_model(folder.path(), EmbeddingId([1; 16]));
        let mut json = serde_json::to_value(&manifest).unwrap();
        json.as_object_mut().unwrap().remove("onnx_f32");
        fs::write(folder.path().join(MANIFEST_NAME), json.to_string()).unwrap();
        fs::remove_file(folder.path().join("model.onnx")).unwrap();
        assert!(ModelSet::load(folder.path()).unwrap().self_test_cosine() > 0.999);
    }

    #[test]
    fn one_changed_byte_in_any_file_is_refused() {
        for name in ["model.onnx", "model.f16.onnx", "golden.png"] {
            let folder = tempfile::tempdir().unwrap();
            write_tiny_model(folder.path(), EmbeddingId([1; 16]));
            let path = folder.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
            let fault = ModelSet::load(folder.path()).map(|_| ()).unwrap_err();
            assert_eq!(
                (fault.code(), fault.path()),
                (Code::ModelDamaged, Some(path.as_path()))
            );
        }
    }

    #[test]
    fn a_network_that_computes_something_else_fails_the_self_test() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = write_tiny_model(folder.path(), EmbeddingId([1; 16]));
        let mut json = serde_json::to_value(&manifest).unwrap();
        json["self_test"]["embedding"] = vec![0.1; 32].into();
        fs::write(folder.path().join(MANIFEST_NAME), json.to_string()).unwrap();
        assert_eq!(load_code(folder.path()), Code::ModelDamaged);
        assert_eq!(load_code(&folder.path().join("missing")), Code::Io);
    }
}
