//! A varied view of a picture.

use skueye_models::Fault;
use skueye_vision::picture::RgbImage;
use skueye_vision::preprocess::resize_rgb;

use super::camera::photograph;
use super::erase::erase;
use super::geometry::{flip, random_crop};
use super::settings::Augmentation;
use super::tone::jitter;
use super::trivial::trivial_wide;
use crate::random::Random;

/// A view of `image`, `size` x `size` pixels, varied as `how` says, which [`Augmentation::check`] has passed. The same
/// `random` gives the same view.
pub fn augment(
    image: &RgbImage,
    size: u32,
    how: &Augmentation,
    random: &mut Random,
) -> Result<RgbImage, Fault> {
    let mut view = resize_rgb(image, random_crop(image, &how.crop, random), size)?;
    if random.chance(how.flip) {
        flip(&mut view);
    }
    if how.colour > 0.0 {
        let mut factor = || random.range(1.0 - how.colour, 1.0 + how.colour);
        jitter(&mut view, factor(), factor(), factor());
    }
    if how.trivial_wide > 0.0 && random.chance(how.trivial_wide) {
        trivial_wide(&mut view, random)?;
    }
    photograph(&mut view, &how.camera, random)?;
    if random.chance(how.erase.chance) {
        erase(&mut view, &how.erase, random);
    }
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::settings::PRESETS;
    use crate::pictures::testing::picture;

    fn view(how: &Augmentation, seed: u64) -> RgbImage {
        augment(&picture(), 32, how, &mut Random::new(seed, &[])).unwrap()
    }

    #[test]
    fn a_view_depends_on_its_stream_alone() {
        for name in PRESETS {
            let how = Augmentation::preset(name).unwrap();
            assert_eq!(view(&how, 1), view(&how, 1));
            assert_ne!(view(&how, 1), view(&how, 2));
            assert_eq!(view(&how, 1).data().len(), 32 * 32 * 3);
        }
    }

    /// The default's views are those that the published figures were trained with, to the last bit.
    #[test]
    fn the_defaults_views_stay_what_they_were() {
        let sums: Vec<u64> = (0..4)
            .map(|seed| view(&Augmentation::default(), seed))
            .map(|view| view.data().iter().map(|&v| u64::from(v)).sum())
            .collect();
        assert_eq!(sums, [457_139, 223_759, 228_942, 492_751]);
    }
}
