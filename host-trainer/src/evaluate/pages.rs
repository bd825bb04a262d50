//! What was measured, as parts of a report.

use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};
use skueye_models::Fault;
use skueye_vision::decode::decode_file;
use skueye_vision::picture::Region;
use skueye_vision::preprocess::resize_rgb;

use super::evaluation::detailed;
use super::{
    BandFigures, CategoryFigures, Evaluation, Hit, Interval, OpenSet, OperatingPoint, PerQuery,
    Picture, Point, Row, RowFigures, Share, Subject, Truth, confusions, worst,
};
use crate::data::DatasetInfo;
use crate::report::{
    self, Ablation, Answer, BandRow, CategoryRow, Chart, Confusion, DatasetFacts, Fact, Headline,
    Operating, Report, RetrievalRow, Series, Strip, StripGroup, Tile,
};

/// Edge of the report's pictures, pixels.
const THUMBNAIL: u32 = 144;
/// Answers that a strip shows.
const ANSWERS: usize = 5;
const STRIPS: usize = 8;
const CONFUSIONS: usize = 8;

/// The report of an evaluation. Errors: those of reading pictures.
pub fn report(
    evaluation: &Evaluation,
    subject: &Subject,
    rows: &[Row],
    info: Option<&DatasetInfo>,
    ablation: Option<Ablation>,
) -> Result<Report, Fault> {
    let mut report = Report {
        title: "Evaluation".into(),
        run: run_facts(evaluation),
        dataset: dataset_facts(evaluation, info),
        headline: headline(evaluation),
        retrieval: evaluation.rows.iter().map(retrieval_row).collect(),
        categories: evaluation.categories.iter().map(category_row).collect(),
        ablation,
        ..Report::default()
    };
    let (Some(truth), Some(row)) = (&subject.truth, detailed(rows)) else {
        return Ok(report);
    };
    report.open_set = evaluation
        .open_set
        .as_ref()
        .map(|found| open_set(found, truth, &row.rankings));
    report.strips = strips(subject, &row.rankings)?;
    report.confusions = confusion_pairs(subject, &row.rankings)?;
    Ok(report)
}

fn fact(name: &str, value: impl ToString) -> Fact {
    Fact {
        name: name.into(),
        value: value.to_string(),
    }
}

fn run_facts(evaluation: &Evaluation) -> Vec<Fact> {
    let program = concat!("skueye-train ", env!("CARGO_PKG_VERSION"));
    let mut facts = vec![fact("program", program)];
    if let Some(model) = &evaluation.model {
        let network = format!("{}, {} values", model.network, model.dim);
        facts.extend([
            fact("model", network),
            fact("embedding id", &model.embedding_id),
        ]);
    }
    let intervals = format!("{} resamplings", evaluation.replicates);
    facts.push(fact("95 % intervals", intervals));
    facts
}

/// What a data set says of itself, with its figures' limits.
pub fn caution(name: &str) -> &'static str {
    match name {
        "makers" => {
            "The same items drawn by different artists: cross-maker retrieval, not product retrieval."
        }
        _ => "",
    }
}

fn dataset_facts(evaluation: &Evaluation, info: Option<&DatasetInfo>) -> DatasetFacts {
    let mut facts = vec![
        fact("index pictures", evaluation.index),
        fact("queries of items in the index", evaluation.known),
        fact("queries of unknown items", evaluation.unknown),
    ];
    if let Some(info) = info {
        facts.extend([fact("source", &info.source), fact("licence", &info.licence)]);
    }
    DatasetFacts {
        name: evaluation.data.clone(),
        synthetic: evaluation.synthetic.unwrap_or(false),
        caution: caution(&evaluation.data).into(),
        facts,
    }
}

fn headline(evaluation: &Evaluation) -> Vec<Headline> {
    let row = |row: &&RowFigures| row.key == evaluation.detailed;
    let Some(row) = evaluation.rows.iter().find(row) else {
        return Vec::new();
    };
    let figure = |label: &str, value: f64, note: String| Headline {
        value: format!("{value:.3}"),
        label: label.into(),
        note,
    };
    let between = |interval: Option<Interval>| {
        interval.map_or(String::new(), |i| format!("{:.3} to {:.3}", i.low, i.high))
    };
    let m = &row.metrics;
    let [mar10, recall1] = match row.on_device {
        true => ["MAR@10 on the device", "recall@1 on the device"],
        false => ["MAR@10", "recall@1"],
    };
    let mut figures = vec![
        figure(
            mar10,
            m.mar10,
            between(row.mar10_intervals.map(|i| i.by_product)),
        ),
        figure(
            recall1,
            m.recall1,
            between(row.recall1_intervals.map(|i| i.by_product)),
        ),
    ];
    if let Some(open_set) = &evaluation.open_set {
        let note = "known against unknown items".to_owned();
        figures.push(figure("open-set AUROC", open_set.auroc, note));
        let wrong = open_set.bands.as_ref().map(|bands| bands.unknown_accepted);
        if let Some(share) = wrong {
            let interval = share.intervals.map(|i| i.by_product);
            figures.push(Headline {
                value: percent(share.value),
                label: "unknown items accepted".into(),
                note: interval.map_or(String::new(), percents),
            });
        }
    }
    figures
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn percents(interval: Interval) -> String {
    format!("{:.1} to {}", interval.low * 100.0, percent(interval.high))
}

/// A row with its interval over products.
pub fn retrieval_row(row: &RowFigures) -> RetrievalRow {
    let m = &row.metrics;
    let interval = row.mar10_intervals.map(|i| i.by_product);
    RetrievalRow {
        name: row.name.clone(),
        mar10: m.mar10,
        interval: interval.map(|i| [i.low, i.high]),
        mar10_of_all: m.mar10_of_all,
        recall1: m.recall1,
        recall5: Some(m.recall5),
        recall10: Some(m.recall10),
        map10: m.map10,
        on_device: row.on_device,
    }
}

fn category_row(figures: &CategoryFigures) -> CategoryRow {
    let name = match figures.category.as_str() {
        "" => "(none)",
        name => name,
    };
    CategoryRow {
        name: name.into(),
        queries: figures.queries as u64,
        products: figures.products as u64,
        mar10: figures.mar10,
        recall1: figures.recall1,
        other_category: figures.other_category,
    }
}

fn open_set(found: &OpenSet, truth: &Truth, rankings: &[Vec<Hit>]) -> report::OpenSet {
    let best = |query: usize| Some(rankings.get(query)?.first()?.score);
    report::OpenSet {
        auroc: found.auroc,
        known: truth.known().filter_map(best).collect(),
        unknown: truth.unknown().filter_map(best).collect(),
        thresholds: found.bands.map(|bands| bands.thresholds),
        bands: found.bands.as_ref().map(band_rows).unwrap_or_default(),
        curves: open_set_charts(found),
        operating: found.operating_points.iter().map(operating).collect(),
    }
}

fn band_rows(bands: &BandFigures) -> Vec<BandRow> {
    let row = |name: &str, good: Option<bool>, share: Share| BandRow {
        name: name.into(),
        good,
        share: share.value,
        interval: share
            .intervals
            .map(|i| [i.by_product.low, i.by_product.high]),
    };
    vec![
        row(
            "known, accepted as itself",
            Some(true),
            bands.accepted_right,
        ),
        row(
            "known, accepted as another",
            Some(false),
            bands.accepted_wrong,
        ),
        row("known, left to a person", None, bands.asked),
        row("known, rejected", Some(false), bands.rejected),
        row("unknown, accepted", Some(false), bands.unknown_accepted),
        row("unknown, left to a person", None, bands.unknown_asked),
    ]
}

fn open_set_charts(found: &OpenSet) -> Vec<Chart> {
    let line = |name: &str, y: fn(&Point) -> f64| Series {
        name: name.into(),
        points: found
            .curve
            .iter()
            .map(|p| (f64::from(p.threshold), y(p)))
            .collect(),
    };
    let trade = |p: &Point| (p.false_accept, p.false_reject);
    let mut traded: Vec<(f64, f64)> = found.curve.iter().map(trade).collect();
    traded.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    vec![
        Chart {
            title: "Shares of queries by threshold".into(),
            x_label: "accept from this score on".into(),
            series: vec![
                line("unknown items accepted", |p| p.false_accept),
                line("known items not accepted", |p| p.false_reject),
                line("known items accepted as another", |p| p.wrong_accept),
            ],
        },
        Chart {
            title: "False rejects against false accepts".into(),
            x_label: "share of unknown items accepted".into(),
            series: vec![Series {
                name: "share of known items not accepted".into(),
                points: traded,
            }],
        },
    ]
}

fn operating(point: &OperatingPoint) -> Operating {
    let interval = point.false_reject_intervals.map(|i| i.by_product);
    Operating {
        false_accept_rate: point.false_accept_rate,
        threshold: point.point.threshold.into(),
        false_reject: point.point.false_reject,
        interval: interval.map(|i| [i.low, i.high]),
        wrong_accept: point.point.wrong_accept,
    }
}

/// Queries of known items with their answers, well and badly answered; none without pictures. Errors: those of reading
/// pictures.
pub fn strips(subject: &Subject, rankings: &[Vec<Hit>]) -> Result<Vec<StripGroup>, Fault> {
    let (Some(truth), true) = (&subject.truth, has_pictures(subject)) else {
        return Ok(Vec::new());
    };
    let mut queries = PerQuery::of(rankings, truth);
    queries.sort_by(|a, b| {
        let by_recall = b.recall().total_cmp(&a.recall());
        by_recall.then(a.query.cmp(&b.query))
    });
    // Evenly spread over the well-answered half, so that the strips do not all show one product.
    let spread = (0..STRIPS).filter_map(|i| queries.get(i * queries.len() / (2 * STRIPS)));
    let good = spread.map(|query| query.query).collect();
    let bad = worst(rankings, truth, STRIPS)
        .iter()
        .map(|w| w.query)
        .collect();
    let group = |title: &str, note: &str, queries: Vec<usize>| {
        let strips = queries.iter().map(|&q| strip(subject, truth, rankings, q));
        Ok::<_, Fault>(StripGroup {
            title: title.into(),
            note: note.into(),
            strips: strips.collect::<Result<_, Fault>>()?,
        })
    };
    let worst_note = "the smallest share of right answers among the first ten, the surest wrong \
                      first answer first; one query of each product";
    Ok(vec![
        group("Queries answered worst", worst_note, bad)?,
        group("Queries answered well", "spread over the better half", good)?,
    ])
}

fn has_pictures(subject: &Subject) -> bool {
    let has = |pictures: &[Picture]| pictures.iter().all(|picture| picture.path.is_some());
    has(&subject.index) && has(&subject.queries)
}

fn strip(
    subject: &Subject,
    truth: &Truth,
    rankings: &[Vec<Hit>],
    query: usize,
) -> Result<Strip, Fault> {
    let answer = |hit: &Hit| {
        Ok(Answer {
            tile: tile(subject, &subject.index[hit.row], truth.index[hit.row])?,
            score: hit.score,
            right: truth.is_right(query, hit.row),
        })
    };
    let answers = rankings[query].iter().take(ANSWERS).map(answer);
    Ok(Strip {
        query: tile(subject, &subject.queries[query], truth.queries[query])?,
        answers: answers.collect::<Result<_, Fault>>()?,
    })
}

/// Products whose queries are most often answered by one other product. Errors: those of reading pictures.
pub fn confusion_pairs(subject: &Subject, rankings: &[Vec<Hit>]) -> Result<Vec<Confusion>, Fault> {
    let Some(truth) = &subject.truth else {
        return Ok(Vec::new());
    };
    let pairs = confusions(rankings, truth, CONFUSIONS).into_iter();
    let pairs = pairs.map(|pair| {
        Ok(Confusion {
            asked: tile(subject, &subject.queries[pair.query], pair.asked)?,
            answered: tile(subject, &subject.index[pair.row], pair.answered)?,
            count: pair.count as u64,
            queries: pair.queries as u64,
        })
    });
    pairs.collect()
}

/// A picture of `product`, small; without one its name alone.
fn tile(subject: &Subject, picture: &Picture, product: usize) -> Result<Tile, Fault> {
    let bytes = picture.path.as_deref().map(thumbnail).transpose()?;
    Ok(Tile {
        picture: bytes.unwrap_or_default(),
        caption: subject.names.get(product).cloned().unwrap_or_default(),
    })
}

fn thumbnail(path: &Path) -> Result<Vec<u8>, Fault> {
    let image = decode_file(path)?;
    let small = resize_rgb(&image, Region::whole(&image), THUMBNAIL)?;
    let mut bytes = Vec::new();
    let edge = THUMBNAIL as u16;
    // A thumbnail of a fixed, small size into memory cannot fail to encode.
    let _ = Encoder::new(&mut bytes, 80).encode(small.data(), edge, edge, ColorType::Rgb);
    Ok(bytes)
}
