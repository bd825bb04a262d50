//! A run before its first step: everything read and checked, then its folder begun.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use skueye_models::{Code, Fault};

use super::folder::{RunFolder, vacant};
use super::keeper::checkpoints;
use super::network::TrainedNetwork;
use super::record::{DataRecord, Hardware, PROGRAM, RunRecord, program_sha256, revision};
use super::settings::Settings;
use super::start;
use super::train::{Lesson, TrainRequest};
use crate::data::hash::hex;
use crate::data::{Dataset, Split};
use crate::engine::{Identity, describe};
use crate::mine::{TrainingIndex, Vocabulary, mine};

/// A run's data and network, ready to learn.
pub struct Prepared {
    pub settings: Settings,
    pub folder: RunFolder,
    pub dataset: Dataset,
    pub identity: Identity,
    pub vocabulary: Vocabulary,
    pub training: TrainingIndex,
    pub start: TrainedNetwork,
    /// Whether it learns from teachers.
    has_teachers: bool,
    /// Hash of the data set's tables.
    data: String,
    /// Whether the folder holds a run already.
    goes_on: bool,
}

/// Reads everything; nothing is written. Errors: as of [`super::train()`].
pub fn prepare(request: &TrainRequest, lesson: &Lesson) -> Result<Prepared, Fault> {
    let read = |path: Option<&Path>| match lesson.settings {
        Some(settings) => settings.check().map(|()| settings.clone()),
        None => Settings::read(path, request.overrides),
    };
    let goes_on = request.resume && !vacant(request.out)?;
    let (settings, folder) = match goes_on {
        true => {
            let folder = RunFolder::open(request.out)?;
            let of_run = folder.settings_path();
            let settings = read(Some(request.settings.unwrap_or(&of_run)))?;
            match settings == folder.settings()? {
                true => (settings, folder),
                false => return Err(other_settings(&of_run)),
            }
        }
        false => (read(request.settings)?, RunFolder::vacant(request.out)?),
    };
    // Everything that can be refused is, before the folder is made.
    let dataset = Dataset::open(request.data)?;
    let data = dataset.hash()?.to_string();
    let vocabulary = vocabulary(request, goes_on.then_some(&folder), &dataset, &settings)?;
    let start = match &lesson.student {
        Some(student) => student.start.clone(),
        None => start::network(&settings, request.cache)?,
    };
    let mut training = TrainingIndex::load(&dataset, Split::Train, &vocabulary)?;
    if !lesson.left_out.is_empty() {
        training = training.without(lesson.left_out);
    }
    let mut text = settings.to_text();
    if let Some(student) = &lesson.student {
        text += &student.identity;
    }
    let identity = Identity {
        data: hex(&Sha256::digest(data.clone() + &vocabulary.to_text())),
        settings: hex(&Sha256::digest(&text)),
    };
    Ok(Prepared {
        settings,
        folder,
        dataset,
        identity,
        vocabulary,
        training,
        start,
        has_teachers: lesson.student.is_some(),
        data,
        goes_on,
    })
}

fn other_settings(of_run: &Path) -> Fault {
    Fault::new(
        Code::CheckpointOther,
        "the settings that the run began with",
        "others",
        "resume without --settings and --set, or name another folder for a new run",
    )
    .at(of_run)
}

/// The attributes: those of the run that goes on, those of a file, or mined.
fn vocabulary(
    request: &TrainRequest,
    run: Option<&RunFolder>,
    dataset: &Dataset,
    settings: &Settings,
) -> Result<Vocabulary, Fault> {
    match (request.vocabulary, run) {
        (Some(path), _) => Vocabulary::read(path),
        (None, Some(run)) => run.vocabulary(),
        (None, None) => mine(dataset, &settings.mining),
    }
}

impl Prepared {
    /// Writes what a run begins with, unless it goes on. Only the first process does, when all have prepared the same.
    pub fn begin(&self, request: &TrainRequest) -> Result<(), Fault> {
        let reducer = request.reducer();
        let steps = self
            .checkpoint()?
            .map_or(String::new(), |path| path.display().to_string());
        let of_all = [&self.identity.data, &self.identity.settings, &steps].map(String::as_str);
        reducer.agree("data, settings and checkpoint", &of_all.join(" "))?;
        if reducer.rank() == 0 && !self.goes_on {
            if self.has_teachers {
                self.start.write(&self.folder.start_path())?;
            }
            self.folder.begin(&self.settings, &self.vocabulary)?;
            self.record(request).write(&self.folder)?;
        }
        reducer.agree("run folder", "begun")
    }

    /// The state to go on from.
    pub fn checkpoint(&self) -> Result<Option<PathBuf>, Fault> {
        Ok(checkpoints(&self.folder.checkpoints_path())?.pop())
    }

    fn record(&self, request: &TrainRequest) -> RunRecord {
        RunRecord {
            program: PROGRAM.into(),
            revision: revision(),
            program_sha256: program_sha256(),
            command: std::env::args().collect(),
            seed: self.settings.seed,
            settings_sha256: hex(&Sha256::digest(self.settings.to_text())),
            vocabulary_sha256: hex(&Sha256::digest(self.vocabulary.to_text())),
            data: DataRecord {
                root: self.dataset.root().display().to_string(),
                name: self.dataset.info().map(|info| info.name.clone()),
                sha256: self.data.clone(),
                pictures: self.training.len(),
                attributes: self.vocabulary.len(),
            },
            hardware: Hardware::here(describe(request.device)),
            processes: request.reducer().ranks(),
        }
    }
}
