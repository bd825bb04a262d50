//! After the first frame, decoding raw frames allocates nothing; JPEG's decoder takes its tables anew.

use jpeg_encoder::{ColorType, Encoder};
use skueye_vision::{RawFormat, RawFrame, RgbImage, decode_into, decode_raw_into};

fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

/// The shipped camera's frames.
const SIZE: (u32, u32) = (1280, 720);

fn frame(format: RawFormat, data: &[u8]) -> RawFrame<'_> {
    RawFrame {
        format,
        width: SIZE.0,
        height: SIZE.1,
        stride: SIZE.0 * 3,
        bt709: false,
        full_range: false,
        data,
    }
}

#[test]
fn raw_frames_are_decoded_without_allocations() {
    assert!(
        allocations(|| drop(std::hint::black_box(vec![1u8]))) > 0,
        "the counter counts"
    );
    let data = vec![100; SIZE.0 as usize * SIZE.1 as usize * 3 * 2];
    let mut image = RgbImage::default();
    let formats = [
        RawFormat::Yuyv,
        RawFormat::Nv12,
        RawFormat::I420,
        RawFormat::Grey,
        RawFormat::Rgb,
    ];
    let mut take = |format| decode_raw_into(&frame(format, &data), &mut image).unwrap();
    take(RawFormat::Yuyv);
    for format in formats {
        assert_eq!(allocations(|| take(format)), 0, "{format:?}");
    }
}

#[test]
fn a_jpeg_takes_no_more_memory_from_frame_to_frame() {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = (0..SIZE.0 * SIZE.1 * 3)
        .map(|at| (at % 251) as u8)
        .collect();
    let encoder = Encoder::new(&mut bytes, 85);
    let (width, height) = (SIZE.0 as u16, SIZE.1 as u16);
    encoder
        .encode(&pixels, width, height, ColorType::Rgb)
        .unwrap();
    let mut image = RgbImage::default();
    decode_into(&bytes, &mut image).unwrap();
    let counts: Vec<u64> = (0..3)
        .map(|_| allocations(|| decode_into(&bytes, &mut image).unwrap()))
        .collect();
    println!("allocations for each MJPEG frame: {counts:?}");
    // Its decoder keeps no state between pictures; the picture's own memory is reused.
    assert!(
        counts
            .iter()
            .all(|count| *count == counts[0] && *count < 100),
        "{counts:?}"
    );
}
