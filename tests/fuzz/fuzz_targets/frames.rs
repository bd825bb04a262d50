//! Any bytes over the cable. Seeds: `tests/fuzz/seeds/frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = skueye_tests::hostile::frames(bytes);
});
