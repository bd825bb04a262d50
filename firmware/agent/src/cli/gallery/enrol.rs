//! `skueye gallery enrol`
//!
//! Says which other product comes nearest to the new rows: a look-alike that the device may take for this one. The numbers of
//! the new rows are printed, so that `skueye gallery remove --rows` undoes an enrolment.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use skueye_agent::Config;
use skueye_agent::recognise::open_gallery_to_change;
use skueye_agent::report::printable;
use skueye_agent::sets;
use skueye_gallery::{Give, Hits, Request, Searcher, Snapshot, Store};
use skueye_models::{Code, Fault, Gtin, Product, UnitEmbedding};
use skueye_vision::{ModelSet, Region, decode_file};

use super::npy;
use crate::cli::print;

/// What to add.
#[derive(Debug, Args)]
pub struct Enrol {
    /// The gallery file.
    file: PathBuf,
    /// The product's number.
    #[arg(long)]
    gtin: String,
    /// Its title; needed where the product is new.
    #[arg(long)]
    title: Option<String>,
    /// Its category.
    #[arg(long, default_value = "")]
    category: String,
    /// JPEG or PNG files, each showing one item that fills the picture.
    #[arg(required_unless_present = "vectors")]
    pictures: Vec<PathBuf>,
    /// The settings that name the model for the pictures.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Embeddings instead of pictures: a matrix of float32.
    #[arg(long, value_name = "NPY", conflicts_with = "pictures")]
    vectors: Option<PathBuf>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// What was added.
#[derive(Debug, Serialize)]
struct Enrolled {
    product: Product,
    rows: usize,
    /// The number of the first new row; the others follow it.
    first_row: u32,
    new_product: bool,
    /// The other product that comes nearest to one of the new rows.
    nearest_other: Option<Other>,
}

/// Another product, and how near it comes.
#[derive(Debug, Serialize)]
struct Other {
    #[serde(flatten)]
    product: Product,
    cosine: f32,
}

impl Enrol {
    pub fn run(self) -> Result<(), Fault> {
        let gtin: Gtin = self.gtin.parse()?;
        let mut store = open_gallery_to_change(&self.file)?;
        let rows = match &self.vectors {
            Some(path) => npy::read(path)?,
            None => self.embed(&store)?,
        };
        let known = super::list::products(&store.snapshot(), &self.file)?;
        let known = known
            .get(&gtin.value())
            .map(|listed| listed.product.clone());
        let new_product = known.is_none();
        let product = match known {
            Some(product) => product,
            None => self.new_product(gtin)?,
        };
        let first_row = store.snapshot().row_count();
        store.enrol(&product, &rows).map_err(|f| f.at(&self.file))?;
        let enrolled = Enrolled {
            product,
            rows: rows.len(),
            first_row,
            new_product,
            nearest_other: nearest_other(&store.snapshot(), gtin, &rows)?,
        };
        match self.json {
            true => print::json(&enrolled),
            false => print::line(&enrolled.text()),
        }
    }

    fn new_product(&self, gtin: Gtin) -> Result<Product, Fault> {
        let title = self.title.clone().ok_or_else(|| {
            let got = format!("{gtin}, which the gallery does not have, without a title");
            Fault::new(
                Code::Usage,
                "a known product or a title",
                got,
                "add --title",
            )
        })?;
        Ok(Product {
            gtin,
            title,
            category: self.category.clone(),
        })
    }

    fn embed(&self, store: &Store) -> Result<Vec<UnitEmbedding>, Fault> {
        let config = sets::in_use(&Config::load(&self.config)?)?;
        let mut model = ModelSet::load_with(&config.model, &config.runtime.at_once())?;
        let snapshot = store.snapshot();
        snapshot
            .base()
            .expect_embedding_id(model.manifest.embedding_id)?;
        let embed = |path: &PathBuf| {
            let image = decode_file(path)?;
            let tensor = model.preprocessor.tensor(&image, Region::whole(&image))?;
            let mut values = vec![0.0; model.embedder.dim()];
            model.embedder.embed_unit(tensor, &mut values)?;
            UnitEmbedding::normalise(values).map_err(|fault| fault.at(path))
        };
        self.pictures.iter().map(embed).collect()
    }
}

impl Enrolled {
    fn text(&self) -> String {
        let (gtin, last) = (self.product.gtin, self.first_row as usize + self.rows - 1);
        let mut text = format!(
            "{} rows of {gtin} enrolled, numbers {} to {last}",
            self.rows, self.first_row
        );
        if let Some(Other { product, cosine }) = &self.nearest_other {
            text += &format!(
                "\nnearest other product: {} ({}), cosine {cosine:.2}",
                printable(&product.title),
                product.gtin
            );
        }
        text
    }
}

/// Of the products but `gtin`, the one that comes nearest to one of `rows`.
fn nearest_other(
    snapshot: &Snapshot,
    gtin: Gtin,
    rows: &[UnitEmbedding],
) -> Result<Option<Other>, Fault> {
    let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
    let request = Request {
        give: Give::Products,
        ..Request::new(2)
    };
    let mut nearest: Option<Other> = None;
    for row in rows {
        searcher.answer_in(snapshot, row.as_slice(), &request, &mut hits)?;
        for hit in hits.products() {
            let product = snapshot.product(hit.product)?.to_product();
            let nearer = nearest
                .as_ref()
                .is_none_or(|other| hit.score > other.cosine);
            if product.gtin.value() != gtin.value() && nearer {
                let cosine = hit.score;
                nearest = Some(Other { product, cosine });
            }
        }
    }
    Ok(nearest)
}
