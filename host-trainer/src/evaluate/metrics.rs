//! Retrieval figures (METHOD 5).

use serde::{Deserialize, Serialize};

use super::bootstrap::weighted_mean;
use super::{Bootstrap, Hit, Intervals, TOP, Truth};

/// Figures over the queries whose product is in the index, and over known and unknown ones together for `auroc`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean over queries of `|top10 and relevant| / min(10, |relevant|)`: MAR@10 as METHOD 5 defines it.
    pub mar10: f64,
    /// The same divided by `|relevant|`.
    pub mar10_of_all: f64,
    /// Share of queries whose first answer is right.
    pub recall1: f64,
    /// Share of queries with a right answer among the first five.
    pub recall5: f64,
    /// Share of queries with a right answer among the first ten.
    pub recall10: f64,
    /// Mean average precision of the first ten answers, divided by `min(10, |relevant|)`.
    pub map10: f64,
    /// Area under the ROC curve of the best score, known against unknown queries; `None` without unknown ones.
    pub auroc: Option<f64>,
}

/// The figures of one query whose product is in the index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerQuery {
    /// Its number.
    pub query: usize,
    /// Right answers among the first ten.
    pub found: usize,
    /// Rows of the index that show its product.
    pub relevant: usize,
    /// Place of the first right answer among the first ten, from 0.
    pub first_right: Option<usize>,
    /// Average precision of the first ten answers.
    pub average_precision: f64,
}

impl PerQuery {
    /// Of `query`, answered by `ranking`; `None` where its product is not in the index.
    pub fn new(query: usize, ranking: &[Hit], truth: &Truth) -> Option<Self> {
        let relevant = truth.relevant(query);
        if relevant == 0 {
            return None;
        }
        let top = ranking.iter().take(TOP);
        let right: Vec<bool> = top.map(|hit| truth.is_right(query, hit.row)).collect();
        Some(Self {
            query,
            found: right.iter().filter(|&&right| right).count(),
            relevant,
            first_right: right.iter().position(|&right| right),
            average_precision: average_precision(&right, relevant),
        })
    }

    /// Of every known query.
    pub fn of(rankings: &[Vec<Hit>], truth: &Truth) -> Vec<Self> {
        let queries = rankings.iter().enumerate();
        queries
            .filter_map(|(query, ranking)| Self::new(query, ranking, truth))
            .collect()
    }

    /// Its share of [`Metrics::mar10`].
    pub fn recall(&self) -> f64 {
        self.found as f64 / self.relevant.min(TOP) as f64
    }

    /// Whether one of the first `k` answers is right.
    pub fn hit_within(&self, k: usize) -> bool {
        self.first_right.is_some_and(|place| place < k)
    }
}

impl Metrics {
    /// The figures of `rankings` (one a query, best first).
    pub fn new(rankings: &[Vec<Hit>], truth: &Truth) -> Self {
        let queries = PerQuery::of(rankings, truth);
        let mean = |figure: &dyn Fn(&PerQuery) -> f64| {
            queries.iter().map(figure).sum::<f64>() / queries.len().max(1) as f64
        };
        let within = |k| mean(&|q: &PerQuery| f64::from(u8::from(q.hit_within(k))));
        let best = |query: usize| {
            let best = rankings[query].first();
            best.map_or(-1.0, |hit| f64::from(hit.score))
        };
        let answered = |query: &usize| *query < rankings.len();
        let known: Vec<f64> = truth.known().filter(answered).map(best).collect();
        let unknown: Vec<f64> = truth.unknown().filter(answered).map(best).collect();
        let both = !known.is_empty() && !unknown.is_empty();
        Self {
            mar10: mean(&PerQuery::recall),
            mar10_of_all: mean(&|q| q.found as f64 / q.relevant as f64),
            recall1: within(1),
            recall5: within(5),
            recall10: within(TOP),
            map10: mean(&|q| q.average_precision),
            auroc: both.then(|| auroc(&known, &unknown)),
        }
    }
}

/// Share of the known queries with a right answer among the first `k`, which `rankings` reach.
pub fn recall_within(rankings: &[Vec<Hit>], truth: &Truth, k: usize) -> f64 {
    let right = |&query: &usize| {
        let mut top = rankings[query].iter().take(k);
        top.any(|hit| truth.is_right(query, hit.row))
    };
    let known: Vec<usize> = truth.known().collect();
    known.iter().filter(|query| right(query)).count() as f64 / known.len().max(1) as f64
}

/// Intervals of `figure` over the `queries`.
pub(super) fn intervals(
    queries: &[PerQuery],
    truth: &Truth,
    bootstrap: &Bootstrap,
    figure: impl Fn(&PerQuery) -> f64,
) -> Option<Intervals> {
    let products: Vec<usize> = queries.iter().map(|q| truth.queries[q.query]).collect();
    let values: Vec<f64> = queries.iter().map(figure).collect();
    bootstrap.intervals(&products, |weights| weighted_mean(&values, weights))
}

fn average_precision(right: &[bool], relevant: usize) -> f64 {
    let (mut found, mut sum) = (0.0, 0.0);
    for (rank, _) in right.iter().enumerate().filter(|(_, right)| **right) {
        found += 1.0;
        sum += found / (rank + 1) as f64;
    }
    sum / relevant.min(TOP) as f64
}

/// Probability that a value of `positive` exceeds one of `negative`, ties counted half (Mann-Whitney).
pub fn auroc(positive: &[f64], negative: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = positive
        .iter()
        .map(|&v| (v, true))
        .chain(negative.iter().map(|&v| (v, false)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let positives = tied.iter().filter(|v| v.1).count() as f64;
        let negatives = tied.len() as f64 - positives;
        wins += positives * (below + negatives / 2.0);
        below += negatives;
    }
    wins / (positive.len() as f64 * negative.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(rows: &[usize]) -> Vec<Hit> {
        rows.iter()
            .enumerate()
            .map(|(i, &row)| Hit {
                row,
                score: 1.0 - i as f32 * 0.1,
            })
            .collect()
    }

    #[test]
    fn figures_of_a_small_case_by_hand() {
        let truth = Truth::new(vec![0, 0, 1], vec![0, 1, 9]);
        let metrics = Metrics::new(
            &[ranking(&[0, 2, 1]), ranking(&[0, 1, 2]), ranking(&[1])],
            &truth,
        );
        assert_eq!(metrics.mar10, 1.0);
        assert_eq!(
            (metrics.recall1, metrics.recall5, metrics.recall10),
            (0.5, 1.0, 1.0)
        );
        assert!((metrics.map10 - ((1.0 + 2.0 / 3.0) / 2.0 + 1.0 / 3.0) / 2.0).abs() < 1e-12);
        assert_eq!(metrics.auroc, Some(0.5));
    }

    #[test]
    fn more_than_ten_relevant_rows_divide_by_ten_or_by_all() {
        let truth = Truth::new(vec![0; 20], vec![0]);
        let metrics = Metrics::new(&[ranking(&(0..10).collect::<Vec<_>>())], &truth);
        assert_eq!((metrics.mar10, metrics.mar10_of_all), (1.0, 0.5));
        assert_eq!(metrics.auroc, None);
    }

    #[test]
    fn auroc_counts_ties_half() {
        assert_eq!(auroc(&[2.0, 3.0], &[0.0, 1.0]), 1.0);
        assert_eq!(auroc(&[1.0], &[1.0]), 0.5);
        assert_eq!(auroc(&[0.0], &[1.0, 2.0]), 0.0);
    }
}
