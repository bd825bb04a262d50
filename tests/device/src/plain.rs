//! Plain goods: boxes of one colour or two, recognised by a network of a few layers. An emulated processor is through with a
//! frame in some milliseconds, and no answer is near another, so what is tested is the device and not the network.

use std::fs;
use std::path::{Path, PathBuf};

use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product, UnitEmbedding};

use crate::camera::{Item, Picture, Rgb};
use crate::tiny::MODEL;
use crate::trouble::Trouble;

const ID: EmbeddingId = EmbeddingId([1; 16]);
const CORNERS: usize = 8;
const DIM: usize = 32;
/// What is sold.
pub const SOLD: usize = 8;
const GREY: Rgb = [120; 3];

/// The goods' files.
#[derive(Debug)]
pub struct Goods {
    /// The model's folder.
    pub model: PathBuf,
    /// The gallery of what is sold.
    pub gallery: PathBuf,
}

impl Goods {
    /// Makes them in `folder`.
    pub fn make(folder: &Path) -> Result<Self, Trouble> {
        let goods = Self {
            model: folder.join("model"),
            gallery: folder.join("gallery.skg"),
        };
        fs::create_dir_all(&goods.model).map_err(|e| Trouble::disk(&goods.model, &e))?;
        for (name, bytes) in MODEL {
            write(&goods.model.join(name), bytes)?;
        }
        gallery(&goods.gallery, 0..SOLD, 1)?;
        Ok(goods)
    }
}

/// Writes a gallery of these products with so many rows of each.
pub fn gallery(
    path: &Path,
    numbers: impl Iterator<Item = usize>,
    rows: usize,
) -> Result<(), Trouble> {
    let mut builder = GalleryBuilder::new(ID, DIM as u32)?;
    for number in numbers {
        let product = builder.add_product(Product {
            gtin: gtin(number)?,
            title: format!("Box {number}"),
            category: "boxes".into(),
        })?;
        let row = embedding(look(number))?;
        for _ in 0..rows {
            builder.add_row(product, &row)?;
        }
    }
    write(path, &builder.to_bytes())
}

/// The empty stage.
pub fn empty() -> Picture {
    Picture::of_box(GREY, [GREY; 2])
}

/// A box that is sold.
pub fn sold(number: usize) -> Result<Item, Trouble> {
    assert!(number < SOLD, "so many are sold");
    item(number)
}

/// A box that is not sold.
pub fn stranger() -> Result<Item, Trouble> {
    item(SOLD)
}

fn item(number: usize) -> Result<Item, Trouble> {
    Ok(Item {
        gtin: gtin(number)?.to_string(),
        comes: vec![Picture::of_box(GREY, look(number))],
        goes: vec![empty()],
    })
}

fn gtin(number: usize) -> Result<Gtin, Trouble> {
    Ok(Gtin::from_body(400_000_000_000 + number as u64, 13)?)
}

/// Left and right half. What is sold has one colour: a corner of the cube; the stranger has two.
fn look(number: usize) -> [Rgb; 2] {
    let corner = |number: usize| {
        [0, 1, 2].map(|channel| match number >> channel & 1 {
            1 => 250,
            _ => 10,
        })
    };
    match number {
        SOLD => [corner(1), corner(4)],
        number => [corner(number); 2],
    }
}

/// What the network says of a look that fills the picture.
fn embedding(look: [Rgb; 2]) -> Result<UnitEmbedding, Trouble> {
    let answer = |corner: usize, colour: Rgb| {
        let parts = colour.iter().enumerate().map(|(channel, level)| {
            let value = (f32::from(*level) - 127.0) / 128.0;
            if corner >> channel & 1 == 1 {
                value
            } else {
                -value
            }
        });
        (parts.sum::<f32>() - 1.0).max(0.0)
    };
    let values = (0..DIM).map(|at| {
        let halves = look.map(|colour| answer(at % CORNERS, colour));
        0.01 + halves.iter().sum::<f32>() / 2.0
    });
    Ok(UnitEmbedding::normalise(values.collect())?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    fs::write(path, bytes).map_err(|e| Trouble::disk(path, &e))
}
