//! The one training loop: whatever is taught, and wherever its batches come from.
//!
//! A run is decided by its seed and settings alone: order and views of pictures come from seed and epoch, samples and
//! dropped paths from seed and step. So what a checkpoint must hold is the state of weights, averages and moments, and
//! how far the run has come; going on from there computes the same bits on a CPU.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skueye_models::{Code, Fault};
use tch::{Kind, Tensor};

use super::adamw::AdamW;
use super::ema::Ema;
use super::gradient::{Reducer, add_gradients, clip_by_global_norm};
use super::memory::guarded;
use super::module::{Mode, Module, to_weights};
use super::objective::Objective;
use super::order::Division;
use super::schedule::{Fall, Schedule};
use super::source::{Batch, Source};
use crate::random::Random;
use skueye_models::network::Weights;

/// Purposes of random numbers that belong to a step.
const SAMPLES: u64 = 0x5a;
const PATHS: u64 = 0xd9;

/// How a network learns.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Passes over the pictures.
    pub epochs: u64,
    /// Pictures per optimiser step, over all processes.
    pub batch: usize,
    /// Parts that one process divides its share of a batch into, to save memory.
    pub accumulate: usize,
    /// Peak learning rate of the network.
    pub rate: f64,
    /// Heads learn this many times as fast: they start from nothing, a pretrained network does not.
    pub head_rate_factor: f64,
    /// Decoupled weight decay of the network; heads and vectors have none.
    pub weight_decay: f64,
    /// Share of the steps that warm up.
    pub warm_up: f64,
    /// How the rate falls after that.
    pub fall: Descent,
    /// Decay of the weights' moving average, such as 0.999; `None` for none.
    pub ema: Option<f64>,
    /// The gradients' largest joint norm; `None` for any.
    pub clip_norm: Option<f64>,
    /// Seed of order, samples and dropped paths.
    pub seed: u64,
    /// Number of the first epoch: a second network that should see other orders counts from elsewhere.
    pub first_epoch: u64,
}

impl Default for TrainOptions {
    /// METHOD 2, for a small run: no average, no clipping.
    fn default() -> Self {
        Self {
            epochs: 20,
            batch: 64,
            accumulate: 1,
            rate: 1e-4,
            head_rate_factor: 10.0,
            weight_decay: 1e-4,
            warm_up: 0.25,
            fall: Descent::Cosine { floor: 1e-6 },
            ema: None,
            clip_norm: None,
            seed: 1,
            first_epoch: 0,
        }
    }
}

impl TrainOptions {
    /// How a batch is divided over the processes of `reducer`.
    pub fn division(&self, reducer: &dyn Reducer) -> Division {
        Division {
            batch: self.batch,
            accumulate: self.accumulate,
            rank: reducer.rank(),
            ranks: reducer.ranks(),
        }
    }
}

/// How the rate falls, in the units of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub enum Descent {
    /// Half a cosine down to `floor`.
    Cosine {
        /// Rate of the last step.
        floor: f64,
    },
    /// Times `factor` at the beginning of each of these epochs.
    MultiStep {
        /// Epochs, from 0.
        epochs: Vec<u64>,
        /// 0 to 1.
        factor: f64,
    },
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The epoch under way, from 0.
    pub epoch: u64,
    /// Optimiser steps done in it.
    pub batch: u64,
    /// Optimiser steps done in all.
    pub step: u64,
}

/// What one optimiser step did.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its epoch, from 0.
    pub epoch: u64,
    /// Its number, from 0.
    pub step: u64,
    /// The mean loss of its pictures.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
    /// Pictures that this process computed.
    pub pictures: usize,
    /// Its time.
    pub time: Duration,
    /// How much of that this thread waited for pictures.
    pub waited: Duration,
}

/// A step whose loss is no number.
#[derive(Debug, Clone)]
pub struct Diverged<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its pictures in all processes, by their numbers in the source.
    pub pictures: &'a [usize],
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Go,
    /// It ends here; its state is as if it would go on.
    Stop,
}

/// Looks on while a network learns: curves, dashboards, checkpoints, validation.
pub trait Observer {
    /// After each step.
    fn step(&mut self, _: &Trainer, _: &Step) -> Result<Flow, Fault> {
        Ok(Flow::Go)
    }

    /// Whether [`Self::step`] is going to look at the trainer's state after `step` steps. Otherwise it may be called when
    /// the next step has begun: a GPU then never waits until its last loss has been read.
    fn wants_state(&self, _step: u64) -> bool {
        false
    }

    /// After each epoch; the trainer stands at the beginning of the next one.
    fn epoch(&mut self, _: &Trainer) -> Result<Flow, Fault> {
        Ok(Flow::Go)
    }

    /// Before the run ends with E601.
    fn diverged(&mut self, _: &Diverged) -> Result<(), Fault> {
        Ok(())
    }
}

/// A network that learns.
pub struct Trainer<'a> {
    module: &'a Module,
    source: &'a Source,
    objective: &'a dyn Objective,
    reducer: &'a dyn Reducer,
    options: TrainOptions,
    division: Division,
    schedule: Schedule,
    optimiser: AdamW,
    heads: Vec<(String, Tensor)>,
    ema: Option<Ema>,
    position: Position,
}

/// A step whose loss has not been read back from the device.
struct Unread {
    step: Step,
    loss: Tensor,
    pictures: Arc<[usize]>,
}

impl<'a> Trainer<'a> {
    /// Prepares to teach the nodes of `module` behind `source`'s value. Errors: E103 where the batch cannot be divided.
    pub fn new(
        module: &'a Module,
        source: &'a Source,
        objective: &'a dyn Objective,
        reducer: &'a dyn Reducer,
        options: &TrainOptions,
    ) -> Result<Self, Fault> {
        let division = options.division(reducer).of(source.pictures())?;
        let heads = objective.parameters();
        let mut optimiser = AdamW::default();
        optimiser.add(module.trainable(source.from()), options.weight_decay, 1.0);
        let named =
            |(name, head): &(String, Tensor)| (format!("head/{name}"), head.shallow_clone());
        optimiser.add_sparse(heads.iter().map(named), options.head_rate_factor);
        Ok(Self {
            schedule: schedule(options, division.steps(source.pictures())),
            ema: options.ema.map(|decay| Ema::new(module, decay)),
            module,
            source,
            objective,
            reducer,
            options: options.clone(),
            division,
            optimiser,
            heads,
            position: Position::default(),
        })
    }

    /// How far the run has come.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Steps of one epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.division.steps(self.source.pictures())
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> u64 {
        self.steps_per_epoch() * self.options.epochs
    }

    /// The network.
    pub fn module(&self) -> &Module {
        self.module
    }

    /// The weights to evaluate and export: the averages where there are any.
    pub fn weights(&self) -> Weights {
        match &self.ema {
            Some(ema) => to_weights(ema.tensors()),
            None => self.module.weights(),
        }
    }

    /// Learns until the last epoch or until `observer` stops it. Errors: those of loading and of `observer`, E601 where
    /// the loss stops being a number, E608 where memory runs out.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<(), Fault> {
        while self.position.epoch < self.options.epochs {
            if self.run_epoch(observer)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn run_epoch(&mut self, observer: &mut dyn Observer) -> Result<Flow, Fault> {
        let source = self.source;
        let epoch = self.options.first_epoch + self.position.epoch;
        let mut batches = source.epoch(epoch, &self.division, self.position.batch);
        let mut unread: Option<Unread> = None;
        while self.position.batch < self.steps_per_epoch() {
            let next = guarded(|| self.take_step(&mut batches))?;
            if let Some(before) = unread.replace(next)
                && self.read(before, observer)? == Flow::Stop
            {
                return Ok(Flow::Stop);
            }
            if observer.wants_state(self.position.step)
                && let Some(own) = unread.take()
                && self.read(own, observer)? == Flow::Stop
            {
                return Ok(Flow::Stop);
            }
        }
        if let Some(last) = unread
            && self.read(last, observer)? == Flow::Stop
        {
            return Ok(Flow::Stop);
        }
        self.position = Position {
            epoch: self.position.epoch + 1,
            batch: 0,
            step: self.position.step,
        };
        observer.epoch(self)
    }

    /// Computes the gradients of all parts of a step, joins them and changes the weights.
    fn take_step(
        &mut self,
        batches: &mut dyn Iterator<Item = Result<Batch, Fault>>,
    ) -> Result<Unread, Fault> {
        let (start, mut waited) = (Instant::now(), Duration::ZERO);
        let number = self.position.step;
        let paths = [PATHS, number, self.division.rank as u64];
        self.module
            .draw_paths(Random::new(self.options.seed, &paths));
        let mut joined = Vec::new();
        let mut loss = Tensor::zeros([], (Kind::Float, self.module.device()));
        let (mut own, mut pictures) = (0, Arc::default());
        for _ in 0..self.division.accumulate {
            let asked = Instant::now();
            let batch = batches.next().ok_or_else(too_few_batches)??;
            waited += asked.elapsed();
            let (share, gradients) = self.backward(&batch)?;
            loss += share;
            add_gradients(&mut joined, gradients);
            own += batch.pictures.len();
            pictures = batch.step;
        }
        joined.push(loss);
        self.reducer.mean(&mut joined)?;
        let loss = joined.pop().expect("pushed above");
        if let Some(most) = self.options.clip_norm {
            clip_by_global_norm(&mut joined, most);
        }
        let rate = self.schedule.rate(number);
        self.optimiser.step(&joined, rate);
        if let Some(ema) = &mut self.ema {
            ema.update(self.module, number + 1);
        }
        self.position.batch += 1;
        self.position.step += 1;
        let step = Step {
            epoch: self.position.epoch,
            step: number,
            loss: f64::NAN,
            rate,
            pictures: own,
            time: start.elapsed(),
            waited,
        };
        Ok(Unread {
            step,
            loss,
            pictures,
        })
    }

    /// One part's share of the step's loss, and its gradients.
    fn backward(&self, batch: &Batch) -> Result<(Tensor, Vec<Tensor>), Fault> {
        let to = self.module.network().output();
        let output = self
            .module
            .forward(&batch.input, self.source.from(), to, Mode::Train);
        let mut random = Random::new(self.options.seed, &[SAMPLES, self.position.step]);
        let loss = self.objective.loss(&output, batch, &mut random)?;
        let share = loss / self.division.accumulate as f64;
        let gradients = self.optimiser.gradients(&share);
        Ok((share.detach(), gradients))
    }

    /// Reads a step's loss, guards against one that is no number, and tells `observer`.
    fn read(&mut self, unread: Unread, observer: &mut dyn Observer) -> Result<Flow, Fault> {
        let waiting = Instant::now();
        let mut step = unread.step;
        step.loss = guarded(|| Ok(unread.loss.double_value(&[])))?;
        step.time += waiting.elapsed();
        if step.loss.is_finite() {
            return observer.step(self, &step);
        }
        observer.diverged(&Diverged {
            step: &step,
            pictures: &unread.pictures,
        })?;
        Err(Fault::new(
            Code::TrainingNan,
            "a finite loss",
            format!("{} at step {}", step.loss, step.step),
            "lower the learning rate or clip gradients; if it stays, look at the batch's pictures",
        ))
    }

    /// Everything that learning changes, by name, sharing memory with it. Names begin with `model/`, `average/`, `head/`,
    /// `first/` or `second/`.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let named = |prefix: &'static str| {
            move |(name, tensor): (&String, &Tensor)| {
                (format!("{prefix}/{name}"), tensor.shallow_clone())
            }
        };
        let averages = self.ema.iter().flat_map(|ema| ema.tensors());
        let heads = self
            .heads
            .iter()
            .map(|(name, head)| (format!("head/{name}"), head.shallow_clone()));
        self.module
            .tensors()
            .iter()
            .map(named("model"))
            .chain(averages.map(named("average")))
            .chain(heads)
            .chain(self.optimiser.state())
            .collect()
    }

    /// Goes on at `position`, the values of [`Self::state`] having been put back.
    pub fn resume_at(&mut self, position: Position) {
        self.position = position;
        self.optimiser.set_steps(position.step);
    }
}

fn schedule(options: &TrainOptions, steps_per_epoch: u64) -> Schedule {
    let steps = (steps_per_epoch * options.epochs).max(1);
    Schedule {
        peak: options.rate,
        warm_up: (steps as f64 * options.warm_up) as u64,
        steps,
        fall: match &options.fall {
            Descent::Cosine { floor } => Fall::Cosine(*floor),
            Descent::MultiStep { epochs, factor } => Fall::MultiStep {
                at: epochs.iter().map(|epoch| epoch * steps_per_epoch).collect(),
                factor: *factor,
            },
        },
    }
}

fn too_few_batches() -> Fault {
    Fault::new(
        Code::DataEmpty,
        "a batch for each step",
        "no more pictures",
        "report it with the run folder",
    )
}
