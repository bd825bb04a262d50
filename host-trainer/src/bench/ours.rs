//! This trainer's side of the benchmark.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use skueye_models::network::{Network, Weights, by_name, names};
use skueye_models::{Code, Fault, Preprocess};
use tch::{Device, Kind, Tensor};

use super::protocol::{CLASSES, Precision, Ready, Round, Task};
use crate::engine::{self, AdamW, Mode, Module};
use crate::pictures::settings::{Crop, Erase};
use crate::pictures::{Augmentation, Job, Loader, Stream};
use crate::random::Random;
use crate::weights::init;

const SEED: u64 = 1;
const RATE: f64 = 1e-4;

/// Answers the benchmark on standard output until standard input ends.
///
/// Errors: E104 for an unknown network or device, E609, E3xx for pictures, E901.
pub fn serve(task: &Task) -> Result<(), Fault> {
    let mut side = Ours::new(task)?;
    side.round(2)?;
    say(&Ready {
        parameters: side.parameters(),
        about: format!("skueye-train {}", env!("CARGO_PKG_VERSION")),
    })?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| Fault::io("read", "standard input", &e))?;
        let steps = line.trim().parse().unwrap_or(0);
        say(&side.round(steps)?)?;
    }
    Ok(())
}

fn say(answer: &impl serde::Serialize) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::json!(answer))
        .and_then(|()| out.flush())
        .map_err(|e| Fault::io("write", "standard output", &e))
}

struct Ours {
    module: Module,
    optimiser: AdamW,
    input: Input,
    /// `[batch]`, the classes that are learnt.
    labels: Tensor,
}

enum Input {
    /// The same batch at each step.
    Fixed(Tensor),
    Loaded(Box<Loaded>),
}

struct Loaded {
    loader: Loader,
    batch: usize,
    rounds: u64,
}

impl Ours {
    fn new(task: &Task) -> Result<Self, Fault> {
        engine::start(SEED);
        tch::set_num_threads(task.threads as i32);
        let device = engine::device(&task.device, 0)?;
        tch::Cuda::cudnn_set_benchmark(matches!(device, Device::Cuda(_)));
        let (network, weights) = network(&task.network)?;
        let precision = match task.precision {
            Precision::F32 => engine::Precision::F32,
            Precision::Bf16 => engine::Precision::Bf16,
        };
        let module = Module::new(network, &weights, device).with_precision(precision);
        let mut optimiser = AdamW::default();
        optimiser.add(module.trainable(0), 1e-4, 1.0);
        let batch = task.batch as i64;
        let input = match &task.pictures {
            Some(list) => Input::Loaded(Box::new(Loaded::new(task, list)?)),
            None => {
                let size = i64::from(task.size);
                let pixels = Tensor::randn([batch, size, size, 3], (Kind::Float, device));
                Input::Fixed(pixels.permute([0, 3, 1, 2]))
            }
        };
        let labels = Tensor::randint(CLASSES as i64, [batch], (Kind::Int64, device));
        Ok(Self {
            module,
            optimiser,
            input,
            labels,
        })
    }

    fn parameters(&self) -> u64 {
        let numbers = self
            .module
            .trainable(0)
            .iter()
            .map(|(_, tensor)| tensor.numel())
            .sum::<usize>();
        numbers as u64
    }

    fn round(&mut self, steps: u64) -> Result<Round, Fault> {
        let start = Instant::now();
        let mut waited = 0.0;
        match &mut self.input {
            Input::Fixed(input) => {
                let input = input.shallow_clone();
                (0..steps).for_each(|_| self.step(&input));
            }
            Input::Loaded(loaded) => {
                let preprocess = loaded.loader.preprocess;
                for batch in loaded.stream(steps)? {
                    let batch = batch?;
                    waited += batch.waited.as_secs_f64();
                    let device = self.module.device();
                    let input = engine::pictures(batch.pixels(), &preprocess, device);
                    drop(batch);
                    self.step(&input);
                }
            }
        }
        if let Device::Cuda(number) = self.module.device() {
            tch::Cuda::synchronize(number as i64);
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(Round { seconds, waited })
    }

    fn step(&mut self, input: &Tensor) {
        let last = self.module.network().output();
        let logits = self.module.forward(input, 0, last, Mode::Train);
        let loss = logits.cross_entropy_for_logits(&self.labels);
        let gradients = self.optimiser.gradients(&loss);
        self.optimiser.step(&gradients, RATE);
    }
}

impl Loaded {
    /// The pictures that the file `list` names, in random resized crops.
    fn new(task: &Task, list: &PathBuf) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(list).map_err(|e| Fault::io("read", list, &e))?;
        let crops = Augmentation {
            crop: Crop {
                area: [0.2, 1.0],
                ..Crop::default()
            },
            colour: 0.0,
            erase: Erase {
                chance: 0.0,
                ..Erase::default()
            },
            ..Augmentation::default()
        };
        let paths: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
        let preprocess = Preprocess::efficientnet_lite(task.size);
        Ok(Self {
            loader: Loader {
                workers: task.workers,
                ..Loader::new(paths, preprocess, crops, SEED)
            },
            batch: task.batch,
            rounds: 0,
        })
    }

    /// As many random batches as the round has steps.
    fn stream(&mut self, steps: u64) -> Result<Stream, Fault> {
        self.rounds += 1;
        let (batch, round, count) = (self.batch, self.rounds, self.loader.files.count());
        let mut random = Random::new(SEED, &[round]);
        self.loader.stream((0..steps).map(move |step| {
            let job = |_| Job {
                picture: random.below(count),
                view: Some(round << 32 | step),
            };
            (0..batch).map(job).collect()
        }))
    }
}

/// The network called `name` with its classifier and random weights. Errors: E104.
fn network(name: &str) -> Result<(Network, Weights), Fault> {
    let network = by_name(name).ok_or_else(|| {
        let expected = format!("one of {}", names().join(", "));
        Fault::new(Code::Usage, expected, name, "name one of these networks")
    })?;
    let classifier = network.classifier.clone();
    let network = network.with_linear(&classifier, CLASSES);
    let weights = init(&network, SEED);
    Ok((network, weights))
}
