//! The tiny network of `firmware/vision/src/testing.rs`, which recognises plain colours: one channel for every corner of the
//! colour cube, silent on grey.

/// The files of its model folder, by name.
pub const MODEL: [(&str, &[u8]); 4] = [
    ("golden.png", include_bytes!("../tiny/golden.png")),
    ("model.f16.onnx", include_bytes!("../tiny/model.f16.onnx")),
    ("model.json", include_bytes!("../tiny/model.json")),
    ("model.onnx", include_bytes!("../tiny/model.onnx")),
];
