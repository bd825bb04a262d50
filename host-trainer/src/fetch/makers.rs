//! The cross-maker data set: the same thing drawn by several makers. Real drawings that no one here made.
//!
//! It measures whether a network knows a thing again in another hand. That is *not* product retrieval, where one printed
//! package is photographed twice; every place that shows its figures says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use skueye_models::{Fault, Gtin};

use super::concepts::{Concept, Drawing, concepts};
use super::distinct::distinct;
use super::draw::draw;
use super::icons::IconSet;
use super::package::{Package, Registry};
use crate::data::layout::uuid;
use crate::data::{DatasetInfo, DatasetWriter, ImageRow, Look, ProductRow, Split};
use crate::progress::Step;

const NAME: &str = "makers";
/// GS1 keeps numbers that begin with 2 for use inside a shop; no real product has them.
const FIRST_GTIN_BODY: u64 = 290_000_000_000;

const fn npm(name: &'static str, version: &'static str, sha256: &'static str) -> Package {
    Package {
        registry: Registry::Npm,
        name,
        version,
        sha256,
    }
}

/// The sets. `fluent-emoji` is left out: it is `fluent-emoji-flat` with shading, by the same maker, so that a pair of
/// the two would be the same drawing twice.
const SETS: [(&str, Package); 5] = [
    (
        "noto",
        npm(
            "@iconify-json/noto",
            "1.2.9",
            "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        ),
    ),
    (
        "twemoji",
        npm(
            "@iconify-json/twemoji",
            "1.2.5",
            "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        ),
    ),
    (
        "fluent-emoji-flat",
        npm(
            "@iconify-json/fluent-emoji-flat",
            "1.2.6",
            "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        ),
    ),
    (
        "emojione",
        npm(
            "@iconify-json/emojione",
            "1.2.3",
            "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        ),
    ),
    (
        "noto-v1",
        npm(
            "@iconify-json/noto-v1",
            "1.2.5",
            "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        ),
    ),
];

/// How to lay out the cross-maker set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MakersOptions {
    /// Decides which concepts go to which split.
    pub seed: u64,
    /// Width and height of the pictures, pixels.
    pub size: u16,
    /// A concept is used where at least this many makers drew it.
    pub min_makers: usize,
    /// The share of the concepts that is trained on.
    pub train: f64,
    /// The share of the concepts that is validated on.
    pub val: f64,
    /// The share of the remaining concepts that the index lacks.
    pub unknown: f64,
}

impl Default for MakersOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            size: 192,
            min_makers: 3,
            train: 0.6,
            val: 0.1,
            unknown: 0.15,
        }
    }
}

/// What becomes of a concept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// All drawings are listings of this split.
    Listed(Split),
    /// One drawing asks, the others are the index.
    Known,
    /// One drawing asks, and the index lacks the concept.
    Unknown,
}

/// Fetches the icon sets into `cache`, draws them, and writes the data set at `root`.
///
/// Errors: E510 where `root` holds something, E902 to E904 for the fetching, E901.
pub fn makers(root: &Path, cache: &Path, options: MakersOptions) -> Result<(), Fault> {
    let writer = DatasetWriter::create(root)?;
    let sets = read(cache)?;
    let concepts = distinct(concepts(&sets, options.min_makers), options.min_makers)?;
    let plan = plan(&concepts, options)?;
    let step = Step::new("draw", plan.len() as u64);
    plan.par_iter().try_for_each(|(row, drawing)| {
        writer.write_image(row, &draw(drawing.icon, options.size)?)?;
        step.advance(1);
        Ok::<_, Fault>(())
    })?;
    drop(step);
    writer.write_text("NOTICE", &notice(&sets))?;
    writer.write_text("truth/makers.csv", &whose(&plan, &sets))?;
    let rows: Vec<_> = plan.into_iter().map(|(row, _)| row).collect();
    writer.finish(info(&sets, options.seed), &products(&concepts)?, &rows, &[])
}

/// All sets, fetched into `cache`.
fn read(cache: &Path) -> Result<Vec<IconSet>, Fault> {
    let step = Step::new("fetch", SETS.len() as u64);
    let read = |(maker, package): &(&'static str, Package)| {
        let set = IconSet::read(maker, &package.fetch(cache)?);
        step.advance(1);
        set
    };
    SETS.iter().map(read).collect()
}

/// The emoji whose concepts the data set of `options` trains or validates on, by their code points as [`characters`] writes them.
///
/// Errors: E902 to E904 for the fetching, E901.
pub(super) fn learnt(cache: &Path, options: MakersOptions) -> Result<BTreeSet<String>, Fault> {
    let sets = read(cache)?;
    let concepts = distinct(concepts(&sets, options.min_makers), options.min_makers)?;
    Ok(learnt_of(&sets, &concepts, options))
}

/// As [`learnt`], of sets that were read.
pub(super) fn learnt_of(
    sets: &[IconSet],
    concepts: &[Concept],
    options: MakersOptions,
) -> BTreeSet<String> {
    let names: Vec<&str> = concepts.iter().map(|concept| concept.name).collect();
    let listed = roles(&names, options).into_iter();
    let listed = listed.filter(|(_, role)| matches!(role, Role::Listed(_)));
    let listed: BTreeSet<&str> = listed
        .flat_map(|(at, _)| &concepts[at].names)
        .copied()
        .collect();
    let of_all = sets.iter().flat_map(|set| &set.characters);
    of_all
        .filter(|(_, name)| listed.contains(name.as_str()))
        .map(|(code, _)| characters(code))
        .collect()
}

/// `code`, such as `0023-FE0F-20E3`, in the one way of writing it: without leading zeros and without the sign that asks for
/// a coloured picture, which some makers leave out.
pub(super) fn characters(code: &str) -> String {
    let code = code.to_ascii_lowercase();
    let points = code.split('-').map(|point| point.trim_start_matches('0'));
    let points: Vec<&str> = points.filter(|point| *point != "fe0f").collect();
    points.join("-")
}

/// Every picture to make, with its drawing.
pub(super) fn plan<'a>(
    concepts: &[Concept<'a>],
    options: MakersOptions,
) -> Result<Vec<(ImageRow, Drawing<'a>)>, Fault> {
    let categories: BTreeMap<&str, u32> = {
        let names: BTreeSet<_> = concepts.iter().map(|c| c.category).collect();
        names.into_iter().zip(1..).collect()
    };
    let mut plan = Vec::new();
    let names: Vec<&str> = concepts.iter().map(|concept| concept.name).collect();
    for (rank, (at, role)) in roles(&names, options).into_iter().enumerate() {
        let concept = &concepts[at];
        // The asking maker rotates, so that none is always the stranger.
        let asking = rank % concept.drawings.len();
        for (i, drawing) in concept.drawings.iter().enumerate() {
            let split = match role {
                Role::Listed(split) => split,
                _ if i == asking => Split::Query,
                Role::Known => Split::Index,
                Role::Unknown => continue,
            };
            let row = ImageRow {
                uuid: uuid(NAME, options.seed, (at * SETS.len() + drawing.maker) as u64),
                split,
                gtin: gtin(at)?,
                title: title(drawing.name, concept.category),
                categories: [categories[concept.category]; 3],
                look: Look::Drawing,
            };
            plan.push((row, *drawing));
        }
    }
    Ok(plan)
}

/// The role of each of `names` (by its place), in an order that seed and names alone decide.
pub(super) fn roles(names: &[&str], options: MakersOptions) -> Vec<(usize, Role)> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_cached_key(|&at| {
        let hash = Sha256::new().chain_update(options.seed.to_le_bytes());
        <[u8; 32]>::from(hash.chain_update(names[at]).finalize())
    });
    let share = |of: usize, share: f64| (of as f64 * share).round() as usize;
    let train = share(order.len(), options.train);
    let val = train + share(order.len(), options.val);
    let unknown = val + share(order.len().saturating_sub(val), options.unknown);
    let role = |rank| match rank {
        _ if rank < train => Role::Listed(Split::Train),
        _ if rank < val => Role::Listed(Split::Val),
        _ if rank < unknown => Role::Unknown,
        _ => Role::Known,
    };
    order
        .into_iter()
        .enumerate()
        .map(|(rank, at)| (at, role(rank)))
        .collect()
}

/// As a seller would list it: the maker's own words, and where it belongs.
fn title(name: &str, category: &str) -> String {
    let category = category.replace(" & ", " ").to_lowercase();
    format!("{} {category}", name.replace('-', " "))
        .trim_end()
        .to_owned()
}

fn gtin(concept: usize) -> Result<Gtin, Fault> {
    Gtin::from_body(FIRST_GTIN_BODY + concept as u64, 13)
}

fn products(concepts: &[Concept]) -> Result<Vec<ProductRow>, Fault> {
    let product = |(at, concept): (usize, &Concept)| {
        Ok(ProductRow {
            gtin: gtin(at)?,
            title: title(concept.name, concept.category),
            brand: String::new(),
            flavour: String::new(),
            size: String::new(),
            shape: String::new(),
            line: concept.category.to_owned(),
        })
    };
    concepts.iter().enumerate().map(product).collect()
}

fn info(sets: &[IconSet], seed: u64) -> DatasetInfo {
    let licences: Vec<_> = sets
        .iter()
        .map(|s| format!("{} ({})", s.info.license.spdx, s.info.name))
        .collect();
    DatasetInfo {
        name: NAME.into(),
        synthetic: false,
        source: SETS.map(|(_, package)| package.label()).join(", "),
        licence: licences.join(", "),
        seed: Some(seed),
        images: BTreeMap::new(),
        products: BTreeMap::new(),
        frames: 0,
    }
}

/// Which maker drew each picture. Names and makers need no quoting.
fn whose(plan: &[(ImageRow, Drawing)], sets: &[IconSet]) -> String {
    let mut lines: Vec<_> = plan
        .iter()
        .map(|(row, drawing)| format!("{},{}\n", row.uuid, sets[drawing.maker].maker))
        .collect();
    lines.sort_unstable();
    format!("UUID,MAKER\n{}", lines.concat())
}

fn notice(sets: &[IconSet]) -> String {
    let mut text = String::from(
        "Drawings of the following sets, taken from their Iconify packages, each drawn on white as a JPEG picture\n\
         and otherwise unchanged. truth/makers.csv says which picture is whose.\n",
    );
    for (set, (_, package)) in sets.iter().zip(SETS) {
        let (info, label) = (&set.info, package.label());
        text += &format!(
            "\n{} ({label})\n  by {}, {}\n",
            info.name, info.author.name, info.author.url
        );
        text += &format!("  {}, {}\n", info.license.spdx, info.license.url);
    }
    text
}
