//! The pictures that a model is measured and calibrated on, with what they show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use skueye_models::{Code, Fault, Gtin, Product};

use super::{Metrics, TOP, Truth, float_ranking};
use crate::data::{Dataset, ListingRow, Look, ProductRow, Split};
use crate::vectors::UnitVectors;

/// At most so many training pictures stand in a calibration's gallery, spread evenly: a device's is no larger, and they
/// must all be embedded.
const MOST_DISTRACTORS: usize = 20_000;

/// Index and query pictures of a data set with ground truth.
#[derive(Debug, Clone)]
pub struct EvaluationSet {
    /// Index pictures, in the table's order.
    pub index: Vec<PathBuf>,
    /// Query pictures, in the table's order.
    pub queries: Vec<PathBuf>,
    /// What they show, as places in `products`.
    pub truth: Truth,
    /// Every product of the ground truth, by number.
    pub products: Vec<Product>,
    /// The category of each product: its shape, or its line where it has none.
    pub categories: Vec<String>,
    /// Names of the index pictures and of the query pictures.
    pub uuids: [Vec<String>; 2],
}

impl EvaluationSet {
    /// Reads the index and query tables of `dataset`. Errors: those of reading, and E507 without ground truth.
    pub fn load(dataset: &Dataset) -> Result<Self, Fault> {
        let shown = Shown::load(dataset)?;
        let index = shown.split(dataset, Split::Index)?;
        let queries = shown.split(dataset, Split::Query)?;
        Ok(Self {
            index: index.paths,
            queries: queries.paths,
            truth: Truth::new(index.products, queries.products),
            products: shown.products,
            categories: shown.categories,
            uuids: [index.uuids, queries.uuids],
        })
    }

    /// The figures of embeddings of the index and the queries, compared in floating point.
    pub fn metrics(&self, index: &UnitVectors, queries: &UnitVectors) -> Result<Metrics, Fault> {
        let rankings = float_ranking(index, queries, TOP)?;
        Ok(Metrics::new(&rankings, &self.truth))
    }
}

/// Pictures of products that were not trained on, for choices and thresholds: cameras' views ask, the others answer.
#[derive(Debug, Clone, Default)]
pub struct ValidationSet {
    /// Pictures that ask: camera photos; of what was drawn, and where there are no camera photos, one picture of each product.
    pub probes: Vec<Shot>,
    /// The other validation pictures, which are asked.
    pub rows: Vec<Shot>,
    /// Training pictures that are no camera photos. With them a gallery is as large, and its siblings as near, as a
    /// real one's.
    pub distractors: Vec<Shot>,
}

/// A picture with what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// The picture's file.
    pub path: PathBuf,
    /// The product's number in the ground truth.
    pub product: usize,
    /// A number that the products of one line share; another one for each product without a line.
    pub line: usize,
}

impl ValidationSet {
    /// Divides the validation and training pictures of `dataset`. Errors as [`EvaluationSet::load`].
    pub fn load(dataset: &Dataset) -> Result<Self, Fault> {
        let shown = Shown::load(dataset)?;
        let truth = dataset.image_truth()?.unwrap_or_default();
        let looks: BTreeMap<String, Look> = truth.into_iter().map(|t| (t.uuid, t.look)).collect();
        let by_camera = looks.values().any(|&look| look == Look::Kiosk);
        let is = |row: &ListingRow, look| looks.get(&row.uuid) == Some(&look);
        let is_camera = |row: &ListingRow| is(row, Look::Kiosk);
        let mut set = Self::default();
        let mut seen = BTreeSet::new();
        for row in dataset.rows(Split::Val)? {
            let row = row?;
            let product = shown.product(dataset, Split::Val, &row)?;
            let asks = match by_camera && !is(&row, Look::Drawing) {
                true => is_camera(&row),
                false => seen.insert(product),
            };
            let side = if asks { &mut set.probes } else { &mut set.rows };
            side.push(shown.shot(row.image, product));
        }
        for row in dataset.rows(Split::Train)? {
            let row = row?;
            let product = shown.product(dataset, Split::Train, &row)?;
            if !is_camera(&row) {
                set.distractors.push(shown.shot(row.image, product));
            }
        }
        let step = set.distractors.len().div_ceil(MOST_DISTRACTORS).max(1);
        set.distractors = set.distractors.into_iter().step_by(step).collect();
        Ok(set)
    }

    /// Who asks and who answers, for [`Metrics`].
    pub fn truth(&self) -> Truth {
        let products = |shots: &[Shot]| shots.iter().map(|shot| shot.product).collect();
        Truth::new(products(&self.rows), products(&self.probes))
    }
}

/// A split's pictures in the table's order.
#[derive(Default)]
struct Pictures {
    paths: Vec<PathBuf>,
    uuids: Vec<String>,
    products: Vec<usize>,
}

struct Shown {
    products: Vec<Product>,
    categories: Vec<String>,
    /// For each product the first one of its line.
    lines: Vec<usize>,
    by_gtin: BTreeMap<Gtin, usize>,
    by_uuid: BTreeMap<String, Gtin>,
}

impl Shown {
    fn load(dataset: &Dataset) -> Result<Self, Fault> {
        let missing = || {
            let expected =
                "truth/products.csv and truth/images.csv, which name the product on each picture";
            let remedy = "add them, or use a data set that `synth` or `fetch` wrote";
            Fault::new(Code::DataLayout, expected, "no ground truth", remedy).at(dataset.root())
        };
        let mut rows = dataset.products()?.ok_or_else(missing)?;
        rows.sort_by_key(|row| row.gtin);
        let by_gtin = rows
            .iter()
            .enumerate()
            .map(|(i, row)| (row.gtin, i))
            .collect();
        let by_uuid = dataset
            .image_truth()?
            .ok_or_else(missing)?
            .into_iter()
            .map(|t| (t.uuid, t.gtin))
            .collect();
        let category = |row: &ProductRow| match row.shape.as_str() {
            "" => row.line.clone(),
            shape => shape.to_owned(),
        };
        let categories = rows.iter().map(category).collect();
        let product = |row: ProductRow| Product {
            gtin: row.gtin,
            title: row.title,
            category: row.line,
        };
        let mut first = BTreeMap::new();
        let lines = rows
            .iter()
            .enumerate()
            .map(|(i, row)| match row.line.as_str() {
                "" => i,
                line => *first.entry(line).or_insert(i),
            });
        let lines = lines.collect();
        Ok(Self {
            products: rows.into_iter().map(product).collect(),
            categories,
            lines,
            by_gtin,
            by_uuid,
        })
    }

    fn split(&self, dataset: &Dataset, split: Split) -> Result<Pictures, Fault> {
        let mut pictures = Pictures::default();
        for row in dataset.rows(split)? {
            let row = row?;
            let product = self.product(dataset, split, &row)?;
            pictures.products.push(product);
            pictures.paths.push(row.image);
            pictures.uuids.push(row.uuid);
        }
        Ok(pictures)
    }

    fn shot(&self, path: PathBuf, product: usize) -> Shot {
        Shot {
            path,
            product,
            line: self.lines[product],
        }
    }

    fn product(&self, dataset: &Dataset, split: Split, row: &ListingRow) -> Result<usize, Fault> {
        let product = self
            .by_uuid
            .get(&row.uuid)
            .and_then(|gtin| self.by_gtin.get(gtin))
            .copied();
        product.ok_or_else(|| {
            let expected = format!("the product of picture {} in the ground truth", row.uuid);
            Fault::new(
                Code::DataRow,
                expected,
                "none",
                "complete truth/images.csv and truth/products.csv",
            )
            .at(dataset.root().join(split.table()))
        })
    }
}
