//! What the program is started with: a gallery of many rows, settings, and a film of one item.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product, UnitEmbedding};
use skueye_vision::model::read_manifest;

use crate::random::Random;

const ROWS_PER_PRODUCT: u64 = 4;
const PURPOSE: u64 = 0x7374_6172;
/// The film: pixels, and frames without, with and again without an item.
const SIZE: [usize; 2] = [480, 360];
const FRAMES: [usize; 3] = [6, 12, 6];
/// Where the item lies: left, top, right, bottom.
const ITEM: [usize; 4] = [170, 90, 310, 290];

/// A folder with all of it.
pub struct Shop {
    folder: PathBuf,
    model: PathBuf,
    gallery: PathBuf,
}

impl Shop {
    /// Makes what is not there yet.
    pub fn open(folder: &Path, model: &Path, rows: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let manifest = read_manifest(model)?;
        let name = format!("{rows}-{}.skg", manifest.embedding_id);
        let shop = Self {
            gallery: folder.join(name),
            folder: folder.to_owned(),
            model: model.to_owned(),
        };
        if !shop.gallery.is_file() {
            let near = UnitEmbedding::normalise(manifest.self_test.embedding.clone())?;
            gallery(rows, manifest.embedding_id, &near)?.write(&shop.gallery)?;
        }
        fs::write(shop.film(), film())?;
        Ok(shop)
    }

    /// The film.
    pub fn film(&self) -> PathBuf {
        self.folder.join("film.y4m")
    }

    /// The kiosk's own settings with this model and gallery.
    pub fn settings(&self, runtime: &str, onnxruntime: Option<&Path>) -> Result<PathBuf> {
        let here = std::env::current_dir()?;
        let quoted = |path: &Path| format!("{:?}", here.join(path).display().to_string());
        let library = onnxruntime.map(|l| format!("onnxruntime = {}\n", quoted(l)));
        let text = format!(
            "[model]\nfolder = {}\nruntime = {runtime:?}\n{}[gallery]\npath = {}\n",
            quoted(&self.model),
            library.unwrap_or_default(),
            quoted(&self.gallery),
        );
        let path = self.folder.join("kiosk.toml");
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// Rows about `near`, as far from it as products are from one another, those of one product near each other.
fn gallery(rows: u64, id: EmbeddingId, near: &UnitEmbedding) -> Result<GalleryBuilder> {
    let mut builder = GalleryBuilder::new(id, near.as_slice().len() as u32)?;
    let mut product = None;
    for row in 0..rows {
        let number = row / ROWS_PER_PRODUCT;
        if row % ROWS_PER_PRODUCT == 0 {
            product = Some(builder.add_product(Product {
                gtin: Gtin::from_body(400_000_000_000 + number, 13)?,
                title: format!("Article {number} 500 ml"),
                category: format!("category {}", number % 300),
            })?);
        }
        let product = product.ok_or_else(|| anyhow!("a row without a product"))?;
        let mut own = Random::new(number, PURPOSE, 0);
        let mut shot = Random::new(row, PURPOSE, 1);
        let values = near.as_slice().iter().map(|value| {
            let scale = 1.0 / (near.as_slice().len() as f32).sqrt();
            value + scale * (own.normal() + 0.4 * shot.normal())
        });
        builder.add_row(product, &UnitEmbedding::normalise(values.collect())?)?;
    }
    Ok(builder)
}

/// A grey stage with noise, and on it for a while a striped box.
fn film() -> Vec<u8> {
    let [width, height] = SIZE;
    let mut random = Random::new(1, PURPOSE, 2);
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F10:1 Ip C420jpeg\n").into_bytes();
    let [before, with, after] = FRAMES;
    for number in 0..before + with + after {
        bytes.extend(b"FRAME\n");
        let shown = (before..before + with).contains(&number);
        for at in 0..width * height {
            let (x, y) = (at % width, at / width);
            let inside = (ITEM[0]..ITEM[2]).contains(&x) && (ITEM[1]..ITEM[3]).contains(&y);
            let level = match shown && inside {
                true if y / 24 % 2 == 0 => 225,
                true => 40,
                false => 120,
            };
            bytes.push(level + (random.bits() % 5) as u8);
        }
        bytes.resize(bytes.len() + width * height / 2, 128);
    }
    bytes
}
