//! How well pictures are found again: rankings, their figures with confidence intervals, and the thresholds they calibrate.
//!
//! | module | subject |
//! |---|---|
//! | `set` | the pictures: a frozen test split, and a validation split for choices |
//! | `subject` | what is measured: a data set's test split, or vectors of other origin with a table of labels |
//! | `truth` | which product each picture shows |
//! | `search` | rankings: in float, on the device's int8 gallery, re-ranked |
//! | `rows` | one way of answering: in float, re-ranked, on a device's gallery |
//! | `release`, `tables` | the rows of METHOD 4: of a model, of vectors from files |
//! | `metrics` | MAR@10, recall@k, mAP@10 (METHOD 5) |
//! | `bootstrap` | confidence intervals |
//! | `open_set` | false accepts against false rejects |
//! | `breakdown` | by category, pairs taken for each other, worst queries |
//! | `calibrate` | decision bands, from validation pictures alone |
//! | `submission` | the eProduct submission file |
//! | `evaluation` | all of it, as `evaluation.json` |
//! | `pages` | its report |
//! | `photos` | a photo of each product, for the device's page |
//!
//! Calibration sees validation pictures only: it takes a [`ValidationSet`], which reads the tables of train and val and no
//! others. The index and the queries are the frozen test split; what is chosen never looks at them.

mod bootstrap;
mod breakdown;
mod calibrate;
mod evaluation;
mod metrics;
mod open_set;
pub mod pages;
mod photos;
mod release;
mod rows;
mod search;
mod set;
mod subject;
mod submission;
mod tables;
mod truth;

#[cfg(test)]
mod tests;

pub use bootstrap::{Bootstrap, Interval, Intervals};
pub use breakdown::{CategoryFigures, Confused, Worst, by_category, confusions, worst};
pub use calibrate::{Calibration, CalibrationIntervals, calibrate_model};
pub use evaluation::{Evaluation, EvaluationOptions, Model, evaluate};
pub use metrics::{Metrics, PerQuery, auroc, recall_within};
pub use open_set::{BandFigures, OpenSet, OperatingPoint, Point, Share};
pub use photos::write_photos;
pub use release::{Embedded, embed_release, release_rows};
pub use rows::{Row, RowFigures, device_rows, float_row, reranked_row};
pub use search::{
    CANDIDATES, GalleryRankings, Hit, Rankings, float_ranking, gallery_rankings, rerank_float,
};
pub use set::{EvaluationSet, Shot, ValidationSet};
pub use subject::{Picture, Subject};
pub use submission::write_submission;
pub use tables::{NamedVectors, table_rows};
pub use truth::Truth;

/// How many answers to a query count.
pub const TOP: usize = 10;
