//! From several teachers to one small network (METHOD 3 and 4).
//!
//! | module | subject |
//! |---|---|
//! | [`fit`], [`statistics`] | an ensemble's whitening and the device's vector, chosen by validation |
//! | [`teachers`] | the networks of an ensemble |
//! | [`store`], `fill` | the teachers' vectors on disk, and how they get there |
//! | `start`, `targets`, [`student`] | what the student starts from, what it is taught, the whole of it |
//! | [`soup`], `soup_run` | averages of weights, and runs made of them |
//! | `ensemble` | from finished runs to teachers |
//! | [`vectors`] | vectors of data sets' pictures |
//!
//! What computes needs the feature `torch`.

#[cfg(feature = "torch")]
pub mod ensemble;
#[cfg(feature = "torch")]
mod fill;
pub mod fit;
pub mod soup;
#[cfg(feature = "torch")]
pub mod soup_run;
#[cfg(feature = "torch")]
mod start;
pub mod statistics;
pub mod store;
#[cfg(feature = "torch")]
pub mod student;
#[cfg(feature = "torch")]
mod targets;
pub mod teachers;
#[cfg(all(test, feature = "torch"))]
mod tests;
#[cfg(feature = "torch")]
pub mod vectors;

#[cfg(feature = "torch")]
pub use fill::Filled;
#[cfg(feature = "torch")]
pub use student::{
    DistilRequest, Distilled, SourceKind, StoredStudent, TrainingPictures, UNREADABLE_FILE, trunk,
};
