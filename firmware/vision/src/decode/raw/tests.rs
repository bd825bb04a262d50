use super::*;
use proptest::prelude::*;

const FORMATS: [RawFormat; 5] = [
    RawFormat::Yuyv,
    RawFormat::Nv12,
    RawFormat::I420,
    RawFormat::Grey,
    RawFormat::Rgb,
];

/// Y, U and V of pixel (x, y): a pattern in which every neighbour differs and chroma belongs to blocks.
fn sample(format: RawFormat, x: u32, y: u32) -> (u8, u8, u8) {
    let luma = ((x * 53 + y * 29) % 256) as u8;
    let rows = if format == RawFormat::Yuyv { y } else { y / 2 };
    let u = ((x / 2 * 71 + rows * 13 + 40) % 256) as u8;
    let v = ((x / 2 * 17 + rows * 91 + 200) % 256) as u8;
    match format {
        RawFormat::Grey => (luma, 128, 128),
        _ => (luma, u, v),
    }
}

/// The pattern with rows of `stride` bytes, filled up with 0xee.
fn pattern(format: RawFormat, width: u32, height: u32, stride: u32) -> Vec<u8> {
    let (pairs, stride) = (width.div_ceil(2), stride as usize);
    let mut data = Vec::new();
    let mut row = |bytes: Vec<u8>, stride: usize| {
        data.extend(&bytes);
        data.resize(data.len() + stride - bytes.len(), 0xee);
    };
    let at = |x, y| sample(format, x, y);
    for y in 0..height {
        let bytes = match format {
            RawFormat::Yuyv => (0..pairs)
                .flat_map(|p| {
                    [
                        at(p * 2, y).0,
                        at(p * 2, y).1,
                        at(p * 2 + 1, y).0,
                        at(p * 2, y).2,
                    ]
                })
                .collect(),
            RawFormat::Rgb => (0..width)
                .flat_map(|x| [at(x, y).0, at(x, y).1, at(x, y).2])
                .collect(),
            _ => (0..width).map(|x| at(x, y).0).collect(),
        };
        row(bytes, stride);
    }
    let chroma_rows = height.div_ceil(2);
    match format {
        RawFormat::Nv12 => (0..chroma_rows).for_each(|y| {
            let bytes = (0..pairs).flat_map(|p| [at(p * 2, y * 2).1, at(p * 2, y * 2).2]);
            row(bytes.collect(), stride);
        }),
        RawFormat::I420 => {
            for plane in 0..2 {
                (0..chroma_rows).for_each(|y| {
                    let bytes = (0..pairs).map(|p| match plane {
                        0 => at(p * 2, y * 2).1,
                        _ => at(p * 2, y * 2).2,
                    });
                    row(bytes.collect(), stride.div_ceil(2));
                });
            }
        }
        _ => {}
    }
    data
}

fn frame(format: RawFormat, width: u32, height: u32, stride: u32, data: &[u8]) -> RawFrame<'_> {
    RawFrame {
        format,
        width,
        height,
        stride,
        bt709: false,
        full_range: false,
        data,
    }
}

fn decoded(frame: &RawFrame<'_>) -> Result<RgbImage, Fault> {
    let mut image = RgbImage::default();
    decode_raw_into(frame, &mut image).map(|()| image)
}

/// ITU-R BT.601 and BT.709, in floating point.
fn reference((y, u, v): (u8, u8, u8), bt709: bool, full_range: bool) -> [f64; 3] {
    let (kr, kb) = if bt709 {
        (0.2126, 0.0722)
    } else {
        (0.299, 0.114)
    };
    let (y, u, v) = (f64::from(y), f64::from(u) - 128.0, f64::from(v) - 128.0);
    let (y, u, v) = match full_range {
        true => (y, u, v),
        false => (
            (y - 16.0) * 255.0 / 219.0,
            u * 255.0 / 224.0,
            v * 255.0 / 224.0,
        ),
    };
    let (red, blue) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
    [red, (y - kr * red - kb * blue) / (1.0 - kr - kb), blue].map(|value| value.clamp(0.0, 255.0))
}

fn least(format: RawFormat, width: u32) -> u32 {
    match format {
        RawFormat::Yuyv => width.div_ceil(2) * 4,
        RawFormat::Nv12 => width.div_ceil(2) * 2,
        RawFormat::Rgb => width * 3,
        _ => width,
    }
}

#[test]
fn every_pixel_is_that_of_the_standard_with_even_odd_and_padded_sizes() {
    for format in FORMATS {
        for (width, height) in [(8, 6), (7, 5), (1, 1), (2, 1), (1, 2), (33, 3)] {
            for padding in [0, 5, 64] {
                let stride = least(format, width) + padding;
                let data = pattern(format, width, height, stride);
                for (bt709, full_range) in
                    [(false, false), (true, false), (false, true), (true, true)]
                {
                    let frame = RawFrame {
                        bt709,
                        full_range,
                        ..frame(format, width, height, stride, &data)
                    };
                    let image = decoded(&frame).unwrap();
                    for (at, pixel) in image.data().chunks_exact(3).enumerate() {
                        let (x, y) = (at as u32 % width, at as u32 / width);
                        let sample = sample(format, x, y);
                        let expected = match format {
                            RawFormat::Rgb => [sample.0, sample.1, sample.2].map(f64::from),
                            _ => reference(sample, bt709, full_range),
                        };
                        for (got, expected) in pixel.iter().zip(expected) {
                            assert!(
                                (f64::from(*got) - expected).abs() <= 0.51,
                                "{format:?} {x} {y}: {got} {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_frame_that_is_one_byte_short_is_refused_and_one_without_its_last_padding_is_not() {
    for format in FORMATS {
        let stride = least(format, 7) + 6;
        let data = pattern(format, 7, 5, stride);
        let padding = match format {
            RawFormat::I420 => stride.div_ceil(2) - 4,
            RawFormat::Nv12 => stride - 8,
            _ => 6,
        };
        let needed = data.len() - padding as usize;
        decoded(&frame(format, 7, 5, stride, &data[..needed])).unwrap();
        let fault = decoded(&frame(format, 7, 5, stride, &data[..needed - 1])).unwrap_err();
        assert_eq!(fault.code(), Code::FrameShort, "{format:?}");
    }
}

#[test]
fn rows_of_no_length_and_impossible_sizes_are_refused() {
    let data = [0; 100];
    for format in FORMATS {
        for stride in [0, least(format, 8) - 1] {
            let fault = decoded(&frame(format, 8, 2, stride, &data)).unwrap_err();
            assert_eq!(fault.code(), Code::FrameShort, "{format:?}");
        }
        for (width, height) in [
            (0, 8),
            (8, 0),
            (8193, 8),
            (8, u32::MAX),
            (u32::MAX, u32::MAX),
        ] {
            let fault = decoded(&frame(format, width, height, u32::MAX, &data)).unwrap_err();
            assert_eq!(fault.code(), Code::ImageSize, "{format:?}");
        }
        let fault = decoded(&frame(format, 8192, 8192, u32::MAX, &data)).unwrap_err();
        assert_eq!(fault.code(), Code::FrameShort, "{format:?}");
    }
}

#[test]
fn a_frame_of_8k_is_decoded_in_memory_that_is_reused() {
    let (width, height) = (7680, 4320);
    let data = vec![128; width as usize * height as usize * 2];
    let mut image = RgbImage::default();
    let frame = frame(RawFormat::Yuyv, width, height, width * 2, &data);
    decode_raw_into(&frame, &mut image).unwrap();
    assert_eq!(image.data()[..3], [130; 3]);
    let address = image.data().as_ptr();
    decode_raw_into(&frame, &mut image).unwrap();
    assert_eq!(image.data().as_ptr(), address);
    assert!(decode_raw_into(&RawFrame { stride: 0, ..frame }, &mut image).is_err());
    assert_eq!((image.width(), image.data().len()), (0, 0));
}

proptest! {
    #[test]
    fn any_frame_is_decoded_whole_or_refused(
        format in 0..5usize, width in 0..40u32, height in 0..40u32, stride in 0..170u32,
        data in proptest::collection::vec(any::<u8>(), 0..8000), bt709: bool, full_range: bool,
    ) {
        let frame = RawFrame { bt709, full_range, ..frame(FORMATS[format], width, height, stride, &data) };
        match decoded(&frame) {
            Ok(image) => prop_assert_eq!((image.width(), image.height()), (width, height)),
            Err(fault) => prop_assert!(matches!(fault.code(), Code::ImageSize | Code::FrameShort)),
        }
    }
}
