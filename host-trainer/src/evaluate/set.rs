//! The pictures that a model is measured and calibrated on, with what they show.

use std::collections::BTreeMap;
use std::path::PathBuf;

use skueye_models::{Code, Fault, Gtin, Product};

use super::Truth;
use crate::data::{Dataset, Split};

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
}

impl EvaluationSet {
    /// Reads the index and query tables of `dataset`. Errors: those of reading, and E507 without ground truth.
    pub fn load(dataset: &Dataset) -> Result<Self, Fault> {
        let shown = Shown::load(dataset)?;
        let (index, index_products) = shown.split(dataset, Split::Index)?;
        let (queries, query_products) = shown.split(dataset, Split::Query)?;
        let truth = Truth { index: index_products, queries: query_products };
        Ok(Self { index, queries, truth, products: shown.products })
    }
}

/// The pictures of `split` with the product that each shows.
pub fn labelled_pictures(dataset: &Dataset, split: Split) -> Result<Vec<(PathBuf, usize)>, Fault> {
    let (paths, products) = Shown::load(dataset)?.split(dataset, split)?;
    Ok(paths.into_iter().zip(products).collect())
}

struct Shown {
    products: Vec<Product>,
    by_gtin: BTreeMap<Gtin, usize>,
    by_uuid: BTreeMap<String, Gtin>,
}

impl Shown {
    fn load(dataset: &Dataset) -> Result<Self, Fault> {
        let missing = || {
            let expected = "truth/products.csv and truth/images.csv, which name the product on each picture";
            let remedy = "add them, or use a data set that `synth` or `fetch` wrote";
            Fault::new(Code::DataLayout, expected, "no ground truth", remedy).at(dataset.root())
        };
        let mut rows = dataset.products()?.ok_or_else(missing)?;
        rows.sort_by_key(|row| row.gtin);
        let by_gtin = rows.iter().enumerate().map(|(i, row)| (row.gtin, i)).collect();
        let by_uuid = dataset.image_truth()?.ok_or_else(missing)?.into_iter().map(|t| (t.uuid, t.gtin)).collect();
        let product = |row: crate::data::ProductRow| Product { gtin: row.gtin, title: row.title, category: row.line };
        Ok(Self { products: rows.into_iter().map(product).collect(), by_gtin, by_uuid })
    }

    fn split(&self, dataset: &Dataset, split: Split) -> Result<(Vec<PathBuf>, Vec<usize>), Fault> {
        let mut pictures = (Vec::new(), Vec::new());
        for row in dataset.rows(split)? {
            let row = row?;
            let product = self.by_uuid.get(&row.uuid).and_then(|gtin| self.by_gtin.get(gtin));
            let product = product.ok_or_else(|| {
                let expected = format!("the product of picture {} in the ground truth", row.uuid);
                Fault::new(Code::DataRow, expected, "none", "complete truth/images.csv and truth/products.csv")
                    .at(dataset.root().join(split.table()))
            })?;
            pictures.0.push(row.image);
            pictures.1.push(*product);
        }
        Ok(pictures)
    }
}
