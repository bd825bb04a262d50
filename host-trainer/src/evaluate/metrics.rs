//! Retrieval figures (METHOD 5).

use serde::Serialize;

use super::{Hit, TOP, Truth};

/// Figures over the queries whose product is in the index, and over known and unknown ones together for `auroc`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metrics {
    /// Mean over queries of `|top10 and relevant| / min(10, |relevant|)`: MAR@10 as METHOD 5 defines it.
    pub mar10: f64,
    /// The same divided by `|relevant|`.
    pub mar10_of_all: f64,
    /// Share of queries whose first answer is right.
    pub recall1: f64,
    /// Mean average precision of the first ten answers.
    pub map10: f64,
    /// Area under the ROC curve of the best score, known against unknown queries; `None` without unknown ones.
    pub auroc: Option<f64>,
}

impl Metrics {
    /// The figures of `rankings` (one a query, best first).
    pub fn new(rankings: &[Vec<Hit>], truth: &Truth) -> Self {
        let (mut sums, mut known) = ([0.0; 4], 0);
        let (mut known_scores, mut unknown_scores) = (Vec::new(), Vec::new());
        for (query, ranking) in rankings.iter().enumerate() {
            let best = ranking.first().map_or(-1.0, |hit| f64::from(hit.score));
            let relevant = truth.relevant(query);
            if relevant == 0 {
                unknown_scores.push(best);
                continue;
            }
            known_scores.push(best);
            known += 1;
            let right: Vec<bool> = ranking
                .iter()
                .take(TOP)
                .map(|hit| truth.index[hit.row] == truth.queries[query])
                .collect();
            let found = right.iter().filter(|&&r| r).count() as f64;
            sums[0] += found / relevant.min(TOP) as f64;
            sums[1] += found / relevant as f64;
            sums[2] += f64::from(right.first() == Some(&true));
            sums[3] += average_precision(&right, relevant);
        }
        let mean = |sum: f64| {
            if known == 0 {
                0.0
            } else {
                sum / f64::from(known)
            }
        };
        let auroc = (!known_scores.is_empty() && !unknown_scores.is_empty())
            .then(|| auroc(&known_scores, &unknown_scores));
        Self {
            mar10: mean(sums[0]),
            mar10_of_all: mean(sums[1]),
            recall1: mean(sums[2]),
            map10: mean(sums[3]),
            auroc,
        }
    }
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
        let truth = Truth {
            index: vec![0, 0, 1],
            queries: vec![0, 1, 9],
        };
        let metrics = Metrics::new(
            &[ranking(&[0, 2, 1]), ranking(&[0, 1, 2]), ranking(&[1])],
            &truth,
        );
        assert_eq!(metrics.mar10, 1.0);
        assert_eq!(metrics.recall1, 0.5);
        assert!((metrics.map10 - ((1.0 + 2.0 / 3.0) / 2.0 + 1.0 / 3.0) / 2.0).abs() < 1e-12);
        assert_eq!(metrics.auroc, Some(0.5));
    }

    #[test]
    fn more_than_ten_relevant_rows_divide_by_ten_or_by_all() {
        let truth = Truth {
            index: vec![0; 20],
            queries: vec![0],
        };
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
