//! Teachers of an ablation: one recipe for all, so that rows differ in what is taught and in nothing else.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use skueye_models::Fault;
use tch::Device;

use super::plan::Sizes;
use super::site::{Site, augmentation};
use crate::distil::SourceKind;
use crate::distil::teachers::Teacher;
use crate::distil::vectors::vectors_of;
use crate::engine::{Source, cores};
use crate::run::settings::{Keep, Settings};
use crate::run::{Lesson, TrainRequest, TrainedNetwork, learn, starting_network};
use crate::vectors::UnitVectors;

/// Peak rates of a teacher with frozen lower stages, and of a whole network.
const RATE_FROZEN: f64 = 1e-3;
const RATE_WHOLE: f64 = 3e-4;

/// A network that takes part: the only ones whose published weights can be had by package name.
#[derive(Debug, Clone, Copy)]
pub struct MemberKind {
    /// The network.
    pub network: &'static str,
    /// Its last stage at a 16th of the input's resolution that still is ImageNet's rather than a task's.
    pub cut: &'static str,
    /// Weight of its Poly-1 term (METHOD 2: 2 and 0.5 for some members).
    pub poly: f64,
}

/// The ensemble. The first is the attribute teacher of the first claim, and the student's network.
pub const MEMBERS: [MemberKind; 3] = [
    MemberKind {
        network: "efficientnet-lite0",
        cut: "blocks.7",
        poly: 0.0,
    },
    MemberKind {
        network: "efficientnet-lite1",
        cut: "blocks.10",
        poly: 2.0,
    },
    MemberKind {
        network: "efficientnet-lite2",
        cut: "blocks.10",
        poly: 0.5,
    },
];

/// What a teacher is taught.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject {
    /// The leaf categories.
    Categories,
    /// The titles' attributes.
    Attributes,
    /// The titles' attributes, in the passes of mining.
    Mining,
}

/// What the teachers of one site share.
pub struct School<'a> {
    /// Whose pictures.
    pub site: &'a Site,
    /// How large.
    pub sizes: &'a Sizes,
    /// What the networks start from: `published` or `random`.
    pub weights: &'a str,
    /// What to compute on.
    pub device: Device,
    /// Where fetched packages stay.
    pub cache: &'a Path,
    /// Activations of each member's network, made when they are first needed.
    sources: [OnceCell<Source>; MEMBERS.len()],
}

impl<'a> School<'a> {
    /// Of `site`.
    pub fn new(
        site: &'a Site,
        sizes: &'a Sizes,
        weights: &'a str,
        device: Device,
        cache: &'a Path,
    ) -> Self {
        let sources = Default::default();
        Self {
            site,
            sizes,
            weights,
            device,
            cache,
            sources,
        }
    }

    /// The settings of a teacher of kind `MEMBERS[member]`.
    pub fn settings(&self, member: usize, subject: Subject) -> Settings {
        let (kind, sizes) = (MEMBERS[member], self.sizes);
        let mut settings = Settings {
            seed: self.site.seed,
            augmentation: augmentation(&self.site.set),
            ..Settings::default()
        };
        settings.network.name = kind.network.into();
        settings.network.weights = self.weights.into();
        settings.network.size = sizes.picture;
        settings.network.stored_views = sizes.stored_views;
        settings.network.freeze = match sizes.lower_stages_frozen {
            true => kind.cut.into(),
            false => "none".into(),
        };
        match subject {
            Subject::Attributes | Subject::Mining => settings.objective.poly = kind.poly,
            Subject::Categories => {
                settings.objective.softmax = 0.0;
                settings.objective.leaf_category = 1.0;
            }
        }
        let views = match subject {
            Subject::Mining => sizes.mining_views,
            _ => sizes.teacher_views,
        };
        let pictures = self.site.pictures.paths.len();
        settings.training.epochs = Sizes::passes(views, pictures);
        settings.training.batch = sizes.batch;
        settings.training.rate = match sizes.lower_stages_frozen {
            true => RATE_FROZEN,
            false => RATE_WHOLE,
        };
        settings.training.warm_up = 0.1;
        settings.training.ema = 0.0;
        settings.schedule.floor = settings.training.rate * 0.01;
        settings.validation.pictures = 0;
        settings.validation.keep = Keep::Last;
        settings.checkpoints.keep = 1;
        settings.checkpoints.every = 0;
        settings
    }

    /// The training pictures as `MEMBERS[member]` sees them. Errors: those of loading and fetching.
    pub fn source(&self, member: usize) -> Result<&Source, Fault> {
        let cell = &self.sources[member];
        if let Some(source) = cell.get() {
            return Ok(source);
        }
        let settings = self.settings(member, Subject::Attributes);
        let start = starting_network(&settings, self.cache)?;
        let kind = SourceKind::of(&settings);
        let source = self.site.pictures.source(&start, &kind, self.device)?;
        Ok(cell.get_or_init(|| source))
    }

    /// The run folder called `name`.
    pub fn run(&self, name: &str) -> PathBuf {
        self.site.folder.join("runs").join(name)
    }

    /// Trains the teacher `name` of kind `MEMBERS[member]` with the attributes in `vocabulary`, or goes on with it.
    pub fn teach(
        &self,
        name: &str,
        member: usize,
        subject: Subject,
        vocabulary: &Path,
    ) -> Result<Teacher, Fault> {
        let (out, settings) = (self.run(name), self.settings(member, subject));
        let request = TrainRequest {
            data: self.site.dataset.root(),
            out: &out,
            settings: None,
            overrides: &[],
            vocabulary: Some(vocabulary),
            resume: true,
            until: None,
            device: self.device,
            cache: self.cache,
            threads: cores(),
            group: None,
        };
        let lesson = Lesson {
            settings: Some(&settings),
            source: Some(self.source(member)?),
            left_out: &self.site.pictures.left_out,
            student: None,
        };
        learn(&request, &lesson)?;
        self.forget_checkpoints(&out)?;
        Teacher::open(&out)
    }

    /// Removes the states of a run that is finished.
    pub fn forget_checkpoints(&self, run: &Path) -> Result<(), Fault> {
        let path = run.join("checkpoints");
        match std::fs::remove_dir_all(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Fault::io("remove", &path, &e))
            }
            _ => Ok(()),
        }
    }

    /// Unit vectors of index and queries by `trained`, as they are.
    pub fn embed(&self, trained: &TrainedNetwork) -> Result<[UnitVectors; 2], Fault> {
        let e = &self.site.evaluation;
        Ok([
            vectors_of(trained, e.index.clone(), self.device)?.normalised()?,
            vectors_of(trained, e.queries.clone(), self.device)?.normalised()?,
        ])
    }
}
