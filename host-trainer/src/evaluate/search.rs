//! Rankings: in floating point here, in int8 by the device's own gallery; both re-ranked by the device's code.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rayon::prelude::*;
use skueye_gallery::{GalleryView, Hits, ProductIndex, Reranker, Searcher};
use skueye_models::Fault;

use crate::progress::Step;
use crate::vectors::{UnitVectors, inner_products};

/// Re-ranking looks at this many candidates (METHOD 3.3).
pub const CANDIDATES: usize = 100;
/// Queries and index rows whose cosines are computed at once. Many queries, since the rows are packed anew for each block of
/// them; 256 x 2,048 cosines fit the second-level cache.
const QUERIES: usize = 256;
const ROWS: usize = 2048;

/// An index row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number.
    pub row: usize,
    /// Cosine to the query.
    pub score: f32,
}

impl Eq for Hit {}

impl Ord for Hit {
    /// The better hit is the smaller: higher scores first, then lower row numbers.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The rows found for each query, best first.
pub type Rankings = Vec<Vec<Hit>>;

/// The `k` nearest rows of `index` for each query by cosine, ties by row number. Blocks of matrix products on all cores;
/// memory beside the result is a block a core. Errors: E626.
pub fn float_ranking(
    index: &UnitVectors,
    queries: &UnitVectors,
    k: usize,
) -> Result<Rankings, Fault> {
    queries.expect_dim(index.dim())?;
    let dim = index.dim();
    let step = Step::new("rank", queries.rows() as u64);
    let blocks = queries.values().par_chunks(QUERIES * dim);
    let ranked = blocks.map_init(
        || vec![0.0; QUERIES * ROWS],
        |scores, block| {
            let mut best: Vec<Best> = block.chunks(dim).map(|_| Best::new(k)).collect();
            for (number, rows) in index.values().chunks(ROWS * dim).enumerate() {
                let count = rows.len() / dim;
                let scores = &mut scores[..best.len() * count];
                inner_products(block, rows, dim, scores);
                for (best, scores) in best.iter_mut().zip(scores.chunks(count)) {
                    best.offer(number * ROWS, scores);
                }
            }
            step.advance(best.len() as u64);
            best.into_iter().map(Best::into_hits).collect::<Vec<_>>()
        },
    );
    Ok(ranked.flatten_iter().collect())
}

/// The `k` best hits seen, the worst on top.
struct Best {
    k: usize,
    heap: BinaryHeap<Hit>,
}

impl Best {
    fn new(k: usize) -> Self {
        let heap = BinaryHeap::with_capacity(k + 1);
        Self { k, heap }
    }

    /// Takes in rows from `first` on, in ascending order.
    fn offer(&mut self, first: usize, scores: &[f32]) {
        for (row, &score) in (first..).zip(scores) {
            let full = self.heap.len() >= self.k;
            if full && self.heap.peek().is_none_or(|worst| score <= worst.score) {
                continue;
            }
            self.heap.push(Hit { row, score });
            if full {
                self.heap.pop();
            }
        }
    }

    fn into_hits(self) -> Vec<Hit> {
        self.heap.into_sorted_vec()
    }
}

/// The first [`CANDIDATES`] of each of `rankings` in the order of the device's re-ranking, computed from float cosines:
/// for vectors that no device holds. Errors: E626.
pub fn rerank_float(
    index: &UnitVectors,
    queries: &UnitVectors,
    rankings: &[Vec<Hit>],
) -> Result<Rankings, Fault> {
    queries.expect_dim(index.dim())?;
    let dim = index.dim();
    let step = Step::new("re-rank", rankings.len() as u64);
    let ranked = rankings.par_iter().enumerate().map_init(
        // The dimension is that of galleries, of which none takes part.
        || Reranker::new(32),
        |reranker, (query, ranking)| {
            let hits = &ranking[..ranking.len().min(CANDIDATES)];
            let mut pictures = queries.row(query).to_vec();
            hits.iter()
                .for_each(|hit| pictures.extend(index.row(hit.row)));
            let mut cosines = vec![0.0; (hits.len() + 1).pow(2)];
            inner_products(&pictures, &pictures, dim, &mut cosines);
            let candidates: Vec<_> = (0u32..).zip(hits).map(numbered).collect();
            let reranked = reranker.rerank_cosines(&cosines, &candidates)?;
            step.advance(1);
            let places = reranked.iter().map(|found| found.hit.row as usize);
            Ok(places.map(|place| hits[place]).collect())
        },
    );
    ranked.collect()
}

fn numbered((row, hit): (u32, &Hit)) -> skueye_gallery::Hit {
    skueye_gallery::Hit {
        row,
        product: ProductIndex(0),
        score: hit.score,
    }
}

/// What the device answers.
#[derive(Debug, Clone, PartialEq)]
pub struct GalleryRankings {
    /// The gallery's best rows for each query, [`CANDIDATES`] of them.
    pub plain: Rankings,
    /// The same rows, re-ranked.
    pub reranked: Rankings,
}

/// The rankings that the device gives: the gallery searched in int8, and the same re-ranked. Row numbers are the gallery's.
pub fn gallery_rankings(
    view: &GalleryView<'_>,
    queries: &UnitVectors,
) -> Result<GalleryRankings, Fault> {
    let workspace = || (Searcher::new(), Reranker::new(view.dim()), Hits::new());
    let step = Step::new("gallery", queries.rows() as u64);
    let rows = queries.values().par_chunks(queries.dim());
    let pairs = rows.map_init(workspace, |(searcher, reranker, hits), query| {
        searcher.search(view, query, CANDIDATES, hits)?;
        let plain: Vec<Hit> = hits.rows().iter().map(found).collect();
        let reranked = reranker.rerank(view, query, hits.rows())?;
        step.advance(1);
        Ok((plain, reranked.iter().map(|r| found(&r.hit)).collect()))
    });
    let pairs: Vec<(Vec<Hit>, Vec<Hit>)> = pairs.collect::<Result<_, Fault>>()?;
    let (plain, reranked) = pairs.into_iter().unzip();
    Ok(GalleryRankings { plain, reranked })
}

fn found(hit: &skueye_gallery::Hit) -> Hit {
    Hit {
        row: hit.row as usize,
        score: hit.score,
    }
}
