//! A student from the first vector to the last step (METHOD 4): the store is filled, the start fitted, and the one training
//! loop does the rest.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use skueye_distributed::ProcessGroup;
use skueye_models::{Code, Fault};
use skueye_vision::decode::{MAX_FILE_BYTES, decode, read_bounded};
use tch::Device;

use super::fill::{Computing, Filled, Part, StoreSettings, fill};
use super::start;
use super::store::{Content, Rows, Store};
use super::targets::StoredTargets;
use super::teachers::{Teacher, Teachers};
use super::vectors::{BATCH, computing};
use crate::data::hash::hex;
use crate::data::{Dataset, Split};
use crate::engine::{Module, Source, StoreOptions, cores};
use crate::pictures::{Augmentation, Loader, Unreadable};
use crate::progress::Step;
use crate::run::settings::{DistilSettings, Settings};
use crate::run::{Lesson, Student, TrainRequest, Trained, TrainedNetwork, learn};
use crate::shard::Shard;

/// In the store's folder, what could not be read.
pub const UNREADABLE_FILE: &str = "unreadable.jsonl";

/// What is asked for.
pub struct DistilRequest<'a> {
    /// Who teaches.
    pub teachers: &'a Teachers,
    /// The trunk that the student starts from, without an embedding layer.
    pub trunk: &'a Teacher,
    /// The data set's folder.
    pub data: &'a Path,
    /// The student's run folder.
    pub out: &'a Path,
    /// The store's folder.
    pub store: &'a Path,
    /// Which part of the store this process fills.
    pub shard: Shard,
    /// Effective settings; `network.name`, `network.embedding` and `network.size` are those of trunk and teachers.
    pub settings: &'a Settings,
    /// The attributes; mined without.
    pub vocabulary: Option<&'a Path>,
    /// Go on where the folder holds a run.
    pub resume: bool,
    /// End after so many epochs.
    pub until: Option<u64>,
    /// What to compute on.
    pub device: Device,
    /// The processes that train together; without, there is one.
    pub group: Option<Rc<ProcessGroup>>,
}

/// What distilling came to.
#[derive(Debug, Clone, Serialize)]
pub struct Distilled {
    /// The store.
    pub store: Filled,
    /// Pictures that could not be read and were left out; the store's folder lists them.
    pub unreadable: usize,
    /// The student's run; `None` where only the store was asked for.
    pub run: Option<Trained>,
}

/// How training pictures are seen by a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceKind<'a> {
    /// The cut up to which the network's activations are stored, or `none`.
    pub freeze: &'a str,
    /// Views of each picture: a plain one, the others augmented.
    pub views: usize,
    /// How these are made.
    pub augmentation: Augmentation,
    /// Their seed.
    pub seed: u64,
}

impl<'a> SourceKind<'a> {
    /// What `settings` say.
    pub fn of(settings: &'a Settings) -> Self {
        Self {
            freeze: &settings.network.freeze,
            views: settings.network.stored_views,
            augmentation: settings.augmentation,
            seed: settings.seed,
        }
    }

    /// The same from the pictures themselves.
    fn live(self) -> Self {
        Self {
            freeze: "none",
            ..self
        }
    }
}

/// The pictures that are learnt from, and their contents. All of them can be read.
pub struct TrainingPictures {
    /// Files, in the training table's order.
    pub paths: Vec<PathBuf>,
    /// Hashes of the files.
    pub contents: Vec<Content>,
    /// The other rows of the training table, ascending.
    pub left_out: Vec<usize>,
}

impl TrainingPictures {
    /// Those of `dataset` that can be read; the others are noted in `unreadable`. Errors: those of the table, E506.
    pub fn read(dataset: &Dataset, unreadable: &Unreadable) -> Result<Self, Fault> {
        let rows = dataset.rows(Split::Train)?;
        let paths = rows.map(|row| row.map(|row| row.image));
        Self::of(paths.collect::<Result<_, Fault>>()?, unreadable)
    }

    /// As [`Self::read`], of the files `paths`. Each is decoded once, on all cores: a picture that no teacher can see
    /// must be known before the first of them looks, since nothing can stand in for it in the store. Errors: E506.
    pub fn of(paths: Vec<PathBuf>, unreadable: &Unreadable) -> Result<Self, Fault> {
        let step = Step::new("look at pictures", paths.len() as u64);
        let look = |path: &PathBuf| {
            step.advance(1);
            let bytes = read_bounded(path, MAX_FILE_BYTES, Code::ImageSize)?;
            decode(&bytes).map_err(|fault| fault.at(path))?;
            Ok(Content::of(&bytes))
        };
        let looked: Vec<Result<Content, Fault>> = paths.par_iter().map(look).collect();
        let total = paths.len();
        let mut readable = Self {
            paths: Vec::with_capacity(total),
            contents: Vec::with_capacity(total),
            left_out: Vec::new(),
        };
        for (row, (path, content)) in paths.into_iter().zip(looked).enumerate() {
            match content {
                Ok(content) => {
                    readable.paths.push(path);
                    readable.contents.push(content);
                }
                Err(fault) => {
                    unreadable.note(&path, &fault, total)?;
                    readable.left_out.push(row);
                }
            }
        }
        Ok(readable)
    }

    /// Them as `network` sees them, views by content. Errors: those of loading, E104 for an unknown cut.
    pub fn source(
        &self,
        network: &TrainedNetwork,
        kind: &SourceKind,
        device: Device,
    ) -> Result<Source, Fault> {
        let (paths, preprocess) = (self.paths.clone(), network.preprocess);
        let streams = self.contents.iter().map(Content::seed).collect();
        let loader = Loader::new(paths, preprocess, kind.augmentation, kind.seed);
        let loader = loader.with_streams(streams);
        match kind.freeze {
            "none" => Ok(Source::live(loader, device).with_views(kind.views)),
            cut => {
                let options = StoreOptions {
                    views: kind.views,
                    batch: BATCH,
                };
                let (net, weights) = (&network.network, &network.weights);
                Source::frozen(loader, net, weights, cut, &options, device)
            }
        }
    }
}

/// A whole store of teacher vectors for certain pictures.
pub struct StoredStudent {
    store: Store,
    rows: Rows,
    /// What the vectors depend on.
    pub identity: String,
}

impl StoredStudent {
    /// Fills the store at `folder` and opens it; `sources` are the teachers', in order. Errors: those of `fill`.
    pub fn prepare(
        folder: &Path,
        teachers: &Teachers,
        sources: &[&Source],
        pictures: &TrainingPictures,
        kind: &SourceKind,
    ) -> Result<Self, Fault> {
        let device = Device::Cpu;
        fill_store(
            folder,
            Shard::WHOLE,
            teachers,
            sources,
            pictures,
            kind,
            device,
        )?;
        Self::open(folder, teachers, pictures, kind)
    }

    /// Opens the store at `folder`. Errors: those of [`Store::open`], E651 for one of other teachers or settings, E653 for
    /// one that is not whole.
    pub fn open(
        folder: &Path,
        teachers: &Teachers,
        pictures: &TrainingPictures,
        kind: &SourceKind,
    ) -> Result<Self, Fault> {
        let store = Store::open(folder)?;
        let identity = store_settings(teachers, kind).to_text();
        store.expect(teachers.ensemble.target_dim(), &identity)?;
        let rows = store.locate(&pictures.contents, kind.views)?;
        Ok(Self {
            store,
            rows,
            identity,
        })
    }

    /// What the student is taught.
    pub fn targets(&self, settings: &DistilSettings) -> StoredTargets<'_> {
        StoredTargets {
            store: &self.store,
            rows: &self.rows,
            mean_of_views: settings.mean_of_views,
            cosine: settings.cosine,
            relational: settings.relational,
        }
    }

    /// What the student starts from: the whitening folded into `trunk` where that is exact, otherwise the nearest linear
    /// map of its features in `source`. Errors: those of loading.
    pub fn start(
        &self,
        teachers: &Teachers,
        trunk: &Teacher,
        source: &Source,
        device: Device,
    ) -> Result<TrainedNetwork, Fault> {
        let only = teachers.ensemble.only_whitening();
        if let (true, Some(whitening)) = (teachers.networks[0].hash == trunk.hash, only) {
            return Ok(start::folded(&trunk.trained, whitening));
        }
        let module = computing(&trunk.trained, device);
        let (store, rows) = (&self.store, &self.rows);
        start::fitted(&trunk.trained, &module, source, store, rows, BATCH)
    }
}

fn store_settings(teachers: &Teachers, kind: &SourceKind) -> StoreSettings {
    let networks = teachers.networks.iter();
    StoreSettings {
        teachers: teachers.digest(),
        preprocess: networks.map(|n| n.trained.preprocess).collect(),
        augmentation: kind.augmentation,
        seed: kind.seed,
    }
}

/// Computes what `shard`'s part of the store at `folder` lacks; `sources` are the teachers', in order. Errors: those of
/// [`fill`].
fn fill_store(
    folder: &Path,
    shard: Shard,
    teachers: &Teachers,
    sources: &[&Source],
    pictures: &TrainingPictures,
    kind: &SourceKind,
    device: Device,
) -> Result<Filled, Fault> {
    let networks = teachers.networks.iter();
    let modules: Vec<Module> = networks.map(|n| computing(&n.trained, device)).collect();
    let both = modules.iter().zip(sources);
    let computing: Vec<Computing> = both
        .map(|(module, source)| Computing { module, source })
        .collect();
    let part = Part {
        folder,
        shard,
        settings: &store_settings(teachers, kind),
        views: kind.views,
    };
    fill(&part, teachers, &computing, &pictures.contents, BATCH)
}

impl DistilRequest<'_> {
    /// Fills the store and, unless `store_only`, teaches the student. Errors: those of data, store and training.
    pub fn run(&self, store_only: bool) -> Result<Distilled, Fault> {
        let pictures = TrainingPictures::read(&Dataset::open(self.data)?, &self.unreadable()?)?;
        let kind = SourceKind::of(self.settings);
        let networks = self.teachers.networks.iter();
        let sources = networks
            .map(|teacher| pictures.source(&teacher.trained, &kind.live(), self.device))
            .collect::<Result<Vec<_>, Fault>>()?;
        let store = self.fill(&pictures, &sources.iter().collect::<Vec<_>>())?;
        if let Some(group) = &self.group {
            // Nobody reads the store before all have filled their parts of it.
            let settings = store_settings(self.teachers, &kind).to_text();
            group.agree("settings of the store", &settings)?;
        }
        let unreadable = pictures.left_out.len();
        let run = match store_only {
            true => None,
            false => {
                let source = pictures.source(&self.trunk.trained, &kind, self.device)?;
                Some(self.learn(&pictures, &source)?)
            }
        };
        Ok(Distilled {
            store,
            unreadable,
            run,
        })
    }

    /// Of processes that train together all find the same pictures, and the first lists them.
    fn unreadable(&self) -> Result<Unreadable, Fault> {
        let share = self.settings.training.unreadable;
        match &self.group {
            Some(group) if group.rank() > 0 => Ok(Unreadable::new(share)),
            _ => Unreadable::listed_in(&self.store.join(UNREADABLE_FILE), share),
        }
    }

    /// Computes what this process's part of the store lacks; `sources` are the teachers', in order.
    pub fn fill(&self, pictures: &TrainingPictures, sources: &[&Source]) -> Result<Filled, Fault> {
        let kind = SourceKind::of(self.settings);
        let (store, shard, teachers) = (self.store, self.shard, self.teachers);
        fill_store(
            store,
            shard,
            teachers,
            sources,
            pictures,
            &kind,
            self.device,
        )
    }

    /// Teaches the student from a store that is whole; `source` is what it sees of the pictures.
    pub fn learn(&self, pictures: &TrainingPictures, source: &Source) -> Result<Trained, Fault> {
        let kind = SourceKind::of(self.settings);
        let stored = StoredStudent::open(self.store, self.teachers, pictures, &kind)?;
        let begun = self.out.join("start");
        let start = match self.resume && begun.is_dir() {
            true => TrainedNetwork::open(&begun)?,
            false => stored.start(self.teachers, self.trunk, source, self.device)?,
        };
        let targets = stored.targets(&self.settings.distil);
        let mut identity = stored.identity.clone() + &self.trunk.hash;
        if !pictures.left_out.is_empty() {
            identity += &format!("{:?}", pictures.left_out);
        }
        let student = Student {
            start: &start,
            targets: &targets,
            identity: hex(&Sha256::digest(identity)),
        };
        let request = TrainRequest {
            data: self.data,
            out: self.out,
            settings: None,
            overrides: &[],
            vocabulary: self.vocabulary,
            resume: self.resume,
            until: self.until,
            device: self.device,
            cache: Path::new(""),
            threads: self
                .group
                .as_ref()
                .map_or(cores(), |group| group.threads(cores())),
            group: self.group.clone(),
        };
        let lesson = Lesson {
            settings: Some(self.settings),
            source: Some(source),
            left_out: &pictures.left_out,
            student: Some(student),
        };
        learn(&request, &lesson)
    }
}

/// The trunk that a student called `network` starts from: `from`, or the first teacher of that network. Errors: E104 where
/// there is none, or where it ends in an embedding layer.
pub fn trunk<'a>(
    teachers: &'a Teachers,
    network: &str,
    from: Option<&'a Teacher>,
) -> Result<&'a Teacher, Fault> {
    let is = |teacher: &&Teacher| teacher.trained.network.name == network;
    let found = from.into_iter().chain(&teachers.networks).find(is);
    let bare = found.filter(|teacher| teacher.trained.embedding == 0);
    bare.ok_or_else(|| {
        Fault::new(
            Code::Usage,
            format!("a trained {network} without an embedding layer to start from"),
            match found {
                Some(_) => "one with an embedding layer",
                None => "none among the teachers",
            },
            "name a run of that network with --from",
        )
    })
}
