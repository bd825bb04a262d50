//! Augmentation of training pictures (METHOD 2): random resized crop, flip, colour, erasing.

use skueye_models::Fault;
use skueye_vision::picture::{Region, RgbImage};
use skueye_vision::preprocess::resize_rgb;

use crate::random::Random;

/// How pictures are varied. Probabilities are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Least share of the picture's area that a crop keeps; METHOD 2 has 0.2.
    pub least_area: f32,
    /// Probability of a left-right flip. Packages carry text, which is never seen mirrored, so it is 0 by default.
    pub flip: f32,
    /// Largest relative change of brightness, contrast and saturation.
    pub colour: f32,
    /// Probability that a rectangle is erased.
    pub erase: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            least_area: 0.5,
            flip: 0.0,
            colour: 0.5,
            erase: 0.25,
        }
    }
}

/// A varied view of `image`, `size` x `size` pixels. The same `random` gives the same view.
pub fn augment(
    image: &RgbImage,
    size: u32,
    how: &Augmentation,
    random: &mut Random,
) -> Result<RgbImage, Fault> {
    let mut view = resize_rgb(image, random_crop(image, how.least_area, random), size)?;
    if random.chance(how.flip) {
        flip(&mut view);
    }
    if how.colour > 0.0 {
        let mut factor = || random.range(1.0 - how.colour, 1.0 + how.colour);
        jitter(&mut view, factor(), factor(), factor());
    }
    if random.chance(how.erase) {
        erase(&mut view, random);
    }
    Ok(view)
}

/// A crop of `least_area` to all of the area with an aspect of 3:4 to 4:3 (Szegedy et al. 2015, "Inception" crops).
fn random_crop(image: &RgbImage, least_area: f32, random: &mut Random) -> Region {
    let (width, height) = (image.width() as f32, image.height() as f32);
    let area = width * height * random.range(least_area, 1.0);
    let aspect = random.range((3.0f32 / 4.0).ln(), (4.0f32 / 3.0).ln()).exp();
    let crop_width = (area * aspect).sqrt().min(width).max(1.0);
    let crop_height = (area / aspect).sqrt().min(height).max(1.0);
    let x = random.range(0.0, width - crop_width);
    let y = random.range(0.0, height - crop_height);
    Region {
        x: x as u32,
        y: y as u32,
        width: crop_width as u32,
        height: crop_height as u32,
    }
}

fn flip(image: &mut RgbImage) {
    let width = image.width() as usize;
    for row in image.data_mut().chunks_exact_mut(width * 3) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

/// Brightness scales, contrast scales around the mean grey, saturation around each pixel's grey.
fn jitter(image: &mut RgbImage, brightness: f32, contrast: f32, saturation: f32) {
    let grey =
        |p: &[u8; 3]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
    let (pixels, _) = image.data_mut().as_chunks_mut::<3>();
    let mean = pixels.iter().map(grey).sum::<f32>() / pixels.len().max(1) as f32;
    for pixel in pixels {
        let own = grey(pixel);
        for value in pixel {
            let saturated = own + (f32::from(*value) - own) * saturation;
            let contrasted = mean + (saturated - mean) * contrast;
            *value = (contrasted * brightness).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Fills a rectangle of 2 to 20 % of the area with one random colour (Zhong et al. 2020).
fn erase(image: &mut RgbImage, random: &mut Random) {
    let size = image.width();
    let area = (size as f32).powi(2) * random.range(0.02, 0.2);
    let aspect = random.range((0.3f32).ln(), (3.3f32).ln()).exp();
    let side = |length: f32| (length as u32).clamp(1, size);
    let (width, height) = (side((area * aspect).sqrt()), side((area / aspect).sqrt()));
    let x = random.below((size - width + 1) as usize);
    let y = random.below((size - height + 1) as usize);
    let colour = [
        random.below(256) as u8,
        random.below(256) as u8,
        random.below(256) as u8,
    ];
    let rows = image.data_mut().chunks_exact_mut(size as usize * 3);
    for row in rows.skip(y).take(height as usize) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels[x..x + width as usize].fill(colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbImage {
        let data = (0..60 * 40 * 3).map(|i| (i * 7 % 251) as u8).collect();
        RgbImage::new(60, 40, data).unwrap()
    }

    #[test]
    fn a_view_depends_on_its_stream_alone() {
        let view = |seed| {
            augment(
                &picture(),
                32,
                &Augmentation::default(),
                &mut Random::new(seed, &[]),
            )
            .unwrap()
        };
        assert_eq!(view(1), view(1));
        assert_ne!(view(1), view(2));
        assert_eq!(view(1).data().len(), 32 * 32 * 3);
    }

    #[test]
    fn crops_stay_inside_even_of_tiny_pictures() {
        for (width, height) in [(1, 1), (1, 500), (3, 2), (640, 480)] {
            let image = RgbImage::black(width, height).unwrap();
            for seed in 0..200 {
                let crop = random_crop(&image, 0.2, &mut Random::new(seed, &[]));
                assert!(crop.fits(width, height), "{crop:?} of {width} x {height}");
            }
        }
    }

    #[test]
    fn two_flips_are_none_and_neutral_factors_change_nothing() {
        let mut image = picture();
        flip(&mut image);
        assert_ne!(image, picture());
        flip(&mut image);
        jitter(&mut image, 1.0, 1.0, 1.0);
        assert_eq!(image, picture());
    }
}
