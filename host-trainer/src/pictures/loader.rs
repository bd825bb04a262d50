//! Batches of network inputs, decoded and augmented on all cores, ahead of their use.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use rayon::prelude::*;
use skueye_models::{Fault, Preprocess};
use skueye_vision::decode::decode_file;
use skueye_vision::picture::{Region, RgbImage};
use skueye_vision::preprocess::{normalise, resize_rgb};

use super::{Augmentation, augment};
use crate::random::Random;

/// How many finished batches may wait. Two keep the engine busy while the next is made.
const AHEAD: usize = 2;

/// A picture to load and, for an augmented view, the purpose of its random numbers.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which picture, by its number in the loader.
    pub picture: usize,
    /// `None` is the plain square resize of inference; otherwise the view's number, which seeds its augmentation.
    pub view: Option<u64>,
}

/// Jobs with their inputs, one after another: `[jobs, 3, size, size]`.
pub type Loaded = (Vec<Job>, Vec<f32>);

/// Knows the pictures and how to turn them into inputs.
#[derive(Debug, Clone)]
pub struct Loader {
    /// Picture files; a [`Job`] names one by its number.
    pub paths: Vec<PathBuf>,
    /// The model's preprocessing.
    pub preprocess: Preprocess,
    /// How augmented views are made.
    pub augmentation: Augmentation,
    /// Seed of every augmentation.
    pub seed: u64,
}

impl Loader {
    /// The input `[3, size, size]` of one job.
    pub fn load(&self, job: &Job) -> Result<Vec<f32>, Fault> {
        let path: &Path = &self.paths[job.picture];
        let image = decode_file(path)?;
        let view = self.view(&image, job).map_err(|fault| fault.at(path))?;
        let mut tensor = vec![0.0; view.data().len()];
        normalise(&self.preprocess, view.data(), &mut tensor);
        Ok(tensor)
    }

    fn view(&self, image: &RgbImage, job: &Job) -> Result<RgbImage, Fault> {
        let size = self.preprocess.size;
        match job.view {
            None => resize_rgb(image, Region::whole(image), size),
            Some(view) => {
                let mut random = Random::new(self.seed, &[job.picture as u64, view]);
                augment(image, size, &self.augmentation, &mut random)
            }
        }
    }

    /// The inputs of `jobs`, one after another: `[jobs, 3, size, size]`.
    pub fn load_batch(&self, jobs: &[Job]) -> Result<Vec<f32>, Fault> {
        let inputs = jobs
            .par_iter()
            .map(|job| self.load(job))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(inputs.concat())
    }

    /// Makes the batches in a thread of their own, in order, and gives them as they are ready. Dropping the receiver ends
    /// the thread.
    pub fn stream(&self, batches: Vec<Vec<Job>>) -> Receiver<Result<Loaded, Fault>> {
        let (sender, receiver) = sync_channel(AHEAD);
        let loader = self.clone();
        std::thread::spawn(move || {
            for jobs in batches {
                let batch = loader.load_batch(&jobs).map(|tensor| (jobs, tensor));
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        receiver
    }
}
