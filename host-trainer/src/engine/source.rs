//! Where training gets its batches: from pictures, or from a store of frozen activations.
//!
//! On a GPU the whole network learns and batches come from pictures. On a CPU the lower stages stay frozen: their
//! activations of several augmented views are computed once, kept as FP16, and only the stages above learn.

use skueye_models::Fault;
use skueye_models::network::{Network, Weights};
use tch::{Device, Kind, Tensor};

use super::module::{Mode, Module};
use crate::pictures::{Job, Loader};
use crate::progress::Step;
use crate::random::Random;

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
    store: Option<Store>,
}

/// Activations `[views * pictures, c, h, w]` in FP16: view `v` of picture `p` is row `v * pictures + p`.
struct Store {
    rows: Tensor,
    views: usize,
    from: usize,
}

/// A batch: which pictures it shows, and their values.
pub type Batch = (Vec<usize>, Tensor);

impl Source {
    /// Batches straight from pictures, each epoch with new views.
    pub fn live(loader: Loader) -> Self {
        Self {
            seed: loader.seed,
            loader,
            store: None,
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
        let jobs: Vec<Job> = (0..options.views)
            .flat_map(|view| {
                (0..loader.paths.len()).map(move |picture| Job {
                    picture,
                    view: view.checked_sub(1).map(|v| v as u64),
                })
            })
            .collect();
        let step = Step::new("store", jobs.len() as u64);
        let batches = jobs.chunks(options.batch).map(<[Job]>::to_vec).collect();
        let mut parts = Vec::new();
        for batch in loader.stream(batches) {
            let (jobs, input) = batch?;
            let input = pictures(&input, loader.preprocess.size);
            let value = tch::no_grad(|| lower.forward(&input, 0, below, Mode::Infer));
            parts.push(
                value
                    .to_kind(Kind::Half)
                    .to_device(Device::Cpu)
                    .contiguous(),
            );
            step.advance(jobs.len() as u64);
        }
        let store = Store {
            rows: Tensor::cat(&parts, 0),
            views: options.views,
            from,
        };
        Ok(Self {
            seed: loader.seed,
            loader,
            store: Some(store),
        })
    }

    /// How many pictures there are.
    pub fn pictures(&self) -> usize {
        self.loader.paths.len()
    }

    /// The network's value that batches hold; 0 is the picture itself.
    pub fn from(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.from)
    }

    /// Every picture once, in an order and with views that `epoch` decides, in batches of `batch` (a last, smaller one is
    /// left out, since normalisation over a handful of pictures misleads).
    pub fn epoch(
        &self,
        epoch: u64,
        batch: usize,
    ) -> Box<dyn Iterator<Item = Result<Batch, Fault>> + '_> {
        let mut random = Random::new(self.seed, &[epoch]);
        let mut order: Vec<usize> = (0..self.pictures()).collect();
        random.shuffle(&mut order);
        let batch = batch.min(order.len());
        match &self.store {
            Some(store) => {
                let views: Vec<usize> = order.iter().map(|_| random.below(store.views)).collect();
                let picks: Vec<(usize, usize)> = order.into_iter().zip(views).collect();
                let chunks: Vec<Vec<(usize, usize)>> =
                    picks.chunks_exact(batch).map(<[_]>::to_vec).collect();
                Box::new(
                    chunks
                        .into_iter()
                        .map(|picks| Ok(self.gather(store, &picks))),
                )
            }
            None => {
                let job = |&picture: &usize| Job {
                    picture,
                    view: Some(epoch),
                };
                let batches = order
                    .chunks_exact(batch)
                    .map(|chunk| chunk.iter().map(job).collect())
                    .collect();
                let size = self.loader.preprocess.size;
                Box::new(self.loader.stream(batches).into_iter().map(move |batch| {
                    let (jobs, input) = batch?;
                    Ok((
                        jobs.iter().map(|job| job.picture).collect(),
                        pictures(&input, size),
                    ))
                }))
            }
        }
    }

    /// The outputs of `module` for every view of every picture, view by view: `[views * pictures, d]`. Without a store
    /// there is the plain view alone.
    pub fn features(&self, module: &Module, batch: usize) -> Result<Tensor, Fault> {
        let count = self.pictures();
        let step = Step::new(
            "features",
            (count * self.store.as_ref().map_or(1, |store| store.views)) as u64,
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
                for loaded in self
                    .loader
                    .stream(jobs.chunks(batch).map(<[Job]>::to_vec).collect())
                {
                    compute(&pictures(&loaded?.1, self.loader.preprocess.size));
                }
            }
        }
        Ok(Tensor::cat(&parts, 0))
    }

    fn gather(&self, store: &Store, picks: &[(usize, usize)]) -> Batch {
        let count = self.pictures();
        let rows: Vec<i64> = picks
            .iter()
            .map(|(picture, view)| (view * count + picture) as i64)
            .collect();
        let values = store
            .rows
            .index_select(0, &Tensor::from_slice(&rows))
            .to_kind(Kind::Float);
        (picks.iter().map(|pick| pick.0).collect(), values)
    }
}

/// The batch `[n, 3, size, size]` of concatenated inputs.
pub fn pictures(input: &[f32], size: u32) -> Tensor {
    let size = i64::from(size);
    Tensor::from_slice(input).view([-1, 3, size, size])
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
