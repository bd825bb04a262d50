//! Making a gallery file.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use skueye_models::manifest::dim_is_valid;
use skueye_models::product::MAX_TITLE_BYTES;
use skueye_models::{Code, EmbeddingId, Fault, Gtin, Product, UnitEmbedding};

use crate::atomic;
use crate::format::{Header, Kind, assemble};
use crate::quantise::quantise;
use crate::view::ProductIndex;

/// Collects products and rows, already in the file's form, and writes them. The same calls give the same bytes.
#[derive(Debug)]
pub struct GalleryBuilder {
    header: Header,
    rows: Vec<u8>,
    scales: Vec<u8>,
    row_products: Vec<u8>,
    products: Vec<u8>,
    categories: Vec<u8>,
    strings: Vec<u8>,
    by_gtin: HashMap<u64, ProductIndex>,
    by_category: HashMap<String, u32>,
    codes: Vec<i8>,
}

impl GalleryBuilder {
    /// An empty gallery of embeddings of `dim` values. [`Code::GalleryInput`] for a dimension that the format lacks.
    pub fn new(embedding_id: EmbeddingId, dim: u32) -> Result<Self, Fault> {
        if !dim_is_valid(dim) {
            let got = dim.to_string();
            return Err(refused("a dimension of 32 to 1024 in steps of 32", got));
        }
        let header = Header {
            embedding_id,
            dim,
            rows: 0,
            products: 0,
        };
        Ok(Self {
            codes: vec![0; header.stride()],
            header,
            rows: Vec::new(),
            scales: Vec::new(),
            row_products: Vec::new(),
            products: Vec::new(),
            categories: Vec::new(),
            strings: Vec::new(),
            by_gtin: HashMap::new(),
            by_category: HashMap::new(),
        })
    }

    /// Adds a product. [`Code::GalleryInput`] for a number that is already there, in whichever form it was written, and for
    /// texts beyond [`MAX_TITLE_BYTES`].
    pub fn add_product(&mut self, product: Product) -> Result<ProductIndex, Fault> {
        let Product {
            gtin,
            title,
            category,
        } = product;
        if title.len().max(category.len()) > MAX_TITLE_BYTES {
            let got = format!("{} and {} for {gtin}", title.len(), category.len());
            let expected = format!("title and category of at most {MAX_TITLE_BYTES} bytes");
            return Err(refused(expected, got));
        }
        if self.product_of(gtin).is_some() {
            return Err(refused("every GTIN once", format!("{gtin} twice")));
        }
        let index = ProductIndex(self.header.products);
        self.header.products = next(index.0, "products")?;
        let category = self.category(category);
        self.push_record(gtin, &title, category);
        self.by_gtin.insert(gtin.value(), index);
        Ok(index)
    }

    /// The product that was added under this number.
    pub fn product_of(&self, gtin: Gtin) -> Option<ProductIndex> {
        self.by_gtin.get(&gtin.value()).copied()
    }

    /// Adds a row that shows `product` and gives its number. [`Code::GalleryInput`] for a product that was not added and for
    /// an embedding of another dimension.
    pub fn add_row(
        &mut self,
        product: ProductIndex,
        embedding: &UnitEmbedding,
    ) -> Result<u32, Fault> {
        let values = embedding.as_slice();
        if product.0 >= self.header.products {
            let expected = format!("one of {} products", self.header.products);
            return Err(refused(expected, format!("product {}", product.0)));
        }
        if values.len() != self.header.dim as usize {
            let expected = format!("embeddings of {} values", self.header.dim);
            return Err(refused(expected, values.len().to_string()));
        }
        let row = self.header.rows;
        let after = next(row, "rows")?;
        let scale = quantise(values, &mut self.codes)
            .ok_or_else(|| refused("a unit vector", "one without direction".into()))?;
        self.header.rows = after;
        self.rows
            .extend(self.codes.iter().map(|code| code.cast_unsigned()));
        self.scales.extend((scale as f32).to_le_bytes());
        self.row_products.extend(product.0.to_le_bytes());
        Ok(row)
    }

    /// Writes the gallery to `path`, whole or not at all: a reader of the old file goes on with it. [`Code::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Fault> {
        atomic::write(path.as_ref(), |out| self.assemble(out))
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.assemble(&mut bytes)
            .expect("a vector takes every write");
        bytes
    }

    fn assemble(&self, out: &mut impl Write) -> io::Result<()> {
        let sections = Kind::ALL.map(|kind| (kind as u32, self.section(kind)));
        assemble(&self.header, &sections, out)
    }

    fn section(&self, kind: Kind) -> &[u8] {
        match kind {
            Kind::Rows => &self.rows,
            Kind::Scales => &self.scales,
            Kind::RowProducts => &self.row_products,
            Kind::Products => &self.products,
            Kind::Categories => &self.categories,
            Kind::Strings => &self.strings,
        }
    }

    fn push_record(&mut self, gtin: Gtin, title: &str, category: u32) {
        let offset = self.push_string(title);
        self.products.extend(gtin.value().to_le_bytes());
        self.products.extend(offset.to_le_bytes());
        self.products.extend((title.len() as u32).to_le_bytes());
        self.products.extend(category.to_le_bytes());
        self.products.push(gtin.digits());
        self.products.extend([0; 7]);
    }

    /// The index of the category, added where it is new.
    fn category(&mut self, name: String) -> u32 {
        let next = self.by_category.len() as u32;
        if let Some(index) = self.by_category.get(&name) {
            return *index;
        }
        let offset = self.push_string(&name);
        self.categories.extend(offset.to_le_bytes());
        self.categories.extend((name.len() as u32).to_le_bytes());
        self.categories.extend([0; 4]);
        self.by_category.insert(name, next);
        next
    }

    fn push_string(&mut self, text: &str) -> u64 {
        let offset = self.strings.len() as u64;
        self.strings.extend(text.as_bytes());
        offset
    }
}

fn next(count: u32, what: &str) -> Result<u32, Fault> {
    count
        .checked_add(1)
        .ok_or_else(|| refused(format!("fewer than 2^32 {what}"), "more".into()))
}

fn refused(expected: impl Into<String>, got: String) -> Fault {
    Fault::new(
        Code::GalleryInput,
        expected,
        got,
        "correct the catalogue, then build the gallery again",
    )
}
