//! Embedding of many pictures by the device's own code: in memory for an evaluation, or to disk for any number, by any
//! number of processes.
//!
//! | module | subject |
//! |---|---|
//! | [`pool`] | the model in every thread |
//! | [`journal`] | what is embedded so far, safe against a sudden end |
//! | [`mod@shard`] | one process's part of a split |
//! | [`mod@file`] | the finished file: `.npy` with `.tsv` beside it |
//! | [`mod@merge`] | the parts of all processes together |
//! | [`gallery`] | a gallery from vectors |
//! | [`look_alikes`] | products that the device cannot tell apart |
//! | [`mod@thresholds`] | thresholds of single products |

pub mod file;
pub mod gallery;
pub mod journal;
pub mod look_alikes;
pub mod merge;
pub mod pool;
pub mod shard;
pub mod thresholds;

#[cfg(test)]
mod tests;

pub use file::{EmbeddingFile, EmbeddingHead};
pub use gallery::{Besides, GalleryReport, build_gallery};
pub use look_alikes::{LookAlike, LookAlikes};
pub use merge::merge;
pub use pool::embed_pictures;
pub use shard::{EmbedOptions, EmbedReport, embed};
pub use thresholds::{ProductThresholds, read_thresholds};
