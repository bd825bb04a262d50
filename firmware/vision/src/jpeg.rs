//! JPEG: the structure walked to its end, then decoded in strict mode.
//!
//! The decoder shows what it has when a file is cut off behind its last row of blocks, so the end-of-image marker is
//! looked for first (ITU-T T.81, annex B). Where a scan was cut *and* an end marker was put behind it, the missing
//! blocks cannot be told from flat ones; such a picture is taken.

use image::metadata::Orientation;
use skueye_models::{Code, Fault};
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_jpeg::{ImageInfo, JpegDecoder};

use crate::picture::{RgbImage, byte_count, check_size};

/// What a JPEG file begins with.
pub(crate) const MAGIC: [u8; 3] = [0xff, 0xd8, 0xff];

/// Decodes `bytes` into `image` and says how the camera was held.
///
/// Webcams leave out the Huffman tables, which Motion-JPEG fixes (those of ITU-T T.81, annex K). The decoder supplies
/// them where the file says that it is such a frame, so a file without tables is made to say so.
pub(crate) fn decode(bytes: &[u8], image: &mut RgbImage) -> Result<Orientation, Fault> {
    match check_complete(bytes)? {
        true => decode_complete(bytes, image),
        false => decode_complete(&[&SOI_AVI1, &bytes[2..]].concat(), image),
    }
}

/// The start of a Motion-JPEG frame: the start-of-image marker and an APP0 segment of 16 bytes, named AVI1.
const SOI_AVI1: [u8; 20] = *b"\xff\xd8\xff\xe0\0\x10AVI1\0\0\0\0\0\0\0\0\0\0";

fn decode_complete(bytes: &[u8], image: &mut RgbImage) -> Result<Orientation, Fault> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        // The sides are checked below, between headers and pixels, for a fault that names them.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let ImageInfo { width, height, .. } =
        decoder.info().ok_or_else(|| refused("no frame header"))?;
    check_size(u64::from(width), u64::from(height))?;
    let (width, height) = (u32::from(width), u32::from(height));
    check_worth(width, height, bytes.len())?;
    if decoder.output_buffer_size() != Some(byte_count(width, height)?) {
        return Err(Fault::new(
            Code::ImageFormat,
            "a JPEG with 1, 3 or 4 colour components",
            format!("{:?}", decoder.input_colorspace()),
            "save the picture as an RGB or grey JPEG",
        ));
    }
    decoder
        .decode_into(image.resize_buffer(width, height)?)
        .map_err(damaged)?;
    let exif = decoder
        .exif()
        .and_then(|chunk| Orientation::from_exif_chunk(chunk));
    Ok(exif.unwrap_or(Orientation::NoTransforms))
}

/// Refuses a few bytes that claim to be a huge picture, before memory is taken for it: every block of 8 x 8 pixels has
/// at least one bit of its own, the shortest code of its mean (ITU-T T.81, F.1.2 and G.1.2).
fn check_worth(width: u32, height: u32, bytes: usize) -> Result<(), Fault> {
    let blocks = u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8));
    match blocks <= bytes as u64 * 8 {
        true => Ok(()),
        false => Err(refused(format!(
            "{bytes} bytes for {width} x {height} pixels"
        ))),
    }
}

/// Proves that every segment is whole and that an end-of-image marker follows a scan. Whether there are Huffman tables.
fn check_complete(bytes: &[u8]) -> Result<bool, Fault> {
    let mut position = 2;
    let (mut scans, mut tables) = (0, false);
    while let Some(found) = next_marker(bytes, position) {
        match bytes[found + 1] {
            0xd9 if scans > 0 => return Ok(tables),
            0xd9 => return Err(refused("an end-of-image marker before any scan")),
            // Restart, start-of-image and TEM markers carry no segment.
            0x01 | 0xd0..=0xd8 => position = found + 2,
            marker => {
                scans += usize::from(marker == 0xda);
                tables |= marker == 0xc4;
                position = segment_end(bytes, found + 2)?;
            }
        }
    }
    Err(refused(format!(
        "{} bytes without an end-of-image marker",
        bytes.len()
    )))
}

/// Where the next `0xff` that begins a marker lies; stuffed bytes (`ff 00`) and fill bytes (`ff ff`) begin none.
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let begins = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff);
    rest.windows(2).position(begins).map(|offset| from + offset)
}

/// The end of the segment whose two length bytes stand at `at`.
fn segment_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let cut = || refused(format!("a segment cut off at byte {}", bytes.len()));
    let length = bytes.get(at..at + 2).ok_or_else(cut)?;
    let end = at + usize::from(u16::from_be_bytes([length[0], length[1]]));
    if end < at + 2 || end > bytes.len() {
        return Err(cut());
    }
    Ok(end)
}

fn damaged(error: DecodeErrors) -> Fault {
    match error {
        DecodeErrors::ZeroError => check_size(0, 0).expect_err("sides of zero are refused"),
        other => refused(other.to_string()),
    }
}

fn refused(got: impl Into<String>) -> Fault {
    Fault::new(
        Code::ImageDamaged,
        "a complete JPEG",
        got,
        "copy or take the picture again",
    )
}
