//! A gallery from vectors and the ground truth that says which product each row shows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_gallery::{Extras, GalleryBuilder};
use skueye_models::{Code, Fault, Gtin, Product};
use skueye_vision::model::read_manifest;

use super::merge::open_all;
use super::thresholds::ProductThresholds;
use crate::data::{Dataset, ProductRow};
use crate::progress::Step;

/// What a gallery holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GalleryReport {
    /// Vectors in it.
    pub rows: u64,
    /// Different products.
    pub products: u64,
}

/// What a gallery has besides rows and products.
#[derive(Debug, Clone, Default)]
pub struct Besides {
    /// Rows in FP16, so that a search ends in the order of float.
    pub fp16: bool,
    /// Inverted lists, for millions of rows: how many.
    pub lists: Option<u32>,
    /// What single products have in place of the model's thresholds.
    pub thresholds: Vec<ProductThresholds>,
}

/// Builds the gallery of `vectors` (the files of all shards, in any order) for the device at `out`. Rows stand in the order
/// of the data set's table, products in the order of their first rows, so the number of shards does not show.
///
/// Errors: E517, E518 where the vectors are not of this model and data, E507 without a ground truth, E503 for thresholds of a
/// product that has no row, E204 also for those out of range, E901.
pub fn build_gallery(
    model: &Path,
    vectors: &[PathBuf],
    dataset: &Dataset,
    besides: &Besides,
    out: &Path,
) -> Result<GalleryReport, Fault> {
    let manifest = read_manifest(model)?;
    let parts = open_all(vectors)?;
    let head = &parts[0].head;
    if head.embedding_id != manifest.embedding_id || head.data != dataset.hash()? {
        let remedy = "embed this data set with this model";
        let expected = "vectors of this model and this data set";
        let got = "those of another model or of other tables";
        return Err(Fault::new(Code::EmbeddingsMismatch, expected, got, remedy).at(&vectors[0]));
    }
    let shown = Shown::load(dataset)?;
    let mut builder = GalleryBuilder::new(head.embedding_id, head.dim)?;
    if besides.fp16 {
        builder = builder.with_halves();
    }
    if let Some(lists) = besides.lists {
        builder = builder.with_lists(lists);
    }
    let step = Step::new(
        "gallery",
        parts.iter().map(|part| part.uuids.len() as u64).sum(),
    );
    let mut report = GalleryReport {
        rows: 0,
        products: 0,
    };
    for part in &parts {
        part.each_unit(|uuid, embedding| {
            let gtin = shown.gtin(uuid, dataset)?;
            let product = match builder.product_of(gtin) {
                Some(product) => product,
                None => {
                    report.products += 1;
                    builder.add_product(shown.product(gtin, dataset)?)?
                }
            };
            builder.add_row(product, &embedding)?;
            report.rows += 1;
            step.advance(1);
            Ok(())
        })?;
    }
    for own in &besides.thresholds {
        set_thresholds(&mut builder, own)?;
    }
    builder.write(out)?;
    Ok(report)
}

fn set_thresholds(builder: &mut GalleryBuilder, own: &ProductThresholds) -> Result<(), Fault> {
    let product = builder.product_of(own.gtin).ok_or_else(|| {
        let (expected, got) = ("a product of this gallery", own.gtin.to_string());
        let remedy = "take its line out of the thresholds, or embed a picture of it";
        Fault::new(Code::DataRow, expected, got, remedy)
    })?;
    let extras = Extras {
        accept: own.accept,
        reject: own.reject,
        margin: own.margin,
        thumbnail: "",
    };
    builder.set_extras(product, extras)
}

/// What rows show, by name.
struct Shown {
    gtins: HashMap<Box<str>, Gtin>,
    products: HashMap<Gtin, ProductRow>,
}

impl Shown {
    fn load(dataset: &Dataset) -> Result<Self, Fault> {
        let (Some(rows), Some(products)) = (dataset.image_truth_rows()?, dataset.products()?)
        else {
            let expected =
                "truth/products.csv and truth/images.csv, which name the product on each picture";
            let remedy = "import the data with a product column, or add the tables";
            let fault = Fault::new(Code::DataLayout, expected, "no ground truth", remedy);
            return Err(fault.at(dataset.root()));
        };
        let gtins = rows.map(|row| row.map(|row| (row.uuid.into(), row.gtin)));
        let products = products.into_iter().map(|row| (row.gtin, row));
        Ok(Self {
            gtins: gtins.collect::<Result<_, _>>()?,
            products: products.collect(),
        })
    }

    fn gtin(&self, uuid: &str, dataset: &Dataset) -> Result<Gtin, Fault> {
        let gtin = self.gtins.get(uuid).copied();
        gtin.ok_or_else(|| unknown(&format!("the product of row {uuid}"), dataset))
    }

    fn product(&self, gtin: Gtin, dataset: &Dataset) -> Result<Product, Fault> {
        let row = self.products.get(&gtin);
        let row = row.ok_or_else(|| unknown(&format!("product {gtin}"), dataset))?;
        Ok(Product {
            gtin,
            title: row.title.clone(),
            category: row.line.clone(),
        })
    }
}

fn unknown(expected: &str, dataset: &Dataset) -> Fault {
    let remedy = "complete truth/images.csv and truth/products.csv";
    let expected = format!("{expected} in the ground truth");
    Fault::new(Code::DataRow, expected, "none", remedy).at(dataset.root())
}
