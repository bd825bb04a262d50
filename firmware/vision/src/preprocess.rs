//! From a rectangle of a picture to the network's input tensor, as [`Preprocess`] states it.
//!
//! The resize is [`crate::resample`]'s. Trainer and device call this code, so a picture has one tensor.

use skueye_models::{Fault, Preprocess};

use crate::picture::{Region, RgbImage};
use crate::resample::{Pixels, Resampler};

/// Carries out one [`Preprocess`] with memory that it keeps: a call takes none.
pub struct Preprocessor {
    spec: Preprocess,
    resampler: Resampler,
    /// `[1, 3, size, size]`.
    tensor: Vec<f32>,
}

impl Preprocessor {
    /// Takes its memory. Refuses a spec that is out of range (E402).
    pub fn new(spec: Preprocess) -> Result<Self, Fault> {
        spec.validate()?;
        let size = spec.size as usize;
        Ok(Self {
            spec,
            resampler: Resampler::new(size, size),
            tensor: vec![0.0; size * size * 3],
        })
    }

    /// What it carries out.
    pub fn spec(&self) -> &Preprocess {
        &self.spec
    }

    /// The tensor `[1, 3, size, size]` of `region`, valid until the next call. Refuses a region that leaves `image` (E303).
    pub fn tensor(&mut self, image: &RgbImage, region: Region) -> Result<&[f32], Fault> {
        self.tensor_of(&Pixels::of(image), region)
    }

    /// As [`Self::tensor`], of a frame in the layout of the camera.
    pub fn tensor_of(&mut self, pixels: &Pixels<'_>, region: Region) -> Result<&[f32], Fault> {
        let planes = self.resampler.planes(pixels, region)?;
        let area = planes.len() / 3;
        let channels = planes
            .chunks_exact(area)
            .zip(self.tensor.chunks_exact_mut(area));
        for (channel, (bytes, values)) in channels.enumerate() {
            let (mean, std) = (self.spec.mean[channel], self.spec.std[channel]);
            for (value, byte) in values.iter_mut().zip(bytes) {
                *value = (f32::from(*byte) - mean) / std;
            }
        }
        Ok(&self.tensor)
    }
}

/// `region` of `image`, stretched to `size` x `size`: what the network sees, before it is normalised.
pub fn resize_rgb(image: &RgbImage, region: Region, size: u32) -> Result<RgbImage, Fault> {
    Resampler::new(size as usize, size as usize).picture(&Pixels::of(image), region)
}

/// `(value - mean) / std` of interleaved RGB bytes into planes: `rgb` has `3 n` bytes, `tensor` the same count of values,
/// first all of R, then G, then B.
pub fn normalise(spec: &Preprocess, rgb: &[u8], tensor: &mut [f32]) {
    assert_eq!(rgb.len(), tensor.len(), "one value for every byte");
    let plane = tensor.len() / 3;
    let (red, rest) = tensor.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    for (channel, values) in [red, green, blue].into_iter().enumerate() {
        let (mean, std) = (spec.mean[channel], spec.std[channel]);
        for (value, pixel) in values.iter_mut().zip(rgb.chunks_exact(3)) {
            *value = (f32::from(pixel[channel]) - mean) / std;
        }
    }
}

#[cfg(test)]
mod tests {
    use skueye_models::Code;

    use super::*;

    fn stripes(width: u32, height: u32) -> RgbImage {
        let data = (0..height)
            .flat_map(|_| (0..width).flat_map(|x| [if x % 2 == 0 { 255 } else { 0 }; 3]))
            .collect();
        RgbImage::new(width, height, data).unwrap()
    }

    #[test]
    fn a_reduction_averages_instead_of_picking() {
        let small = resize_rgb(
            &stripes(256, 256),
            Region {
                x: 0,
                y: 0,
                width: 256,
                height: 256,
            },
            32,
        );
        let small = small.unwrap();
        assert!(
            small.data().iter().all(|v| (117..=138).contains(v)),
            "stripes become grey"
        );
    }

    #[test]
    fn the_tensor_is_planar_rgb_normalised() {
        let data = [10u8, 127, 255].repeat(64 * 64);
        let image = RgbImage::new(64, 64, data).unwrap();
        let mut preprocessor = Preprocessor::new(Preprocess::efficientnet_lite(32)).unwrap();
        let tensor = preprocessor.tensor(&image, Region::whole(&image)).unwrap();
        assert_eq!(tensor.len(), 3 * 32 * 32);
        let expected = [(10.0 - 127.0) / 128.0, 0.0, 1.0];
        for (plane, expected) in tensor.chunks(32 * 32).zip(expected) {
            assert!(plane.iter().all(|v| *v == expected));
        }
    }

    #[test]
    fn only_the_region_is_seen_and_a_region_outside_is_refused() {
        let mut image = RgbImage::black(80, 60).unwrap();
        let region = Region {
            x: 20,
            y: 10,
            width: 40,
            height: 40,
        };
        for y in 10..50 {
            image.data_mut()[(y * 80 + 20) * 3..(y * 80 + 60) * 3].fill(200);
        }
        let crop = resize_rgb(&image, region, 32).unwrap();
        assert!(
            crop.data().iter().all(|v| *v == 200),
            "nothing bleeds in from outside"
        );
        let outside = Region {
            width: 61,
            ..region
        };
        assert_eq!(
            resize_rgb(&image, outside, 32).unwrap_err().code(),
            Code::ImageSize
        );
    }

    #[test]
    fn a_kept_preprocessor_and_a_new_one_agree_after_other_pictures() {
        let (a, b) = (stripes(77, 50), stripes(200, 133));
        let mut kept = Preprocessor::new(Preprocess::efficientnet_lite(48)).unwrap();
        kept.tensor(&b, Region::whole(&b)).unwrap();
        let again = kept.tensor(&a, Region::whole(&a)).unwrap().to_vec();
        let mut new = Preprocessor::new(Preprocess::efficientnet_lite(48)).unwrap();
        assert_eq!(again, new.tensor(&a, Region::whole(&a)).unwrap());
    }
}
