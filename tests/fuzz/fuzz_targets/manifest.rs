//! Any text as the manifest of a bundle. Seeds: `tests/fuzz/seeds/manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = skueye_tests::hostile::manifest(bytes);
});
