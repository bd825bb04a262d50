//! Several data sets as one, so that one training sees them all.
//!
//! Rows follow each other set by set. Categories of two sets are never the same one: those of the second begin behind those
//! of the first. Names and products must differ; a replay stays with its set.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault, Gtin};

use super::layout::{COLUMNS, DatasetInfo, IMAGES, PRESENTATIONS, PRODUCTS, Split};
use super::place::{choose, place};
use super::reader::Dataset;
use super::rows::ListingRow;
use super::writer::DatasetWriter;
use crate::progress::Step;

/// In the root of a joined data set, what it holds of each source.
const SHARES: &str = "shares.json";
/// Pictures that are placed side by side.
const BATCH: usize = 512;

/// What a joined data set holds of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The source's name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// Whether its pictures were computed.
    pub synthetic: bool,
    /// Rows, by split.
    pub images: BTreeMap<Split, u64>,
    /// Of the training rows of all sources.
    pub share_of_training: f64,
}

/// Writes the data sets at `sources` as one at `out`; their pictures are linked where they can be, else copied.
///
/// Errors: E510 where `out` holds something, E507 and E502 to E505 for what cannot be read, E512 where two sets use a name
/// or a product for different things, E901.
pub fn join(sources: &[PathBuf], out: &Path) -> Result<Vec<Share>, Fault> {
    let open = |root: &PathBuf| Dataset::open(root);
    let datasets: Vec<Dataset> = sources.iter().map(open).collect::<Result<_, _>>()?;
    let writer = DatasetWriter::create(out)?;
    let mut shares: Vec<Share> = datasets.iter().map(Share::of).collect();
    let first = first_categories(&datasets)?;
    let step = Step::new("join", 0);
    for split in Split::ALL {
        write_split(&writer, &datasets, &first, split, &mut shares, &step)?;
    }
    drop(step);
    let products = write_truth(&writer, &datasets)?;
    for (at, dataset) in datasets.iter().enumerate() {
        let notice = dataset.root().join("NOTICE");
        if let Ok(text) = std::fs::read_to_string(&notice) {
            writer.write_text(&format!("NOTICE.{}-{}", at + 1, shares[at].name), &text)?;
        }
    }
    let rows: u64 = shares.iter().map(Share::training).sum();
    for share in &mut shares {
        share.share_of_training = share.training() as f64 / rows.max(1) as f64;
    }
    let text = serde_json::to_string_pretty(&shares).expect("plain values") + "\n";
    writer.write_text(SHARES, &text)?;
    writer.finish_tables(&info(&shares, &datasets, products))?;
    Ok(shares)
}

impl Share {
    /// Those of the joined data set at `root`. Errors: E507 where it is none, E901.
    pub fn read(root: &Path) -> Result<Vec<Self>, Fault> {
        let path = root.join(SHARES);
        let text = std::fs::read(&path).map_err(|e| Fault::io("read", &path, &e))?;
        serde_json::from_slice(&text).map_err(|e| {
            let expected = "the shares of a data set that `data join` wrote";
            Fault::new(
                Code::DataLayout,
                expected,
                e.to_string(),
                "join the sets again",
            )
            .at(&path)
        })
    }

    fn of(dataset: &Dataset) -> Self {
        let info = dataset.info();
        let folder = dataset.root().file_name().unwrap_or_default();
        Self {
            name: info.map_or(folder.to_string_lossy().into(), |info| info.name.clone()),
            licence: info.map_or("unknown".into(), |info| info.licence.clone()),
            synthetic: info.is_some_and(|info| info.synthetic),
            images: BTreeMap::new(),
            share_of_training: 0.0,
        }
    }

    fn training(&self) -> u64 {
        self.images.get(&Split::Train).copied().unwrap_or(0)
    }
}

/// For each set and level what is added to its category numbers, so that no two sets share one.
fn first_categories(datasets: &[Dataset]) -> Result<Vec<[u32; 3]>, Fault> {
    let mut first = vec![[0u32; 3]];
    for dataset in datasets {
        let own = *first.last().expect("begins with one");
        let mut beyond = own;
        for split in [Split::Train, Split::Val] {
            for row in rows(dataset, split)? {
                for (level, number) in row?.categories.into_iter().enumerate() {
                    let number = number.unwrap_or(0);
                    let next = own[level]
                        .checked_add(number)
                        .and_then(|n| n.checked_add(1));
                    let next = next.ok_or_else(|| too_many_categories(dataset, number))?;
                    beyond[level] = beyond[level].max(next);
                }
            }
        }
        first.push(beyond);
    }
    Ok(first)
}

/// The rows of `split` of every set that has some, and their pictures.
fn write_split(
    writer: &DatasetWriter,
    datasets: &[Dataset],
    first: &[[u32; 3]],
    split: Split,
    shares: &mut [Share],
    step: &Step,
) -> Result<(), Fault> {
    let mut table = writer.table(&split.table(), &COLUMNS)?;
    let mut seen = HashSet::new();
    for (at, dataset) in datasets.iter().enumerate() {
        let mut placement = None;
        let mut rows = rows(dataset, split)?.peekable();
        while rows.peek().is_some() {
            let batch: Vec<ListingRow> = rows.by_ref().take(BATCH).collect::<Result<_, _>>()?;
            let placement = match placement {
                Some(chosen) => chosen,
                None => *placement.insert(choose(writer, &batch[0].image)?),
            };
            let paths: Vec<String> = batch.iter().map(|row| path(at, dataset, row)).collect();
            batch
                .par_iter()
                .zip(&paths)
                .try_for_each(|(row, path)| place(writer, &row.image, path, placement))?;
            for (row, path) in batch.iter().zip(paths) {
                if !seen.insert(row.uuid.clone()) {
                    return Err(twice(dataset, "picture", &row.uuid));
                }
                let [meta, second, leaf] = [0, 1, 2].map(|level| {
                    let number = row.categories[level].filter(|_| split.has_titles());
                    number.map(|number| first[at][level] + number)
                });
                table.row((&row.uuid, path, &row.title, meta, second, leaf))?;
                *shares[at].images.entry(split).or_default() += 1;
            }
            step.advance(batch.len() as u64);
        }
    }
    table.finish()
}

/// The rows of `split`, none where its table has none.
fn rows(
    dataset: &Dataset,
    split: Split,
) -> Result<impl Iterator<Item = Result<ListingRow, Fault>>, Fault> {
    let rows = dataset.rows(split)?;
    Ok(rows.filter(|row| !matches!(row, Err(fault) if fault.code() == Code::DataEmpty)))
}

/// Where the picture of `row` of set `at` goes: its old path with the set's number before the file's name.
fn path(at: usize, dataset: &Dataset, row: &ListingRow) -> String {
    let old = row.image.strip_prefix(dataset.root());
    let old = old.unwrap_or(&row.image);
    let name = old.file_name().unwrap_or_default().to_string_lossy();
    let folder = old.parent().unwrap_or(Path::new("Images"));
    format!("{}/{}-{name}", folder.display(), at + 1)
}

/// The ground truth of all sets that have one; gives how many different products each split shows.
fn write_truth(
    writer: &DatasetWriter,
    datasets: &[Dataset],
) -> Result<BTreeMap<Split, u64>, Fault> {
    let open = |(path, columns)| writer.table(Path::new(path), columns);
    let mut products = open(PRODUCTS)?;
    let mut images = open(IMAGES)?;
    open(PRESENTATIONS)?.finish()?;
    let mut known: BTreeMap<Gtin, usize> = BTreeMap::new();
    let mut shown: BTreeMap<Split, BTreeSet<Gtin>> = BTreeMap::new();
    for (at, dataset) in datasets.iter().enumerate() {
        for product in dataset.products()?.unwrap_or_default() {
            if known.insert(product.gtin, at).is_some() {
                return Err(twice(dataset, "product", &product.gtin.to_string()));
            }
            products.row(product)?;
        }
        if let Some(rows) = dataset.image_truth_rows()? {
            for row in rows {
                let row = row?;
                shown.entry(row.split).or_default().insert(row.gtin);
                images.row(row)?;
            }
        }
    }
    products.finish()?;
    images.finish()?;
    let count = |(split, gtins): (Split, BTreeSet<Gtin>)| (split, gtins.len() as u64);
    Ok(shown.into_iter().map(count).collect())
}

fn info(shares: &[Share], datasets: &[Dataset], products: BTreeMap<Split, u64>) -> DatasetInfo {
    let joined = |text: fn(&Share) -> &str| {
        let texts: Vec<&str> = shares.iter().map(text).collect();
        texts.join(" + ")
    };
    let source = |dataset: &Dataset| dataset.info().map(|info| info.source.clone());
    let sources: Vec<String> = datasets.iter().filter_map(source).collect();
    let mut images = BTreeMap::new();
    for (split, count) in shares.iter().flat_map(|share| &share.images) {
        *images.entry(*split).or_default() += count;
    }
    DatasetInfo {
        name: joined(|share| &share.name),
        synthetic: shares.iter().all(|share| share.synthetic),
        source: sources.join(" + "),
        licence: joined(|share| &share.licence),
        seed: None,
        images,
        products,
        frames: 0,
    }
}

fn twice(dataset: &Dataset, what: &str, name: &str) -> Fault {
    let expected = format!("every {what} in one of the data sets");
    let remedy = "draw the sets with different seeds, or join others";
    Fault::new(
        Code::DataConflict,
        expected,
        format!("{name} a second time"),
        remedy,
    )
    .at(dataset.root())
}

fn too_many_categories(dataset: &Dataset, number: u32) -> Fault {
    let expected = "category numbers that can be kept apart";
    let remedy = "number the categories from 1";
    Fault::new(Code::DataRow, expected, number.to_string(), remedy).at(dataset.root())
}
