//! The settings of a training run: a TOML file in which every key may be left out.
//!
//! 0 switches off what has a strength, an empty list what has several. The defaults fine-tune a small pretrained network;
//! METHOD 2's values stand beside them where they differ.

use serde::{Deserialize, Serialize};
use skueye_models::network::{Network, by_name};
use skueye_models::{Code, Fault};

use crate::mine::MiningOptions;
use crate::pictures::Augmentation;

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Decides everything that is drawn.
    pub seed: u64,
    /// What learns.
    pub network: NetworkSettings,
    /// How titles become attributes.
    pub mining: MiningOptions,
    /// What is taught, each part with its weight.
    pub objective: ObjectiveSettings,
    /// What a student is taught by its teachers' vectors; `train` has none.
    pub distil: DistilSettings,
    /// How it learns.
    pub training: TrainingSettings,
    /// How the learning rate falls after the warm-up.
    pub schedule: ScheduleSettings,
    /// How pictures are varied.
    pub augmentation: Augmentation,
    /// What is looked at after each epoch.
    pub validation: ValidationSettings,
    /// What is kept to go on from.
    pub checkpoints: CheckpointSettings,
}

/// What learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// Its published name.
    pub name: String,
    /// What it starts from: `published`, `random`, or a file.
    pub weights: String,
    /// Width and height of its input, pixels.
    pub size: u32,
    /// Length of a linear layer behind the pooled feature; 0 for none.
    pub embedding: usize,
    /// The cut up to which it stays as it starts, its activations stored (such as `blocks.7`), or `none`.
    pub freeze: String,
    /// Views of each picture in that store.
    pub stored_views: usize,
    /// Largest probability that a residual branch is dropped; METHOD 2: 0.4 and 0.5.
    pub drop_path: f64,
    /// The arithmetic.
    pub precision: Arithmetic,
}

/// The arithmetic of a run; weights, averages and moments are 32-bit in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// 32 bits.
    F32,
    /// bfloat16 where PyTorch's autocast has it.
    Bf16,
}

/// What is taught: the sum of these, each times its weight; 0 leaves it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveSettings {
    /// Weight of softmax over attributes.
    pub softmax: f64,
    /// Weight of its Poly-1 term within it; METHOD 2: 2 and 0.5.
    pub poly: f64,
    /// Attributes sampled each step beside those named; 0 for all of them.
    pub negatives: usize,
    /// Scale of the cosines of a cosine head; 0 for a linear head.
    pub cosine_scale: f64,
    /// Weight of binary cross-entropy over attributes.
    pub binary: f64,
    /// Its largest weight of a positive; 1 weighs all alike.
    pub positive_weight: f64,
    /// Weight of softmax over `META_CATEG_ID`.
    pub meta_category: f64,
    /// Weight of softmax over `CATEG_LVL2_ID`.
    pub second_category: f64,
    /// Weight of softmax over `LEAF_CATEG_ID`.
    pub leaf_category: f64,
    /// Weight of the comparison of pictures with titles.
    pub contrastive: f64,
    /// Length of the vectors compared.
    pub contrastive_dim: u32,
    /// Width of the text tower.
    pub text_width: u32,
}

/// What a student is taught by its teachers' vectors, beside the objectives above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistilSettings {
    /// Weight of the regression of the vectors by cosine.
    pub cosine: f64,
    /// Weight of the relational distances within a batch.
    pub relational: f64,
    /// Whether a picture's target is the mean over its stored views instead of the vector of the view that is seen.
    pub mean_of_views: bool,
}

/// How the network learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSettings {
    /// Passes over the pictures.
    pub epochs: u64,
    /// Pictures per optimiser step, over all processes.
    pub batch: usize,
    /// Parts that a process divides its share of a batch into.
    pub accumulate: usize,
    /// Peak learning rate.
    pub rate: f64,
    /// Heads learn this many times as fast.
    pub head_rate_factor: f64,
    /// Decoupled weight decay of the network's matrices.
    pub weight_decay: f64,
    /// Share of the steps that warm up; METHOD 2: 5 of 20 epochs.
    pub warm_up: f64,
    /// Decay of the weights' moving average; METHOD 2: 0.999.
    pub ema: f64,
    /// The gradients' largest joint norm.
    pub clip_norm: f64,
    /// Share of the pictures that may be unreadable.
    pub unreadable: f64,
}

/// How the rate falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Its shape.
    pub kind: Shape,
    /// The cosine's last rate.
    pub floor: f64,
    /// Multi-step: epochs at whose beginning the rate falls.
    pub milestones: Vec<u64>,
    /// Multi-step: by which factor.
    pub factor: f64,
}

/// The shape of a rate's fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Half a cosine.
    Cosine,
    /// Steps.
    MultiStep,
}

/// What is looked at after each epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationSettings {
    /// Most pictures that ask, and most that are asked; 0 for no validation.
    pub pictures: usize,
    /// Which epoch's weights become the run's network.
    pub keep: Keep,
}

/// Which epoch's weights become the run's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those that validation finds best.
    Best,
    /// The last ones.
    Last,
}

/// What is kept to go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointSettings {
    /// How many of the latest; the best by validation is kept besides.
    pub keep: usize,
    /// Steps between them within an epoch, whose end always has one; 0 for none within.
    pub every: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            network: NetworkSettings::default(),
            mining: MiningOptions::default(),
            objective: ObjectiveSettings::default(),
            distil: DistilSettings::default(),
            training: TrainingSettings::default(),
            schedule: ScheduleSettings::default(),
            augmentation: Augmentation::default(),
            validation: ValidationSettings::default(),
            checkpoints: CheckpointSettings::default(),
        }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            name: "efficientnet-lite0".into(),
            weights: "published".into(),
            size: 128,
            embedding: 0,
            freeze: "none".into(),
            stored_views: 4,
            drop_path: 0.0,
            precision: Arithmetic::F32,
        }
    }
}

impl Default for ObjectiveSettings {
    fn default() -> Self {
        Self {
            softmax: 1.0,
            poly: 0.0,
            negatives: 0,
            cosine_scale: 0.0,
            binary: 0.0,
            positive_weight: 10.0,
            meta_category: 0.0,
            second_category: 0.0,
            leaf_category: 0.0,
            contrastive: 0.0,
            contrastive_dim: 256,
            text_width: 256,
        }
    }
}

impl Default for DistilSettings {
    fn default() -> Self {
        Self {
            cosine: 1.0,
            relational: 0.5,
            mean_of_views: true,
        }
    }
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch: 64,
            accumulate: 1,
            rate: 5e-4,
            head_rate_factor: 10.0,
            weight_decay: 1e-4,
            warm_up: 0.25,
            ema: 0.999,
            clip_norm: 0.0,
            unreadable: 0.01,
        }
    }
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            kind: Shape::Cosine,
            floor: 1e-6,
            milestones: Vec::new(),
            factor: 0.1,
        }
    }
}

impl Default for ValidationSettings {
    fn default() -> Self {
        Self {
            pictures: 5000,
            keep: Keep::Best,
        }
    }
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self {
            keep: 2,
            every: 500,
        }
    }
}

impl NetworkSettings {
    /// The value of `network` up to which it stays as it starts; 0 where all of it learns. Errors: E103 for a cut that
    /// `network` does not have.
    pub fn frozen(&self, network: &Network) -> Result<usize, Fault> {
        if self.freeze == "none" {
            return Ok(0);
        }
        network.cut(&self.freeze).ok_or_else(|| {
            let known: Vec<&str> = network.cuts.iter().map(|cut| cut.name.as_str()).collect();
            Fault::new(
                Code::SettingsValue,
                format!(
                    "none or one of {} to freeze {} up to",
                    known.join(", "),
                    network.name
                ),
                format!("{:?}", self.freeze),
                "correct network.freeze, or the option --freeze",
            )
        })
    }
}

impl Settings {
    /// Refuses values out of their range (E103), and settings that teach nothing (E611).
    pub fn check(&self) -> Result<(), Fault> {
        let (n, o, t, s) = (
            &self.network,
            &self.objective,
            &self.training,
            &self.schedule,
        );
        if let Some(network) = by_name(&n.name) {
            n.frozen(&network)?;
        }
        within("network.size", f64::from(n.size), 32.0, 1024.0)?;
        within("network.embedding", n.embedding as f64, 0.0, 65_536.0)?;
        within("network.stored_views", n.stored_views as f64, 1.0, 1024.0)?;
        within("network.drop_path", n.drop_path, 0.0, 0.99)?;
        let weights = [
            ("softmax", o.softmax),
            ("poly", o.poly),
            ("cosine_scale", o.cosine_scale),
            ("binary", o.binary),
            ("positive_weight", o.positive_weight),
            ("meta_category", o.meta_category),
            ("second_category", o.second_category),
            ("leaf_category", o.leaf_category),
            ("contrastive", o.contrastive),
        ];
        for (name, value) in weights {
            within(&format!("objective.{name}"), value, 0.0, 1e6)?;
        }
        within(
            "objective.contrastive_dim",
            f64::from(o.contrastive_dim),
            1.0,
            65_536.0,
        )?;
        within(
            "objective.text_width",
            f64::from(o.text_width),
            1.0,
            65_536.0,
        )?;
        within("distil.cosine", self.distil.cosine, 0.0, 1e6)?;
        within("distil.relational", self.distil.relational, 0.0, 1e6)?;
        within("training.epochs", t.epochs as f64, 1.0, 1e6)?;
        within("training.batch", t.batch as f64, 1.0, 1e6)?;
        within("training.accumulate", t.accumulate as f64, 1.0, 1e4)?;
        within("training.rate", t.rate, 1e-12, 1e3)?;
        within("training.head_rate_factor", t.head_rate_factor, 0.0, 1e6)?;
        within("training.weight_decay", t.weight_decay, 0.0, 10.0)?;
        within("training.warm_up", t.warm_up, 0.0, 1.0)?;
        within("training.ema", t.ema, 0.0, 0.999_999_9)?;
        within("training.clip_norm", t.clip_norm, 0.0, 1e9)?;
        within("training.unreadable", t.unreadable, 0.0, 1.0)?;
        within("schedule.floor", s.floor, 0.0, t.rate)?;
        within("schedule.factor", s.factor, 0.0, 1.0)?;
        within("checkpoints.keep", self.checkpoints.keep as f64, 1.0, 1e6)?;
        match [
            o.softmax,
            o.binary,
            o.meta_category,
            o.second_category,
            o.leaf_category,
            o.contrastive,
        ]
        .iter()
        .any(|&weight| weight > 0.0)
        {
            true => Ok(()),
            false => Err(Fault::new(
                Code::ObjectiveMissing,
                "an objective with a weight above 0",
                "none",
                "set objective.softmax = 1",
            )),
        }
    }
}

fn within(name: &str, value: f64, least: f64, most: f64) -> Result<(), Fault> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Fault::new(
        Code::SettingsValue,
        format!("{name} of {least} to {most}"),
        value.to_string(),
        "correct the settings file or the option --set",
    ))
}
