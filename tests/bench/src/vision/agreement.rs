//! How far the runtimes agree: the cosine of their embeddings, picture by picture, and the worst of them.
//!
//! The reference is tract on the f32 network, which is what the trainer measures accuracy with. FP16 is ONNX Runtime with
//! every result rounded to FP16 and sums in f32: left to itself it would compute an FP16 file in f32 on processors
//! without FP16 arithmetic, and agree too well.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use skueye_models::{Fault, UnitEmbedding};
use skueye_vision::{
    Embedder, OnnxRuntimeEmbedder, Preprocessor, Region, RgbImage, TractEmbedder, decode_file,
};

use super::{Network, frames, or_left_out};
use crate::refused;

/// What each arithmetic must reach.
const LEAST: [(&str, f32); 3] = [
    ("min_cosine_f32", 0.9999),
    ("min_cosine_f16", 0.999),
    ("min_cosine_tensorrt", 0.999),
];

/// A runtime with the smallest cosine so far, and where.
struct Candidate {
    key: &'static str,
    embedder: Box<dyn Embedder>,
    worst: f32,
    at: usize,
}

/// The worst cosine in f32 and in FP16 arithmetic and on TensorRT over `count` pictures, `null` where the runtime is not
/// there. `libraries`: of ONNX Runtime and of TensorRT.
pub fn measure(
    network: &Network,
    pictures: Option<&Path>,
    count: usize,
    libraries: [Option<&Path>; 2],
) -> Result<Map<String, Value>, Fault> {
    let files = pictures.map(listed).transpose()?;
    let count = files.as_ref().map_or(count, |files| files.len().min(count));
    let mut reference = TractEmbedder::new(&network.widened, &network.contract)?;
    let mut candidates = candidates(network, libraries)?;
    let mut preprocessor = network.preprocessor()?;
    for at in 0..count {
        let image = match &files {
            Some(files) => decode_file(&files[at])?,
            None => frames::picture(1000 + at as u64, 320, 240)?,
        };
        let expected = unit(&mut reference, &mut preprocessor, &image)?;
        for candidate in &mut candidates {
            let found = unit(&mut *candidate.embedder, &mut preprocessor, &image)?;
            let cosine = found.cosine(&expected);
            if cosine < candidate.worst {
                (candidate.worst, candidate.at) = (cosine, at);
            }
        }
    }
    for candidate in &candidates {
        eprintln!(
            "{}: {:.7} at worst, at picture {} of {count}",
            candidate.key, candidate.worst, candidate.at
        );
    }
    report(&candidates, count)
}

fn report(candidates: &[Candidate], count: usize) -> Result<Map<String, Value>, Fault> {
    let mut report = Map::new();
    report.insert("pictures".into(), json!(count));
    for (key, least) in LEAST {
        let found = candidates.iter().find(|candidate| candidate.key == key);
        report.insert(key.into(), json!(found.map(|candidate| candidate.worst)));
        if let Some(low) = found.filter(|candidate| candidate.worst < least) {
            let got = format!("{:.6} at picture {}", low.worst, low.at);
            return Err(refused(format!("a {key} of at least {least}"), got));
        }
    }
    Ok(report)
}

fn candidates(
    network: &Network,
    [library, folder]: [Option<&Path>; 2],
) -> Result<Vec<Candidate>, Fault> {
    let boxed = |made: Result<OnnxRuntimeEmbedder, Fault>| {
        made.map(|embedder| Box::new(embedder) as Box<dyn Embedder>)
    };
    let (typed, rounded, contract) = (&network.typed, &network.rounded, &network.contract);
    let made = [
        (
            boxed(OnnxRuntimeEmbedder::new(typed, contract, library)),
            library,
        ),
        (
            boxed(OnnxRuntimeEmbedder::as_typed(rounded, contract, library)),
            library,
        ),
        (network.in_tensorrt(folder), folder),
    ];
    let mut all = Vec::new();
    for ((key, _), (embedder, library)) in LEAST.into_iter().zip(made) {
        all.extend(
            or_left_out(key, embedder, library)?.map(|embedder| Candidate {
                key,
                embedder,
                worst: 1.0,
                at: 0,
            }),
        );
    }
    Ok(all)
}

fn unit(
    embedder: &mut dyn Embedder,
    preprocessor: &mut Preprocessor,
    image: &RgbImage,
) -> Result<UnitEmbedding, Fault> {
    let tensor = preprocessor.tensor(image, Region::whole(image))?;
    let mut values = vec![0.0; embedder.dim()];
    embedder.embed(tensor, &mut values)?;
    UnitEmbedding::normalise(values)
}

/// The pictures in `folder` and below, by name.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = std::fs::read_dir(folder).map_err(|e| Fault::io("read", folder, &e))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Fault::io("read", folder, &e))?.path();
        let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            files.extend(listed(&path)?);
        } else if kind == "jpg" || kind == "jpeg" || kind == "png" {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
