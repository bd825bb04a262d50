//! Colours: sRGB as designers write it, linear light as the renderer adds it.

use std::sync::LazyLock;

use resvg::tiny_skia::Color;

use crate::synth::rng::Rng;
use crate::synth::solid::vector::Vec3;

/// An sRGB colour, components in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rgb(pub(crate) [f32; 3]);

pub(crate) const WHITE: Rgb = Rgb([1.0; 3]);
pub(crate) const INK: Rgb = Rgb([0.10, 0.10, 0.12]);

impl Rgb {
    /// From `0xRRGGBB`.
    pub(crate) fn hex(value: u32) -> Self {
        Self([16, 8, 0].map(|shift| (value >> shift & 0xFF) as f32 / 255.0))
    }

    /// From hue in turns, saturation and value in 0..=1.
    pub(crate) fn hsv(hue: f32, saturation: f32, value: f32) -> Self {
        let channel = |offset: f32| {
            let k = (offset + hue.rem_euclid(1.0) * 6.0) % 6.0;
            value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
        };
        Self([channel(5.0), channel(3.0), channel(1.0)])
    }

    /// Between `self` (0) and `other` (1).
    pub(crate) fn mix(self, other: Rgb, t: f32) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i] * (1.0 - t) + other.0[i] * t
        }))
    }

    /// How bright it looks, 0..=1.
    pub(crate) fn luma(self) -> f32 {
        0.299 * self.0[0] + 0.587 * self.0[1] + 0.114 * self.0[2]
    }

    /// Ink or white, whichever is easier to read on it.
    pub(crate) fn contrast(self) -> Rgb {
        if self.luma() > 0.58 { INK } else { WHITE }
    }

    pub(crate) fn alpha(self, alpha: f32) -> Color {
        let [r, g, b] = self.0.map(|c| c.clamp(0.0, 1.0));
        Color::from_rgba(r, g, b, alpha.clamp(0.0, 1.0)).unwrap_or(Color::BLACK)
    }

    pub(crate) fn opaque(self) -> Color {
        self.alpha(1.0)
    }

    /// In linear light.
    pub(crate) fn linear(self) -> Vec3 {
        self.0.map(to_linear)
    }
}

/// The colours that the labels of a brand share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    pub(crate) base: Rgb,
    pub(crate) accent: Rgb,
    pub(crate) logo: Rgb,
}

impl Palette {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let hue = rng.unit();
        let base = match rng.below(5) {
            0 => Rgb::hsv(hue, rng.range(0.02, 0.12), rng.range(0.90, 0.99)),
            1 => Rgb::hsv(hue, rng.range(0.15, 0.35), rng.range(0.80, 0.95)),
            2 => Rgb::hsv(hue, rng.range(0.3, 0.8), rng.range(0.12, 0.30)),
            _ => Rgb::hsv(hue, rng.range(0.55, 0.95), rng.range(0.45, 0.90)),
        };
        let away = *rng.pick(&[0.08, 0.33, 0.42, 0.5, 0.58]);
        let accent = Rgb::hsv(hue + away, rng.range(0.5, 0.95), rng.range(0.4, 0.95));
        let logo = match rng.below(3) {
            0 => accent,
            1 => base.contrast(),
            _ => Rgb::hsv(
                hue + 0.03,
                0.85,
                if base.luma() > 0.5 { 0.35 } else { 0.95 },
            ),
        };
        Self {
            base,
            accent,
            logo: readable(logo, base),
        }
    }
}

/// `ink`, or the plain contrast of `ground` where the two are too alike to read.
pub(crate) fn readable(ink: Rgb, ground: Rgb) -> Rgb {
    if (ink.luma() - ground.luma()).abs() < 0.28 {
        ground.contrast()
    } else {
        ink
    }
}

/// IEC 61966-2-1, decoding.
fn to_linear(c: f32) -> f32 {
    if c <= 0.04045 {
        c / 12.92
    } else {
        ((c + 0.055) / 1.055).powf(2.4)
    }
}

static DECODE: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|i| to_linear(i as f32 / 255.0)));
static ENCODE: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let encode = |c: f32| {
        if c <= 0.003_130_8 {
            c * 12.92
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        }
    };
    (0..=STEPS)
        .map(|i| encode((i as f32 / STEPS as f32).powi(2)))
        .collect()
});
const STEPS: usize = 1023;

/// The linear light of an sRGB byte.
pub(crate) fn decode(byte: u8) -> f32 {
    DECODE[usize::from(byte)]
}

/// Linear light as sRGB in 0..=1; brighter light than 1 is clipped. Tabulated over the root, where the curve is flat.
pub(crate) fn encode(light: f32) -> f32 {
    let at = light.clamp(0.0, 1.0).sqrt() * STEPS as f32;
    ENCODE[(at + 0.5) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_linear_light() {
        for byte in 0..=255u8 {
            assert_eq!((encode(decode(byte)) * 255.0).round() as u8, byte);
        }
    }

    #[test]
    fn hsv_meets_the_primaries() {
        assert_eq!(Rgb::hsv(0.0, 1.0, 1.0), Rgb([1.0, 0.0, 0.0]));
        assert_eq!(Rgb::hsv(1.0 / 3.0, 1.0, 1.0).0[1], 1.0);
    }
}
