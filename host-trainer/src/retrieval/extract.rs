//! Networks that turn pictures into vectors, each by the runtime that a device has without a GPU.

use std::path::Path;
use std::sync::Mutex;

use prost::Message;
use rayon::prelude::*;
use skueye_models::network::{LiteVariant, Network, Weights, efficientnet_lite};
use skueye_models::{Code, Fault, Manifest, Preprocess};
use skueye_vision::decode::read_bounded;
use skueye_vision::model::{MAX_ONNX_BYTES, ModelSet, read_manifest};
use skueye_vision::onnx::{Contract, parse, round_to_f16, widen_to_f32};
use skueye_vision::{Embedder, Preprocessor, Region, RgbImage, TractEmbedder};

use crate::export::{Precision, embedding_id, write_onnx};
use crate::fetch::lite_weights;
use crate::progress::Step;
use crate::run::RunFolder;
use crate::vectors::Vectors;
use crate::weights::read_weights;

/// A network with what stands before it.
pub struct Extractor {
    onnx: Vec<u8>,
    contract: Contract,
    preprocess: Preprocess,
    /// Whether values keep the types that the file gives them; else FP16 is widened to f32.
    typed: bool,
    idle: Mutex<Vec<Loaded>>,
}

struct Loaded {
    embedder: TractEmbedder,
    preprocessor: Preprocessor,
}

/// A release's network in one arithmetic.
pub struct Way {
    /// What its row is called in files.
    pub key: &'static str,
    /// What its row is called for people.
    pub name: &'static str,
    /// The network.
    pub network: Extractor,
}

/// A release.
pub struct Student {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its network as the device's default runtime computes it: the f32 file where it ships one, else the FP16 file, widened.
    pub first: Way,
    /// The FP16 file widened, where the first is f32; and where asked for, every result rounded to FP16.
    pub others: Vec<Way>,
}

impl Extractor {
    /// The network in the ONNX file `onnx`. Errors: E402 to E405.
    fn new(
        onnx: Vec<u8>,
        contract: Contract,
        preprocess: Preprocess,
        typed: bool,
    ) -> Result<Self, Fault> {
        let made = Self {
            onnx,
            contract,
            preprocess,
            typed,
            idle: Mutex::default(),
        };
        let first = made.load()?;
        made.lock().push(first);
        Ok(made)
    }

    /// `network` before folding.
    fn of(network: &Network, weights: &Weights, preprocess: Preprocess) -> Result<Self, Fault> {
        preprocess.validate()?;
        let (network, weights) = network.fold(weights);
        let id = embedding_id(&network, &weights, &preprocess);
        let size = preprocess.size;
        let shapes = network.shapes(size as usize);
        let contract = Contract {
            embedding_id: id,
            size,
            dim: shapes.last().map_or(0, |shape| shape.channels) as u32,
        };
        let onnx = write_onnx(&network, &weights, size, id, Precision::F32);
        Self::new(onnx, contract, preprocess, false)
    }

    /// EfficientNet-Lite0 as published, for pictures of `size`; its weights are fetched into `cache`. Errors: E902 to E904.
    pub fn pretrained(cache: &Path, size: u32) -> Result<Self, Fault> {
        let network = efficientnet_lite(LiteVariant::Lite0);
        let file = lite_weights(&network.name, cache)?;
        let (weights, _classifier) = read_weights(&file)?
            .matched(&network)
            .map_err(|fault| fault.at(&file))?;
        Self::of(&network, &weights, Preprocess::efficientnet_lite(size))
    }

    /// The network of the training run in `folder`. Errors: E610.
    pub fn of_run(folder: &Path) -> Result<Self, Fault> {
        let trained = RunFolder::open(folder)?.network()?;
        Self::of(&trained.network, &trained.weights, trained.preprocess)
    }

    /// Length of its vectors.
    pub fn dim(&self) -> usize {
        self.contract.dim as usize
    }

    /// Edge of the pictures that it sees.
    pub fn size(&self) -> u32 {
        self.contract.size
    }

    fn load(&self) -> Result<Loaded, Fault> {
        Ok(Loaded {
            embedder: match self.typed {
                true => TractEmbedder::as_typed(&self.onnx, &self.contract)?,
                false => TractEmbedder::new(&self.onnx, &self.contract)?,
            },
            preprocessor: Preprocessor::new(self.preprocess)?,
        })
    }

    /// Its output for the whole of `image`, as it is. Errors: E303, E406.
    fn output(&self, image: &RgbImage) -> Result<Vec<f32>, Fault> {
        let idle = self.lock().pop();
        let mut loaded = idle.map_or_else(|| self.load(), Ok)?;
        let mut output = vec![0.0; self.dim()];
        let tensor = loaded.preprocessor.tensor(image, Region::whole(image))?;
        let done = loaded.embedder.embed(tensor, &mut output);
        self.lock().push(loaded);
        done.map(|()| output)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Loaded>> {
        let lock = self.idle.lock();
        lock.unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Student {
    /// The release in `folder`, its self-test passed. `rounded` adds FP16 arithmetic, which takes a second a picture without a
    /// processor that has it. Errors: those of loading a model, E401 to E406.
    pub fn open(folder: &Path, rounded: bool) -> Result<Self, Fault> {
        ModelSet::load(folder)?;
        let manifest = read_manifest(folder)?;
        let contract = Contract::of(&manifest);
        let read =
            |name: &str| read_bounded(&folder.join(name), MAX_ONNX_BYTES, Code::ModelDamaged);
        let way = |key, name, onnx, typed| {
            let network = Extractor::new(onnx, contract, manifest.preprocess, typed)?;
            Ok::<_, Fault>(Way { key, name, network })
        };
        let half = read(&manifest.onnx_f16.name)?;
        let mut others = Vec::new();
        if rounded {
            let mut model = parse(&half, &contract)?;
            widen_to_f32(&mut model);
            round_to_f16(&mut model);
            let name = "Student, FP16 arithmetic";
            others.push(way(
                "student_f16_rounded",
                name,
                model.encode_to_vec(),
                true,
            )?);
        }
        let half = way("student_f16", "Student, FP16 weights", half, false)?;
        let first = match &manifest.onnx_f32 {
            Some(file) => {
                others.insert(0, half);
                way("student_f32", "Student, f32", read(&file.name)?, false)?
            }
            None => half,
        };
        Ok(Self {
            first,
            others,
            manifest,
        })
    }
}

/// What each of `networks` makes of `count` pictures, of which `picture` gives one by its number: a table a network, on all
/// cores. Errors: those of `picture`, E303, E406.
pub fn vectors_of(
    networks: &[&Extractor],
    step: &'static str,
    count: usize,
    picture: impl Fn(usize) -> Result<RgbImage, Fault> + Sync,
) -> Result<Vec<Vectors>, Fault> {
    let step = Step::new(step, count as u64);
    let rows = (0..count).into_par_iter().map(|number| {
        let image = picture(number)?;
        let outputs = networks.iter().map(|network| network.output(&image));
        let outputs = outputs.collect::<Result<Vec<_>, Fault>>()?;
        step.advance(1);
        Ok(outputs)
    });
    let rows: Vec<Vec<Vec<f32>>> = rows.collect::<Result<_, Fault>>()?;
    let table = |(at, network): (usize, &&Extractor)| {
        let values = rows.iter().flat_map(|outputs| outputs[at].iter().copied());
        Vectors::new(network.dim(), values.collect())
    };
    networks.iter().enumerate().map(table).collect()
}
