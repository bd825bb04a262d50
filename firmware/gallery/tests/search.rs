//! What a search finds, against a naive search of the same codes and against float.

mod common;

use std::collections::HashSet;

use common::{Random, clustered};
use proptest::prelude::*;
use skueye_gallery::{GalleryView, Hit, Hits, Kernel, Searcher};
use skueye_models::{Code, UnitEmbedding};

fn search(view: &GalleryView<'_>, kernel: Kernel, probe: &[f32], k: usize) -> Hits {
    let mut hits = Hits::new();
    let mut searcher = Searcher::with_kernel(kernel);
    searcher.search(view, probe, k, &mut hits).unwrap();
    hits
}

/// Every row's score from the definition, in order. In double precision like the definition: in single precision a value
/// half a step from two codes may go to the other one.
fn naive(view: &GalleryView<'_>, probe: &UnitEmbedding) -> Vec<Hit> {
    let largest = probe
        .as_slice()
        .iter()
        .fold(0.0f32, |max, v| max.max(v.abs()));
    let scale = f64::from(largest) / 127.0;
    let probe: Vec<i32> = probe
        .as_slice()
        .iter()
        .map(|v| (f64::from(*v) / scale).round() as i32)
        .collect();
    let scale = scale as f32;
    let score = |row: skueye_gallery::RowRef<'_>| {
        let terms = row
            .codes()
            .zip(&probe)
            .map(|(code, probe)| i32::from(code) * probe);
        terms.sum::<i32>() as f32 * row.scale * scale
    };
    let mut hits: Vec<Hit> = view
        .rows()
        .map(|row| Hit {
            row: row.row,
            product: row.product,
            score: score(row),
        })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    hits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_kernel_finds_the_same_and_what_the_definition_says(
        seed in any::<u64>(), blocks in 1usize..=32, products in 1u64..200, each in 1usize..4, k in 1usize..=256,
    ) {
        let (builder, _) = clustered(seed, 32 * blocks, products, each);
        let bytes = builder.to_bytes();
        let view = GalleryView::open(&bytes).unwrap();
        let probe = Random(!seed).unit(view.dim());
        let expected = naive(&view, &probe);
        let reference = search(&view, Kernel::best(), probe.as_slice(), k);
        prop_assert_eq!(reference.rows().len(), expected.len().min(k));
        for (found, expected) in reference.rows().iter().zip(&expected) {
            prop_assert!((found.score - expected.score).abs() < 1e-5);
        }
        for kernel in Kernel::available() {
            let hits = search(&view, kernel, probe.as_slice(), k);
            prop_assert_eq!(hits.rows(), reference.rows(), "{}", kernel.name());
            prop_assert_eq!(hits.products(), reference.products(), "{}", kernel.name());
        }
    }

    #[test]
    fn products_are_the_best_rows_of_all_rows(seed in any::<u64>(), each in 1usize..20, k in 1usize..12) {
        let (builder, _) = clustered(seed, 32, 15, each);
        let bytes = builder.to_bytes();
        let view = GalleryView::open(&bytes).unwrap();
        let probe = Random(!seed).unit(32);
        let all = search(&view, Kernel::best(), probe.as_slice(), 256);
        prop_assume!(all.rows().len() == view.row_count() as usize);
        let mut seen = HashSet::new();
        let best: Vec<Hit> = all.rows().iter().filter(|hit| seen.insert(hit.product)).copied().collect();
        prop_assert_eq!(all.products(), &best[..]);
        let hits = search(&view, Kernel::best(), probe.as_slice(), k);
        prop_assert_eq!(hits.products(), &best[..best.len().min(k)]);
        prop_assert_eq!(hits.rows(), &all.rows()[..hits.rows().len()]);
    }
}

#[test]
fn equal_scores_are_in_order_of_row_number_and_a_product_answers_by_its_first() {
    let (mut builder, rows) = clustered(1, 64, 3, 1);
    let later = builder.add_product(common::product(77)).unwrap();
    for _ in 0..600 {
        builder.add_row(later, &rows[1]).unwrap();
    }
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    for kernel in Kernel::available() {
        let hits = search(&view, kernel, rows[1].as_slice(), 4);
        let found: Vec<u32> = hits.rows().iter().map(|hit| hit.row).collect();
        assert_eq!(found, [1, 3, 4, 5], "{}", kernel.name());
        assert_eq!(hits.products()[0].row, 1);
        assert_eq!(
            (hits.products()[1].product, hits.products()[1].row),
            (later, 3)
        );
        assert_eq!(
            hits.products().len(),
            4,
            "products beyond the best four rows"
        );
    }
}

#[test]
fn int8_keeps_the_order_of_float() {
    let (builder, rows) = clustered(5, 256, 500, 4);
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    let mut random = Random(6);
    let (mut kept, mut asked) = (0, 0);
    for number in 0..100 {
        // One query in five is of a product that the gallery lacks.
        let probe = match number % 5 {
            0 => random.unit(256),
            _ => random.near(rows[number * 17].as_slice(), 1.0),
        };
        let mut float: Vec<(f32, u32)> = rows
            .iter()
            .zip(0..)
            .map(|(row, n)| (row.cosine(&probe), n))
            .collect();
        float.sort_by(|a, b| b.0.total_cmp(&a.0));
        let hits = search(&view, Kernel::best(), probe.as_slice(), 10);
        kept += float[..10]
            .iter()
            .filter(|(_, n)| hits.rows().iter().any(|hit| hit.row == *n))
            .count();
        asked += 10;
        assert!((hits.rows()[0].score - float[0].0).abs() < 0.01);
    }
    assert!(kept * 100 >= asked * 98, "recall@10 {kept} of {asked}");
}

#[test]
fn a_longer_probe_has_the_same_cosines() {
    let (builder, rows) = clustered(8, 96, 20, 2);
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    let long: Vec<f32> = rows[3].as_slice().iter().map(|v| v * 8.0).collect();
    let unit = search(&view, Kernel::best(), rows[3].as_slice(), 5);
    let scaled = search(&view, Kernel::best(), &long, 5);
    assert_eq!(unit.rows()[0].row, 3);
    assert!((unit.rows()[0].score - 1.0).abs() < 0.01);
    for (a, b) in unit.rows().iter().zip(scaled.rows()) {
        assert!(a.row == b.row && (a.score - b.score).abs() < 1e-6);
    }
}

#[test]
fn an_empty_gallery_answers_with_nothing() {
    let bytes = clustered(1, 32, 0, 0).0.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    view.verify().unwrap();
    let hits = search(&view, Kernel::best(), &[1.0; 32], 10);
    assert!(hits.rows().is_empty() && hits.products().is_empty());
}

#[test]
fn queries_that_do_not_fit_are_refused_and_leave_no_old_hits() {
    let bytes = clustered(1, 32, 3, 1).0.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
    let mut nan = [0.5; 32];
    nan[7] = f32::NAN;
    let bad: [(&[f32], usize); 6] = [
        (&[1.0; 31], 1),
        (&[1.0; 64], 1),
        (&[0.0; 32], 1),
        (&nan, 1),
        (&[1.0; 32], 0),
        (&[1.0; 32], 257),
    ];
    for (probe, k) in bad {
        searcher.search(&view, &[1.0; 32], 2, &mut hits).unwrap();
        assert_eq!(hits.rows().len(), 2);
        let fault = searcher.search(&view, probe, k, &mut hits).unwrap_err();
        assert_eq!(fault.code(), Code::GalleryQuery);
        assert!(hits.rows().is_empty());
    }
}
