//! Re-ranking against a straightforward implementation over full matrices of floats and sets, and its effect.

mod common;

use std::collections::BTreeSet;

use common::{Random, clustered};
use proptest::prelude::*;
use skueye_gallery::{GalleryView, Hit, Hits, Reranker, Searcher};
use skueye_models::Code;

type Matrix = Vec<Vec<f64>>;

/// As in the paper: everything over all pictures (the first is the probe); gives each candidate's final distance.
fn textbook(pictures: &[Vec<f64>], k1: usize, k2: usize, lambda: f64) -> Vec<f64> {
    let n = pictures.len();
    let distances: Matrix = pictures
        .iter()
        .map(|a| {
            let row: Vec<f64> = pictures
                .iter()
                .map(|b| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum())
                .collect();
            let largest = row.iter().copied().fold(0.0, f64::max);
            row.into_iter().map(|d| d / largest).collect()
        })
        .collect();
    let ranking: Vec<Vec<usize>> = distances
        .iter()
        .map(|row| {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| row[*a].total_cmp(&row[*b]));
            order
        })
        .collect();
    let near = |i: usize, k: usize| {
        ranking[i]
            .iter()
            .copied()
            .take(k + 1)
            .collect::<BTreeSet<_>>()
    };
    let reciprocal = |i: usize, k: usize| {
        near(i, k)
            .into_iter()
            .filter(|j| near(*j, k).contains(&i))
            .collect::<BTreeSet<_>>()
    };
    let mut v = vec![vec![0.0; n]; n];
    for i in 0..n {
        let r = reciprocal(i, k1);
        let mut expanded = r.clone();
        for j in &r {
            let theirs = reciprocal(*j, k1 / 2);
            if theirs.intersection(&r).count() as f64 > 2.0 / 3.0 * theirs.len() as f64 {
                expanded.extend(theirs);
            }
        }
        let total: f64 = expanded.iter().map(|j| (-distances[i][*j]).exp()).sum();
        for j in expanded {
            v[i][j] = (-distances[i][j]).exp() / total;
        }
    }
    let averaged: Matrix = (0..n)
        .map(|i| {
            let near: Vec<usize> = ranking[i].iter().copied().take(k2).collect();
            (0..n)
                .map(|m| near.iter().map(|j| v[*j][m]).sum::<f64>() / near.len() as f64)
                .collect()
        })
        .collect();
    (1..n)
        .map(|j| {
            let least: f64 = (0..n).map(|m| averaged[0][m].min(averaged[j][m])).sum();
            let most: f64 = (0..n).map(|m| averaged[0][m].max(averaged[j][m])).sum();
            (1.0 - lambda) * (1.0 - least / most) + lambda * distances[0][j]
        })
        .collect()
}

/// The embedding that int8 codes stand for, of norm 1.
fn direction(values: impl Iterator<Item = f32>) -> Vec<f64> {
    let values: Vec<f64> = values.map(f64::from).collect();
    let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    values.into_iter().map(|v| v / norm).collect()
}

fn rounded(probe: &[f32]) -> Vec<f32> {
    let largest = probe.iter().fold(0.0f32, |max, v| max.max(v.abs()));
    probe
        .iter()
        .map(|v| (f64::from(*v) / (f64::from(largest) / 127.0)).round() as f32)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_is_the_textbooks(seed in any::<u64>(), products in 1u64..40, each in 1usize..8, dim in 1usize..5) {
        let dim = 32 * dim;
        let (builder, rows) = clustered(seed, dim, products, each);
        let bytes = builder.to_bytes();
        let view = GalleryView::open(&bytes).unwrap();
        let probe = Random(!seed).near(rows[0].as_slice(), 1.0);
        let mut hits = Hits::new();
        Searcher::new().search(&view, probe.as_slice(), 100, &mut hits).unwrap();

        let mut pictures = vec![direction(rounded(probe.as_slice()).into_iter())];
        pictures.extend(hits.rows().iter().map(|hit| direction(view.row(hit.row).unwrap().values())));
        let expected = textbook(&pictures, 10, 6, 0.5);

        let mut reranker = Reranker::new(dim);
        let found = reranker.rerank(&view, probe.as_slice(), hits.rows()).unwrap();
        prop_assert_eq!(found.len(), hits.rows().len());
        prop_assert!(found.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
        for candidate in found {
            let at = hits.rows().iter().position(|hit| *hit == candidate.hit).unwrap();
            prop_assert!((f64::from(candidate.distance) - expected[at]).abs() < 1e-6);
        }
    }
}

#[test]
fn a_product_seen_from_several_sides_moves_up() {
    let (mut before, mut after) = (0, 0);
    let (builder, rows) = clustered(12, 64, 60, 8);
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    let (mut searcher, mut hits, mut reranker) = (Searcher::new(), Hits::new(), Reranker::new(64));
    let mut random = Random(13);
    for product in 0..60u32 {
        let probe = random.near(rows[product as usize * 8].as_slice(), 1.6);
        searcher
            .search(&view, probe.as_slice(), 100, &mut hits)
            .unwrap();
        let reranked = reranker
            .rerank(&view, probe.as_slice(), hits.rows())
            .unwrap();
        let right = |hit: &Hit| hit.product.0 == product;
        before += hits.rows()[..8].iter().filter(|hit| right(hit)).count();
        after += reranked[..8]
            .iter()
            .filter(|candidate| right(&candidate.hit))
            .count();
    }
    assert!(after > before, "{before} of 480 before, {after} after");
}

#[test]
fn copies_of_one_picture_few_and_no_candidates_are_ranked() {
    let (mut builder, rows) = clustered(2, 32, 1, 1);
    for _ in 0..150 {
        builder
            .add_row(skueye_gallery::ProductIndex(0), &rows[0])
            .unwrap();
    }
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    let (mut searcher, mut hits, mut reranker) = (Searcher::new(), Hits::new(), Reranker::new(32));
    searcher
        .search(&view, rows[0].as_slice(), 256, &mut hits)
        .unwrap();
    for count in [0, 1, 2, 10, 100, 151] {
        let found = reranker
            .rerank(&view, rows[0].as_slice(), &hits.rows()[..count])
            .unwrap();
        assert_eq!(found.len(), count.min(100));
        assert!(found.iter().all(|candidate| candidate.distance.is_finite()));
    }
}

#[test]
fn hits_of_another_gallery_and_other_dimensions_are_refused() {
    let large = clustered(3, 32, 30, 1).0.to_bytes();
    let small = clustered(3, 32, 2, 1).0.to_bytes();
    let (large, small) = (
        GalleryView::open(&large).unwrap(),
        GalleryView::open(&small).unwrap(),
    );
    let mut hits = Hits::new();
    Searcher::new()
        .search(&large, &[1.0; 32], 30, &mut hits)
        .unwrap();
    let mut reranker = Reranker::new(32);
    for fault in [
        reranker
            .rerank(&small, &[1.0; 32], hits.rows())
            .unwrap_err(),
        reranker
            .rerank(&large, &[1.0; 64], hits.rows())
            .unwrap_err(),
        Reranker::new(64)
            .rerank(&large, &[1.0; 32], hits.rows())
            .unwrap_err(),
    ] {
        assert_eq!(fault.code(), Code::GalleryQuery);
    }
}
