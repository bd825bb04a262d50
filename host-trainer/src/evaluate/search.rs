//! Rankings: in floating point here, in int8 by the device's own gallery.

use rayon::prelude::*;
use skueye_gallery::{Gallery, Hits, Reranker, Searcher};
use skueye_models::{Fault, UnitEmbedding};

/// Re-ranking looks at this many candidates (METHOD 3.3).
const CANDIDATES: usize = 100;

/// An index row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number.
    pub row: usize,
    /// Cosine to the query.
    pub score: f32,
}

/// The rows found for each query, best first.
pub type Rankings = Vec<Vec<Hit>>;

/// The `k` nearest rows of `index` for each query by cosine, ties by row number.
pub fn float_ranking(
    index: &[UnitEmbedding],
    queries: &[UnitEmbedding],
    k: usize,
) -> Vec<Vec<Hit>> {
    let ranking = |query: &UnitEmbedding| {
        let mut hits: Vec<Hit> = index
            .iter()
            .enumerate()
            .map(|(row, of)| Hit {
                row,
                score: query.cosine(of),
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        hits.truncate(k);
        hits
    };
    queries.par_iter().map(ranking).collect()
}

/// The rankings that the device gives: `gallery` searched in int8, and the same re-ranked. Row numbers are the gallery's.
pub fn gallery_rankings(
    gallery: &Gallery,
    queries: &[UnitEmbedding],
    k: usize,
) -> Result<(Rankings, Rankings), Fault> {
    let view = gallery.view();
    let workspace = || (Searcher::new(), Reranker::new(view.dim()), Hits::new());
    let pairs = queries
        .par_iter()
        .map_init(workspace, |(searcher, reranker, hits), query| {
            searcher.search(&view, query.as_slice(), CANDIDATES.max(k), hits)?;
            let plain = hits.rows().iter().take(k).map(found).collect::<Vec<_>>();
            let reranked = reranker.rerank(&view, query.as_slice(), hits.rows())?;
            Ok((
                plain,
                reranked.iter().take(k).map(|r| found(&r.hit)).collect(),
            ))
        });
    pairs
        .collect::<Result<Vec<_>, Fault>>()
        .map(|pairs| pairs.into_iter().unzip())
}

fn found(hit: &skueye_gallery::Hit) -> Hit {
    Hit {
        row: hit.row as usize,
        score: hit.score,
    }
}
