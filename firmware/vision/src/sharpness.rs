//! How much detail a crop shows: the variance of the Laplacian of its luma.
//!
//! Blur and motion take the high frequencies first, so between two crops of one item the sharper has the larger value.
//! Values of different items do not compare.

use crate::picture::{Region, RgbImage};

/// About how many samples are taken along each side, however large the crop is.
const SAMPLES: u32 = 256;

/// The variance of the 4-neighbour Laplacian over `region`; 0 for a region that leaves `image` or has no inner pixel.
pub fn sharpness(image: &RgbImage, region: Region) -> f32 {
    if !region.fits(image.width(), image.height()) || region.width < 3 || region.height < 3 {
        return 0.0;
    }
    let step = |length: u32| (length / SAMPLES).max(1) as usize;
    let columns = (region.x + 1..region.x + region.width - 1).step_by(step(region.width));
    let rows = (region.y + 1..region.y + region.height - 1).step_by(step(region.height));
    let (mut count, mut sum, mut squares) = (0i64, 0i64, 0i64);
    for y in rows {
        for x in columns.clone() {
            let value = laplacian(image, x, y);
            count += 1;
            sum += value;
            squares += value * value;
        }
    }
    let mean = sum as f64 / count as f64;
    (squares as f64 / count as f64 - mean * mean).max(0.0) as f32
}

fn laplacian(image: &RgbImage, x: u32, y: u32) -> i64 {
    let around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
    4 * luma(image, x, y) - around.map(|(x, y)| luma(image, x, y)).iter().sum::<i64>()
}

fn luma(image: &RgbImage, x: u32, y: u32) -> i64 {
    let at = (y as usize * image.width() as usize + x as usize) * 3;
    let pixel = &image.data()[at..at + 3];
    (77 * i64::from(pixel[0]) + 150 * i64::from(pixel[1]) + 29 * i64::from(pixel[2])) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::resize_rgb;

    #[test]
    fn a_blurred_picture_is_less_sharp_and_a_flat_one_has_none() {
        let data = (0..128 * 128)
            .flat_map(|i| {
                [if (i % 128 / 8 + i / 128 / 8) % 2 == 0 {
                    30
                } else {
                    220
                }; 3]
            })
            .collect();
        let sharp = RgbImage::new(128, 128, data).unwrap();
        let small = resize_rgb(&sharp, Region::whole(&sharp), 32).unwrap();
        let blurred = resize_rgb(&small, Region::whole(&small), 128).unwrap();
        let of = |image: &RgbImage| sharpness(image, Region::whole(image));
        assert!(
            of(&sharp) > 4.0 * of(&blurred),
            "{} {}",
            of(&sharp),
            of(&blurred)
        );
        assert_eq!(of(&RgbImage::black(40, 40).unwrap()), 0.0);
        assert_eq!(of(&RgbImage::black(2, 2).unwrap()), 0.0);
    }
}
