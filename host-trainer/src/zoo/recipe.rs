//! What a shipped model is made of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skueye_models::network::by_name;
use skueye_models::{Code, Fault};

use crate::mine::MiningOptions;
use crate::pictures::Augmentation;
use crate::run::settings::{Arithmetic, Keep, Settings};
use crate::synth::SynthOptions;

/// A recipe as its TOML file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Decides everything that is drawn in training.
    pub seed: u64,
    /// Length of the device's vectors.
    pub dim: usize,
    /// Views of each picture in the stores of activations and of teacher vectors.
    pub stored_views: usize,
    /// Pictures that whitening takes its statistics of, at most.
    pub statistics: usize,
    /// Share of unknown items, and of wrong answers for known ones, that the bands may accept.
    pub false_accept_rate: f64,
    /// How titles become attributes.
    pub mining: MiningOptions,
    /// How pictures are varied.
    pub augmentation: Augmentation,
    /// What is trained on, joined in this order.
    pub data: Vec<Source>,
    /// The packages whose validation pictures set the bands.
    pub calibration: Packages,
    /// Who teaches. The first of the student's network is what the student starts from.
    pub teachers: Vec<Lessons>,
    /// Who ships.
    pub student: Lessons,
}

/// A data set that is trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "set", rename_all = "lowercase")]
pub enum Source {
    /// Packages drawn and photographed by the trainer.
    Synth(Packages),
    /// The same thing drawn by several makers; fetched.
    Makers {
        /// Decides which concepts are trained on.
        seed: u64,
    },
    /// A data set that is there.
    Folder {
        /// Its folder.
        root: PathBuf,
    },
}

/// How many packages, and how often each is photographed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// Where their randomness begins.
    pub seed: u64,
    /// To train with.
    pub train_products: usize,
    /// To choose with; of brands that training does not see.
    pub val_products: usize,
    /// Studio photos of each.
    pub listing_per_product: usize,
    /// Photos of each by the kiosk's camera.
    pub kiosk_per_product: usize,
    /// Edge of the photos, pixels.
    pub size: u32,
}

impl Packages {
    /// Without packages to measure on: figures come from sets of their own.
    pub fn options(&self) -> SynthOptions {
        SynthOptions {
            seed: self.seed,
            train_products: self.train_products,
            val_products: self.val_products,
            // The smallest index that the layout allows.
            eval_products: 4,
            unknown_products: 4,
            listing_per_product: self.listing_per_product,
            kiosk_per_product: self.kiosk_per_product,
            size: self.size,
            presentations: 0,
            unknown_presentations: 0,
            ..SynthOptions::default()
        }
    }
}

/// How one network learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    /// Its published name.
    pub network: String,
    /// What it starts from: `published`, `random` or a file. A student starts from its teacher.
    #[serde(default = "published")]
    pub weights: String,
    /// Width and height of its input, pixels.
    pub size: u32,
    /// The cut up to which it stays as it starts, or `none`.
    pub freeze: String,
    /// The arithmetic.
    #[serde(default = "f32")]
    pub precision: Arithmetic,
    /// Passes over the pictures.
    pub epochs: u64,
    /// Pictures per step.
    pub batch: usize,
    /// Peak learning rate; the last is a hundredth of it.
    pub rate: f64,
    /// Weight of the Poly-1 term.
    #[serde(default)]
    pub poly: f64,
}

fn published() -> String {
    "published".into()
}

fn f32() -> Arithmetic {
    Arithmetic::F32
}

impl Recipe {
    /// The recipe in the file `path`. Errors: E901, E101 not TOML, E102 an unknown key, E103 a value out of its range.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(|e| Fault::io("read", path, &e))?;
        Self::parse(&text).map_err(|fault| fault.at(path))
    }

    /// As [`Self::read`], of its text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let recipe: Self = toml::from_str(text).map_err(|e: toml::de::Error| {
            let message = e.message();
            let code = match () {
                () if message.starts_with("unknown field") => Code::SettingsUnknownKey,
                () if text.parse::<toml::Table>().is_err() => Code::SettingsSyntax,
                () => Code::SettingsValue,
            };
            refused(code, "a recipe", e.to_string())
        })?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), Fault> {
        let value = |expected: &str, got: String| Err(refused(Code::SettingsValue, expected, got));
        if self.data.is_empty() || self.teachers.is_empty() {
            return value("at least one of data and one of teachers", "none".into());
        }
        if !(64..=512).contains(&self.dim) {
            return value("dim of 64 to 512", self.dim.to_string());
        }
        if self.statistics < 2 {
            return value("statistics of at least 2", self.statistics.to_string());
        }
        if !(0.0..1.0).contains(&self.false_accept_rate) {
            return value(
                "false_accept_rate of 0 to 1",
                self.false_accept_rate.to_string(),
            );
        }
        let student = &self.student;
        if self.trunk().is_none() {
            let got = format!("{} at {} pixels", student.network, student.size);
            return value(
                "a student whose network, size and freeze are a teacher's",
                got,
            );
        }
        for settings in self
            .teachers
            .iter()
            .chain([student])
            .map(|lessons| self.settings(lessons))
        {
            settings.check()?;
            if let Some(network) = by_name(&settings.network.name) {
                settings.network.frozen(&network)?;
            }
        }
        Ok(())
    }

    /// Which teacher the student starts from; a recipe that was read has one.
    pub fn trunk(&self) -> Option<usize> {
        let student = &self.student;
        let is = |lessons: &Lessons| {
            (&lessons.network, lessons.size, &lessons.freeze)
                == (&student.network, student.size, &student.freeze)
        };
        self.teachers.iter().position(is)
    }

    /// The settings of a run by `lessons`.
    pub fn settings(&self, lessons: &Lessons) -> Settings {
        let mut settings = Settings {
            seed: self.seed,
            mining: self.mining.clone(),
            augmentation: self.augmentation,
            ..Settings::default()
        };
        let (network, training) = (&mut settings.network, &mut settings.training);
        network.name = lessons.network.clone();
        network.weights = lessons.weights.clone();
        network.size = lessons.size;
        network.freeze = lessons.freeze.clone();
        network.stored_views = self.stored_views;
        network.precision = lessons.precision;
        training.epochs = lessons.epochs;
        training.batch = lessons.batch;
        training.rate = lessons.rate;
        training.warm_up = 0.1;
        settings.objective.poly = lessons.poly;
        settings.schedule.floor = lessons.rate * 0.01;
        settings.validation.keep = Keep::Last;
        settings.checkpoints.every = 200;
        settings
    }
}

fn refused(code: Code, expected: impl Into<String>, got: String) -> Fault {
    Fault::new(code, expected, got, "correct the recipe")
}
