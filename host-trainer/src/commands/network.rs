//! `skueye-train network`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use prost::Message;
use serde::Serialize;
use skueye_models::network::{Network, Weights, by_name, names};
use skueye_models::{Code, EmbeddingId, Fault, Preprocess};
use skueye_trainer::export::{Precision, embedding_id, write_onnx};
use skueye_trainer::files::write_file;
use skueye_trainer::weights::{read_weights, to_safetensors};
use skueye_vision::onnx::{Contract, embedding_id_text};
use skueye_vision::{Embedder, TractEmbedder};
use tract_onnx::pb::ModelProto;

use super::print;

#[derive(Subcommand)]
pub enum NetworkCommand {
    /// Every network with its size and cost.
    List,
    /// One network, with the names and shapes of its parameters.
    Show {
        /// Its name.
        name: String,
    },
    /// Writes a network with given weights as ONNX, normalisation folded, ending in its features.
    Export {
        /// The network's name.
        name: String,
        /// Its weights: safetensors or a file of torch.save.
        #[arg(long)]
        weights: PathBuf,
        /// Width and height of the picture; the published size where it is not given.
        #[arg(long)]
        size: Option<u32>,
        /// Arithmetic of the file.
        #[arg(long, value_enum, default_value_t = Arithmetic::F32)]
        precision: Arithmetic,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Computes features, by the training engine from weights or by the device's runtime from an ONNX file.
    Run {
        /// The network's name.
        name: String,
        /// Weights for the training engine.
        #[arg(long, required_unless_present = "onnx", conflicts_with = "onnx")]
        weights: Option<PathBuf>,
        /// An ONNX file for the device's runtime.
        #[arg(long)]
        onnx: Option<PathBuf>,
        /// A safetensors file with `pictures`, `[n, 3, size, size]`, normalised already.
        #[arg(long)]
        input: PathBuf,
        /// The safetensors file to write `features`, `[n, d]`, to.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Arithmetic {
    /// 32 bits.
    F32,
    /// 16 bits between casts, as TensorRT wants it.
    F16,
}

/// What a network is and costs.
#[derive(Serialize)]
struct About {
    name: String,
    /// Width and height of the pictures that it was made for.
    size: u32,
    features: usize,
    /// Learned parameters without the classifier.
    parameters: usize,
    /// For one picture of that size.
    multiply_adds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    shapes: Option<BTreeMap<String, Vec<usize>>>,
}

impl About {
    fn new(network: &Network, with_shapes: bool) -> Self {
        let size = network.preprocess.size;
        Self {
            name: network.name.clone(),
            size,
            features: network.features(),
            parameters: network.parameter_count(),
            multiply_adds: network.multiply_adds(size as usize),
            shapes: with_shapes.then(|| network.parameters().into_iter().collect()),
        }
    }

    fn line(&self) -> String {
        format!(
            "{:<24} {:>4} px {:>5} features {:>8.2} M parameters {:>8.2} G multiply-adds",
            self.name,
            self.size,
            self.features,
            self.parameters as f64 / 1e6,
            self.multiply_adds as f64 / 1e9,
        )
    }
}

/// Carries out `command`.
pub fn run(command: NetworkCommand, json: bool) -> anyhow::Result<bool> {
    match command {
        NetworkCommand::List => {
            let all = names().into_iter().filter_map(by_name);
            let all: Vec<About> = all.map(|network| About::new(&network, false)).collect();
            print(json, &all, |all| {
                all.iter().map(About::line).collect::<Vec<_>>().join("\n")
            })
        }
        NetworkCommand::Show { name } => {
            let about = About::new(&find(&name)?, true);
            print(json, &about, |about| {
                let shapes = about.shapes.iter().flatten();
                let shapes = shapes.map(|(name, shape)| format!("\n  {name} {shape:?}"));
                about.line() + &shapes.collect::<String>()
            })
        }
        NetworkCommand::Export {
            name,
            weights,
            size,
            precision,
            out,
        } => {
            let network = find(&name)?;
            let weights = load(&network, &weights)?;
            let size = size.unwrap_or(network.preprocess.size);
            let bytes = export(&network, &weights, size, precision)?;
            write_file(&out, &bytes)?;
            print(json, &out, |out| out.display().to_string())
        }
        NetworkCommand::Run {
            name,
            weights,
            onnx,
            input,
            out,
        } => {
            let network = find(&name)?;
            let pictures = Pictures::read(&input)?;
            let features = match (weights, onnx) {
                (_, Some(onnx)) => by_onnx(&onnx, &pictures, network.features())?,
                (Some(weights), None) => {
                    by_engine(&network, &load(&network, &weights)?, &pictures)?
                }
                (None, None) => unreachable!("the command line wants one of them"),
            };
            let mut result = Weights::default();
            let shape = vec![pictures.count, network.features()];
            result.insert("features", shape, features);
            write_file(&out, &to_safetensors(&result))?;
            print(json, &out, |out| out.display().to_string())
        }
    }
}

fn find(name: &str) -> Result<Network, Fault> {
    by_name(name).ok_or_else(|| {
        let known = names().join(", ");
        Fault::new(
            Code::Usage,
            known,
            format!("{name:?}"),
            "name one of these networks",
        )
    })
}

fn load(network: &Network, path: &Path) -> Result<Weights, Fault> {
    let (weights, _classifier) = read_weights(path)?
        .matched(network)
        .map_err(|fault| fault.at(path))?;
    Ok(weights)
}

fn export(
    network: &Network,
    weights: &Weights,
    size: u32,
    precision: Arithmetic,
) -> Result<Vec<u8>, Fault> {
    let preprocess = Preprocess {
        size,
        ..network.preprocess
    };
    preprocess.validate()?;
    let (folded, weights) = network.fold(weights);
    let id = embedding_id(&folded, &weights, &preprocess);
    let precision = match precision {
        Arithmetic::F32 => Precision::F32,
        Arithmetic::F16 => Precision::F16,
    };
    Ok(write_onnx(&folded, &weights, size, id, precision))
}

/// A batch of network inputs.
struct Pictures {
    count: usize,
    size: usize,
    values: Vec<f32>,
}

impl Pictures {
    fn read(path: &Path) -> Result<Self, Fault> {
        let mut tensors = read_weights(path)?.0;
        match tensors.remove("pictures") {
            Some(p) if matches!(p.shape[..], [n, 3, h, w] if n > 0 && h == w && h >= 32) => {
                Ok(Self {
                    count: p.shape[0],
                    size: p.shape[2],
                    values: p.data,
                })
            }
            other => {
                let got = other.map_or("none".into(), |p| format!("{:?}", p.shape));
                let expected = "pictures of shape [n, 3, size, size] with a size of at least 32";
                Err(Fault::new(Code::Usage, expected, got, "write such a file").at(path))
            }
        }
    }
}

fn by_onnx(path: &Path, pictures: &Pictures, features: usize) -> Result<Vec<f32>, Fault> {
    let onnx = std::fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
    let contract = Contract {
        embedding_id: id_of(&onnx).map_err(|fault| fault.at(path))?,
        size: pictures.size as u32,
        dim: features as u32,
    };
    let mut embedder = TractEmbedder::new(&onnx, &contract).map_err(|fault| fault.at(path))?;
    let mut all = vec![0.0; pictures.count * features];
    let one = 3 * pictures.size * pictures.size;
    for (picture, row) in pictures.values.chunks(one).zip(all.chunks_mut(features)) {
        embedder.embed(picture, row)?;
    }
    Ok(all)
}

/// The embedding id in an ONNX file's metadata.
fn id_of(onnx: &[u8]) -> Result<EmbeddingId, Fault> {
    let model = ModelProto::decode(onnx).map_err(|e| {
        let remedy = "export the model again";
        Fault::new(Code::ModelDamaged, "an ONNX model", e.to_string(), remedy)
    })?;
    embedding_id_text(&model).unwrap_or_default().parse()
}

#[cfg(feature = "torch")]
fn by_engine(network: &Network, weights: &Weights, pictures: &Pictures) -> Result<Vec<f32>, Fault> {
    use skueye_trainer::engine;
    engine::start(0);
    let module = engine::Module::new(network.clone(), weights, tch::Device::Cpu);
    let size = pictures.size as i64;
    let input = tch::Tensor::from_slice(&pictures.values).view([-1, 3, size, size]);
    Ok(engine::to_vec(&module.infer(&input)))
}

#[cfg(not(feature = "torch"))]
fn by_engine(_: &Network, _: &Weights, _: &Pictures) -> Result<Vec<f32>, Fault> {
    Err(Fault::new(
        Code::TrainingUnavailable,
        "a program built with the training engine",
        "one without it",
        "build it with --features torch, or give --onnx",
    ))
}
