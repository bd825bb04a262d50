//! What a data folder holds and where.
//!
//! ```text
//! dataset.json                                    name, origin, licence, counts (ours; eProduct has none)
//! Images/{train,val,index,query_part1}/ab/abcd….jpg
//! metadata/{train,val,index,query_part1}.csv      UUID,IMAGE_PATH,AUCT_TITL,META_CATEG_ID,CATEG_LVL2_ID,LEAF_CATEG_ID
//! truth/{products,images,presentations}.csv       which product each picture shows (ours)
//! replay/000000.jpg …                             frames of a fixed camera, in order (optional)
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use skueye_models::Gtin;

/// The columns of every metadata table, in the order they are written.
pub const COLUMNS: [&str; 6] = [
    "UUID",
    "IMAGE_PATH",
    "AUCT_TITL",
    "META_CATEG_ID",
    "CATEG_LVL2_ID",
    "LEAF_CATEG_ID",
];
/// The file that describes the data set, in its root.
pub const INFO_FILE: &str = "dataset.json";
/// A table of the ground truth: its path below the root, and its columns.
pub(super) type TruthTable = (&'static str, &'static [&'static str]);
pub(super) const PRODUCTS: TruthTable = (
    "truth/products.csv",
    &["GTIN", "TITLE", "BRAND", "FLAVOUR", "SIZE", "SHAPE", "LINE"],
);
pub(super) const IMAGES: TruthTable = ("truth/images.csv", &["UUID", "SPLIT", "GTIN", "LOOK"]);
pub(super) const PRESENTATIONS: TruthTable = (
    "truth/presentations.csv",
    &[
        "PRESENTATION",
        "FIRST_FRAME",
        "LAST_FRAME",
        "FIRST_STILL",
        "LAST_STILL",
        "GTIN",
        "KNOWN",
        "X",
        "Y",
        "W",
        "H",
    ],
);
pub(super) const FORMAT: &str = "skueye-dataset";
pub(super) const VERSION: u32 = 1;

/// What a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training listings, with titles.
    Train,
    /// Validation listings, with titles.
    Val,
    /// The pictures that queries are answered from; no titles.
    Index,
    /// The pictures to answer; no titles.
    Query,
}

impl Split {
    /// All splits, in the order of the data set.
    pub const ALL: [Split; 4] = [Split::Train, Split::Val, Split::Index, Split::Query];

    /// The name of its picture folder and of its table, as eProduct has them.
    pub fn folder(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Index => "index",
            Split::Query => "query_part1",
        }
    }

    /// Whether its table carries titles and categories.
    pub fn has_titles(self) -> bool {
        matches!(self, Split::Train | Split::Val)
    }

    /// Its table, relative to the root.
    pub fn table(self) -> PathBuf {
        format!("metadata/{}.csv", self.folder()).into()
    }
}

/// How a picture was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// A studio photo of a shop listing.
    Listing,
    /// A photo as a kiosk's camera takes it.
    Kiosk,
    /// A drawing.
    Drawing,
}

/// One picture with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// Its name: 8 to 64 lower-case hexadecimal digits and hyphens. [`uuid`] makes them.
    pub uuid: String,
    /// What it is for.
    pub split: Split,
    /// The product it shows.
    pub gtin: Gtin,
    /// The listing's title; written for splits with titles only.
    pub title: String,
    /// Meta, second-level and leaf category; written for splits with titles only.
    pub categories: [u32; 3],
    /// How it was made.
    pub look: Look,
}

impl ImageRow {
    /// Where the picture lies, relative to the root: `Images/<split>/<2 digits>/<uuid>.jpg`.
    pub fn image_path(&self) -> String {
        let start = self.uuid.get(..2).unwrap_or("00");
        format!("Images/{}/{start}/{}.jpg", self.split.folder(), self.uuid)
    }
}

/// One product of the ground truth. Fields that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct ProductRow {
    /// Its number.
    pub gtin: Gtin,
    /// Its name without noise.
    pub title: String,
    /// Brand printed on it.
    pub brand: String,
    /// Flavour or variant.
    pub flavour: String,
    /// Size text, such as `500 ml`.
    pub size: String,
    /// Package shape.
    pub shape: String,
    /// The product line: products of one line differ in flavour or size only.
    pub line: String,
}

/// One product held to the camera during the replay; frame numbers are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct PresentationRow {
    /// Its ordinal, from 0.
    pub presentation: u64,
    /// First frame in which any of the product is seen.
    pub first_frame: u64,
    /// Last frame in which any of the product is seen.
    pub last_frame: u64,
    /// First frame in which the product rests.
    pub first_still: u64,
    /// Last frame in which the product rests.
    pub last_still: u64,
    /// The product shown.
    pub gtin: Gtin,
    /// Whether the product is in the index.
    pub known: bool,
    /// Left edge of the product at rest, pixels.
    pub x: u32,
    /// Upper edge of the product at rest, pixels.
    pub y: u32,
    /// Width of the product at rest, pixels.
    pub w: u32,
    /// Height of the product at rest, pixels.
    pub h: u32,
}

/// Which product a picture shows: a row of the ground truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct ImageTruth {
    /// The picture's name.
    pub uuid: String,
    /// What it is for.
    pub split: Split,
    /// The product it shows.
    pub gtin: Gtin,
    /// How it was made.
    pub look: Look,
}

/// Where a data set comes from and what it holds: `dataset.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetInfo {
    /// Short name, such as `synth` or `makers`.
    pub name: String,
    /// Whether the pictures were computed rather than taken or drawn by people. Reports say so.
    pub synthetic: bool,
    /// Where it comes from: generator or packages with versions.
    pub source: String,
    /// Licence or licences of the pictures.
    pub licence: String,
    /// The seed it was made with, where one was.
    pub seed: Option<u64>,
    /// Pictures per split. The writer counts them.
    #[serde(default)]
    pub images: BTreeMap<Split, u64>,
    /// Different products per split. The writer counts them.
    #[serde(default)]
    pub products: BTreeMap<Split, u64>,
    /// Frames of the replay. The writer counts them.
    #[serde(default)]
    pub frames: u64,
}

/// A name for the picture `ordinal` of the data set `name` with `seed`: 32 hexadecimal digits (half of a SHA-256).
pub fn uuid(name: &str, seed: u64, ordinal: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update(seed.to_le_bytes());
    hash.update(ordinal.to_le_bytes());
    hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether `text` can name a picture that this program writes. Nothing that could leave the folder passes.
pub fn uuid_is_valid(text: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (8..=64).contains(&text.len())
        && text.bytes().take(2).all(hex)
        && text.bytes().all(|b| hex(b) || b == b'-')
}
