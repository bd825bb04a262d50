//! The bytes of a JPEG or PNG file to RGB.
//!
//! Strict: what is cut off or damaged is refused, never shown in part. Orientation in EXIF is honoured. Transparent
//! pixels of a PNG are laid over white, the background of listing photos. 16-bit samples are rounded to 8 bits.

mod raw;

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError};
use skueye_models::{Code, Fault};

use crate::jpeg;
use crate::picture::{RgbImage, check_size};

pub use raw::{RawFormat, RawFrame, decode_raw_into};

/// The largest picture file, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
const PNG_MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Decodes a JPEG or PNG.
///
/// Errors: E301 cut off or damaged, E302 another format, E303 a side of zero or beyond [`crate::MAX_SIDE`].
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Fault> {
    let mut image = RgbImage::default();
    decode_into(bytes, &mut image)?;
    Ok(image)
}

/// As [`decode`], into the memory of `image`, which is empty after an error. A JPEG without EXIF orientation reuses the
/// memory; a PNG does not.
pub fn decode_into(bytes: &[u8], image: &mut RgbImage) -> Result<(), Fault> {
    decode_any(bytes, image).inspect_err(|_| image.clear())
}

/// Reads and decodes the file at `path`; its faults name the path. Errors as [`decode`], and E901.
pub fn decode_file(path: &Path) -> Result<RgbImage, Fault> {
    let bytes = read_bounded(path, MAX_FILE_BYTES, Code::ImageSize)?;
    decode(&bytes).map_err(|fault| fault.at(path))
}

/// The content of the file at `path`. Of a file with more than `limit` bytes no more is read, and it is refused with
/// `code`. Errors: also E901.
pub fn read_bounded(path: &Path, limit: u64, code: Code) -> Result<Vec<u8>, Fault> {
    let failed = |error| Fault::io("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    if read.map_err(failed)? as u64 <= limit {
        return Ok(bytes);
    }
    let expected = format!("at most {limit} bytes");
    Err(Fault::new(code, expected, "more", "use a smaller file").at(path))
}

fn decode_any(bytes: &[u8], image: &mut RgbImage) -> Result<(), Fault> {
    if bytes.starts_with(&jpeg::MAGIC) {
        let orientation = jpeg::decode(bytes, image)?;
        return turn(image, orientation);
    }
    if bytes.starts_with(&PNG_MAGIC) {
        return decode_png(bytes, image);
    }
    let start = &bytes[..bytes.len().min(4)];
    Err(Fault::new(
        Code::ImageFormat,
        "a JPEG or PNG",
        format!("{} bytes that begin with {start:02x?}", bytes.len()),
        "save the picture as JPEG or PNG",
    ))
}

fn decode_png(bytes: &[u8], image: &mut RgbImage) -> Result<(), Fault> {
    let mut decoder = PngDecoder::new(Cursor::new(bytes)).map_err(png_damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height))?;
    let orientation = decoder.orientation().map_err(png_damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(png_damaged)?;
    picture.apply_orientation(orientation);
    let rgb = match picture.color().has_alpha() {
        true => over_white(&picture.into_rgba8()),
        false => picture.into_rgb8().into_raw(),
    };
    let (width, height) = match swaps_sides(orientation) {
        true => (height, width),
        false => (width, height),
    };
    *image = RgbImage::new(width, height, rgb)?;
    Ok(())
}

/// `colour * alpha + white * (1 - alpha)`, rounded.
fn over_white(picture: &image::RgbaImage) -> Vec<u8> {
    let blend = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u32::from(colour), u32::from(alpha));
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    picture
        .pixels()
        .flat_map(|p| [0, 1, 2].map(|channel| blend(p[channel], p[3])))
        .collect()
}

/// Turns `image` upright.
fn turn(image: &mut RgbImage, orientation: Orientation) -> Result<(), Fault> {
    if orientation == Orientation::NoTransforms {
        return Ok(());
    }
    let (width, height) = (image.width(), image.height());
    let raw = std::mem::take(image).into_data();
    let buffer = image::RgbImage::from_raw(width, height, raw)
        .expect("a picture has exactly the bytes of its size");
    let mut picture = DynamicImage::ImageRgb8(buffer);
    picture.apply_orientation(orientation);
    *image = RgbImage::new(
        picture.width(),
        picture.height(),
        picture.into_rgb8().into_raw(),
    )?;
    Ok(())
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(
        orientation,
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH
    )
}

fn png_damaged(error: ImageError) -> Fault {
    Fault::new(
        Code::ImageDamaged,
        "a complete PNG",
        error.to_string(),
        "copy or take the picture again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageEncoder;
    use jpeg_encoder::{ColorType, Encoder};
    use proptest::prelude::*;

    /// A picture with detail, so that every part of the file carries blocks: red grows to the right, green downwards.
    fn pixels(width: u16, height: u16) -> Vec<u8> {
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                let noise = ((u32::from(x) * 7919 + u32::from(y) * 104_729) % 23) as u8;
                [
                    (x * 255 / width) as u8,
                    (y * 255 / height) as u8,
                    100 + noise,
                ]
            })
            .collect()
    }

    fn jpeg(progressive: bool, exif_orientation: Option<u8>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_progressive(progressive);
        if let Some(value) = exif_orientation {
            let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
            exif.extend([value, 0, 0, 0, 0, 0, 0]);
            encoder.add_app_segment(1, exif).unwrap();
        }
        encoder
            .encode(&pixels(61, 47), 61, 47, ColorType::Rgb)
            .unwrap();
        bytes
    }

    fn png(colour: image::ExtendedColorType, data: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        image::codecs::png::PngEncoder::new(&mut bytes)
            .write_image(data, width, height, colour)
            .unwrap();
        bytes
    }

    fn worst(a: &[u8], b: &[u8]) -> u8 {
        assert_eq!(a.len(), b.len());
        a.iter()
            .zip(b)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_jpeg_gives_its_pixels_baseline_and_progressive() {
        for progressive in [false, true] {
            let image = decode(&jpeg(progressive, None)).unwrap();
            assert_eq!((image.width(), image.height()), (61, 47));
            let mean: f64 = image
                .data()
                .iter()
                .zip(pixels(61, 47))
                .map(|(a, b)| f64::from(a.abs_diff(b)))
                .sum::<f64>()
                / image.data().len() as f64;
            assert!(mean < 4.0, "{mean}");
        }
    }

    #[test]
    fn a_jpeg_cut_at_any_length_is_refused() {
        for progressive in [false, true] {
            let whole = jpeg(progressive, None);
            for length in 0..whole.len() {
                let fault = decode(&whole[..length]).unwrap_err();
                let expected = if length < 3 {
                    Code::ImageFormat
                } else {
                    Code::ImageDamaged
                };
                assert_eq!(fault.code(), expected, "{length} of {}", whole.len());
            }
        }
    }

    #[test]
    fn a_png_cut_anywhere_in_its_picture_is_refused() {
        let whole = png(image::ExtendedColorType::Rgb8, &pixels(61, 47), 61, 47);
        assert_eq!(worst(decode(&whole).unwrap().data(), &pixels(61, 47)), 0);
        // The last 12 bytes are the IEND chunk, behind the whole picture.
        for length in (0..whole.len() - 12).step_by(7) {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        assert_eq!(decode(&changed).unwrap_err().code(), Code::ImageDamaged);
    }

    #[test]
    fn exif_orientation_is_honoured() {
        let upright = decode(&jpeg(false, Some(1))).unwrap();
        let turned = decode(&jpeg(false, Some(6))).unwrap();
        assert_eq!((turned.width(), turned.height()), (47, 61));
        let pixel = |image: &RgbImage, x: u32, y: u32| {
            let at = ((y * image.width() + x) * 3) as usize;
            image.data()[at..at + 3].to_vec()
        };
        // Orientation 6: the stored top row is the right column.
        assert_eq!(pixel(&turned, 46, 10), pixel(&upright, 10, 0));
    }

    #[test]
    fn transparent_pixels_are_laid_over_white() {
        let bytes = png(
            image::ExtendedColorType::Rgba8,
            &[0, 0, 0, 0, 10, 20, 30, 255],
            2,
            1,
        );
        assert_eq!(decode(&bytes).unwrap().data(), [255, 255, 255, 10, 20, 30]);
    }

    #[test]
    fn sizes_are_checked_before_memory_is_taken() {
        let mut huge = jpeg(false, None);
        let sof = huge.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        huge[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        assert_eq!(decode(&huge).unwrap_err().code(), Code::ImageSize);
        let wide = png(image::ExtendedColorType::L8, &[0; 9000], 9000, 1);
        assert_eq!(decode(&wide).unwrap_err().code(), Code::ImageSize);
    }

    /// A picture of one colour takes few bits, but some for each block.
    fn flat(side: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = Encoder::new(&mut bytes, 1);
        let grey = vec![128; usize::from(side) * usize::from(side)];
        encoder.encode(&grey, side, side, ColorType::Luma).unwrap();
        bytes
    }

    #[test]
    fn a_bomb_is_refused_and_the_smallest_honest_picture_is_not() {
        assert_eq!(decode(&flat(2048)).unwrap().width(), 2048);
        let mut bomb = flat(64);
        let sof = bomb.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        bomb[sof + 5..sof + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
        let fault = decode(&bomb).unwrap_err();
        assert_eq!(fault.code(), Code::ImageDamaged);
        assert!(fault.got().contains("8192 x 8192"), "{fault}");
    }

    #[test]
    fn a_webcams_frame_without_huffman_tables_is_decoded() {
        let whole = jpeg(false, None);
        let mut frame = whole.clone();
        while let Some(at) = frame.windows(2).position(|w| w == [0xff, 0xc4]) {
            let length = usize::from(u16::from_be_bytes([frame[at + 2], frame[at + 3]]));
            frame.drain(at..at + 2 + length);
        }
        assert!(frame.len() < whole.len());
        // Drivers fill the buffer up behind the picture.
        frame.extend([0; 512]);
        assert_eq!(decode(&frame).unwrap(), decode(&whole).unwrap());
    }

    #[test]
    fn the_memory_is_reused_and_empty_after_an_error() {
        let mut image = RgbImage::default();
        decode_into(&jpeg(false, None), &mut image).unwrap();
        let address = image.data().as_ptr();
        decode_into(&jpeg(false, None), &mut image).unwrap();
        assert_eq!(image.data().as_ptr(), address);
        assert!(decode_into(b"GIF89a", &mut image).is_err());
        assert_eq!((image.width(), image.data().len()), (0, 0));
    }

    proptest! {
        #[test]
        fn damage_anywhere_is_refused_or_gives_a_whole_picture(
            progressive: bool, at in 2..3000usize, value: u8, length in 3..4000usize
        ) {
            let mut bytes = jpeg(progressive, None);
            let at = at % bytes.len();
            bytes[at] = value;
            bytes.truncate(length);
            if let Ok(image) = decode(&bytes) {
                prop_assert_eq!(
                    image.data().len(), image.width() as usize * image.height() as usize * 3
                );
            }
        }
    }
}
