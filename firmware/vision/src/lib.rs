//! From camera pixels to an embedding, the same on the trainer's workstation and on the device.
//!
//! | module | subject |
//! |---|---|
//! | [`picture`] | an RGB picture in memory and a rectangle of it |
//! | [`mod@decode`] | JPEG, PNG and raw frames to RGB, strictly |
//! | [`preprocess`] | crop, antialiased resize, normalise: the network's input tensor |
//! | [`resample`] | a rectangle of a frame, in the camera's own layout, to a small RGB square |
//! | [`encode`] | RGB to PNG |
//! | [`embed`] | the [`Embedder`] seam |
//! | [`golden`] | the self-test that every runtime must pass |
//! | [`onnx`] | what an ONNX file must say to be taken, and FP16 widened to f32 |
//! | [`tract`] | the [`Embedder`] that needs nothing installed |
//! | [`onnxruntime`] | the [`Embedder`] on ONNX Runtime, where its library is installed |
//! | [`tensorrt`] | the [`Embedder`] on TensorRT, where its libraries and a GPU are |
//! | [`runtime`] | which of them is there, which is taken, and why |
//! | [`model`] | a model folder: manifest, checksums, golden self-test |
//! | [`localise`] | where on a fixed stage the item lies, and whether it lies still |
//! | [`sharpness`] | how much detail a crop shows |
#![deny(unsafe_code)]

pub mod decode;
pub mod embed;
pub mod encode;
pub mod golden;
pub mod localise;
pub mod model;
pub mod onnx;
pub mod onnxruntime;
pub mod picture;
pub mod preprocess;
pub mod resample;
pub mod runtime;
pub mod sharpness;
pub mod tensorrt;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tract;

mod jpeg;

pub use decode::{RawFormat, RawFrame, decode, decode_file, decode_into, decode_raw_into};
pub use embed::Embedder;
pub use model::ModelSet;
pub use onnxruntime::OnnxRuntimeEmbedder;
pub use picture::{MAX_SIDE, Region, RgbImage};
pub use preprocess::{Preprocessor, resize_rgb};
pub use tensorrt::TensorRtEmbedder;
pub use tract::TractEmbedder;
