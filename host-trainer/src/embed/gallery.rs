//! A gallery from vectors and the ground truth that says which product each row shows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_gallery::{Extras, GalleryBuilder};
use skueye_models::{Code, Fault, Gtin, Product};
use skueye_vision::model::read_manifest;

use super::look_alikes::{Compared, LookAlikes, MOST_ROWS};
use super::merge::open_all;
use super::thresholds::ProductThresholds;
use crate::data::{Dataset, ProductRow};
use crate::progress::Step;
use crate::vectors::Vectors;

/// What a gallery holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GalleryReport {
    /// Vectors in it.
    pub rows: u64,
    /// Different products.
    pub products: u64,
    /// Products that look alike; none where nobody looked.
    pub look_alikes: Option<LookAlikes>,
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
    /// How many pairs of look-alikes are listed at most; 0 to look for none.
    pub look_alikes: usize,
}

/// Builds the gallery of `vectors` (the files of all shards, in any order) for the device at `out`. Rows stand in the order
/// of the data set's table, products in the order of their first rows, so the number of shards does not show. Look-alikes,
/// where they are looked for, are written beside it.
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
    let total: usize = parts.iter().map(|part| part.uuids.len()).sum();
    let looks = besides.look_alikes > 0 && total <= MOST_ROWS;
    let mut seen = Seen::default();
    let step = Step::new("gallery", total as u64);
    let mut report = GalleryReport {
        rows: 0,
        products: 0,
        look_alikes: None,
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
            if looks {
                seen.add(gtin, embedding.as_slice());
            }
            report.rows += 1;
            step.advance(1);
            Ok(())
        })?;
    }
    for own in &besides.thresholds {
        set_thresholds(&mut builder, own)?;
    }
    drop(step);
    if looks && report.rows > 0 {
        let margin = manifest.thresholds.margin;
        let found = seen.look_alikes(head.dim as usize, &shown, dataset, besides, margin)?;
        found.write(out)?;
        report.look_alikes = Some(found);
    }
    builder.write(out)?;
    Ok(report)
}

/// The rows once more, to be compared.
#[derive(Default)]
struct Seen {
    values: Vec<f32>,
    /// The product of each row.
    shown: Vec<usize>,
    gtins: Vec<Gtin>,
    numbers: HashMap<Gtin, usize>,
}

impl Seen {
    fn add(&mut self, gtin: Gtin, values: &[f32]) {
        let number = *self.numbers.entry(gtin).or_insert_with(|| {
            self.gtins.push(gtin);
            self.gtins.len() - 1
        });
        self.shown.push(number);
        self.values.extend_from_slice(values);
    }

    /// `margin` is the model's, for products that have none of their own.
    fn look_alikes(
        self,
        dim: usize,
        shown: &Shown,
        dataset: &Dataset,
        besides: &Besides,
        margin: f32,
    ) -> Result<LookAlikes, Fault> {
        let own = |gtin: Gtin| {
            let own = besides.thresholds.iter().find(|own| own.gtin == gtin);
            own.and_then(|own| own.margin).unwrap_or(margin)
        };
        let compared = |&gtin: &Gtin| {
            let product = shown.product(gtin, dataset)?;
            Ok(Compared {
                gtin,
                title: product.title,
                line: product.category,
                margin: own(gtin),
            })
        };
        let products = self.gtins.iter().map(compared);
        let products: Vec<Compared> = products.collect::<Result<_, Fault>>()?;
        let rows = Vectors::new(dim, self.values)?.normalised()?;
        LookAlikes::find(&rows, &self.shown, &products, besides.look_alikes)
    }
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
