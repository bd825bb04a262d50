//! The page is one file, safe whatever the data says, and whole for odd input.

use skueye_models::Thresholds;

use super::html::base64;
use super::*;

const EVIL: &str = "</title><script>alert(1)</script>\"' onerror=x & <img src=http://a/b>";

fn tile(caption: &str) -> Tile {
    Tile {
        picture: b"\xff\xd8jpeg".to_vec(),
        caption: caption.into(),
    }
}

fn evil() -> Report {
    let fact = || Fact {
        name: EVIL.into(),
        value: EVIL.into(),
    };
    let answer = Answer {
        tile: tile(EVIL),
        score: 0.5,
        right: false,
    };
    let strip = Strip {
        query: tile(EVIL),
        answers: vec![answer],
    };
    let points = vec![(0.0, 2.0), (1.0, f64::NAN), (2.0, 1.0)];
    Report {
        title: EVIL.into(),
        run: vec![fact()],
        dataset: DatasetFacts {
            name: EVIL.into(),
            synthetic: true,
            caution: EVIL.into(),
            facts: vec![fact()],
        },
        headline: vec![Headline {
            value: EVIL.into(),
            label: EVIL.into(),
            note: EVIL.into(),
        }],
        retrieval: vec![RetrievalRow {
            name: EVIL.into(),
            mar10: 0.5,
            interval: Some([0.4, f64::NAN]),
            mar10_of_all: f64::NAN,
            recall1: 0.5,
            recall5: None,
            recall10: Some(0.5),
            map10: 0.5,
            on_device: true,
        }],
        categories: vec![CategoryRow {
            name: EVIL.into(),
            queries: 1,
            products: 1,
            mar10: f64::NAN,
            recall1: 0.5,
            other_category: 0.0,
        }],
        ablation: Some(Ablation {
            command: EVIL.into(),
            sets: vec![AblationSet {
                name: EVIL.into(),
                synthetic: true,
                seeds: 3,
                rows: vec![AblationRow {
                    name: EVIL.into(),
                    mean: 0.5,
                    deviation: None,
                }],
            }],
        }),
        open_set: Some(OpenSet {
            auroc: f64::NAN,
            known: vec![0.5],
            unknown: vec![f32::NAN],
            thresholds: None,
            bands: vec![BandRow {
                name: EVIL.into(),
                good: None,
                share: 0.5,
                interval: None,
            }],
            curves: vec![],
            operating: vec![Operating {
                false_accept_rate: 0.01,
                threshold: f64::NAN,
                false_reject: 0.5,
                interval: Some([0.1, 0.9]),
                wrong_accept: 0.0,
            }],
        }),
        charts: vec![Chart {
            title: EVIL.into(),
            x_label: EVIL.into(),
            series: vec![Series {
                name: EVIL.into(),
                points,
            }],
        }],
        parity: vec![Parity {
            name: EVIL.into(),
            min_cosine: 0.9,
            bound: 0.999,
        }],
        latency: vec![Latency {
            stage: EVIL.into(),
            median_ms: 1.0,
            p95_ms: None,
        }],
        seconds: vec![StepSeconds {
            step: EVIL.into(),
            seconds: 1.0,
        }],
        strips: vec![StripGroup {
            title: EVIL.into(),
            note: EVIL.into(),
            strips: vec![strip],
        }],
        confusions: vec![Confusion {
            asked: tile(EVIL),
            answered: tile(EVIL),
            count: 1,
            queries: 2,
        }],
        ..Report::default()
    }
}

#[test]
fn no_text_of_the_data_becomes_markup_and_nothing_is_fetched() {
    let page = page::render(&evil());
    assert!(
        !page.contains("<script") && !page.contains("<img src=http"),
        "text became markup"
    );
    assert!(!page.contains("\"' onerror"), "text left its attribute");
    for link in ["src=\"http", "href=", "url(", "@import"] {
        assert!(!page.contains(link), "{link}");
    }
    assert!(page.contains("&lt;script&gt;") && page.contains("default-src 'none'"));
    assert!(
        !page.contains("NaN"),
        "numbers that are none are shown as a dash or left out"
    );
    assert!(page.contains("Synthetic data."));
}

#[test]
fn what_a_run_lacks_leaves_no_empty_section() {
    let page = page::render(&Report {
        title: "Nothing".into(),
        ..Report::default()
    });
    assert!(!page.contains("<section>") && !page.contains("class=\"notice\""));
    let empty = Chart {
        title: String::new(),
        x_label: String::new(),
        series: vec![],
    };
    assert!(chart::charts(&[empty]).is_empty());
}

#[test]
fn bands_count_known_and_unknown_items() {
    let thresholds = Thresholds {
        accept: 0.6,
        reject: 0.4,
        margin: 0.02,
        false_accept_rate: 0.01,
    };
    let scores = OpenSet {
        auroc: 0.9,
        known: vec![0.9, 0.7, 0.5, 0.3],
        unknown: vec![0.1, f32::NAN],
        thresholds: Some(thresholds),
        bands: vec![],
        curves: vec![],
        operating: vec![],
    };
    let page = histogram::open_set(&scores).into_string();
    assert!(
        page.contains("<th>accept</th><td class=\"n\">50.0 %</td><td class=\"n\">0.0 %"),
        "{page}"
    );
    assert!(
        page.contains("<th>reject</th><td class=\"n\">25.0 %</td><td class=\"n\">100.0 %"),
        "{page}"
    );
    let none = OpenSet {
        known: vec![],
        unknown: vec![],
        ..scores
    };
    assert!(!histogram::open_set(&none).into_string().contains("NaN"));
}

#[test]
fn ticks_are_round_and_inside() {
    let scale = |low, high| chart::Scale {
        low,
        high,
        from: 0.0,
        to: 1.0,
    };
    assert_eq!(
        scale(0.13, 0.87).ticks(4.0),
        (vec![0.2, 0.4, 0.6000000000000001, 0.8], 1)
    );
    assert_eq!(
        scale(0.0, 1000.0).ticks(5.0).0,
        [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]
    );
    assert_eq!(scale(3.0, 3.0).ticks(5.0).0, [3.0]);
    assert!(scale(f64::MIN, f64::MAX).ticks(5.0).0.len() < 30);
    let labels = |high: f64| {
        let (ticks, decimals) = scale(0.0, high).ticks(4.0);
        let labels = ticks.iter().map(|&tick| chart::label(tick, decimals));
        labels.collect::<Vec<_>>()
    };
    assert_eq!(labels(0.8), ["0", "0.2", "0.4", "0.6", "0.8"]);
    assert_eq!(labels(1.2e-5), ["0", "5e-6", "1e-5"]);
}

#[test]
fn a_long_curve_is_thinned() {
    let points = (0..100_000)
        .map(|i| (i as f64, (i as f64).sqrt()))
        .collect();
    let series = vec![Series {
        name: "loss".into(),
        points,
    }];
    let chart = Chart {
        title: "t".into(),
        x_label: "step".into(),
        series,
    };
    assert!(chart::charts(&[chart]).into_string().len() < 10_000);
}

#[test]
fn base64_as_in_the_standard() {
    let pairs = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("foobar", "Zm9vYmFy"),
    ];
    for (bytes, text) in pairs {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
    assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
}

#[test]
fn an_ablation_file_gives_its_rows_in_the_methods_order() {
    let text = r#"{"command": "x", "other": 1, "sets": {"synth": {"synthetic": true, "seeds": [1, 2, 3],
        "mar10_mean": {"ensemble": 0.8, "attributes": 0.5, "unheard_of": 1.0},
        "mar10_std": {"ensemble": 0.01, "attributes": null}}}}"#;
    let found = Ablation::parse(text).unwrap();
    let rows: Vec<_> = found.sets[0]
        .rows
        .iter()
        .map(|r| (r.mean, r.deviation))
        .collect();
    assert_eq!(rows, [(0.5, None), (0.8, Some(0.01))]);
    let page = ablation::tables(&found).into_string();
    assert!(
        page.contains("0.800 ± 0.010") && page.contains("3 seeds"),
        "{page}"
    );
    assert!(Ablation::parse("{}").is_err());
}
