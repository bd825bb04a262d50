//! What is measured, on small cases made by hand.

use std::collections::BTreeSet;

use skueye_models::Code;

use super::*;
use crate::random::Random;
use crate::vectors::{UnitVectors, Vectors};

/// Pictures of `products`: each near its product's own direction.
fn pictures(products: &[usize], dim: usize, noise: f32, seed: u64) -> UnitVectors {
    let mut values = Vec::new();
    for (i, &product) in products.iter().enumerate() {
        let mut centre = Random::new(99, &[product as u64]);
        let mut picture = Random::new(seed, &[i as u64]);
        values.extend((0..dim).map(|_| centre.normal() + noise * picture.normal()));
    }
    Vectors::new(dim, values).unwrap().normalised().unwrap()
}

/// Three index pictures of each of 20 products; queries of these and of five others.
fn case(noise: f32) -> (Subject, UnitVectors, UnitVectors) {
    let index: Vec<usize> = (0..60).map(|i| i / 3).collect();
    let queries: Vec<usize> = (0..50).map(|i| i % 25).collect();
    let picture = |side: &str, i: usize| Picture {
        id: format!("{side}{i}"),
        path: None,
    };
    let subject = Subject {
        index: (0..index.len()).map(|i| picture("i", i)).collect(),
        queries: (0..queries.len()).map(|i| picture("q", i)).collect(),
        truth: Some(Truth::new(index.clone(), queries.clone())),
        names: (0..25).map(|i| format!("product {i}")).collect(),
        categories: (0..25).map(|i| format!("category {}", i % 3)).collect(),
    };
    let vectors = pictures(&index, 32, noise, 1);
    (subject, vectors, pictures(&queries, 32, noise, 2))
}

fn quick() -> Bootstrap {
    Bootstrap {
        replicates: 200,
        seed: 1,
    }
}

#[test]
fn blocks_rank_as_sorting_all_cosines_does() {
    let products: Vec<usize> = (0..9000).collect();
    let index = pictures(&products, 24, 1.0, 3);
    let queries = pictures(&products[..300], 24, 1.0, 4);
    let ranked = float_ranking(&index, &queries, 7).unwrap();
    assert_eq!(ranked.len(), 300);
    for (query, hits) in ranked.iter().enumerate().step_by(43) {
        let cosine = |row: usize| -> f32 {
            let pairs = queries.row(query).iter().zip(index.row(row));
            pairs.map(|(a, b)| a * b).sum()
        };
        let mut all: Vec<Hit> = (0..index.rows())
            .map(|row| Hit {
                row,
                score: cosine(row),
            })
            .collect();
        all.sort();
        for (found, expected) in hits.iter().zip(&all) {
            assert!(found.row == expected.row && (found.score - expected.score).abs() < 1e-5);
        }
    }
    let few = float_ranking(&index, &queries, 10_000).unwrap();
    assert_eq!(few[0].len(), 9000, "no more rows than there are");
}

#[test]
fn float_re_ranking_agrees_with_the_devices_to_the_rounding_of_int8() {
    let (subject, index, queries) = case(0.8);
    let truth = subject.truth.unwrap();
    let plain = float_row("x", "X", &index, &queries).unwrap();
    let float = reranked_row(&plain, &index, &queries).unwrap();
    let device = device_rows("x", "X", &index, &queries, &truth.index).unwrap();
    let mar10 = |row: &Row| Metrics::new(&row.rankings, &truth).mar10;
    assert!((mar10(&float) - mar10(&device[1])).abs() < 0.02);
    assert!(mar10(&float) > mar10(&plain), "noisy pictures gain");
    let same = float.rankings.iter().zip(&device[1].rankings);
    let same = same.filter(|(a, b)| a[0].row == b[0].row).count();
    assert!(same >= 45, "{same} of 50 first answers");
}

#[test]
fn an_evaluation_says_what_was_found_with_intervals_around_it() {
    let (subject, index, queries) = case(1.1);
    let truth = subject.truth.clone().unwrap();
    let mut rows = vec![float_row("raw", "Raw", &index, &queries).unwrap()];
    rows.extend(device_rows("raw", "Raw", &index, &queries, &truth.index).unwrap());
    let options = EvaluationOptions {
        bootstrap: quick(),
        ..EvaluationOptions::default()
    };
    let found = evaluate(&subject, &rows, options.clone()).unwrap();
    assert_eq!((found.known, found.unknown), (40, 10));
    assert_eq!(found.detailed, "raw_int8");
    for row in &found.rows {
        let intervals = row.mar10_intervals.unwrap();
        for interval in [intervals.by_query, intervals.by_product] {
            let inside = interval.low < row.metrics.mar10 && row.metrics.mar10 < interval.high;
            assert!(inside, "{row:?}");
        }
    }
    assert_eq!(found.categories.len(), 3);
    let queries_of_all: usize = found.categories.iter().map(|c| c.queries).sum();
    assert_eq!(queries_of_all, 40);
    let worst: BTreeSet<_> = found.worst.iter().map(|w| &w.product).collect();
    assert_eq!(worst.len(), found.worst.len(), "one of each product");
    let open_set = found.open_set.unwrap();
    for pair in open_set.curve.windows(2) {
        assert!(pair[0].false_accept >= pair[1].false_accept);
        assert!(pair[0].false_reject <= pair[1].false_reject);
    }
    for operating in &open_set.operating_points {
        assert!(operating.point.false_accept <= operating.false_accept_rate);
    }
    let again = evaluate(&subject, &rows, options).unwrap();
    assert_eq!(again.rows, found.rows, "equal seeds, equal intervals");
}

#[test]
fn resampling_products_widens_the_interval_where_queries_repeat() {
    let products: Vec<usize> = (0..200).map(|i| i / 20).collect();
    let values: Vec<f64> = products
        .iter()
        .map(|p| f64::from(u8::from(p % 2 == 0)))
        .collect();
    let mean = |weights: &[u32]| bootstrap::weighted_mean(&values, weights);
    let found = Bootstrap::default().intervals(&products, mean).unwrap();
    let width = |i: Interval| i.high - i.low;
    // The deviation of a share of one half over n: 0.5 / sqrt(n), twice 1.96 of it wide.
    assert!((width(found.by_query) - 3.92 * 0.5 / 200f64.sqrt()).abs() < 0.03);
    assert!((width(found.by_product) - 3.92 * 0.5 / 10f64.sqrt()).abs() < 0.12);
}

#[test]
fn a_submission_has_ten_names_a_query_and_a_small_index_is_refused() {
    let (mut subject, index, queries) = case(0.5);
    let row = float_row("x", "X", &index, &queries).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("submission.csv");
    write_submission(&path, &subject, &row.rankings).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 50);
    for (query, line) in lines.iter().enumerate() {
        assert_eq!((line.len(), line[0]), (11, format!("q{query}").as_str()));
        let best = row.rankings[query][0].row;
        assert_eq!(line[1], format!("i{best}"));
        assert_eq!(line.iter().collect::<BTreeSet<_>>().len(), 11);
    }
    let few = float_ranking(&index, &queries, 9).unwrap();
    let fault = write_submission(&path, &subject, &few).unwrap_err();
    assert_eq!(fault.code(), Code::LabelsMismatch);
    subject.index[3].id = "i4".into();
    assert!(write_submission(&path, &subject, &row.rankings).is_err());
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        text,
        "the old file stays"
    );
}

#[test]
fn tables_of_labels_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Subject::of_labels(&path)
    };
    let subject = read("SPLIT,PRODUCT,CATEGORY\nindex,a,x\nquery,b,y\nindex,b,y\n").unwrap();
    let truth = subject.truth.as_ref().unwrap();
    assert_eq!(
        (&truth.index[..], &truth.queries[..]),
        (&[0, 1][..], &[1][..])
    );
    assert_eq!(subject.names, ["a", "b"]);
    assert_eq!(subject.index[1].id, "index-1");
    assert!(subject.expect_rows(2, 1).is_ok() && subject.expect_rows(2, 2).is_err());
    for bad in [
        "",
        "SPLIT\nindex\n",
        "SPLIT,PRODUCT\nindex,a\n",
        "SPLIT,PRODUCT\ntest,a\n",
    ] {
        assert_eq!(read(bad).unwrap_err().code(), Code::LabelsMismatch, "{bad}");
    }
}

#[test]
fn without_labels_or_known_queries_there_is_nothing_to_measure() {
    let (mut subject, index, queries) = case(0.5);
    let row = [float_row("x", "X", &index, &queries).unwrap()];
    let code = |subject: &Subject, rows: &[Row]| {
        let fault = evaluate(subject, rows, EvaluationOptions::default()).unwrap_err();
        fault.code()
    };
    assert_eq!(code(&subject, &[]), Code::NothingToMeasure);
    subject.truth = Some(Truth::new(vec![7; 60], vec![8; 50]));
    assert_eq!(code(&subject, &row), Code::NothingToMeasure);
    subject.truth = None;
    assert_eq!(code(&subject, &row), Code::NothingToMeasure);
}

#[test]
fn several_tables_are_an_ensemble_and_one_is_a_gallery() {
    let (subject, index, queries) = case(1.0);
    let (_, other_index, other_queries) = {
        let truth = subject.truth.as_ref().unwrap();
        let index = pictures(&truth.index, 48, 1.0, 5);
        ((), index, pictures(&truth.queries, 48, 1.0, 6))
    };
    let table = |name: &str, index: &UnitVectors, queries: &UnitVectors| NamedVectors {
        name: name.into(),
        index: index.table().clone(),
        queries: queries.table().clone(),
    };
    let truth = subject.truth.as_ref().unwrap();
    let keys = |rows: &[Row]| rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
    let one = [table("a", &index, &queries)];
    let rows = table_rows(&one, None, &truth.index).unwrap();
    assert_eq!(keys(&rows), ["a_raw", "a_raw_int8", "a_raw_int8_reranked"]);
    let two = [
        one.into_iter().next().unwrap(),
        table("b", &other_index, &other_queries),
    ];
    let whiten = Some("pca:24:0.1".parse().unwrap());
    let rows = table_rows(&two, whiten, &truth.index).unwrap();
    let expected = [
        "a_raw",
        "a_whitened",
        "b_raw",
        "b_whitened",
        "ensemble",
        "ensemble_reranked",
    ];
    assert_eq!(keys(&rows), expected);
    let mar10 = |row: &Row| Metrics::new(&row.rankings, truth).mar10;
    assert!(
        mar10(&rows[4]) > mar10(&rows[1]).max(mar10(&rows[3])),
        "two see more than one"
    );
}
