//! `skueye-bench vision`: from camera pixels to an embedding, beside the same work in Python.

mod agreement;
mod frames;
mod peers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use clap::Args;
use prost::Message;
use serde_json::{Map, Value, json};
use skueye_models::{Fault, Manifest};
use skueye_vision::decode::read_bounded;
use skueye_vision::embed::Notice;
use skueye_vision::model::{MAX_ONNX_BYTES, read_manifest};
use skueye_vision::onnx::{self, Contract, parse, round_to_f16, widen_to_f32};
use skueye_vision::resample::Pixels;
use skueye_vision::tensorrt::Options;
use skueye_vision::{
    Embedder, OnnxRuntimeEmbedder, Preprocessor, Region, RgbImage, TensorRtEmbedder, TractEmbedder,
    decode_into,
};

use frames::Frames;
use peers::Peers;

/// What to measure.
#[derive(Debug, Args)]
pub struct VisionBench {
    /// The model's folder.
    #[arg(long, default_value = "models/zoo/default")]
    model: PathBuf,
    /// The library of ONNX Runtime; without it the one that the system's loader finds. Where there is none, only tract
    /// is measured.
    #[arg(long)]
    onnxruntime: Option<PathBuf>,
    /// The folder with TensorRT's libraries; without it those that the system's loader finds. Its engine is built first.
    #[arg(long)]
    tensorrt: Option<PathBuf>,
    /// A Python with the packages of tests/bench/vision_peers.txt; without it nothing is compared with.
    #[arg(long)]
    python: Option<PathBuf>,
    /// The pictures, JPEG or PNG, on which the runtimes must agree; without it synthetic ones.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// How many pictures of them.
    #[arg(long, default_value_t = 500)]
    count: usize,
    /// Rounds in which each stage has its turn, with Python's between ours.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for each stage in each round.
    #[arg(long, default_value_t = 0.3)]
    seconds: f64,
    /// End with one JSON object on one line.
    #[arg(long)]
    json: bool,
}

/// A model's network in every form that is measured.
pub struct Network {
    manifest: Manifest,
    contract: Contract,
    /// The release's FP16 file.
    typed: Vec<u8>,
    /// The same, widened to f32.
    widened: Vec<u8>,
    /// The same again, every result rounded to FP16.
    rounded: Vec<u8>,
}

impl Network {
    fn read(folder: &Path) -> Result<Self, Fault> {
        let manifest = read_manifest(folder)?;
        let contract = Contract::of(&manifest);
        let path = folder.join(&manifest.onnx_f16.name);
        let typed = read_bounded(&path, MAX_ONNX_BYTES, skueye_models::Code::ModelDamaged)?;
        let mut model = parse(&typed, &contract)?;
        widen_to_f32(&mut model);
        let widened = model.encode_to_vec();
        round_to_f16(&mut model);
        Ok(Self {
            rounded: model.encode_to_vec(),
            manifest,
            contract,
            typed,
            widened,
        })
    }

    fn preprocessor(&self) -> Result<Preprocessor, Fault> {
        Preprocessor::new(self.manifest.preprocess)
    }

    /// In TensorRT, its engine built. Errors: also what keeps the engine from being built.
    fn in_tensorrt(&self, folder: Option<&Path>) -> Result<Box<dyn Embedder>, Fault> {
        let network = onnx::Network {
            f32: &self.typed,
            f16: &self.typed,
            contract: self.contract,
        };
        let options = Options {
            folder: folder.map(Path::to_owned),
            ..Options::default()
        };
        let mut embedder = TensorRtEmbedder::new(&network, &options, None)?;
        let mut outcome = Ok(());
        embedder.settle(&mut |notice| match notice {
            Notice::Trouble(fault) => outcome = Err(fault),
            Notice::Building { percent, .. } => eprintln!("TensorRT's engine: {percent} %"),
            Notice::Ready => {}
        });
        outcome.map(|()| Box::new(embedder) as Box<dyn Embedder>)
    }
}

/// The embedder, or nothing where it is not here and nobody has named its library.
fn or_left_out<T>(
    name: &str,
    embedder: Result<T, Fault>,
    library: Option<&Path>,
) -> Result<Option<T>, Fault> {
    match embedder {
        Ok(embedder) => Ok(Some(embedder)),
        Err(fault) if library.is_some() => Err(fault),
        Err(fault) => {
            eprintln!("{name} is left out: {fault}");
            Ok(None)
        }
    }
}

/// Milliseconds of single calls, by the name of the stage.
#[derive(Default)]
pub struct Times(Vec<(String, Vec<f64>)>);

impl Times {
    /// Adds calls to a stage.
    pub fn add(&mut self, stage: &str, millis: impl IntoIterator<Item = f64>) {
        match self.0.iter_mut().find(|(name, _)| name == stage) {
            Some((_, all)) => all.extend(millis),
            None => self.0.push((stage.into(), millis.into_iter().collect())),
        }
    }

    /// Calls `work` for `seconds`, at least three times.
    fn measure(
        &mut self,
        stage: &str,
        seconds: f64,
        mut work: impl FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let end = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
        let mut millis = Vec::new();
        while millis.len() < 3 || Instant::now() < end {
            let start = Instant::now();
            work()?;
            millis.push(start.elapsed().as_secs_f64() * 1e3);
        }
        self.add(stage, millis);
        Ok(())
    }

    fn median(&self, stage: &str) -> Option<f64> {
        let (_, millis) = self.0.iter().find(|(name, _)| name == stage)?;
        quantile(millis, 0.5)
    }

    fn report(&self) -> Map<String, Value> {
        let stage = |millis: &[f64]| {
            let [min, p50, p99] = [0.0, 0.5, 0.99].map(|share| quantile(millis, share));
            json!({ "min_ms": min, "p50_ms": p50, "p99_ms": p99, "calls": millis.len() })
        };
        let stages = self.0.iter();
        stages.map(|(name, ms)| (name.clone(), stage(ms))).collect()
    }
}

fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().checked_sub(1)?)).copied()
}

impl VisionBench {
    pub fn run(self) -> Result<(), Fault> {
        let network = Network::read(&self.model)?;
        let frames = Frames::new()?;
        let mut embedders = self.embedders(&network)?;
        let mut times = Times::default();
        let mut peers = match &self.python {
            Some(python) => Some(Peers::start(python, &frames, &network)?),
            None => None,
        };
        for _ in 0..self.rounds.max(1) {
            self.round(&network, &frames, &mut embedders, &mut times)?;
            if let Some(peers) = &mut peers {
                peers.round(self.seconds, &mut times)?;
            }
        }
        let mut report = Map::new();
        self.headline(&times, &mut report);
        let taken = allocations(&network, &frames, &mut embedders)?;
        report.insert("allocations_per_frame".into(), json!(taken.ours));
        report.insert("allocations_of_runtime".into(), json!(taken.runtimes));
        drop(embedders);
        let libraries = [self.onnxruntime.as_deref(), self.tensorrt.as_deref()];
        let pictures = self.pictures.as_deref();
        report.extend(agreement::measure(
            &network, pictures, self.count, libraries,
        )?);
        report.insert("stages".into(), Value::Object(times.report()));
        if !self.json {
            return say(&report);
        }
        println!("{}", Value::Object(report));
        Ok(())
    }

    /// tract, and ONNX Runtime and TensorRT where their libraries are.
    fn embedders(&self, network: &Network) -> Result<Vec<Box<dyn Embedder>>, Fault> {
        let (onnx, contract) = (&network.typed, &network.contract);
        let mut all: Vec<Box<dyn Embedder>> = vec![Box::new(TractEmbedder::new(onnx, contract)?)];
        let library = self.onnxruntime.as_deref();
        let made = OnnxRuntimeEmbedder::new(onnx, contract, library);
        if let Some(embedder) = or_left_out("ONNX Runtime", made, library)? {
            all.push(Box::new(embedder));
        }
        let folder = self.tensorrt.as_deref();
        all.extend(or_left_out(
            "TensorRT",
            network.in_tensorrt(folder),
            folder,
        )?);
        Ok(all)
    }

    fn round(
        &self,
        network: &Network,
        frames: &Frames,
        embedders: &mut [Box<dyn Embedder>],
        times: &mut Times,
    ) -> Result<(), Fault> {
        let mut preprocessor = network.preprocessor()?;
        for (name, pixels) in [
            ("yuyv_to_tensor", frames.yuyv()?),
            ("nv12_to_tensor", frames.nv12()?),
        ] {
            times.measure(name, self.seconds, || {
                preprocessor.tensor_of(&pixels, frames::WHOLE).map(|_| ())
            })?;
        }
        let mut image = RgbImage::default();
        times.measure("mjpeg_decode", self.seconds, || {
            decode_into(&frames.jpeg, &mut image)
        })?;
        let whole = Region::whole(&image);
        times.measure("rgb_to_tensor", self.seconds, || {
            preprocessor.tensor(&image, whole).map(|_| ())
        })?;
        let tensor = preprocessor.tensor(&image, whole)?;
        for embedder in embedders {
            let mut out = vec![0.0; embedder.dim()];
            let stage = format!("embed_{}", embedder.name());
            times.measure(&stage, self.seconds, || {
                embedder.embed_unit(tensor, &mut out)
            })?;
        }
        Ok(())
    }

    fn headline(&self, times: &Times, report: &mut Map<String, Value>) {
        for stage in [
            "yuyv_to_tensor",
            "nv12_to_tensor",
            "mjpeg_decode",
            "rgb_to_tensor",
        ] {
            report.insert(format!("{stage}_ms"), json!(times.median(stage)));
        }
        let embed = |name: &str| times.median(&format!("embed_{name}"));
        let (tract, onnxruntime) = (embed("tract"), embed("onnxruntime"));
        report.insert(
            "embed_ms".into(),
            json!({ "tract": tract, "onnxruntime": onnxruntime, "tensorrt": embed("tensorrt") }),
        );
        let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
        report.insert(
            "tract_over_onnxruntime".into(),
            json!(ratio(tract, onnxruntime)),
        );
        let opencv = times.median("opencv_yuyv_to_tensor");
        let ours = times.median("yuyv_to_tensor");
        report.insert("opencv_over_ours".into(), json!(ratio(opencv, ours)));
    }
}

/// Allocations of one frame, of our code and of each runtime.
struct Taken {
    ours: u64,
    runtimes: Map<String, Value>,
}

/// Counts on a second frame, after a first has made everything ready.
fn allocations(
    network: &Network,
    frames: &Frames,
    embedders: &mut [Box<dyn Embedder>],
) -> Result<Taken, Fault> {
    let mut preprocessor = network.preprocessor()?;
    let (yuyv, nv12): (Pixels, Pixels) = (frames.yuyv()?, frames.nv12()?);
    let mut outcome = Ok(());
    let ours = measure(|| {
        for pixels in [&yuyv, &nv12] {
            outcome = outcome
                .clone()
                .and(preprocessor.tensor_of(pixels, frames::WHOLE).map(|_| ()));
        }
    });
    outcome?;
    let tensor = preprocessor.tensor_of(&yuyv, frames::WHOLE)?;
    let mut runtimes = Map::new();
    for embedder in embedders {
        let mut out = vec![0.0; embedder.dim()];
        embedder.embed_unit(tensor, &mut out)?;
        let mut outcome = Ok(());
        let taken = measure(|| outcome = embedder.embed_unit(tensor, &mut out));
        outcome?;
        runtimes.insert(embedder.name().into(), json!(taken.count_total));
    }
    Ok(Taken {
        ours: ours.count_total,
        runtimes,
    })
}

fn say(report: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in report {
        match value {
            Value::Object(parts) => parts
                .iter()
                .for_each(|(part, v)| println!("{name} {part} {v}")),
            _ => println!("{name} {value}"),
        }
    }
    Ok(())
}
