//! The same bits on every processor: frames of every layout, reduced and made tensors. `tests/processors.txt` holds what x86-64
//! gave; aarch64 is held against it by `cargo device-test`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use skueye_models::Preprocess;
use skueye_vision::preprocess::Preprocessor;
use skueye_vision::resample::{Colour, Layout, Pixels};
use skueye_vision::{Region, resample::Matrix};

/// FNV-1a: enough to see a difference.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn noise(count: usize) -> Vec<u8> {
    let mut state = 2022_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn told() -> String {
    let mut text = String::new();
    let data = noise(642 * 482 * 3);
    for (layout, row) in [
        (Layout::Rgb, 3),
        (Layout::Grey, 1),
        (Layout::Yuyv, 2),
        (Layout::Nv12, 1),
    ] {
        for (width, height) in [(640, 480), (322, 242), (100, 36)] {
            for matrix in [Matrix::Bt601, Matrix::Bt709] {
                let colour = Colour {
                    matrix,
                    full_range: false,
                };
                let stride = width * row + 2;
                let pixels = Pixels::new(layout, colour, (width, height), stride, &data).unwrap();
                let region = Region {
                    x: 6,
                    y: 4,
                    width: width - 12,
                    height: height - 8,
                };
                for size in [64, 128] {
                    let mut preprocessor =
                        Preprocessor::new(Preprocess::efficientnet_lite(size)).unwrap();
                    let tensor = preprocessor.tensor_of(&pixels, region).unwrap();
                    let hash = hash(
                        tensor
                            .iter()
                            .flat_map(|value| value.to_bits().to_le_bytes()),
                    );
                    writeln!(
                        text,
                        "{layout:?} {width}x{height} {matrix:?} to {size}: {hash:016x}"
                    )
                    .unwrap();
                }
            }
        }
    }
    text
}

#[test]
fn tensors_are_what_the_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/processors.txt");
    if std::env::var_os("SKUEYE_WRITE_SAMPLES").is_some() {
        fs::write(&path, told()).unwrap();
    }
    let (told, expected) = (told(), fs::read_to_string(&path).unwrap());
    let differs = told
        .lines()
        .zip(expected.lines())
        .find(|(got, right)| got != right);
    assert_eq!(differs, None, "against {}", path.display());
    assert_eq!(told.len(), expected.len());
}
