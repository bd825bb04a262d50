use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use skueye_models::network::{Conv, Network, Op, Padding, Weights};
use skueye_models::{Code, Fault, Preprocess};
use tch::{Device, Tensor};

use super::objective::{AttributeLoss, Attributes, Head};
use super::*;
use crate::data::Level;
use crate::files::write_with;
use crate::pictures::{Augmentation, Loader};
use crate::random::Random;

const SIZE: u32 = 32;
const PICTURES: usize = 20;

/// One convolution, normalised, pooled: 6 features.
pub(super) fn network() -> Network {
    let mut network = Network::new("tiny", Preprocess::efficientnet_lite(SIZE), "fc");
    let conv = Conv {
        name: "conv".into(),
        in_channels: 3,
        out_channels: 6,
        kernel: 3,
        stride: 2,
        groups: 1,
        padding: Padding::Same,
        bias: false,
    };
    let value = network.push(Op::Conv(conv), &[0]);
    let norm = Op::BatchNorm {
        name: "norm".into(),
        channels: 6,
        eps: 1e-3,
        momentum: 0.1,
    };
    let value = network.push(norm, &[value]);
    let value = network.push(Op::Relu6, &[value]);
    let value = network.push(Op::GlobalAveragePool, &[value]);
    network.push(Op::Flatten, &[value]);
    network
}

pub(super) fn weights(network: &Network) -> Weights {
    let mut random = Random::new(3, &[]);
    let mut weights = Weights::default();
    for (name, shape) in network.parameters() {
        let plain = name.ends_with("var") || name == "norm.weight";
        let value = |_| if plain { 1.0 } else { random.normal() * 0.2 };
        let data = (0..shape.iter().product()).map(value).collect();
        weights.insert(name, shape, data);
    }
    weights
}

/// Every picture is of one of four colours, and its title says which.
pub(super) struct Colours {
    titles: Vec<Vec<u32>>,
}

impl Labels for Colours {
    fn attributes(&self, picture: usize) -> &[u32] {
        &self.titles[picture]
    }

    fn attribute_count(&self) -> usize {
        8
    }

    fn class(&self, _: usize, _: Level) -> Option<u32> {
        None
    }

    fn class_count(&self, _: Level) -> usize {
        0
    }
}

/// Pictures on disk, what they show, and the way to their batches.
pub(super) struct Set {
    _folder: tempfile::TempDir,
    pub(super) labels: Colours,
    pub(super) source: Source,
}

pub(super) fn set() -> Set {
    let folder = tempfile::tempdir().unwrap();
    let paths = (0..PICTURES).map(|i| picture(folder.path(), i)).collect();
    let title = |i| vec![i as u32 % 4, 4 + i as u32 % 3];
    Set {
        labels: Colours {
            titles: (0..PICTURES).map(title).collect(),
        },
        source: Source::live(loader(paths), Device::Cpu),
        _folder: folder,
    }
}

fn loader(paths: Vec<PathBuf>) -> Loader {
    let preprocess = Preprocess::efficientnet_lite(SIZE);
    Loader::new(paths, preprocess, Augmentation::default(), 5)
}

fn picture(folder: &Path, i: usize) -> PathBuf {
    let path = folder.join(format!("{i}.jpg"));
    let colour = [[200, 30, 30], [30, 200, 30], [30, 30, 200], [220, 220, 40]][i % 4];
    let pixels: Vec<u8> = (0..40 * 40)
        .flat_map(|p| colour.map(|c: u8| c.wrapping_add((p * i % 23) as u8)))
        .collect();
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&pixels, 40, 40, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

pub(super) fn options() -> TrainOptions {
    TrainOptions {
        epochs: 4,
        batch: 8,
        rate: 1e-2,
        ema: Some(0.9),
        clip_norm: Some(1.0),
        seed: 7,
        ..TrainOptions::default()
    }
}

pub(super) fn objective(labels: &Colours) -> Attributes<'_> {
    let mut random = Random::new(11, &[]);
    let weight: Vec<f32> = (0..8 * 6).map(|_| random.normal() * 1e-3).collect();
    let head = Head::from_weight(Tensor::from_slice(&weight).view([8, 6]), None);
    let loss = AttributeLoss::Softmax {
        poly: 0.5,
        negatives: Some(2),
    };
    Attributes::new(labels, head, loss)
}

pub(super) fn identity() -> Identity {
    Identity {
        data: "d".into(),
        settings: "s".into(),
    }
}

/// Stops after so many steps.
pub(super) struct StopAfter(pub(super) u64);

impl Observer for StopAfter {
    fn step(&mut self, trainer: &Trainer, _: &Step) -> Result<Flow, Fault> {
        assert!(trainer.position().step <= self.0);
        Ok(if trainer.position().step == self.0 {
            Flow::Stop
        } else {
            Flow::Go
        })
    }

    fn wants_state(&self, step: u64) -> bool {
        step == self.0
    }
}

struct Watch(Vec<f64>);

impl Observer for Watch {
    fn step(&mut self, _: &Trainer, step: &Step) -> Result<Flow, Fault> {
        self.0.push(step.loss);
        Ok(Flow::Go)
    }
}

pub(super) type State = BTreeMap<String, Vec<f32>>;

pub(super) fn values(trainer: &Trainer) -> State {
    let of = |(name, tensor): (String, Tensor)| (name, to_vec(&tensor));
    trainer.state().into_iter().map(of).collect()
}

/// Trains four epochs; with `kills`, in several programs that each go on from the file the one before left.
fn trained(set: &Set, kills: &[u64]) -> State {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.skc");
    for (i, kill) in kills.iter().chain(&[u64::MAX]).enumerate() {
        let network = network();
        let module = Module::new(network.clone(), &weights(&network), Device::Cpu);
        let objective = objective(&set.labels);
        let mut trainer =
            Trainer::new(&module, &set.source, &objective, &Alone, &options()).unwrap();
        if i > 0 {
            Checkpoint::restore(&path, &mut trainer, &identity()).unwrap();
        }
        trainer.run(&mut StopAfter(*kill)).unwrap();
        if *kill == u64::MAX {
            return values(&trainer);
        }
        Checkpoint::of(&trainer, &identity(), None)
            .write(&path)
            .unwrap();
    }
    unreachable!("the last run returns")
}

#[test]
fn two_and_two_epochs_equal_four_also_when_killed_in_between() {
    let set = set();
    let whole = trained(&set, &[]);
    assert!(whole.keys().any(|name| name.starts_with("average/")));
    assert_ne!(whole["model/conv.weight"], whole["average/conv.weight"]);
    // Two steps an epoch: after the second epoch, and in the middle of the first and of the third.
    assert_eq!(trained(&set, &[4]), whole);
    assert_eq!(trained(&set, &[1, 5]), whole);
}

#[test]
fn learning_learns() {
    let set = set();
    let network = network();
    let module = Module::new(network.clone(), &weights(&network), Device::Cpu);
    let objective = objective(&set.labels);
    let options = TrainOptions {
        epochs: 30,
        ..options()
    };
    let mut trainer = Trainer::new(&module, &set.source, &objective, &Alone, &options).unwrap();
    let mut watch = Watch(Vec::new());
    trainer.run(&mut watch).unwrap();
    assert_eq!(watch.0.len(), 60);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(
        mean(&watch.0[50..]) < 0.8 * mean(&watch.0[..10]),
        "{:?}",
        watch.0
    );
}

/// Gradients that another process of the same run has computed.
struct Second(std::cell::RefCell<Vec<Tensor>>, usize);

impl Reducer for Second {
    fn rank(&self) -> usize {
        self.1
    }

    fn ranks(&self) -> usize {
        2
    }

    fn mean(&self, tensors: &mut [Tensor]) -> Result<(), Fault> {
        tch::no_grad(|| match self.1 {
            1 => *self.0.borrow_mut() = tensors.iter().map(Tensor::copy).collect(),
            _ => {
                for (own, other) in tensors.iter_mut().zip(&*self.0.borrow()) {
                    // A sparse mean is another tensor, as it is with real processes.
                    *own = (&*own + other) * 0.5;
                }
            }
        });
        Ok(())
    }

    fn agree(&self, _: &str, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// A network without batch normalisation, whose statistics are a part's own.
fn plain_step(set: &Set, accumulate: usize, reducer: &dyn Reducer) -> State {
    let mut network = network();
    network.nodes.truncate(1);
    network.push(Op::Relu6, &[1]);
    network.push(Op::GlobalAveragePool, &[2]);
    network.push(Op::Flatten, &[3]);
    let weights = weights(&network);
    let module = Module::new(network, &weights, Device::Cpu);
    let objective = objective(&set.labels);
    let options = TrainOptions {
        accumulate,
        ..options()
    };
    let mut trainer = Trainer::new(&module, &set.source, &objective, reducer, &options).unwrap();
    trainer.run(&mut StopAfter(1)).unwrap();
    values(&trainer)
}

#[test]
fn parts_and_processes_compute_the_gradients_of_the_joined_batch() {
    let set = set();
    let whole = plain_step(&set, 1, &Alone);
    let in_parts = plain_step(&set, 4, &Alone);
    let second = Second(Default::default(), 1);
    plain_step(&set, 2, &second);
    let joined = plain_step(&set, 2, &Second(second.0, 0));
    for state in [in_parts, joined] {
        for (name, expected) in &whole {
            // Moments are the gradients themselves here: Adam's step would hide their size.
            let difference = expected
                .iter()
                .zip(&state[name])
                .map(|(a, b)| (a - b).abs());
            let worst = difference.fold(0f32, f32::max);
            assert!(
                worst < 1e-6 || !name.starts_with("first/"),
                "{name}: {worst}"
            );
        }
    }
}

/// A disk that is full after so many bytes.
struct Quota<'a>(&'a mut dyn Write, usize);

impl Write for Quota<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.1);
        if fits == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1 -= fits;
        self.0.write(&bytes[..fits])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn with_trainer<T>(options: &TrainOptions, work: impl FnOnce(&mut Trainer) -> T) -> T {
    let set = set();
    let network = network();
    let module = Module::new(network.clone(), &weights(&network), Device::Cpu);
    let objective = objective(&set.labels);
    let mut trainer = Trainer::new(&module, &set.source, &objective, &Alone, options).unwrap();
    work(&mut trainer)
}

#[test]
fn a_full_disk_leaves_the_checkpoint_before() {
    with_trainer(&options(), |trainer| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.skc");
        let mut whole = Vec::new();
        let checkpoint = Checkpoint::of(trainer, &identity(), None);
        checkpoint.write_to(&mut whole).unwrap();
        checkpoint.write(&path).unwrap();
        for room in [0, 5, 100, whole.len() / 2, whole.len() - 1] {
            let fault =
                write_with(&path, |file| checkpoint.write_to(&mut Quota(file, room))).unwrap_err();
            assert!(fault.to_string().contains("free space"), "{fault}");
            assert_eq!(std::fs::read(&path).unwrap(), whole);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    });
}

#[test]
fn other_runs_and_damaged_files_are_refused() {
    with_trainer(&options(), |trainer| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.skc");
        Checkpoint::of(trainer, &identity(), Some((3, 0.5)))
            .write(&path)
            .unwrap();
        assert_eq!(
            Checkpoint::header(&path).unwrap().validation,
            Some((3, 0.5))
        );
        let mut refused = |identity: &Identity| {
            Checkpoint::restore(&path, trainer, identity)
                .unwrap_err()
                .code()
        };
        assert_eq!(
            refused(&Identity {
                data: "e".into(),
                ..identity()
            }),
            Code::CheckpointOther
        );
        assert_eq!(
            refused(&Identity {
                settings: "t".into(),
                ..identity()
            }),
            Code::CheckpointOther
        );
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 13, 40, whole.len() / 2, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x21;
            std::fs::write(&path, &bytes).unwrap();
            assert!(
                Checkpoint::restore(&path, trainer, &identity()).is_err(),
                "byte {at}"
            );
        }
        for length in [0, 7, 30, whole.len() - 33, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let fault = Checkpoint::restore(&path, trainer, &identity()).unwrap_err();
            assert_eq!(fault.code(), Code::CheckpointDamaged, "{length} bytes");
        }
    });
}

/// Notes the pictures of the step that went wrong.
struct Dump(Vec<usize>);

impl Observer for Dump {
    fn diverged(&mut self, diverged: &Diverged) -> Result<(), Fault> {
        self.0 = diverged.pictures.to_vec();
        Ok(())
    }
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_names_its_pictures() {
    let options = TrainOptions {
        rate: 1e30,
        clip_norm: None,
        warm_up: 0.0,
        ..options()
    };
    with_trainer(&options, |trainer| {
        let mut dump = Dump(Vec::new());
        let fault = trainer.run(&mut dump).unwrap_err();
        assert_eq!(fault.code(), Code::TrainingNan);
        assert_eq!(dump.0.len(), 8);
    });
}

#[test]
fn a_batch_that_cannot_be_divided_is_refused() {
    let set = set();
    let network = network();
    let module = Module::new(network.clone(), &weights(&network), Device::Cpu);
    let objective = objective(&set.labels);
    let options = TrainOptions {
        accumulate: 3,
        ..options()
    };
    let trainer = Trainer::new(&module, &set.source, &objective, &Alone, &options);
    assert_eq!(trainer.err().unwrap().code(), Code::SettingsValue);
}
