//! The trainer: from titles and pictures to a model and a gallery that the device takes.
//!
//! | module | subject |
//! |---|---|
//! | [`ablate`] | what each part of the method brings |
//! | [`data`] | data sets on disk, read and written |
//! | [`synth`] | packaged goods drawn with exact identity |
//! | [`fetch`] | real pictures and pretrained weights, by package name |
//! | [`mine`] | attributes from titles |
//! | [`pictures`] | augmentation and loading |
//! | [`weights`] | published weights |
//! | [`distil`] | several teachers into one small network |
//! | `engine` | training on libtorch (feature `torch`) |
//! | [`run`] | a training run: settings, folder, figures |
//! | [`export`] | ONNX, manifest, release folder |
//! | [`embed`] | pictures to embeddings by the device's code |
//! | [`vectors`] | tables of embeddings |
//! | [`whitening`] | whitening, fitted and chosen |
//! | [`ensemble`] | several networks as one |
//! | [`evaluate`] | rankings, figures, thresholds |
//! | [`mod@bench`] | training speed against PyTorch |
//! | [`report`] | the HTML report |
//! | [`retrieval`] | known again after a few shots: the benchmark of what nobody tuned for |
//! | [`bundle`] | update bundles, and the keys that sign them |
//! | [`quickstart`] | all of it, once |
//! | [`zoo`] | the shipped model: its recipe, its figures |
#![forbid(unsafe_code)]

pub mod ablate;
pub mod bench;
pub mod bundle;
pub mod data;
pub mod distil;
pub mod embed;
#[cfg(feature = "torch")]
pub mod engine;
pub mod ensemble;
pub mod evaluate;
pub mod export;
pub mod fetch;
pub mod files;
pub mod mine;
pub mod pictures;
pub mod progress;
pub mod quickstart;
pub mod random;
pub mod report;
pub mod retrieval;
pub mod run;
mod sealed;
pub mod shard;
pub mod synth;
pub mod vectors;
pub mod weights;
pub mod whitening;
pub mod zoo;
