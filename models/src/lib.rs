//! What trainer and device must agree on. No I/O and no unsafe code: types that state what is proven about them, the
//! faults both sides report in, and the networks described once, as data.
#![forbid(unsafe_code)]

pub mod embedding;
pub mod fault;
pub mod gtin;
pub mod manifest;
pub mod network;
pub mod preprocess;
pub mod product;
pub mod thresholds;
pub mod whitening;

pub use embedding::{EmbeddingId, UnitEmbedding};
pub use fault::{Code, Fault};
pub use gtin::Gtin;
pub use manifest::Manifest;
pub use preprocess::Preprocess;
pub use product::Product;
pub use thresholds::{Thresholds, Verdict};
pub use whitening::Whitening;
