//! Pictures made worse in one way, at three levels: what stands between an enrolment and a bad day.

use serde::Serialize;
use skueye_models::Fault;
use skueye_vision::picture::{Region, RgbImage};
use skueye_vision::resize_rgb;

use super::blur::Spread;
use super::camera::{add_noise, compress, glare, to_linear, to_srgb};
use super::geometry::{turn, warp};
use super::tone::look_up;
use crate::random::Random;

/// Levels of each corruption: a little, middle, much.
pub const LEVELS: usize = 3;
/// The grey of what a turned picture does not cover.
const FILL: u8 = 127;

/// One way of making a picture worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Corruption {
    /// Out of focus.
    Blur,
    /// Less light, and the noise that comes with it.
    LowLight,
    /// Turned about its middle, either way.
    Rotation,
    /// A rectangle of one colour over a part of it.
    Occlusion,
    /// A soft white reflection.
    Glare,
    /// Seen with fewer pixels.
    Scale,
    /// Compressed.
    Jpeg,
    /// Reddish or bluish light.
    WhiteBalance,
}

impl Corruption {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Blur,
        Self::LowLight,
        Self::Rotation,
        Self::Occlusion,
        Self::Glare,
        Self::Scale,
        Self::Jpeg,
        Self::WhiteBalance,
    ];

    /// Its word, as files have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::LowLight => "low_light",
            Self::Rotation => "rotation",
            Self::Occlusion => "occlusion",
            Self::Glare => "glare",
            Self::Scale => "scale",
            Self::Jpeg => "jpeg",
            Self::WhiteBalance => "white_balance",
        }
    }

    /// Its three strengths, in [`Self::unit`].
    pub fn strengths(self) -> [f32; LEVELS] {
        match self {
            Self::Blur => [0.6, 1.2, 2.4],
            Self::LowLight => [1.0, 2.0, 3.0],
            Self::Rotation => [5.0, 15.0, 30.0],
            Self::Occlusion => [10.0, 25.0, 40.0],
            Self::Glare => [40.0, 70.0, 100.0],
            Self::Scale => [50.0, 33.0, 20.0],
            Self::Jpeg => [50.0, 25.0, 10.0],
            Self::WhiteBalance => [10.0, 20.0, 40.0],
        }
    }

    /// What its strengths count.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Blur => "% of the side, radius",
            Self::LowLight => "stops less, noise of 4 grey levels a stop",
            Self::Rotation => "degrees",
            Self::Occlusion => "% of the area",
            Self::Glare => "% opacity in the middle",
            Self::Scale => "% of the side's pixels",
            Self::Jpeg => "quality",
            Self::WhiteBalance => "% more red and less blue, or the reverse",
        }
    }

    /// `image` at `level` (0 to 2). Errors: those of JPEG, E303.
    pub fn apply(
        self,
        image: &mut RgbImage,
        level: usize,
        random: &mut Random,
    ) -> Result<(), Fault> {
        let strength = self.strengths()[level.min(LEVELS - 1)];
        let side = image.width().max(image.height()) as f32;
        let sign = if random.chance(0.5) { 1.0 } else { -1.0 };
        match self {
            Self::Blur => Spread::disc(strength / 100.0 * side).apply(image),
            Self::LowLight => {
                gains(image, [(-strength).exp2(); 3]);
                add_noise(image, 4.0 * strength, random);
            }
            Self::Rotation => {
                let turned = warp(image, turn(sign * strength), FILL);
                *image = RgbImage::new(image.width(), image.height(), turned)?;
            }
            Self::Occlusion => cover(image, strength / 100.0, random),
            Self::Glare => glare(image, strength / 100.0, random),
            Self::Scale => {
                let small = (strength / 100.0 * side).round().max(1.0) as u32;
                *image = resize_rgb(image, Region::whole(image), small)?;
            }
            Self::Jpeg => compress(image, strength as u8)?,
            Self::WhiteBalance => {
                let tint = sign * strength / 100.0;
                gains(image, [1.0 + tint, 1.0, 1.0 - tint]);
            }
        }
        Ok(())
    }
}

/// Scales linear light, a gain a channel.
fn gains(image: &mut RgbImage, gains: [f32; 3]) {
    let tables = gains.map(|gain| {
        std::array::from_fn(|value| {
            let light = to_linear(value as f32 / 255.0) * gain;
            (255.0 * to_srgb(light)).round() as u8
        })
    });
    look_up(image, &tables);
}

/// Fills a rectangle of `share` of the area, somewhere.
fn cover(image: &mut RgbImage, share: f32, random: &mut Random) {
    let (width, height) = (image.width(), image.height());
    let wide = random.range(share.max(0.5), (2.0 * share).min(1.0).max(share.max(0.5)));
    let side = |of: u32, part: f32| ((of as f32 * part).round() as u32).clamp(1, of);
    let (w, h) = (side(width, wide), side(height, share / wide));
    let x = random.below((width - w + 1) as usize);
    let y = random.below((height - h + 1) as usize);
    let colour: [u8; 3] = std::array::from_fn(|_| random.below(256) as u8);
    let rows = image.data_mut().chunks_exact_mut(width as usize * 3);
    for row in rows.skip(y).take(h as usize) {
        row.as_chunks_mut::<3>().0[x..x + w as usize].fill(colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbImage {
        let pixel = |i: u32| [(i % 90) as u8 * 2, (i / 90) as u8 * 3, (i % 7) as u8 * 30];
        RgbImage::new(90, 60, (0..90 * 60).flat_map(pixel).collect()).unwrap()
    }

    /// Mean difference to the picture as the network would see both.
    fn distance(image: &RgbImage) -> f64 {
        let seen = |image: &RgbImage| resize_rgb(image, Region::whole(image), 48).unwrap();
        let (a, b) = (seen(image), seen(&picture()));
        let pairs = a.data().iter().zip(b.data());
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.data().len() as f64
    }

    #[test]
    fn each_level_is_worse_than_the_one_before_and_equal_seeds_give_equal_pictures() {
        for corruption in Corruption::ALL {
            let made = |level, seed| {
                let mut image = picture();
                let mut random = Random::new(seed, &[]);
                corruption.apply(&mut image, level, &mut random).unwrap();
                image
            };
            let mean = |level| (0..8).map(|seed| distance(&made(level, seed))).sum::<f64>();
            assert!(
                0.0 < mean(0) && mean(0) < mean(1) && mean(1) < mean(2),
                "{corruption:?}: {} {} {}",
                mean(0),
                mean(1),
                mean(2)
            );
            assert_eq!(made(1, 3), made(1, 3));
        }
    }

    #[test]
    fn an_occlusion_covers_the_stated_share() {
        for (share, seed) in [(0.1, 1), (0.25, 2), (0.4, 3), (0.4, 4)] {
            let mut image = RgbImage::new(200, 100, vec![7; 60_000]).unwrap();
            cover(&mut image, share, &mut Random::new(seed, &[]));
            let pixels = image.data().as_chunks::<3>().0.iter();
            let covered = pixels.filter(|p| **p != [7; 3]).count() as f32 / 20_000.0;
            assert!((covered - share).abs() < 0.02, "{covered} of {share}");
        }
    }

    #[test]
    fn pictures_of_one_pixel_are_taken() {
        for corruption in Corruption::ALL {
            for level in 0..LEVELS {
                let mut image = RgbImage::black(1, 1).unwrap();
                let mut random = Random::new(1, &[]);
                corruption.apply(&mut image, level, &mut random).unwrap();
            }
        }
    }
}
