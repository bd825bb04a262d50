//! The contact sheet: members of lines side by side in both looks, and a strip of the replay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use resvg::tiny_skia::{Color, Pixmap, PremultipliedColorU8};
use skueye_models::{Code, Fault, Gtin};
use skueye_vision::{Region, RgbImage, decode_file};

use crate::data::{Dataset, ImageRow, ImageTruth, Look};
use crate::files::write_file;

/// Members of a line in one row; each takes a cell per look.
const MEMBERS: usize = 4;
const ROWS: usize = 8;
/// Edge of a cell and the gap between cells, pixels.
const CELL: u32 = 136;
const GAP: u32 = 4;
const STRIPS: usize = 2;
const COLUMNS: u32 = MEMBERS as u32 * 2;

/// Draws a PNG that shows the data set at `root`: eight lines with up to four members each, every member in its listing
/// and its kiosk look, and below them frames of the replay where there is one.
///
/// Errors: E507 where `root` is no data set with ground truth, E3xx for pictures, E901.
pub fn contact_sheet(root: &Path, out: &Path) -> Result<(), Fault> {
    let data = Dataset::open(root)?;
    let lines = lines(&data)?;
    let strip = strip(&data)?;
    let height = (lines.len() + strip.len()) as u32 * (CELL + GAP) + GAP;
    let mut sheet = Sheet::new(COLUMNS * (CELL + GAP) + GAP, height)?;
    for (row, pictures) in lines.iter().chain(&strip).enumerate() {
        for (column, path) in pictures.iter().enumerate() {
            if let Some(path) = path {
                sheet.place(&decode_file(path)?, column as u32, row as u32);
            }
        }
    }
    write_file(out, &sheet.png()?)
}

type Pictures = Vec<Option<PathBuf>>;

/// Rows of pictures: listing and kiosk look of each member, for lines spread over the data set.
fn lines(data: &Dataset) -> Result<Vec<Pictures>, Fault> {
    let (Some(products), Some(images)) = (data.products()?, data.image_truth()?) else {
        return Err(Fault::new(
            Code::DataLayout,
            "ground truth in truth/",
            "none",
            "name a folder that `synth` wrote",
        )
        .at(data.root()));
    };
    let mut photos: BTreeMap<(Gtin, Look), PathBuf> = BTreeMap::new();
    for image in images {
        let path = data.root().join(picture_path(&image));
        photos.entry((image.gtin, image.look)).or_insert(path);
    }
    let mut members: BTreeMap<String, Vec<Gtin>> = BTreeMap::new();
    for product in products {
        members.entry(product.line).or_default().push(product.gtin);
    }
    let mut lines: Vec<Vec<Gtin>> = members.into_values().collect();
    // Full lines first; equal ones stay in the order of their names.
    lines.sort_by_key(|line| std::cmp::Reverse(line.len().min(MEMBERS)));
    let full = lines.iter().filter(|line| line.len() >= MEMBERS).count();
    let step = (full / ROWS).max(1);
    let row = |line: &Vec<Gtin>| -> Pictures {
        let cell =
            |&gtin| [Look::Listing, Look::Kiosk].map(|look| photos.get(&(gtin, look)).cloned());
        line.iter().take(MEMBERS).flat_map(cell).collect()
    };
    Ok(lines.iter().step_by(step).take(ROWS).map(row).collect())
}

fn picture_path(image: &ImageTruth) -> String {
    let row = ImageRow {
        uuid: image.uuid.clone(),
        split: image.split,
        gtin: image.gtin,
        title: String::new(),
        categories: [0; 3],
        look: image.look,
    };
    row.image_path()
}

/// The frames around the first presentations.
fn strip(data: &Dataset) -> Result<Vec<Pictures>, Fault> {
    let (Some(folder), Some(visits)) = (data.replay(), data.presentations()?) else {
        return Ok(Vec::new());
    };
    let frame =
        |index: u64| Some(folder.join(format!("{index:06}.jpg"))).filter(|path| path.exists());
    let row = |first: u64| (0..u64::from(COLUMNS)).map(|i| frame(first + i)).collect();
    Ok(visits
        .iter()
        .take(STRIPS)
        .map(|visit| row(visit.first_frame.saturating_sub(1)))
        .collect())
}

struct Sheet(Pixmap);

impl Sheet {
    fn new(width: u32, height: u32) -> Result<Self, Fault> {
        let mut pixmap = Pixmap::new(width, height).ok_or_else(|| {
            Fault::new(
                Code::ImageSize,
                "a sheet with rows",
                format!("{width} x {height}"),
                "generate some products",
            )
        })?;
        pixmap.fill(Color::from_rgba8(40, 42, 46, 255));
        Ok(Self(pixmap))
    }

    /// Scales `image` into the cell at `column` and `row`, its shape kept.
    fn place(&mut self, image: &RgbImage, column: u32, row: u32) {
        let Region { width, height, .. } = Region::whole(image);
        let scale = f64::from(width.max(height)) / f64::from(CELL);
        let (w, h) = (
            (f64::from(width) / scale) as u32,
            (f64::from(height) / scale) as u32,
        );
        let (left, top) = (
            GAP + column * (CELL + GAP) + (CELL - w) / 2,
            GAP + row * (CELL + GAP) + (CELL - h) / 2,
        );
        let sheet_width = self.0.width();
        let pixels = self.0.pixels_mut();
        for y in 0..h {
            for x in 0..w {
                let span = |i: u32, n: u32| {
                    (f64::from(i) * scale) as u32..((f64::from(i + 1) * scale).ceil() as u32).min(n)
                };
                let [r, g, b] = mean(image, span(x, width), span(y, height));
                let at = (top + y) * sheet_width + left + x;
                pixels[at as usize] = PremultipliedColorU8::from_rgba(r, g, b, 255)
                    .unwrap_or(PremultipliedColorU8::TRANSPARENT);
            }
        }
    }

    fn png(&self) -> Result<Vec<u8>, Fault> {
        self.0.encode_png().map_err(|e| {
            Fault::new(
                Code::ImageSize,
                "a sheet that fits a PNG",
                e.to_string(),
                "generate fewer products",
            )
        })
    }
}

/// The mean colour of the pixels at `columns` by `rows`, neither of them empty.
fn mean(image: &RgbImage, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> [u8; 3] {
    let mut sum = [0u32; 3];
    let count = (columns.len() * rows.len()) as u32;
    for y in rows {
        for x in columns.clone() {
            let at = 3 * (y as usize * image.width() as usize + x as usize);
            for (sum, &byte) in sum.iter_mut().zip(&image.data()[at..at + 3]) {
                *sum += u32::from(byte);
            }
        }
    }
    sum.map(|s| (s / count.max(1)) as u8)
}
