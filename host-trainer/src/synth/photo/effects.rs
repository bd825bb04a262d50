//! What a camera does to light: defocus, motion, exposure, lens shading, noise, and JPEG.

use std::sync::LazyLock;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use skueye_models::{Code, Fault};

use super::plane::Picture;
use crate::synth::print::colour::encode;
use crate::synth::rng::{Purpose, Rng, stream};
use crate::synth::solid::vector::Vec3;

/// The defects of one exposure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effects {
    /// Defocus, pixels (standard deviation).
    pub(crate) blur: f32,
    /// Motion during the exposure, pixels.
    pub(crate) smear: [f32; 2],
    /// Exposure and white balance, per channel.
    pub(crate) gain: Vec3,
    /// Loss of light in the corners, 0..=1.
    pub(crate) vignette: f32,
    /// Standard deviation of the noise in mid-grey, of 255.
    pub(crate) noise: f32,
    /// JPEG quality, 1..=100.
    pub(crate) quality: u8,
}

impl Effects {
    /// A tripod, good light, a careful seller.
    pub(crate) fn studio(rng: &mut Rng) -> Self {
        let exposure = rng.range(0.94, 1.06);
        Self {
            blur: rng.range(0.0, 0.4),
            smear: [0.0; 2],
            gain: [
                exposure * rng.range(0.985, 1.015),
                exposure,
                exposure * rng.range(0.985, 1.015),
            ],
            vignette: 0.0,
            noise: rng.range(0.3, 1.2),
            quality: rng.range(78.0, 95.0) as u8,
        }
    }

    /// A cheap camera in whatever light there is; lengths for a picture of `size` pixels.
    pub(crate) fn kiosk(rng: &mut Rng, size: f32) -> Self {
        let unit = size / 192.0;
        let exposure = rng.range(0.85, 1.5);
        let (warmth, green) = (rng.range(-0.12, 0.12), rng.range(-0.04, 0.04));
        let motion = if rng.chance(0.3) {
            rng.range(1.0, 4.0) * unit
        } else {
            0.0
        };
        let (sin, cos) = rng.range(0.0, std::f32::consts::TAU).sin_cos();
        Self {
            blur: unit
                * if rng.chance(0.2) {
                    rng.range(0.8, 1.5)
                } else {
                    rng.range(0.2, 0.8)
                },
            smear: [motion * cos, motion * sin],
            gain: [
                exposure * (1.0 + warmth),
                exposure * (1.0 + green),
                exposure * (1.0 - warmth),
            ],
            vignette: rng.range(0.0, 0.35),
            noise: rng.range(1.0, 7.0),
            quality: rng.range(45.0, 92.0) as u8,
        }
    }

    /// The finished picture as a JPEG file.
    pub(crate) fn develop(&self, mut picture: Picture, rng: &mut Rng) -> Result<Vec<u8>, Fault> {
        picture.blur(self.blur);
        picture.smear(self.smear[0], self.smear[1]);
        let pixels = self.expose(&picture, rng);
        jpeg(&pixels, picture.width, picture.height, self.quality)
    }

    fn expose(&self, picture: &Picture, rng: &mut Rng) -> Vec<u8> {
        let (w, h) = (picture.width as f32, picture.height as f32);
        let mut grain = Grain(rng.bits());
        let mut bytes = Vec::with_capacity(picture.pixels.len() * 3);
        for (y, row) in picture.pixels.chunks_exact(picture.width).enumerate() {
            let dy = y as f32 / h - 0.5;
            for (x, pixel) in row.iter().enumerate() {
                let dx = x as f32 / w - 0.5;
                let shade = 1.0 - 2.0 * self.vignette * (dx * dx + dy * dy);
                let noise = grain.next();
                for channel in 0..3 {
                    let value = encode(pixel[channel] * self.gain[channel] * shade) * 255.0;
                    bytes.push((value + self.noise * noise[channel] + 0.5).clamp(0.0, 255.0) as u8);
                }
            }
        }
        bytes
    }
}

/// Normal deviates from a table, drawn by a fast generator: noise needs three per pixel.
struct Grain(u64);

static DEVIATES: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut rng = stream(0, Purpose::Grain, 0, 0);
    (0..4096).map(|_| rng.normal()).collect()
});

impl Grain {
    /// Three deviates, half of each shared: a sensor's noise is grey for the most part after demosaicing.
    fn next(&mut self) -> Vec3 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        let deviate = |shift: u32| DEVIATES[(self.0 >> shift & 0xFFF) as usize];
        let common = 0.75 * deviate(52);
        [
            common + 0.66 * deviate(40),
            common + 0.66 * deviate(28),
            common + 0.66 * deviate(16),
        ]
    }
}

/// RGB bytes as a JPEG file; chroma is halved, as cameras do.
pub(crate) fn jpeg(rgb: &[u8], width: usize, height: usize, quality: u8) -> Result<Vec<u8>, Fault> {
    let mut file = Vec::with_capacity(rgb.len() / 6);
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    let side = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    encoder
        .encode(rgb, side(width), side(height), ColorType::Rgb)
        .map_err(|error| {
            Fault::new(
                Code::ImageSize,
                "a picture of at most 65,535 pixels a side",
                error.to_string(),
                "choose a smaller size",
            )
        })?;
    Ok(file)
}
