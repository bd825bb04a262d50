//! What a cheap camera does to a picture: glare, defocus, motion, exposure, noise, JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use skueye_models::{Code, Fault};
use skueye_vision::decode::decode_into;
use skueye_vision::picture::RgbImage;

use super::blur::Spread;
use super::settings::{Camera, Effect};
use super::tone::look_up;
use crate::random::Random;

/// Puts `image` through the effects of `camera`, each by its chance. Effects without a chance draw no numbers.
pub(super) fn photograph(
    image: &mut RgbImage,
    camera: &Camera,
    random: &mut Random,
) -> Result<(), Fault> {
    let side = image.width().max(image.height()) as f32;
    if let Some(opacity) = strength(camera.glare, random) {
        glare(image, opacity, random);
    }
    if let Some(radius) = strength(camera.defocus, random) {
        Spread::disc(radius * side).apply(image);
    }
    if let Some(length) = strength(camera.motion, random) {
        let (sin, cos) = random.range(0.0, std::f32::consts::PI).sin_cos();
        Spread::line(length * side, cos, sin).apply(image);
    }
    expose(image, camera, random);
    if let Some(sigma) = strength(camera.noise, random) {
        add_noise(image, sigma, random);
    }
    if let Some(lost) = strength(camera.jpeg, random) {
        compress(image, (100.0 - lost).round() as u8)?;
    }
    Ok(())
}

/// `None` when the effect does not happen this time.
fn strength(effect: Effect, random: &mut Random) -> Option<f32> {
    (effect.chance > 0.0 && random.chance(effect.chance)).then(|| random.range(0.0, effect.most))
}

/// As [`strength`], either way.
fn signed(effect: Effect, random: &mut Random) -> Option<f32> {
    let strength = strength(effect, random)?;
    Some(if random.chance(0.5) {
        strength
    } else {
        -strength
    })
}

/// A white, soft, slanted ellipse somewhere: `opacity` in its middle.
pub(super) fn glare(image: &mut RgbImage, opacity: f32, random: &mut Random) {
    let (width, height) = (image.width() as f32, image.height() as f32);
    let middle = [random.range(0.0, width), random.range(0.0, height)];
    let (sin, cos) = random.range(0.0, std::f32::consts::PI).sin_cos();
    let long = random.range(0.1, 0.35) * width.max(height);
    let short = random.range(0.2, 0.6) * long;
    let row_bytes = image.width() as usize * 3;
    for (y, row) in image.data_mut().chunks_exact_mut(row_bytes).enumerate() {
        let dy = y as f32 - middle[1];
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let dx = x as f32 - middle[0];
            let (u, v) = ((dx * cos + dy * sin) / long, (dy * cos - dx * sin) / short);
            // A bell that ends: (1 - r^2)^2 within the ellipse.
            let inside = (1.0 - u * u - v * v).max(0.0);
            let share = opacity * inside * inside;
            for value in pixel {
                *value += (share * f32::from(255 - *value)) as u8;
            }
        }
    }
}

/// Exposure and white balance as gains of linear light, then the tone curve, in one table per channel.
fn expose(image: &mut RgbImage, camera: &Camera, random: &mut Random) {
    let stops = signed(camera.exposure, random);
    let exponent = signed(camera.gamma, random);
    let tint = signed(camera.white_balance, random);
    if stops.is_none() && exponent.is_none() && tint.is_none() {
        return;
    }
    let gain = stops.unwrap_or(0.0).exp2();
    let tint = tint.unwrap_or(0.0);
    let exponent = exponent.unwrap_or(0.0).exp2();
    let tables = [1.0 + tint, 1.0, 1.0 - tint].map(|colour| {
        std::array::from_fn(|value| {
            let light = to_linear(value as f32 / 255.0) * gain * colour;
            (255.0 * to_srgb(light).powf(exponent)).round() as u8
        })
    });
    look_up(image, &tables);
}

/// sRGB to linear light (IEC 61966-2-1).
pub(super) fn to_linear(value: f32) -> f32 {
    match value <= 0.04045 {
        true => value / 12.92,
        false => ((value + 0.055) / 1.055).powf(2.4),
    }
}

/// Linear light to sRGB; what is too bright is clipped, as a sensor does.
pub(super) fn to_srgb(light: f32) -> f32 {
    match light <= 0.003_130_8 {
        true => light.max(0.0) * 12.92,
        false => (1.055 * light.powf(1.0 / 2.4) - 0.055).min(1.0),
    }
}

/// Adds noise of standard deviation `sigma` grey levels. More than half of its variance is shared by the channels: after
/// demosaicing a sensor's noise is grey for the most part.
pub(super) fn add_noise(image: &mut RgbImage, sigma: f32, random: &mut Random) {
    for pixel in image.data_mut().as_chunks_mut::<3>().0 {
        let [red, green] = deviates(random);
        let [blue, common] = deviates(random);
        for (value, own) in pixel.iter_mut().zip([red, green, blue]) {
            let noise = sigma * (0.75 * common + 0.66 * own);
            *value = (f32::from(*value) + noise).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Two standard normal deviates, each the sum of four random bytes: two pixels' worth of noise must cost little.
fn deviates(random: &mut Random) -> [f32; 2] {
    /// Standard deviation of the sum of four even bytes: sqrt(4 (256^2 - 1) / 12).
    const DEVIATION: f32 = 147.8;
    let bytes = random.bits().to_le_bytes();
    let sum = |half: &[u8]| half.iter().map(|&byte| f32::from(byte)).sum::<f32>();
    [&bytes[..4], &bytes[4..]].map(|half| (sum(half) - 510.0) / DEVIATION)
}

/// To a JPEG of `quality` 1 to 100, its chroma halved as cameras do, and back.
pub(super) fn compress(image: &mut RgbImage, quality: u8) -> Result<(), Fault> {
    let mut file = Vec::with_capacity(image.data().len() / 4);
    let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    let side = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    encoder
        .encode(
            image.data(),
            side(image.width()),
            side(image.height()),
            ColorType::Rgb,
        )
        .map_err(|e| {
            let expected = "a picture that can be written as JPEG";
            Fault::new(
                Code::ImageSize,
                expected,
                e.to_string(),
                "train with a smaller size",
            )
        })?;
    decode_into(&file, image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Smooth colours with one edge.
    fn picture() -> RgbImage {
        let pixel = |i: u32| {
            let (x, y) = (i % 60, i / 60);
            [
                60 + 2 * x as u8,
                200 - 3 * y as u8,
                if x < 30 { 70 } else { 160 },
            ]
        };
        RgbImage::new(60, 40, (0..60 * 40).flat_map(pixel).collect()).unwrap()
    }

    fn always(most: f32) -> Effect {
        Effect { chance: 1.0, most }
    }

    fn mean(image: &RgbImage) -> f64 {
        let sum: u64 = image.data().iter().map(|&v| u64::from(v)).sum();
        sum as f64 / image.data().len() as f64
    }

    /// Each effect alone changes a picture, keeps its size, and at strength 0 leaves it within a level or two.
    #[test]
    fn every_effect_works_alone_and_vanishes_at_strength_nought() {
        type Change = fn(&mut Camera, Effect);
        let one = |change: Change, most| {
            let mut camera = Camera::default();
            change(&mut camera, always(most));
            camera
        };
        let effects: [(Change, f32); 8] = [
            (|c, e| c.glare = e, 0.8),
            (|c, e| c.defocus = e, 0.1),
            (|c, e| c.motion = e, 0.2),
            (|c, e| c.exposure = e, 1.5),
            (|c, e| c.gamma = e, 1.0),
            (|c, e| c.white_balance = e, 0.5),
            (|c, e| c.noise = e, 20.0),
            (|c, e| c.jpeg = e, 90.0),
        ];
        for (number, (change, most)) in effects.into_iter().enumerate() {
            let with_seed = |most, seed| {
                let mut view = picture();
                photograph(&mut view, &one(change, most), &mut Random::new(seed, &[])).unwrap();
                let before = picture();
                let pairs = view.data().iter().zip(before.data());
                pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
            };
            let worst = |most| (0..4).map(|seed| with_seed(most, seed)).max().unwrap();
            assert!(worst(most) > 5, "effect {number} at {most}");
            // JPEG of quality 100 still halves the chroma, which an edge of blue shows.
            let bound = if number == 7 { 30 } else { 2 };
            assert!(worst(0.0) <= bound, "effect {number} at 0: {}", worst(0.0));
        }
    }

    #[test]
    fn the_tone_curve_and_its_inverse_agree_and_noise_keeps_the_mean() {
        let grey = RgbImage::new(64, 64, vec![100; 64 * 64 * 3]).unwrap();
        let light = to_linear(100.0 / 255.0);
        assert!((to_linear(to_srgb(2.0 * light)) - 2.0 * light).abs() < 1e-3);
        let mut noisy = grey.clone();
        add_noise(&mut noisy, 10.0, &mut Random::new(1, &[]));
        assert!((mean(&noisy) - 100.0).abs() < 0.5, "{}", mean(&noisy));
        let square = |v: &u8| (f64::from(*v) - 100.0).powi(2);
        let variance = noisy.data().iter().map(square).sum::<f64>() / noisy.data().len() as f64;
        assert!((variance.sqrt() - 10.0).abs() < 0.4, "{}", variance.sqrt());
    }

    #[test]
    fn a_camera_without_effects_draws_no_numbers() {
        let (mut a, mut b) = (Random::new(3, &[]), Random::new(3, &[]));
        photograph(&mut picture(), &Camera::default(), &mut a).unwrap();
        assert_eq!(a.bits(), b.bits());
    }
}
