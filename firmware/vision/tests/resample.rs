//! Frames of every layout, reduced: against the filter's definition and the colours of the standards.

use proptest::prelude::*;
use skueye_models::Code;
use skueye_vision::resample::{Colour, Layout, Matrix, Pixels, Resampler};
use skueye_vision::{Region, RgbImage};

const WHOLE: fn(u32, u32) -> Region = |width, height| Region {
    x: 0,
    y: 0,
    width,
    height,
};

/// The triangle filter over the whole picture in f64, from its definition: slow and plain.
fn reference(samples: &[f64], width: usize, height: usize, size: usize) -> Vec<f64> {
    let along = |line: &dyn Fn(usize) -> f64, length: usize, at: usize| {
        let scale = length as f64 / size as f64;
        let (centre, radius) = ((at as f64 + 0.5) * scale, scale.max(1.0));
        let weight = |i: usize| (1.0 - (i as f64 + 0.5 - centre).abs() / radius).max(0.0);
        let sum: f64 = (0..length).map(|i| weight(i) * line(i)).sum();
        sum / (0..length).map(weight).sum::<f64>()
    };
    let mut out = Vec::new();
    for y in 0..size {
        let row: Vec<f64> = (0..width)
            .map(|x| along(&|i| samples[i * width + x], height, y))
            .collect();
        out.extend((0..size).map(|x| along(&|i| row[i], width, x)));
    }
    out
}

fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn rgb_is_within_one_level_of_the_definition(width in 1u32..150, height in 1u32..90, seed: u64) {
        let image = RgbImage::new(width, height, noise((width * height * 3) as usize, seed)).unwrap();
        let size = 33;
        let mut resampler = Resampler::new(size, size);
        let planes = resampler.planes(&Pixels::of(&image), WHOLE(width, height)).unwrap();
        for (channel, plane) in planes.chunks(size * size).enumerate() {
            let samples: Vec<f64> =
                image.data().iter().skip(channel).step_by(3).map(|v| f64::from(*v)).collect();
            let expected = reference(&samples, width as usize, height as usize, size);
            for (got, expected) in plane.iter().zip(expected) {
                prop_assert!((f64::from(*got) - expected).abs() <= 0.75, "{got} for {expected}");
            }
        }
    }

    #[test]
    fn any_size_stride_and_region_is_refused_or_reduced(
        layout in 0usize..4, width in 0u32..80, height in 0u32..60, stride in 0u32..260, bytes in 0usize..9000,
        x in 0u32..80, y in 0u32..60, w in 0u32..80, h in 0u32..60,
    ) {
        let layout = [Layout::Rgb, Layout::Grey, Layout::Yuyv, Layout::Nv12][layout];
        let data = noise(bytes, 3);
        let mut resampler = Resampler::new(32, 40);
        if let Ok(pixels) = Pixels::new(layout, Colour::default(), (width, height), stride, &data) {
            let region = Region { x, y, width: w, height: h };
            let fits = region.fits(width, height);
            prop_assert_eq!(resampler.planes(&pixels, region).is_ok(), fits);
        }
    }
}

/// Planes of a frame of one colour.
fn one_colour(layout: Layout, colour: Colour, [y, u, v]: [u8; 3]) -> [u8; 3] {
    let (width, height) = (64, 48);
    let area = width * height;
    let data = match layout {
        Layout::Yuyv => [y, u, y, v].repeat(area / 2),
        Layout::Nv12 => [vec![y; area], [u, v].repeat(area / 4)].concat(),
        Layout::Grey => vec![y; area],
        Layout::Rgb => [y, u, v].repeat(area),
    };
    let row = match layout {
        Layout::Rgb => 3,
        Layout::Yuyv => 2,
        Layout::Grey | Layout::Nv12 => 1,
    };
    let size = (width as u32, height as u32);
    let pixels = Pixels::new(layout, colour, size, size.0 * row, &data).unwrap();
    let mut resampler = Resampler::new(40, 40);
    let region = Region {
        x: 3,
        y: 5,
        width: 50,
        height: 40,
    };
    let planes = resampler.planes(&pixels, region).unwrap();
    let colour = [0, 1600, 3200].map(|at| planes[at]);
    for (plane, value) in planes.chunks(1600).zip(colour) {
        assert!(plane.iter().all(|v| *v == value), "{layout:?}");
    }
    colour
}

#[test]
fn colours_are_those_of_the_standards() {
    let colour = |matrix, full_range| Colour { matrix, full_range };
    let limited = colour(Matrix::Bt601, false);
    for layout in [Layout::Yuyv, Layout::Nv12] {
        for (yuv, rgb) in [
            ([16, 128, 128], [0, 0, 0]),
            ([235, 128, 128], [255, 255, 255]),
            ([81, 90, 240], [254, 0, 0]),
            ([145, 54, 34], [0, 255, 1]),
            ([41, 240, 110], [0, 0, 255]),
        ] {
            let got = one_colour(layout, limited, yuv);
            let close = got.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 1);
            assert!(close, "{layout:?} {yuv:?}: {got:?} for {rgb:?}");
        }
    }
    let red = one_colour(Layout::Yuyv, colour(Matrix::Bt709, false), [63, 102, 240]);
    assert!(red[0] >= 254 && red[1] <= 1 && red[2] <= 1, "{red:?}");
    let red = one_colour(Layout::Nv12, colour(Matrix::Bt601, true), [76, 85, 255]);
    assert!(red[0] >= 253 && red[1] <= 1 && red[2] <= 1, "{red:?}");
    assert_eq!(one_colour(Layout::Grey, limited, [77, 0, 0]), [77; 3]);
    assert_eq!(one_colour(Layout::Rgb, limited, [7, 99, 255]), [7, 99, 255]);
}

#[test]
fn frames_that_are_too_short_or_of_odd_sides_have_their_numbers() {
    let data = [0; 8 * 6 * 2];
    let code = |layout, size, stride, bytes: usize| {
        let pixels = Pixels::new(layout, Colour::default(), size, stride, &data[..bytes]);
        pixels.map(|_| ()).unwrap_err().code()
    };
    assert_eq!(code(Layout::Yuyv, (8, 6), 16, 95), Code::FrameShort);
    assert_eq!(code(Layout::Yuyv, (8, 6), 15, 96), Code::FrameShort);
    assert_eq!(code(Layout::Nv12, (8, 6), 0, 96), Code::FrameShort);
    assert_eq!(code(Layout::Grey, (8, 6), u32::MAX, 96), Code::FrameShort);
    assert_eq!(code(Layout::Yuyv, (7, 6), 16, 96), Code::ImageSize);
    assert_eq!(code(Layout::Nv12, (8, 5), 8, 96), Code::ImageSize);
    assert_eq!(code(Layout::Grey, (0, 6), 8, 96), Code::ImageSize);
    assert_eq!(code(Layout::Grey, (8193, 1), 8193, 96), Code::ImageSize);
}
