//! Test sets that are drawn or fetched here. What was made once lies in the work folder and is used again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use skueye_models::Fault;

use super::set::{About, TestSet};
use crate::data::Dataset;
use crate::evaluate::EvaluationSet;
use crate::fetch::{EmojiOptions, MakersOptions, emoji, makers};
use crate::synth::{SynthOptions, Vocabulary, generate};

/// Kiosk photos of each product that ask.
const ASKING: usize = 2;

/// Added to the seed of `synth-unseen`, so that no data set of a small seed shares its designs either.
const UNSEEN: u64 = 9_000_000;

/// What is enrolled of a set that has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Enrol {
    /// Photos by the kiosk's camera, as an operator takes them.
    Camera,
    /// Studio photos, as a listing has them.
    Listing,
}

/// How sets are made.
#[derive(Debug, Clone)]
pub struct MadeOptions {
    /// Where they lie.
    pub work: PathBuf,
    /// Where fetched packages stay.
    pub cache: PathBuf,
    /// Products of `synth-unseen`.
    pub products: usize,
    /// Where randomness begins.
    pub seed: u64,
    /// What is enrolled of `synth-unseen`.
    pub enrol: Enrol,
    /// Shots of each product at most.
    pub shots: usize,
}

/// Products of brands, package shapes and fonts that no training set draws. A fifth as many again are asked for and not
/// stocked; a quarter of those are siblings of products that are.
pub fn synth_unseen(options: &MadeOptions) -> Result<TestSet, Fault> {
    let (products, seed, shots) = (options.products, options.seed, options.shots);
    let folder = format!("synth-unseen-{products}-{shots}-{seed}");
    let dataset = kept(&options.work.join(folder), |root| {
        let synth = SynthOptions {
            seed: UNSEEN.saturating_add(seed),
            vocabulary: Vocabulary::Unseen,
            train_products: 0,
            val_products: 0,
            eval_products: products,
            unknown_products: products.div_ceil(5),
            listing_per_product: shots,
            kiosk_per_product: shots + ASKING,
            presentations: 0,
            unknown_presentations: 0,
            ..SynthOptions::default()
        };
        generate(root, &synth).map(|_| ())
    })?;
    let enrolled = match options.enrol {
        Enrol::Camera => "photos by the kiosk's camera are enrolled, other such photos ask",
        Enrol::Listing => "studio photos are enrolled, photos by the kiosk's camera ask",
    };
    let about = about(&dataset, "synth-unseen", enrolled);
    let set = EvaluationSet::load(&dataset)?;
    let by_camera = options.enrol == Enrol::Camera;
    let mut numbers = BTreeMap::new();
    let line = |product: &skueye_models::Product| {
        let next = numbers.len();
        *numbers.entry(product.category.clone()).or_insert(next)
    };
    let lines = set.products.iter().map(line).collect();
    TestSet {
        lines: Some(lines),
        ..TestSet::of_evaluation(&set, about, shots, by_camera)
    }
    .checked()
}

/// The concepts of the makers set that are not trained on.
pub fn makers_unseen(options: &MadeOptions) -> Result<TestSet, Fault> {
    let seed = options.seed;
    let dataset = kept(&options.work.join(format!("makers-{seed}")), |root| {
        let makers_options = MakersOptions {
            seed,
            ..MakersOptions::default()
        };
        makers(root, &options.cache, makers_options)
    })?;
    let protocol = "one maker's drawing asks, the other makers' (2 to 4) are enrolled; concepts that `fetch makers` of this \
                    seed does not train on. One thing in another hand: not product retrieval";
    drawings(&dataset, "makers-unseen", protocol)
}

/// Emoji by four makers: those that the makers set of this seed does not train on.
pub fn emoji_datasource(options: &MadeOptions) -> Result<TestSet, Fault> {
    let seed = options.seed;
    let dataset = kept(
        &options.work.join(format!("emoji-untrained-{seed}")),
        |root| {
            emoji(
                root,
                &options.cache,
                EmojiOptions {
                    seed,
                    without_makers: Some(seed),
                    ..EmojiOptions::default()
                },
            )
        },
    )?;
    let protocol = "one maker's drawing asks at 64 and at 32 pixels, the other three makers' at 64 are enrolled; items with \
                    skin tones count once, and those that `fetch makers` of this seed trains on are left out. One thing in another hand: not product retrieval";
    drawings(&dataset, "emoji-datasource", protocol)
}

fn drawings(dataset: &Dataset, name: &str, protocol: &str) -> Result<TestSet, Fault> {
    let set = EvaluationSet::load(dataset)?;
    TestSet::of_evaluation(&set, about(dataset, name, protocol), 0, false).checked()
}

/// The data set at `root`, which `make` makes unless it is there.
fn kept(root: &Path, make: impl FnOnce(&Path) -> Result<(), Fault>) -> Result<Dataset, Fault> {
    if !root.exists() {
        make(root)?;
    }
    Dataset::open(root)
}

fn about(dataset: &Dataset, name: &str, protocol: &str) -> About {
    let info = dataset.info();
    About {
        name: name.to_owned(),
        synthetic: info.is_some_and(|info| info.synthetic),
        source: info.map_or(String::new(), |info| info.source.clone()),
        protocol: protocol.to_owned(),
        recalls: Vec::new(),
    }
}
