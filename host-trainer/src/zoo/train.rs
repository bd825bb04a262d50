//! A recipe carried out. What is finished in the folder is not done again, so that hours of work survive a night's reboot.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_models::{Code, Fault};
use tch::Device;

use super::recipe::{Packages, Recipe, Source as Set};
use crate::data::layout::INFO_FILE;
use crate::data::{Dataset, Share, Split, join};
use crate::distil::ensemble::{Sample, make_ensemble};
use crate::distil::fit::FitOptions;
use crate::distil::teachers::Teachers;
use crate::distil::{DistilRequest, SourceKind, TrainingPictures, UNREADABLE_FILE};
use crate::engine::{Source, cores};
use crate::evaluate::Calibration;
use crate::fetch::{MakersOptions, makers};
use crate::files::{write_file, write_json};
use crate::mine;
use crate::pictures::Unreadable;
use crate::pictures::unreadable::DEFAULT_SHARE;
use crate::run::{ExportRequest, Lesson, RunFolder, TrainRequest, export, learn, starting_network};
use crate::shard::Shard;
use crate::synth::generate;

/// What is asked for.
pub struct ZooRequest<'a> {
    /// What to make.
    pub recipe: &'a Recipe,
    /// Where everything of it lies.
    pub out: &'a Path,
    /// Where fetched packages stay.
    pub cache: &'a Path,
    /// What to compute on.
    pub device: Device,
}

/// What was made.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The model's folder.
    pub model: PathBuf,
    /// Its embedding space.
    pub embedding_id: String,
    /// What it was trained on.
    pub data: Vec<Share>,
    /// Attributes that the titles name.
    pub attributes: usize,
    /// How its bands were set.
    pub calibration: Calibration,
}

/// The folder of a recipe's work.
struct Place<'a> {
    request: &'a ZooRequest<'a>,
    data: PathBuf,
    vocabulary: PathBuf,
    ensemble: PathBuf,
    store: PathBuf,
    student: PathBuf,
    model: PathBuf,
}

/// Makes the model, or goes on making it. Errors: E655 where the folder holds the work of another recipe, those of its
/// parts.
pub fn train(request: &ZooRequest) -> Result<Made, Fault> {
    let place = Place::open(request)?;
    let shares = place.data()?;
    let attributes = place.mine()?;
    if !place.student_is_done() {
        place.teach()?;
    }
    let calibration = place.export()?;
    let made = Made {
        embedding_id: skueye_vision::model::read_manifest(&place.model)?
            .embedding_id
            .to_string(),
        model: place.model.clone(),
        data: shares,
        attributes,
        calibration,
    };
    write_json(&request.out.join("made.json"), &made)?;
    Ok(made)
}

impl<'a> Place<'a> {
    fn open(request: &'a ZooRequest<'a>) -> Result<Self, Fault> {
        let out = request.out;
        let recipe = serde_json::to_string_pretty(request.recipe).expect("plain values") + "\n";
        let path = out.join("recipe.json");
        match std::fs::read_to_string(&path) {
            Ok(found) if found == recipe => {}
            Ok(_) => return Err(another(&path)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                write_file(&path, recipe.as_bytes())?;
            }
            Err(e) => return Err(Fault::io("read", &path, &e)),
        }
        Ok(Self {
            request,
            data: out.join("data/joined"),
            vocabulary: out.join("vocabulary.tsv"),
            ensemble: out.join("ensemble"),
            store: out.join("store"),
            student: out.join("runs/student"),
            model: out.join("model"),
        })
    }

    /// Makes the data sets and joins them.
    fn data(&self) -> Result<Vec<Share>, Fault> {
        let mut roots = Vec::new();
        for (at, set) in self.request.recipe.data.iter().enumerate() {
            let name = |name: &str| self.request.out.join(format!("data/{}-{name}", at + 1));
            roots.push(match set {
                Set::Synth(packages) => drawn(name("synth"), packages)?,
                Set::Makers { seed } => {
                    let options = MakersOptions {
                        seed: *seed,
                        ..MakersOptions::default()
                    };
                    made(name("makers"), |root| {
                        makers(root, self.request.cache, options)
                    })?
                }
                Set::Folder { root } => root.clone(),
            });
        }
        made(self.data.clone(), |root| join(&roots, root).map(|_| ()))?;
        Share::read(&self.data)
    }

    /// Mines the titles; gives the number of attributes.
    fn mine(&self) -> Result<usize, Fault> {
        let dataset = Dataset::open(&self.data)?;
        let vocabulary = mine::mine(&dataset, &self.request.recipe.mining)?;
        vocabulary.write(&self.vocabulary)?;
        Ok(vocabulary.len())
    }

    fn student_is_done(&self) -> bool {
        RunFolder::open(&self.student).is_ok_and(|run| run.network().is_ok())
    }

    /// Trains the teachers, makes them one ensemble, and teaches the student. A network with frozen stages computes their
    /// activations once for all three.
    fn teach(&self) -> Result<(), Fault> {
        let (recipe, device) = (self.request.recipe, self.request.device);
        let dataset = Dataset::open(&self.data)?;
        let unreadable = Unreadable::listed_in(&self.store.join(UNREADABLE_FILE), DEFAULT_SHARE)?;
        let pictures = TrainingPictures::read(&dataset, &unreadable)?;
        let mut runs = Vec::new();
        let mut sources: Vec<Source> = Vec::new();
        for (at, lessons) in recipe.teachers.iter().enumerate() {
            let out = self
                .request
                .out
                .join(format!("runs/{}-{}", at + 1, lessons.network));
            let settings = recipe.settings(lessons);
            let start = starting_network(&settings, self.request.cache)?;
            let source = pictures.source(&start, &SourceKind::of(&settings), device)?;
            let lesson = Lesson {
                settings: Some(&settings),
                source: Some(&source),
                left_out: &pictures.left_out,
                student: None,
            };
            learn(&self.training(&out), &lesson)?;
            sources.push(source);
            runs.push(out);
        }
        let teachers = self.ensemble(&dataset, &runs)?;
        let mut settings = recipe.settings(&recipe.student);
        settings.network.embedding = recipe.dim;
        let trunk = recipe.trunk().expect("a recipe is checked when it is read");
        let request = DistilRequest {
            teachers: &teachers,
            trunk: &teachers.networks[trunk],
            data: &self.data,
            out: &self.student,
            store: &self.store,
            shard: Shard::WHOLE,
            settings: &settings,
            vocabulary: Some(&self.vocabulary),
            resume: true,
            until: None,
            device,
            group: None,
        };
        request.fill(&pictures, &sources.iter().collect::<Vec<_>>())?;
        request.learn(&pictures, &sources[trunk])?;
        Ok(())
    }

    fn training<'b>(&'b self, out: &'b Path) -> TrainRequest<'b> {
        TrainRequest {
            data: &self.data,
            out,
            settings: None,
            overrides: &[],
            vocabulary: Some(&self.vocabulary),
            resume: true,
            until: None,
            device: self.request.device,
            cache: self.request.cache,
            threads: cores(),
            group: None,
        }
    }

    /// The ensemble of `runs`, made unless it is there.
    fn ensemble(&self, dataset: &Dataset, runs: &[PathBuf]) -> Result<Teachers, Fault> {
        if !Teachers::are_at(&self.ensemble) {
            let sample = Sample {
                most: self.request.recipe.statistics,
                ..Sample::of(Split::Train)
            };
            let dim = self.request.recipe.dim;
            let options = match runs.len() {
                1 => FitOptions::for_one(dim),
                _ => FitOptions::for_dim(dim),
            };
            let device = self.request.device;
            make_ensemble(runs, dataset, sample, &options, &self.ensemble, device)?;
        }
        Teachers::open(&self.ensemble)
    }

    /// Writes the model with its bands.
    fn export(&self) -> Result<Calibration, Fault> {
        let (recipe, out) = (self.request.recipe, self.request.out);
        let calibration = drawn(out.join("data/calibration"), &recipe.calibration)?;
        let exported = export(&ExportRequest {
            run: &RunFolder::open(&self.student)?,
            out: &self.model,
            data: Some(&calibration),
            picture: None,
            false_accept_rate: recipe.false_accept_rate,
            with_f32: false,
        })?;
        Ok(exported.calibration.expect("a data set was given"))
    }
}

/// The packages at `root`, drawn unless they are there.
fn drawn(root: PathBuf, packages: &Packages) -> Result<PathBuf, Fault> {
    made(root, |root| generate(root, &packages.options()).map(|_| ()))
}

/// The data set at `root`, which `make` makes unless it is there; it is there whole or not at all.
fn made(root: PathBuf, make: impl FnOnce(&Path) -> Result<(), Fault>) -> Result<PathBuf, Fault> {
    if !root.join(INFO_FILE).is_file() {
        make(&root)?;
    }
    Ok(root)
}

fn another(path: &Path) -> Fault {
    let expected = "the work of this recipe";
    let remedy = "name another --out, or give the recipe that the folder was begun with";
    Fault::new(Code::WorkFolder, expected, "that of another", remedy).at(path)
}
