//! One set and seed: its pictures, its folder, its finished cells.

use std::path::{Path, PathBuf};
use std::time::Instant;

use skueye_models::Fault;

use super::cells::{Cell, Cells};
use super::plan::{Load, Sizes};
use crate::data::Dataset;
use crate::data::layout::INFO_FILE;
use crate::distil::TrainingPictures;
use crate::evaluate::{EvaluationSet, ValidationSet};
use crate::fetch::{MakersOptions, makers};
use crate::pictures::unreadable::DEFAULT_SHARE;
use crate::pictures::{Augmentation, Unreadable};
use crate::quickstart::Data;
use crate::synth::{SynthOptions, generate};

/// Products that a whole synthetic set measures with: twice the quick start's, so that figures of two rows differ by less
/// chance; and enough of validation to choose by.
const EVAL_PRODUCTS: f64 = 260.0;
const VAL_PRODUCTS: f64 = 80.0;

/// A set's name in files.
pub fn name(set: &Data) -> String {
    match set {
        Data::Synth => "synth".into(),
        Data::Makers => "makers".into(),
        Data::Folder(path) => {
            let last = path.file_name().unwrap_or(path.as_os_str());
            last.to_string_lossy().into_owned()
        }
    }
}

/// How often a word must occur in this set's titles to become an attribute: METHOD 1 has 30 for 1.3 million titles.
pub fn threshold(set: &Data) -> u64 {
    match set {
        Data::Makers => 3,
        Data::Synth | Data::Folder(_) => 5,
    }
}

/// How this set's pictures are varied: drawings have no text to mirror.
pub fn augmentation(set: &Data) -> Augmentation {
    let flip = match set {
        Data::Makers => 0.5,
        Data::Synth | Data::Folder(_) => 0.0,
    };
    Augmentation {
        flip,
        ..Augmentation::default()
    }
}

/// The pictures of one set and seed.
pub struct Site {
    /// Which set.
    pub set: Data,
    /// Seed of data and training.
    pub seed: u64,
    /// Where everything of it lies.
    pub folder: PathBuf,
    /// Its data set.
    pub dataset: Dataset,
    /// What rows are measured on.
    pub evaluation: EvaluationSet,
    /// What is chosen with.
    pub validation: ValidationSet,
    /// What is learnt from.
    pub pictures: TrainingPictures,
    /// Its finished cells.
    pub cells: Cells,
}

impl Site {
    /// Opens the set's data below `out`, making them where they are not. Errors: those of making and reading.
    pub fn open(
        set: &Data,
        seed: u64,
        products: f64,
        out: &Path,
        cache: &Path,
    ) -> Result<Self, Fault> {
        let folder = out.join(name(set)).join(format!("seed-{seed}"));
        let root = match set {
            Data::Folder(root) => root.clone(),
            made => make(made, seed, products, &folder.join("data"), cache)?,
        };
        let dataset = Dataset::open(&root)?;
        Ok(Self {
            evaluation: EvaluationSet::load(&dataset)?,
            validation: ValidationSet::load(&dataset)?,
            pictures: TrainingPictures::read(&dataset, &Unreadable::new(DEFAULT_SHARE))?,
            cells: Cells::at(folder.join("cells")),
            set: set.clone(),
            seed,
            folder,
            dataset,
        })
    }

    /// What it asks of each seed, its data having taken `seconds`.
    pub fn load(&self, seconds: f64) -> Load {
        let (e, v) = (&self.evaluation, &self.validation);
        Load {
            training: self.pictures.paths.len(),
            evaluated: e.index.len() + e.queries.len() + v.probes.len() + v.rows.len(),
            data_seconds: seconds,
        }
    }

    /// Training pictures, index pictures, queries.
    pub fn counts(&self) -> [usize; 3] {
        let e = &self.evaluation;
        [self.pictures.paths.len(), e.index.len(), e.queries.len()]
    }

    /// The cell `name` with `settings`: the one that is finished, or what `work` makes. Errors: those of `work`, E655.
    pub fn cell(
        &self,
        name: &str,
        settings: &str,
        work: impl FnOnce() -> Result<Cell, Fault>,
    ) -> Result<(Cell, bool), Fault> {
        if let Some(cell) = self.cells.get(name, settings)? {
            return Ok((cell, true));
        }
        let start = Instant::now();
        let mut cell = work()?;
        cell.settings = settings.to_owned();
        cell.seconds = start.elapsed().as_secs_f64();
        self.cells.put(name, &cell)?;
        // As it is kept: a resumed ablation must show the same figures to the last digit.
        let kept = self.cells.get(name, settings)?;
        Ok((kept.unwrap_or(cell), false))
    }

    /// Whether its pictures were computed.
    pub fn is_synthetic(&self) -> bool {
        self.dataset.info().is_some_and(|info| info.synthetic)
    }
}

/// Makes the data at `root` unless they are there; they are there whole or not at all.
fn make(set: &Data, seed: u64, products: f64, root: &Path, cache: &Path) -> Result<PathBuf, Fault> {
    if root.join(INFO_FILE).is_file() {
        return Ok(root.to_owned());
    }
    match set {
        Data::Synth => generate(root, &synth_options(seed, products)).map(|_| ())?,
        _ => {
            let options = MakersOptions {
                seed,
                ..MakersOptions::default()
            };
            makers(root, cache, options)?;
        }
    }
    Ok(root.to_owned())
}

/// The synthetic set with `share` of its products. The replay is not looked at.
fn synth_options(seed: u64, share: f64) -> SynthOptions {
    let usual = SynthOptions::default();
    let of = |products: f64| (products * share).ceil().max(4.0) as usize;
    SynthOptions {
        seed,
        train_products: of(usual.train_products as f64),
        val_products: of(VAL_PRODUCTS),
        eval_products: of(EVAL_PRODUCTS),
        unknown_products: of(usual.unknown_products as f64),
        presentations: 1,
        unknown_presentations: 0,
        frames_per_presentation: 1,
        ..usual
    }
}

/// For messages: how large the work is.
pub fn describe(sizes: &Sizes) -> String {
    let frozen = match sizes.lower_stages_frozen {
        true => "lower stages frozen",
        false => "whole networks",
    };
    format!(
        "{} px, {frozen}, teachers learn from {} views, those of mining from {}, the student from {}",
        sizes.picture, sizes.teacher_views, sizes.mining_views, sizes.student_views
    )
}
