//! What a quick start does and with which settings.

use std::path::PathBuf;

use skueye_models::Fault;
use skueye_models::network::{LiteVariant, efficientnet_lite};

use crate::pictures::Augmentation;
use crate::run::settings::NetworkSettings;

/// Which pictures and titles: `synth`, `makers`, or a folder of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Packages drawn and photographed by the trainer (synthetic).
    Synth,
    /// The same item drawn by several makers (real, fetched).
    Makers,
    /// A data set that is there: the eProduct layout with ground truth for what is measured.
    Folder(PathBuf),
}

impl std::str::FromStr for Data {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "synth" => Self::Synth,
            "makers" => Self::Makers,
            folder => Self::Folder(folder.into()),
        })
    }
}

/// The options of a quick start.
#[derive(Debug, Clone, PartialEq)]
pub struct QuickstartOptions {
    /// Everything is written here.
    pub out: PathBuf,
    /// Fetched packages stay here.
    pub cache: PathBuf,
    /// Which pictures and titles.
    pub data: Data,
    /// Seed of data, training and sampling.
    pub seed: u64,
    /// A model that is there already: nothing is trained, the device's half runs with it.
    pub model: Option<PathBuf>,
    /// The device program.
    pub device_program: PathBuf,
    /// Where the model is also written as it ships: the FP16 file alone.
    pub release: Option<PathBuf>,
    /// How the network is trained.
    pub recipe: Recipe,
}

/// The settings of a training run that fits a CPU.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Recipe {
    /// A token must occur more often to become an attribute; METHOD 1 has 30 for 1.3 million titles.
    pub mining_threshold: u64,
    /// Width and height of the network's input, pixels.
    pub size: u32,
    /// Length of the device's embedding.
    pub dim: usize,
    /// The cut up to which the trunk stays as it was pretrained, its activations stored; `None` trains all of it from
    /// pictures, which wants a GPU or patience.
    pub freeze: Option<String>,
    /// How many views the store of activations holds in all; each picture gets its share, 2 at least.
    pub stored_views: usize,
    /// How augmented views are made.
    pub augmentation: Augmentation,
    /// The teacher's passes, batch and rate.
    pub teacher: Passes,
    /// The student's passes, batch and rate.
    pub student: Passes,
    /// Ridges of the whitening, as shares of the mean variance, of which validation chooses one.
    pub ridges: Vec<f64>,
    /// Share of unknown items that may be accepted when the thresholds are calibrated.
    pub false_accept_rate: f64,
}

/// How long and how fast a network learns.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[allow(missing_docs, reason = "the usual terms")]
pub struct Passes {
    /// Views that are learnt from in all, rounded to whole passes over the pictures, one at least. So a run takes as
    /// long on any data set that is not larger than this.
    pub views: usize,
    pub batch: usize,
    pub rate: f64,
}

impl Passes {
    /// Passes over `pictures` pictures.
    pub fn epochs(&self, pictures: usize) -> u64 {
        (self.views as f64 / pictures.max(1) as f64)
            .round()
            .max(1.0) as u64
    }
}

impl Recipe {
    /// How often each of `pictures` pictures stands in the store.
    pub fn views(&self, pictures: usize) -> usize {
        (self.stored_views as f64 / pictures.max(1) as f64)
            .round()
            .clamp(2.0, 8.0) as usize
    }

    /// Refuses a cut that the network does not have (E103).
    pub fn check(&self) -> Result<(), Fault> {
        let network = efficientnet_lite(LiteVariant::Lite0);
        let freeze = self.freeze.clone().unwrap_or_else(|| "none".into());
        let settings = NetworkSettings {
            freeze,
            ..NetworkSettings::default()
        };
        settings.frozen(&network).map(|_| ())
    }

    /// What fits six minutes on two cores.
    pub fn for_cpu(data: &Data) -> Self {
        let (mining_threshold, augmentation) = match data {
            Data::Synth | Data::Folder(_) => (5, Augmentation::default()),
            // Drawings have no text to mirror, and their titles are few and short.
            Data::Makers => (
                3,
                Augmentation {
                    flip: 0.5,
                    ..Augmentation::default()
                },
            ),
        };
        Self {
            mining_threshold,
            size: 128,
            dim: 256,
            freeze: Some("blocks.7".into()),
            stored_views: 10_000,
            augmentation,
            teacher: Passes {
                views: 14_000,
                batch: 64,
                rate: 1e-3,
            },
            student: Passes {
                views: 7_000,
                batch: 64,
                rate: 2e-4,
            },
            ridges: vec![0.01, 0.1, 1.0, 10.0],
            // Some 120 probes cannot show less.
            false_accept_rate: 0.05,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_data_set_gets_fewer_passes_and_never_none() {
        let recipe = Recipe::for_cpu(&Data::Synth);
        let plan = |pictures| {
            (
                recipe.views(pictures),
                recipe.teacher.epochs(pictures),
                recipe.student.epochs(pictures),
            )
        };
        assert_eq!(plan(2_310), (4, 6, 3), "synth");
        assert_eq!(plan(3_960), (3, 4, 2), "makers");
        assert_eq!(plan(1_000_000), (2, 1, 1));
        assert_eq!(plan(0).0, 8);
    }

    #[test]
    fn a_cut_that_is_not_there_is_refused() {
        let check = |freeze: &str| {
            let freeze = Some(freeze.into());
            let recipe = Recipe::for_cpu(&Data::Synth);
            Recipe { freeze, ..recipe }.check()
        };
        assert!(check("blocks.7").is_ok() && check("none").is_ok());
        let fault = check("blocks.77").unwrap_err();
        assert!(fault.to_string().contains("blocks.15"), "{fault}");
    }
}
