//! Where training gets its batches: from pictures, or from a store of frozen activations.
//!
//! On a GPU the whole network learns and batches come from pictures. On a CPU the lower stages stay frozen: their
//! activations of several augmented views are computed once, kept as FP16, and only the stages above learn.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use skueye_models::network::{Network, Weights};
use skueye_models::{Fault, Preprocess};
use tch::{Device, Kind, Tensor};

use super::module::{Mode, Module};
use super::order::{Division, order};
use crate::pictures::{Job, Loader};
use crate::progress::Step;

/// How a store is made.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreOptions {
    /// Views of each picture: the first is the plain resize, the others are augmented.
    pub views: usize,
    /// Pictures computed at a time.
    pub batch: usize,
}

/// Training pictures as network values.
pub struct Source {
    loader: Loader,
    seed: u64,
    device: Device,
    /// How many views of each picture there are; `None` for new ones in each epoch.
    views: Option<usize>,
    store: Option<Store>,
}

/// Activations `[views * pictures, c, h, w]` in FP16: view `v` of picture `p` is row `v * pictures + p`.
struct Store {
    rows: Tensor,
    /// The picture that each row shows: another one than its own where that could not be read.
    shown: Vec<u32>,
    from: usize,
}

/// Pictures that are computed together.
#[derive(Debug)]
pub struct Batch {
    /// Which pictures, by their numbers in the source.
    pub pictures: Vec<usize>,
    /// Which view of each: 0 is the plain one, `v + 1` the one that [`Job::view`] calls `v`.
    pub views: Vec<u64>,
    /// Their values, `[n, ...]`.
    pub input: Tensor,
    /// The pictures of the whole optimiser step, over all processes and parts.
    pub step: Arc<[usize]>,
}

/// A picture's number and the number of its view, as [`Batch`] counts them.
pub type Pick = (usize, u64);

/// Pictures with their views, and the pictures of the whole step.
type Part = (Vec<Pick>, Arc<[usize]>);

fn job(&(picture, view): &Pick) -> Job {
    Job {
        picture,
        view: view.checked_sub(1),
    }
}

impl Source {
    /// Batches straight from pictures, each epoch with new views, as inputs on `device`.
    pub fn live(loader: Loader, device: Device) -> Self {
        Self {
            seed: loader.seed,
            device,
            loader,
            views: None,
            store: None,
        }
    }

    /// The same, with views 0 to `views - 1` of each picture and no others.
    #[must_use]
    pub fn with_views(self, views: usize) -> Self {
        Self {
            views: Some(views),
            ..self
        }
    }

    /// Computes the activations of `network` with `weights` at the cut `freeze` once, for later epochs to draw from.
    pub fn frozen(
        loader: Loader,
        network: &Network,
        weights: &Weights,
        freeze: &str,
        options: &StoreOptions,
        device: Device,
    ) -> Result<Self, Fault> {
        let (folded, folded_weights) = network.fold(weights);
        let lower = Module::new(folded, &folded_weights, device);
        let cut = |network: &Network| {
            network
                .cut(freeze)
                .ok_or_else(|| unknown_cut(network, freeze))
        };
        let (below, from) = (cut(lower.network())?, cut(network)?);
        let views = 0..options.views as u64;
        let of_view = |view| (0..loader.files.count()).map(move |picture| job(&(picture, view)));
        let jobs: Vec<Job> = views.flat_map(of_view).collect();
        let step = Step::new("store", jobs.len() as u64);
        let batches: Vec<Vec<Job>> = jobs.chunks(options.batch).map(<[Job]>::to_vec).collect();
        let (mut parts, mut shown) = (Vec::new(), Vec::new());
        for batch in loader.stream(batches)? {
            let batch = batch?;
            let input = pictures(batch.pixels(), &loader.preprocess, device);
            let value = tch::no_grad(|| lower.forward(&input, 0, below, Mode::Infer));
            parts.push(
                value
                    .to_kind(Kind::Half)
                    .to_device(Device::Cpu)
                    .contiguous(),
            );
            shown.extend(batch.jobs.iter().map(|job| job.picture as u32));
            step.advance(batch.jobs.len() as u64);
        }
        let store = Store {
            rows: Tensor::cat(&parts, 0),
            shown,
            from,
        };
        Ok(Self {
            seed: loader.seed,
            device,
            loader,
            views: Some(options.views),
            store: Some(store),
        })
    }

    /// How many pictures there are.
    pub fn pictures(&self) -> usize {
        self.loader.files.count()
    }

    /// The file of `picture`.
    pub fn path(&self, picture: usize) -> Cow<'_, Path> {
        self.loader.files.path(picture)
    }

    /// The network's value that batches hold; 0 is the picture itself.
    pub fn from(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.from)
    }

    /// Every picture once, in an order and with views that `epoch` decides: this process's parts of each optimiser step,
    /// from step `first` on. `division` must fit the source ([`Division::of`]).
    pub fn epoch(
        &self,
        epoch: u64,
        division: &Division,
        first: u64,
    ) -> Box<dyn Iterator<Item = Result<Batch, Fault>> + '_> {
        let order = order(self.seed, epoch, self.pictures(), self.views);
        let mut parts = Vec::new();
        for step in order.chunks_exact(division.batch).skip(first as usize) {
            let pictures: Arc<[usize]> = step.iter().map(|pick| pick.0).collect();
            parts.extend(
                division
                    .parts(step)
                    .map(|part| (part.to_vec(), pictures.clone())),
            );
        }
        self.parts(parts)
    }

    /// The batches of `picks`, in their order.
    pub fn batches(
        &self,
        picks: Vec<Vec<Pick>>,
    ) -> Box<dyn Iterator<Item = Result<Batch, Fault>> + '_> {
        let part = |picks: Vec<Pick>| {
            let step = picks.iter().map(|pick| pick.0).collect();
            (picks, step)
        };
        self.parts(picks.into_iter().map(part).collect())
    }

    fn parts(&self, parts: Vec<Part>) -> Box<dyn Iterator<Item = Result<Batch, Fault>> + '_> {
        match &self.store {
            Some(store) => Box::new(
                parts
                    .into_iter()
                    .map(|(picks, step)| Ok(self.gather(store, &picks, step))),
            ),
            None => self.load(parts),
        }
    }

    fn load(&self, parts: Vec<Part>) -> Box<dyn Iterator<Item = Result<Batch, Fault>> + '_> {
        let (jobs, steps): (Vec<Vec<Job>>, Vec<_>) = parts
            .into_iter()
            .map(|(picks, step): Part| (picks.iter().map(job).collect(), step))
            .unzip();
        let stream = match self.loader.stream(jobs) {
            Err(fault) => return Box::new(std::iter::once(Err(fault))),
            Ok(stream) => stream,
        };
        Box::new(stream.zip(steps).map(|(loaded, step)| {
            let loaded = loaded?;
            Ok(Batch {
                pictures: loaded.jobs.iter().map(|job| job.picture).collect(),
                views: loaded.jobs.iter().map(view_number).collect(),
                input: pictures(loaded.pixels(), &self.loader.preprocess, self.device),
                step,
            })
        }))
    }

    /// The outputs of `module` for every view of every picture, view by view: `[views * pictures, d]`. Without a store
    /// there is the plain view alone.
    pub fn features(&self, module: &Module, batch: usize) -> Result<Tensor, Fault> {
        let count = self.pictures();
        let step = Step::new(
            "features",
            self.store
                .as_ref()
                .map_or(count as u64, |store| store.rows.size()[0] as u64),
        );
        let mut parts = Vec::new();
        let mut compute = |values: &Tensor| {
            parts.push(
                module
                    .infer_from(values, self.from())
                    .to_device(Device::Cpu),
            );
            step.advance(values.size()[0] as u64);
        };
        match &self.store {
            Some(store) => {
                let rows = store.rows.size()[0];
                for first in (0..rows).step_by(batch) {
                    compute(
                        &store
                            .rows
                            .narrow(0, first, (batch as i64).min(rows - first))
                            .to_kind(Kind::Float),
                    );
                }
            }
            None => {
                let jobs: Vec<Job> = (0..count)
                    .map(|picture| Job {
                        picture,
                        view: None,
                    })
                    .collect();
                let batches: Vec<Vec<Job>> = jobs.chunks(batch).map(<[Job]>::to_vec).collect();
                let preprocess = &self.loader.preprocess;
                for loaded in self.loader.stream(batches)? {
                    compute(&pictures(loaded?.pixels(), preprocess, module.device()));
                }
            }
        }
        Ok(Tensor::cat(&parts, 0))
    }

    fn gather(&self, store: &Store, picks: &[Pick], step: Arc<[usize]>) -> Batch {
        let count = self.pictures();
        let row = |(picture, view): &Pick| (*view as usize * count + picture) as i64;
        let rows: Vec<i64> = picks.iter().map(row).collect();
        let values = store.rows.index_select(0, &Tensor::from_slice(&rows));
        Batch {
            pictures: rows
                .iter()
                .map(|&row| store.shown[row as usize] as usize)
                .collect(),
            views: picks.iter().map(|pick| pick.1).collect(),
            input: values.to_kind(Kind::Float),
            step,
        }
    }
}

/// What stands in for an unreadable picture may be the last view that has a number.
fn view_number(job: &Job) -> u64 {
    job.view.map_or(0, |view| view.saturating_add(1))
}

/// The input `[n, 3, size, size]`, laid out channels-last, of the pictures whose RGB bytes `[n, size, size, 3]` are
/// `pixels`; computed on `device`, so that bytes and not floats travel there.
pub fn pictures(pixels: &[u8], preprocess: &Preprocess, device: Device) -> Tensor {
    let size = i64::from(preprocess.size);
    let bytes = Tensor::from_slice(pixels)
        .view([-1, size, size, 3])
        .to_device(device);
    let mean = Tensor::from_slice(&preprocess.mean).to_device(device);
    let std = Tensor::from_slice(&preprocess.std).to_device(device);
    let mut values = bytes.to_kind(Kind::Float);
    let _ = values.g_sub_(&mean);
    let _ = values.g_div_(&std);
    values.permute([0, 3, 1, 2])
}

fn unknown_cut(network: &Network, freeze: &str) -> Fault {
    let known: Vec<&str> = network.cuts.iter().map(|cut| cut.name.as_str()).collect();
    Fault::new(
        skueye_models::Code::Usage,
        format!("one of {} to freeze up to", known.join(", ")),
        freeze,
        "correct the option freeze",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::to_vec;
    use skueye_vision::preprocess::normalise;

    /// Training and the device normalise in different code; the tensors are the same to the last bit.
    #[test]
    fn an_input_is_what_the_device_makes_of_the_same_bytes() {
        let preprocess = Preprocess {
            mean: [123.7, 116.3, 103.5],
            std: [58.4, 57.1, 57.4],
            ..Preprocess::efficientnet_lite(16)
        };
        let pixels: Vec<u8> = (0..2 * 16 * 16 * 3).map(|i| (i * 31 % 256) as u8).collect();
        let mut expected = vec![0.0; pixels.len()];
        let each = pixels.chunks(16 * 16 * 3);
        for (rgb, tensor) in each.zip(expected.chunks_mut(16 * 16 * 3)) {
            normalise(&preprocess, rgb, tensor);
        }
        let found = pictures(&pixels, &preprocess, Device::Cpu);
        assert_eq!(found.size(), [2, 3, 16, 16]);
        assert_eq!(to_vec(&found), expected);
    }
}
