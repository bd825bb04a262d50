//! How well pictures are found again: rankings, their figures, and the thresholds they calibrate.

mod calibrate;
mod metrics;
mod search;
mod set;

pub use calibrate::{Calibration, Labelled, calibrate, calibrate_model};
pub use metrics::{Metrics, auroc};
pub use search::{Hit, float_ranking, gallery_rankings};
pub use set::{EvaluationSet, Shot, ValidationSet};

/// How many answers to a query count.
pub const TOP: usize = 10;

/// Which product each row of the index and each query shows. A query of a product that has no row is unknown.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Product of each index row.
    pub index: Vec<usize>,
    /// Product of each query.
    pub queries: Vec<usize>,
}

impl Truth {
    /// How many index rows show the product of `query`.
    pub fn relevant(&self, query: usize) -> usize {
        self.index
            .iter()
            .filter(|&&product| product == self.queries[query])
            .count()
    }
}
