//! `skueye-train data synth`: packaged goods with exact identity, photographed in a studio and at a kiosk.
//!
//! Product lines have brand, shape, colours and layout; members of a line differ in flavour (colour, picture and text of a
//! band) or in size text alone. Every picture draws from its own random stream, keyed by seed, purpose, product and view, so
//! the result does not depend on threads. Artwork is drawn per product and dropped: only table rows stay in memory.
//!
//! | module | subject |
//! |---|---|
//! | `rng` | keyed random streams |
//! | `goods` | what is sold, and how sellers write it |
//! | `print` | what is printed on packages |
//! | `solid` | bodies, light and camera |
//! | `photo` | photographs and the replay |
//! | `studio` | photographs every product of a plan |
//! | `sheet` | a picture that shows the data |

mod goods;
mod photo;
mod print;
mod rng;
mod sheet;
mod solid;
mod studio;
#[cfg(test)]
mod tests;

use std::path::Path;

use skueye_models::{Code, Fault};

use crate::data::{Dataset, DatasetInfo, DatasetWriter};
use goods::names;
use goods::plan::{Entry, plan};
use goods::product::{LINES_PER_BRAND, Product};
use photo::backdrop::Backdrops;
use photo::replay;
use photo::scene::{Subject, Surroundings};
use print::art::Artwork;
use studio::Studio;

pub use sheet::contact_sheet;

/// Which brands, package shapes and fonts are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Vocabulary {
    /// Those that training sees.
    #[default]
    Training,
    /// Others, for measuring alone: no data set that is trained on may draw them.
    Unseen,
}

impl Vocabulary {
    /// What a data set drawn with it is called.
    pub fn data_name(self) -> &'static str {
        match self {
            Self::Training => "synth",
            Self::Unseen => "synth-unseen",
        }
    }
}

/// What to generate. Equal options give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthOptions {
    /// Where all randomness begins.
    pub seed: u64,
    /// Brands, shapes and fonts.
    pub vocabulary: Vocabulary,
    /// Products to train with.
    pub train_products: usize,
    /// Products of other brands than those of training, for choices and thresholds.
    pub val_products: usize,
    /// Products of other brands: their listing photos are the index, their kiosk photos are queries.
    pub eval_products: usize,
    /// Products that are asked for and not in the index; a quarter are siblings of products that are.
    pub unknown_products: usize,
    /// Studio photos per product.
    pub listing_per_product: usize,
    /// Kiosk photos per product.
    pub kiosk_per_product: usize,
    /// Edge of the square photos, pixels, 32 to 2048.
    pub size: u32,
    /// Presentations of products of the index in the replay.
    pub presentations: usize,
    /// Presentations of unknown products in the replay.
    pub unknown_presentations: usize,
    /// Frames of each presentation in which the product rests, at least 1; now and then there is one more.
    pub frames_per_presentation: usize,
    /// Width and height of the replay's frames, pixels, 32 to 4096.
    pub frame_size: [u32; 2],
}

impl Default for SynthOptions {
    /// The quick start: about 3,500 photos and 480 frames.
    fn default() -> Self {
        Self {
            seed: 1,
            vocabulary: Vocabulary::Training,
            train_products: 330,
            val_products: 40,
            eval_products: 130,
            unknown_products: 40,
            listing_per_product: 4,
            kiosk_per_product: 3,
            size: 192,
            presentations: 24,
            unknown_presentations: 8,
            frames_per_presentation: 5,
            frame_size: [480, 360],
        }
    }
}

/// Items of no product that stand about in kiosk photos.
const DECOYS: u64 = 24;

/// Writes the data set of `options` to `root`, which must be absent or empty.
///
/// Errors: E103 for options out of range, E510 where `root` holds something, E901 for the file system.
pub fn generate(root: &Path, options: &SynthOptions) -> Result<DatasetInfo, Fault> {
    let plan = checked_plan(options)?;
    let writer = DatasetWriter::create(root)?;
    let arts: Vec<Artwork> = (0..DECOYS).map(|i| decoy(options, i)).collect();
    let surroundings = Surroundings {
        backdrops: Backdrops::new(options.seed),
        decoys: arts.iter().map(Subject::new).collect(),
    };
    let studio = Studio {
        options,
        surroundings: &surroundings,
        writer: &writer,
    };
    let (products, images) = studio.photograph(&plan)?;
    let presentations = replay::film(&studio, &plan)?;
    let info = DatasetInfo {
        name: options.vocabulary.data_name().to_owned(),
        synthetic: true,
        source: format!("skueye-train synth {}", env!("CARGO_PKG_VERSION")),
        licence: "MIT OR Apache-2.0".to_owned(),
        seed: Some(options.seed),
        images: Default::default(),
        products: Default::default(),
        frames: 0,
    };
    writer.finish(info, &products, &images, &presentations)?;
    Dataset::open(root)?
        .info()
        .cloned()
        .ok_or_else(|| unexplained(root))
}

fn unexplained(root: &Path) -> Fault {
    Fault::new(
        Code::DataLayout,
        "the description just written",
        "none",
        "check the disk",
    )
    .at(root)
}

/// The lines from here on belong to decoys.
fn decoy_line(i: u64) -> u64 {
    (names::COUNT - 1 - i) * LINES_PER_BRAND
}

fn decoy(options: &SynthOptions, i: u64) -> Artwork {
    let serial = u64::from(u32::MAX) + i;
    let product = Product::new(options.seed, options.vocabulary, decoy_line(i), 0, serial);
    Artwork::new(options.seed, &product, options.size as f32)
}

/// The plan, once it is sure that it can be carried out.
fn checked_plan(options: &SynthOptions) -> Result<Vec<Entry>, Fault> {
    let refuse = |expected: &str, got: String| {
        Err(Fault::new(
            Code::SettingsValue,
            expected,
            got,
            "change the option",
        ))
    };
    if !(32..=2048).contains(&options.size) {
        return refuse("a picture size of 32 to 2048", options.size.to_string());
    }
    if !options
        .frame_size
        .iter()
        .all(|side| (32..=4096).contains(side))
    {
        return refuse(
            "frame sides of 32 to 4096",
            format!("{:?}", options.frame_size),
        );
    }
    let per_product = options
        .listing_per_product
        .saturating_add(options.kiosk_per_product);
    if !(1..=1 << 16).contains(&per_product) {
        return refuse("1 to 65,536 photos per product", per_product.to_string());
    }
    let counts = [
        options.train_products,
        options.val_products,
        options.eval_products,
        options.unknown_products,
    ];
    let products = counts.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
    if !(1..=MAX_PRODUCTS).contains(&products) {
        return refuse("1 to 250,000 products", products.to_string());
    }
    if options.presentations > 0 && options.eval_products == 0 {
        return refuse("eval products to present", "none".to_owned());
    }
    if options.unknown_presentations > 0 && options.unknown_products == 0 {
        return refuse("unknown products to present", "none".to_owned());
    }
    if !(1..=100).contains(&options.frames_per_presentation) {
        return refuse(
            "1 to 100 frames of rest",
            options.frames_per_presentation.to_string(),
        );
    }
    Ok(plan(options))
}

/// At three products a line or more, this many products leave brand names to the decoys.
const MAX_PRODUCTS: usize = 250_000;
