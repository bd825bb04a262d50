//! Any bytes as a bundle. Seeds: `tests/fuzz/seeds/bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = skueye_tests::hostile::bundle(bytes);
});
