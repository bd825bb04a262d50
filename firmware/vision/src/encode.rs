//! RGB to a PNG file, without loss.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use skueye_models::{Code, Fault};

use crate::picture::RgbImage;

/// The bytes of a PNG of `image`. Refuses an empty picture (E303).
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>, Fault> {
    let (width, height) = (image.width(), image.height());
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    let written = encoder.write_image(image.data(), width, height, ExtendedColorType::Rgb8);
    written.map_err(|error| {
        let got = error.to_string();
        Fault::new(Code::ImageSize, "a picture with pixels", got, "report this")
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_gives_back_every_pixel() {
        let pixels = (0..7 * 5 * 3).map(|at| (at * 37 % 256) as u8).collect();
        let image = RgbImage::new(7, 5, pixels).unwrap();
        let bytes = encode_png(&image).unwrap();
        assert_eq!(crate::decode(&bytes).unwrap(), image);
        assert!(encode_png(&RgbImage::default()).is_err());
    }
}
