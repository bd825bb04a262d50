//! From a trained network to the files that a device takes.

mod onnx;
mod release;

pub use onnx::{Precision, write_onnx};
pub use release::{ReleaseParts, embedding_id, write_release};
