//! A photo of each product for the device's page.

use std::fs;
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};
use skueye_models::Fault;
use skueye_vision::resample::{Pixels, Resampler};
use skueye_vision::{Region, decode_file};

use super::EvaluationSet;
use crate::files::write_file;
use crate::progress::Step;

/// The longest side, pixels: sharp on a tile of a kiosk's screen.
const SIDE: u32 = 320;

/// Writes the first index picture of each product to `out` as `GTIN.jpg`, reduced to 320 pixels; how many. Errors: E301 to
/// E304 a picture cannot be read, E901.
pub fn write_photos(set: &EvaluationSet, out: &Path) -> Result<usize, Fault> {
    fs::create_dir_all(out).map_err(|e| Fault::io("create", out, &e))?;
    let mut firsts = vec![None; set.products.len()];
    for (path, &product) in set.index.iter().zip(&set.truth.index) {
        firsts[product].get_or_insert(path);
    }
    let step = Step::new("photos", firsts.iter().flatten().count() as u64);
    let mut count = 0;
    for (product, path) in set.products.iter().zip(firsts) {
        let Some(path) = path else { continue };
        write_file(&out.join(format!("{}.jpg", product.gtin)), &reduced(path)?)?;
        step.advance(1);
        count += 1;
    }
    Ok(count)
}

fn reduced(path: &Path) -> Result<Vec<u8>, Fault> {
    let image = decode_file(path)?;
    let longest = image.width().max(image.height()).max(SIDE);
    let fitted = |side: u32| (side * SIDE / longest).max(1);
    let (width, height) = (fitted(image.width()), fitted(image.height()));
    let mut resampler = Resampler::new(width as usize, height as usize);
    let small = resampler.picture(&Pixels::of(&image), Region::whole(&image))?;
    let mut bytes = Vec::new();
    let size = (width as u16, height as u16);
    // A small picture of a fixed size into memory cannot fail to encode.
    let _ = Encoder::new(&mut bytes, 85).encode(small.data(), size.0, size.1, ColorType::Rgb);
    Ok(bytes)
}
