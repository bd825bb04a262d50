//! Emoji as PNG pictures by four makers: a second cross-maker set, none of whose packages holds a drawing's source.
//!
//! Apple's pictures are for non-commercial use, and Facebook's stand under no stated licence: the set is fetched to measure on,
//! never trained on and never given away. Google's and Twitter's drawings are those of `noto` and `twemoji` in the makers set.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use rayon::prelude::*;
use resvg::tiny_skia::{Pixmap, PixmapPaint, Transform};
use serde::Deserialize;
use skueye_models::{Code, Fault, Gtin};

use super::draw::{canvas, encode};
use super::makers::{MakersOptions, Role, characters, learnt, roles};
use super::package::{Package, Registry};
use crate::data::layout::uuid;
use crate::data::{DatasetInfo, DatasetWriter, ImageRow, Look, ProductRow, Split};
use crate::progress::Step;

const NAME: &str = "emoji-datasource";
/// GS1 keeps numbers that begin with 2 for use inside a shop; no real product has them.
const FIRST_GTIN_BODY: u64 = 291_000_000_000;
/// Edge of the makers' pictures, and of those that ask besides.
const SIZE: u16 = 64;
const SMALL: u16 = 32;
/// No picture of 64 pixels is longer; the table is.
const MAX_PICTURE_BYTES: u64 = 1 << 20;
const MAX_TABLE_BYTES: u64 = 64 << 20;

const fn npm(name: &'static str, sha256: &'static str) -> Package {
    Package {
        registry: Registry::Npm,
        name,
        version: "16.0.0",
        sha256,
    }
}

const MAKERS: [(&str, Package); 4] = [
    (
        "apple",
        npm(
            "emoji-datasource-apple",
            "b34d1665e136f163b0d4433318df151895b785186e8c729b2211b43017945075",
        ),
    ),
    (
        "facebook",
        npm(
            "emoji-datasource-facebook",
            "017038cf5a4e7fcf03dd9133cbed43d4c281c4b3ce7b927c7160261b92b8821e",
        ),
    ),
    (
        "google",
        npm(
            "emoji-datasource-google",
            "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        ),
    ),
    (
        "twitter",
        npm(
            "emoji-datasource-twitter",
            "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
        ),
    ),
];

/// How to lay out the set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmojiOptions {
    /// Decides which items the index lacks and whose drawing asks.
    pub seed: u64,
    /// The share of the items that the index lacks.
    pub unknown: f64,
    /// Items that the makers set of this seed trains or validates on are left out: two of its makers are the same.
    pub without_makers: Option<u64>,
}

impl Default for EmojiOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            unknown: 0.15,
            without_makers: None,
        }
    }
}

/// An item of `emoji.json`, skin tones left out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Item {
    name: String,
    category: String,
    image: String,
    has_img_apple: bool,
    has_img_facebook: bool,
    has_img_google: bool,
    has_img_twitter: bool,
}

impl Item {
    pub(super) fn has_all(&self) -> bool {
        self.has_img_apple && self.has_img_facebook && self.has_img_google && self.has_img_twitter
    }

    /// Its code points, as the name of its picture has them.
    pub(super) fn characters(&self) -> String {
        characters(self.image.trim_end_matches(".png"))
    }
}

/// Fetches the packages into `cache` (340 MB) and writes the data set at `root`.
///
/// Errors: E510 where `root` holds something, E902 to E904 for the fetching, E301 for pictures, E901.
pub fn emoji(root: &Path, cache: &Path, options: EmojiOptions) -> Result<(), Fault> {
    let writer = DatasetWriter::create(root)?;
    let step = Step::new("fetch", MAKERS.len() as u64);
    let mut packages = Vec::new();
    for (maker, package) in &MAKERS {
        packages.push(Pictures::read(maker, &package.fetch(cache)?)?);
        step.advance(1);
    }
    drop(step);
    let items: Vec<Item> = packages[0].items()?;
    let in_all = |item: &Item| packages.iter().all(|of| of.files.contains_key(&item.image));
    let mut items: Vec<Item> = items.into_iter().filter(Item::has_all).collect();
    items.retain(in_all);
    if let Some(seed) = options.without_makers {
        let learnt = learnt(
            cache,
            MakersOptions {
                seed,
                ..MakersOptions::default()
            },
        )?;
        items.retain(|item| !learnt.contains(&item.characters()));
    }
    items.sort_by(|a, b| a.image.cmp(&b.image));
    let rows = plan(&items, options)?;
    let step = Step::new("draw", rows.len() as u64);
    rows.par_iter().try_for_each(|planned| {
        let png = &packages[planned.maker].files[&items[planned.item].image];
        writer.write_image(&planned.row, &draw(png, planned.size)?)?;
        step.advance(1);
        Ok::<_, Fault>(())
    })?;
    drop(step);
    let rows: Vec<ImageRow> = rows.into_iter().map(|planned| planned.row).collect();
    writer.finish(info(options.seed), &products(&items)?, &rows, &[])
}

/// A picture to write.
pub(super) struct Planned {
    pub item: usize,
    pub maker: usize,
    pub size: u16,
    pub row: ImageRow,
}

/// One maker's drawing of each item asks, in two sizes; the others' are the index, unless the item is unknown.
pub(super) fn plan(items: &[Item], options: EmojiOptions) -> Result<Vec<Planned>, Fault> {
    let names: Vec<&str> = items.iter().map(|item| item.image.as_str()).collect();
    let shares = MakersOptions {
        seed: options.seed,
        train: 0.0,
        val: 0.0,
        unknown: options.unknown,
        ..MakersOptions::default()
    };
    let mut plan = Vec::new();
    for (rank, (item, role)) in roles(&names, shares).into_iter().enumerate() {
        // The asking maker rotates, so that none is always the stranger.
        let asking = rank % MAKERS.len();
        for maker in 0..MAKERS.len() {
            let views: &[(Split, u16)] = match role {
                _ if maker == asking => &[(Split::Query, SIZE), (Split::Query, SMALL)],
                Role::Unknown => &[],
                _ => &[(Split::Index, SIZE)],
            };
            for &(split, size) in views {
                let ordinal = (item * MAKERS.len() + maker) * 2 + usize::from(size == SMALL);
                let row = ImageRow {
                    uuid: uuid(NAME, options.seed, ordinal as u64),
                    split,
                    gtin: gtin(item)?,
                    title: String::new(),
                    categories: [0; 3],
                    look: Look::Drawing,
                };
                plan.push(Planned {
                    item,
                    maker,
                    size,
                    row,
                });
            }
        }
    }
    Ok(plan)
}

fn gtin(item: usize) -> Result<Gtin, Fault> {
    Gtin::from_body(FIRST_GTIN_BODY + item as u64, 13)
}

fn products(items: &[Item]) -> Result<Vec<ProductRow>, Fault> {
    let product = |(at, item): (usize, &Item)| {
        Ok(ProductRow {
            gtin: gtin(at)?,
            title: item.name.to_lowercase(),
            brand: String::new(),
            flavour: String::new(),
            size: String::new(),
            shape: String::new(),
            line: item.category.clone(),
        })
    };
    items.iter().enumerate().map(product).collect()
}

fn info(seed: u64) -> DatasetInfo {
    DatasetInfo {
        name: NAME.into(),
        synthetic: false,
        source: MAKERS.map(|(_, package)| package.label()).join(", "),
        licence: "fetched for measuring alone: Apple non-commercial, Facebook unclear, Google Apache-2.0, Twitter CC-BY-4.0"
            .into(),
        seed: Some(seed),
        images: BTreeMap::new(),
        products: BTreeMap::new(),
        frames: 0,
    }
}

/// `png` on white as a JPEG of `size` x `size` pixels. Errors: E301.
fn draw(png: &[u8], size: u16) -> Result<Vec<u8>, Fault> {
    let drawing = Pixmap::decode_png(png).map_err(|e| {
        let remedy = "remove the package from the cache and fetch it again";
        Fault::new(Code::ImageDamaged, "a PNG picture", e.to_string(), remedy)
    })?;
    let full = u16::try_from(drawing.width().max(drawing.height())).unwrap_or(u16::MAX);
    let mut whole = canvas(full)?;
    let (paint, place) = (PixmapPaint::default(), Transform::identity());
    whole.draw_pixmap(0, 0, drawing.as_ref(), &paint, place, None);
    if size == full {
        return encode(&whole, full);
    }
    encode(&smaller(&whole, size)?, size)
}

/// Each pixel the mean of those that it covers.
fn smaller(whole: &Pixmap, size: u16) -> Result<Pixmap, Fault> {
    let rgb = whole.data().chunks_exact(4).flat_map(|p| &p[..3]);
    let (width, height) = (whole.width(), whole.height());
    let image = skueye_vision::RgbImage::new(width, height, rgb.copied().collect())?;
    let region = skueye_vision::Region::whole(&image);
    let small = skueye_vision::resize_rgb(&image, region, size.into())?;
    let mut pixels = canvas(size)?;
    let to = pixels.data_mut().chunks_exact_mut(4);
    to.zip(small.data().chunks_exact(3))
        .for_each(|(to, from)| to[..3].copy_from_slice(from));
    Ok(pixels)
}

/// One maker's pictures of 64 pixels by file name, and the table of items.
struct Pictures {
    table: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Pictures {
    fn read(maker: &str, package: &Path) -> Result<Self, Fault> {
        let read = |e: std::io::Error| Fault::io("read", package, &e);
        let folder = Path::new("package/img").join(maker).join("64");
        let file = File::open(package).map_err(read)?;
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        let mut found = Self {
            table: Vec::new(),
            files: BTreeMap::new(),
        };
        for entry in archive.entries().map_err(read)? {
            let entry = entry.map_err(read)?;
            let path = entry.path().map_err(read)?.into_owned();
            let is_table = path == Path::new("package/emoji.json");
            let name = path
                .strip_prefix(&folder)
                .ok()
                .and_then(|name| name.to_str());
            let limit = match is_table {
                true => MAX_TABLE_BYTES,
                false => MAX_PICTURE_BYTES,
            };
            if !is_table && name.is_none() {
                continue;
            }
            let mut bytes = Vec::new();
            entry.take(limit).read_to_end(&mut bytes).map_err(read)?;
            match name {
                Some(name) => _ = found.files.insert(name.to_owned(), bytes),
                None => found.table = bytes,
            }
        }
        Ok(found)
    }

    fn items(&self) -> Result<Vec<Item>, Fault> {
        serde_json::from_slice(&self.table).map_err(|e| {
            let expected = "emoji.json as emoji-datasource 16 has it";
            let remedy = "remove the package from the cache and fetch it again";
            Fault::new(Code::FetchFailed, expected, e.to_string(), remedy)
        })
    }
}
