//! Scores of known and unknown items as two histograms with the calibrated bands.

use skueye_models::Verdict;

use super::OpenSet;
use super::chart::{
    BOTTOM, HEIGHT, LEFT, RIGHT, Scale, TOP, WIDTH, legend, open_svg, range, x_axis,
};
use super::html::Html;

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
    let bands = [open_set.thresholds.reject, open_set.thresholds.accept].map(f64::from);
    let Some((low, high)) = range(known.iter().chain(&unknown).chain(&bands).copied()) else {
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
    zones(&mut page, x, bands);
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
    verdicts(&mut page, open_set, [&known, &unknown]);
    page.raw("</div></div>");
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

fn verdicts(page: &mut Html, open_set: &OpenSet, scores: [&[f64]; 2]) {
    let thresholds = open_set.thresholds;
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
    page.raw("</tr></tbody></table><p class=\"note\">AUROC <b>")
        .number(open_set.auroc, 3);
    page.raw("</b>: how often a known item scores above an unknown one. Accept at ");
    page.number(thresholds.accept.into(), 3)
        .raw(" with a margin of ")
        .number(thresholds.margin.into(), 3);
    page.raw(" to the second product, reject below ")
        .number(thresholds.reject.into(), 3);
    page.raw("; calibrated to let through ")
        .number(f64::from(thresholds.false_accept_rate) * 100.0, 1);
    page.raw(" % of unknown items.</p>");
}
