//! Scores of known and unknown items as two histograms with the calibrated bands.

use skueye_models::{Thresholds, Verdict};

use super::chart::{
    self, BOTTOM, HEIGHT, LEFT, RIGHT, Scale, TOP, WIDTH, legend, open_svg, range, x_axis,
};
use super::html::Html;
use super::{BandRow, OpenSet, Operating};

const BINS: usize = 36;

/// The histograms, and what the bands do with both kinds.
pub(super) fn open_set(open_set: &OpenSet) -> Html {
    let mut page = Html::default();
    let finite = |scores: &[f32]| {
        scores
            .iter()
            .map(|s| f64::from(*s))
            .filter(|s| s.is_finite())
            .collect::<Vec<_>>()
    };
    let (known, unknown) = (finite(&open_set.known), finite(&open_set.unknown));
    let bands = open_set
        .thresholds
        .map(|bands| [bands.reject, bands.accept].map(f64::from));
    let lines = bands.iter().flatten();
    let Some((low, high)) = range(known.iter().chain(&unknown).chain(lines).copied()) else {
        return page;
    };
    let pad = (high - low).max(0.01) * 0.02;
    let x = Scale {
        low: low - pad,
        high: high + pad,
        from: LEFT,
        to: WIDTH - RIGHT,
    };
    page.raw("<div class=\"columns\"><figure><figcaption>Best score of each query</figcaption>");
    open_svg(
        &mut page,
        "Histogram of the best scores of known and unknown items",
    );
    if let Some(bands) = bands {
        zones(&mut page, x, bands);
    }
    let shares = [shares(&known, x), shares(&unknown, x)];
    let most = shares
        .iter()
        .flatten()
        .copied()
        .fold(f64::MIN_POSITIVE, f64::max);
    for (class, shares) in ["area c0", "area c1"].into_iter().zip(&shares) {
        area(&mut page, class, shares, most);
    }
    x_axis(&mut page, x, "cosine of the best answer");
    page.raw("</svg>");
    legend(
        &mut page,
        ["item in the gallery", "unknown item"].into_iter(),
    );
    page.raw("</figure><div>");
    match (open_set.thresholds, &open_set.bands[..]) {
        (Some(bands), []) => verdicts(&mut page, bands, [&known, &unknown]),
        (_, rows) => band_rows(&mut page, rows),
    }
    words(&mut page, open_set);
    page.raw("</div></div>")
        .piece(chart::charts(&open_set.curves))
        .piece(operating(&open_set.operating));
    page
}

fn band_rows(page: &mut Html, rows: &[BandRow]) {
    if rows.is_empty() {
        return;
    }
    page.raw("<table class=\"stages\"><thead><tr><th>With the calibrated bands</th><th class=\"n\">share</th>");
    page.raw("<th class=\"n\">95 %</th></tr></thead><tbody>");
    for row in rows {
        page.raw("<tr><th>")
            .text(&row.name)
            .raw("</th><td class=\"n\" data-label=\"share\">")
            .number(row.share * 100.0, 1)
            .raw(" %");
        page.raw(match row.good {
            Some(true) => " <b class=\"good\">✓</b>",
            Some(false) => " <b class=\"bad\">✗</b>",
            None => " <b class=\"neither\">?</b>",
        });
        page.raw("</td>").piece(interval(row.interval)).raw("</tr>");
    }
    page.raw("</tbody></table>");
}

fn interval(interval: Option<[f64; 2]>) -> Html {
    let mut cell = Html::default();
    cell.raw("<td class=\"n\" data-label=\"95 %\">");
    match interval {
        Some([low, high]) => cell
            .number(low * 100.0, 1)
            .raw(" to ")
            .number(high * 100.0, 1),
        None => cell.raw("–"),
    };
    cell.raw("</td>");
    cell
}

fn operating(points: &[Operating]) -> Html {
    let mut page = Html::default();
    if points.is_empty() {
        return page;
    }
    page.raw(
        "<table class=\"stages four points\"><thead><tr><th>At most</th><th class=\"n\">score</th>",
    );
    page.raw("<th class=\"n\">known not accepted</th><th class=\"n\">95 %</th><th class=\"n\">known as another</th></tr></thead><tbody>");
    for point in points {
        page.raw("<tr><th>")
            .number(point.false_accept_rate * 100.0, 1)
            .raw(" % of unknown items accepted</th><td class=\"n\" data-label=\"score\">")
            .number(point.threshold, 3)
            .raw("</td><td class=\"n\" data-label=\"not accepted\">")
            .number(point.false_reject * 100.0, 1)
            .raw(" %</td>")
            .piece(interval(point.interval))
            .raw("<td class=\"n\" data-label=\"as another\">")
            .number(point.wrong_accept * 100.0, 1)
            .raw(" %</td></tr>");
    }
    page.raw("</tbody></table><p class=\"note\">Read off the curve above, on the queries it is drawn from: what could be ");
    page.raw("had by the best score alone. A device uses the calibrated bands, which never saw these queries.</p>");
    page
}

/// The share of `scores` in each bin.
fn shares(scores: &[f64], x: Scale) -> [f64; BINS] {
    let mut shares = [0.0; BINS];
    for score in scores {
        let bin = (score - x.low) / (x.high - x.low) * BINS as f64;
        shares[(bin as usize).min(BINS - 1)] += 1.0 / scores.len() as f64;
    }
    shares
}

/// One histogram as a stepped outline, as high as its kind's share allows.
fn area(page: &mut Html, class: &'static str, shares: &[f64; BINS], most: f64) {
    let (base, width) = (HEIGHT - BOTTOM, (WIDTH - LEFT - RIGHT) / BINS as f64);
    page.raw("<path class=\"")
        .raw(class)
        .raw("\" d=\"")
        .text(&format!("M{LEFT} {base}"));
    for (i, share) in shares.iter().enumerate() {
        let top = base - share / most * (base - TOP - 14.0);
        page.text(&format!("V{top:.1}H{:.1}", LEFT + width * (i + 1) as f64));
    }
    page.text(&format!("V{base}Z")).raw("\"/>");
}

/// The two thresholds as lines, with the verdict between them.
fn zones(page: &mut Html, x: Scale, [reject, accept]: [f64; 2]) {
    for threshold in [reject, accept] {
        page.raw("<path class=\"threshold\" d=\"");
        page.text(&format!(
            "M{:.1} {TOP}V{}",
            x.at(threshold),
            HEIGHT - BOTTOM
        ))
        .raw("\"/>");
    }
    let zones = [
        ("reject", x.low, reject),
        ("ask", reject, accept),
        ("accept", accept, x.high),
    ];
    for (name, from, to) in zones {
        // A narrow band keeps its lines but not its word.
        if x.at(to) - x.at(from) > 36.0 {
            page.raw("<text class=\"mid label\" y=\"10\" x=\"")
                .number(x.at((from + to) / 2.0), 1);
            page.raw("\">").text(name).raw("</text>");
        }
    }
}

fn verdicts(page: &mut Html, thresholds: Thresholds, scores: [&[f64]; 2]) {
    page.raw("<table><thead><tr><th>By score alone</th><th class=\"n\">in the gallery</th>");
    page.raw("<th class=\"n\">unknown</th></tr></thead><tbody>");
    for (name, verdict) in [
        ("accept", Verdict::Accept),
        ("ask", Verdict::Ask),
        ("reject", Verdict::Reject),
    ] {
        page.raw("<tr><th>").text(name).raw("</th>");
        for scores in scores {
            let with = scores
                .iter()
                .filter(|s| thresholds.judge(**s as f32, None) == verdict)
                .count();
            let percent = 100.0 * with as f64 / scores.len() as f64;
            page.raw("<td class=\"n\">")
                .number(percent, 1)
                .raw(" %</td>");
        }
        page.raw("</tr>");
    }
    page.raw("<tr><th>queries</th>");
    for scores in scores {
        page.raw("<td class=\"n\">")
            .text(&scores.len().to_string())
            .raw("</td>");
    }
    page.raw("</tr></tbody></table>");
}

fn words(page: &mut Html, open_set: &OpenSet) {
    page.raw("<p class=\"note\">AUROC <b>")
        .number(open_set.auroc, 3);
    page.raw("</b>: how often a known item scores above an unknown one.");
    if let Some(thresholds) = open_set.thresholds {
        page.raw(" Accept at ");
        page.number(thresholds.accept.into(), 3)
            .raw(" with a margin of ")
            .number(thresholds.margin.into(), 3);
        page.raw(" to the second product, reject below ")
            .number(thresholds.reject.into(), 3);
        page.raw("; calibrated on other pictures to let through ")
            .number(f64::from(thresholds.false_accept_rate) * 100.0, 1);
        page.raw(" % of unknown items.");
    }
    page.raw("</p>");
}
