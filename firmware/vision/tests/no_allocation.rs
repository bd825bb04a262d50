//! After the first frame, decoding raw frames allocates nothing; JPEG's decoder takes its tables anew.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use jpeg_encoder::{ColorType, Encoder};
use skueye_vision::{RawFormat, RawFrame, RgbImage, decode_into, decode_raw_into};

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

struct Counting;

fn count() {
    // Not counted while the thread ends and its variables are gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller upholds the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` or `realloc`, hence from the system.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the pointer came from `alloc` or `realloc`, hence from the system.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
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
    assert!(allocations(|| drop(vec![1u8])) > 0, "the counter counts");
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
    let counts: Vec<usize> = (0..3)
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
