//! The rows of METHOD 4, all on the same queries: what each embedding finds, in float or on the device.

use serde::Serialize;
use skueye_gallery::{GalleryBuilder, GalleryView};
use skueye_models::{EmbeddingId, Fault, Gtin, Product, UnitEmbedding};

use super::metrics::intervals;
use super::{
    Bootstrap, CANDIDATES, Intervals, Metrics, PerQuery, Rankings, Truth, float_ranking,
    gallery_rankings, rerank_float,
};
use crate::vectors::{UnitVectors, Vectors};

/// Galleries hold vectors of this many values at most, in whole steps.
const MOST_VALUES: usize = 1024;
const STEP: usize = 32;
/// The numbers of products that are no trade items begin here (GS1: restricted circulation).
const FIRST_GTIN_BODY: u64 = 200_000_000_000;

/// One way of answering, and what it found.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its key in files, such as `student_int8`.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Whether the device answers so.
    pub on_device: bool,
    /// The answers, [`CANDIDATES`] for each query.
    pub rankings: Rankings,
}

/// A row's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowFigures {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Whether the device answers so.
    pub on_device: bool,
    /// The figures.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// 95 % intervals of MAR@10.
    pub mar10_intervals: Option<Intervals>,
    /// 95 % intervals of recall@1.
    pub recall1_intervals: Option<Intervals>,
}

impl Row {
    fn new(key: &str, name: &str, on_device: bool, rankings: Rankings) -> Self {
        Self {
            key: key.to_owned(),
            name: name.to_owned(),
            on_device,
            rankings,
        }
    }

    /// What its answers are worth.
    pub fn figures(&self, truth: &Truth, bootstrap: &Bootstrap) -> RowFigures {
        let queries = PerQuery::of(&self.rankings, truth);
        let of = |figure: &dyn Fn(&PerQuery) -> f64| intervals(&queries, truth, bootstrap, figure);
        RowFigures {
            key: self.key.clone(),
            name: self.name.clone(),
            on_device: self.on_device,
            metrics: Metrics::new(&self.rankings, truth),
            mar10_intervals: of(&PerQuery::recall),
            recall1_intervals: of(&|q| f64::from(u8::from(q.hit_within(1)))),
        }
    }
}

/// The vectors compared in float. Errors: E626.
pub fn float_row(
    key: &str,
    name: &str,
    index: &UnitVectors,
    queries: &UnitVectors,
) -> Result<Row, Fault> {
    let rankings = float_ranking(index, queries, CANDIDATES)?;
    Ok(Row::new(key, name, false, rankings))
}

/// What `row` found with the same vectors, re-ranked in float. Errors: E626.
pub fn reranked_row(row: &Row, index: &UnitVectors, queries: &UnitVectors) -> Result<Row, Fault> {
    let rankings = rerank_float(index, queries, &row.rankings)?;
    let (key, name) = (
        format!("{}_reranked", row.key),
        format!("{}, re-ranked", row.name),
    );
    Ok(Row::new(&key, &name, false, rankings))
}

/// The vectors in an int8 gallery searched by the device's code, and the same re-ranked. `products` has the product of each
/// index row. None for vectors that no gallery holds: more than 1,024 values. Others are filled up with zeros to a whole
/// step, which changes no score. Errors: those of the gallery.
pub fn device_rows(
    key: &str,
    name: &str,
    index: &UnitVectors,
    queries: &UnitVectors,
    products: &[usize],
) -> Result<Vec<Row>, Fault> {
    let dim = index.dim().next_multiple_of(STEP);
    if dim > MOST_VALUES {
        return Ok(Vec::new());
    }
    let bytes = gallery_of(index, products, dim)?;
    let view = GalleryView::open(&bytes)?;
    let found = match queries.dim() == dim {
        true => gallery_rankings(&view, queries)?,
        false => gallery_rankings(&view, &filled(queries, dim)?)?,
    };
    let row = |end: &str, words: &str, rankings| {
        Row::new(
            &format!("{key}{end}"),
            &format!("{name}{words}"),
            true,
            rankings,
        )
    };
    Ok(vec![
        row("_int8", ", int8 gallery", found.plain),
        row(
            "_int8_reranked",
            ", int8 gallery, re-ranked",
            found.reranked,
        ),
    ])
}

/// Each row with zeros up to `dim` values.
fn filled(vectors: &UnitVectors, dim: usize) -> Result<UnitVectors, Fault> {
    let mut values = Vec::with_capacity(vectors.rows() * dim);
    for row in vectors.values().chunks(vectors.dim()) {
        values.extend_from_slice(row);
        values.resize(values.len() + dim - row.len(), 0.0);
    }
    Vectors::new(dim, values)?.normalised()
}

/// A gallery of `index` to be measured, under made-up product numbers.
fn gallery_of(index: &UnitVectors, products: &[usize], dim: usize) -> Result<Vec<u8>, Fault> {
    let mut builder = GalleryBuilder::new(EmbeddingId([0; 16]), dim as u32)?;
    let rows = index.values().chunks(index.dim());
    for (row, &product) in rows.zip(products) {
        let gtin = Gtin::from_body(FIRST_GTIN_BODY + product as u64, 13)?;
        let place = match builder.product_of(gtin) {
            Some(place) => place,
            None => builder.add_product(Product {
                gtin,
                title: String::new(),
                category: String::new(),
            })?,
        };
        let mut values = row.to_vec();
        values.resize(dim, 0.0);
        builder.add_row(place, &UnitEmbedding::normalise(values)?)?;
    }
    Ok(builder.to_bytes())
}
