//! Known again after a few shots: networks measured on pictures that nobody tuned them for (`skueye-bench retrieval`, `skueye-train bench retrieval`).
//!
//! | module | subject |
//! |---|---|
//! | [`set`] | the pictures: which are enrolled, which ask |
//! | [`made`] | sets that are made or fetched here: `synth-unseen`, `makers-unseen`, `emoji-datasource` |
//! | [`public`] | readers of public data sets in their official layouts |
//! | [`extract`] | networks that turn pictures into vectors |
//! | [`pooling`] | gallery entries of several shots |
//! | [`figures`] | what is measured, by the rows of `evaluate` |
//! | [`robustness`] | the same with pictures made worse |
//! | [`mod@benchmark`] | all of it |
//!
//! No measure is computed here: rankings, figures and intervals are those of [`crate::evaluate`].

pub mod benchmark;
pub mod extract;
pub mod figures;
pub mod made;
pub mod pooling;
pub mod public;
pub mod robustness;
pub mod set;
mod table;

#[cfg(test)]
mod tests;

pub use benchmark::{Benchmark, BenchmarkOptions, benchmark};
pub use made::{Enrol, MadeOptions};
pub use set::{Picture, TestSet};
