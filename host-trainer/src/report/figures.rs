//! Figures as tiles, tables and bars.

use super::html::{Html, shown};
use super::{CategoryRow, Headline, Latency, Parity, Replay, Report, RetrievalRow, StepSeconds};

/// The large figures.
pub(super) fn headline(figures: &[Headline]) -> Html {
    let mut page = Html::default();
    if figures.is_empty() {
        return page;
    }
    page.raw("<div class=\"headline\">");
    for figure in figures {
        page.raw("<div><b>")
            .text(&figure.value)
            .raw("</b><span>")
            .text(&figure.label);
        page.raw("</span><small>")
            .text(&figure.note)
            .raw("</small></div>");
    }
    page.raw("</div>");
    page
}

/// Retrieval rows with bars, and each row's gain over the first.
pub(super) fn retrieval(rows: &[RetrievalRow]) -> Html {
    let mut page = Html::default();
    let Some(first) = rows.first() else {
        return page;
    };
    let deep = rows.iter().any(|row| row.recall10.is_some());
    let columns = |row: &RetrievalRow| -> Vec<(&'static str, f64)> {
        let or_none = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let mut columns = vec![("of all", row.mar10_of_all), ("recall@1", row.recall1)];
        if deep {
            columns.push(("recall@5", or_none(row.recall5)));
            columns.push(("recall@10", or_none(row.recall10)));
        }
        columns.push(("mAP@10", row.map10));
        columns
    };
    page.raw("<table class=\"bars stages\"><thead><tr><th>Stage</th><th>MAR@10</th><th class=\"n\">gain</th>");
    for (label, _) in columns(first) {
        page.raw("<th class=\"n\">").text(label).raw("</th>");
    }
    page.raw("</tr></thead><tbody>");
    for row in rows {
        page.raw(match row.on_device {
            true => "<tr class=\"ours\"><th>",
            false => "<tr><th>",
        })
        .text(&row.name);
        page.raw(match row.on_device {
            true => " <i>on the device</i></th><td>",
            false => "</th><td>",
        });
        bar(&mut page, row.mar10, 1.0, &shown(row.mar10, 3));
        if let Some([low, high]) = row.interval {
            page.raw("<small class=\"interval\">")
                .number(low, 3)
                .raw(" to ")
                .number(high, 3)
                .raw("</small>");
        }
        page.raw("</td><td class=\"n\" data-label=\"gain\">");
        match std::ptr::eq(row, first) {
            true => page.raw("–"),
            false => page.text(&gain(row.mar10 - first.mar10)),
        };
        for (label, value) in columns(row) {
            page.raw("</td><td class=\"n\" data-label=\"")
                .text(label)
                .raw("\">")
                .number(value, 3);
        }
        page.raw("</td></tr>");
    }
    page.raw("</tbody></table><p class=\"note\">MAR@10: of the at most ten right pictures, the share among the first ten ");
    page.raw(
        "answers, as a mean over queries. <i>Of all</i> divides by every right picture instead. ",
    );
    page.raw(
        "<i>Recall@k</i>: one of the first k answers is right. All rows answer the same queries.",
    );
    if rows.iter().any(|row| row.interval.is_some()) {
        page.raw(" Below each MAR@10 its 95 % interval, products resampled.");
    }
    page.raw("</p>");
    page
}

/// Retrieval by category.
pub(super) fn categories(rows: &[CategoryRow]) -> Html {
    let mut page = Html::default();
    if rows.is_empty() {
        return page;
    }
    page.raw("<table class=\"bars stages four\"><thead><tr><th>Category</th><th>MAR@10</th>");
    page.raw("<th class=\"n\">recall@1</th><th class=\"n\">other category</th>");
    page.raw("<th class=\"n\">products</th><th class=\"n\">queries</th></tr></thead><tbody>");
    for row in rows {
        page.raw("<tr><th>").text(&row.name).raw("</th><td>");
        bar(&mut page, row.mar10, 1.0, &shown(row.mar10, 3));
        page.raw("</td><td class=\"n\" data-label=\"recall@1\">")
            .number(row.recall1, 3)
            .raw("</td><td class=\"n\" data-label=\"other category\">")
            .number(row.other_category * 100.0, 1)
            .raw(" %</td><td class=\"n\" data-label=\"products\">")
            .text(&row.products.to_string())
            .raw("</td><td class=\"n\" data-label=\"queries\">")
            .text(&row.queries.to_string())
            .raw("</td></tr>");
    }
    page.raw("</tbody></table><p class=\"note\"><i>Other category</i>: queries whose first answer is of another category.</p>");
    page
}

/// What became of the presented items.
pub(super) fn replay(replay: &Replay) -> Html {
    let mut page = Html::default();
    page.raw("<p>")
        .text(&replay.presentations.to_string())
        .raw(" items were held to the camera in ");
    page.text(&replay.frames.to_string())
        .raw(" frames.</p><table class=\"bars\"><tbody>");
    let most = replay.presentations.max(1) as f64;
    let rows = [
        ("right", replay.correct),
        ("wrong product", replay.wrong),
        ("left to a person", replay.asked),
        ("known item not named", replay.rejected),
    ];
    for (name, count) in rows {
        page.raw("<tr><th>").text(name).raw("</th><td>");
        bar(&mut page, count as f64, most, &count.to_string());
        page.raw("</td></tr>");
    }
    page.raw("</tbody></table>");
    page
}

/// Parity, latency and seconds beside each other.
pub(super) fn machine(report: &Report) -> Html {
    let mut page = Html::default();
    let parts = [
        parity(&report.parity),
        latency(&report.latency),
        seconds(&report.seconds),
    ];
    if parts.iter().any(|part| !part.is_empty()) {
        page.raw("<div class=\"columns\">");
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            page.raw("<div>").piece(part).raw("</div>");
        }
        page.raw("</div>");
    }
    page
}

fn parity(rows: &[Parity]) -> Html {
    let mut page = Html::default();
    if rows.is_empty() {
        return page;
    }
    page.raw("<h3>Agreement with the trainer</h3><table><thead><tr><th>Model</th><th class=\"n\">least cosine</th>");
    page.raw("<th class=\"n\">bound</th></tr></thead><tbody>");
    for row in rows {
        let kept = row.min_cosine >= row.bound;
        page.raw("<tr><th>")
            .text(&row.name)
            .raw("</th><td class=\"n\">")
            .number(row.min_cosine, 6);
        page.raw(if kept {
            " <b class=\"good\">✓</b>"
        } else {
            " <b class=\"bad\">✗</b>"
        });
        page.raw("</td><td class=\"n\">")
            .number(row.bound, 4)
            .raw("</td></tr>");
    }
    page.raw("</tbody></table>");
    page
}

fn latency(rows: &[Latency]) -> Html {
    let mut page = Html::default();
    if rows.is_empty() {
        return page;
    }
    let tail = rows.iter().any(|row| row.p95_ms.is_some());
    page.raw(
        "<h3>Time per frame</h3><table><thead><tr><th>Stage</th><th class=\"n\">median, ms</th>",
    );
    page.raw(if tail {
        "<th class=\"n\">95th, ms</th></tr></thead><tbody>"
    } else {
        "</tr></thead><tbody>"
    });
    for row in rows {
        page.raw("<tr><th>")
            .text(&row.stage)
            .raw("</th><td class=\"n\">")
            .number(row.median_ms, 2);
        if tail {
            page.raw("</td><td class=\"n\">")
                .number(row.p95_ms.unwrap_or(f64::NAN), 2);
        }
        page.raw("</td></tr>");
    }
    page.raw("</tbody></table>");
    page
}

fn seconds(rows: &[StepSeconds]) -> Html {
    let mut page = Html::default();
    if rows.is_empty() {
        return page;
    }
    let longest = rows.iter().map(|row| row.seconds).fold(0.0, f64::max);
    page.raw("<h3>Time of the run</h3><table class=\"bars\"><tbody>");
    for row in rows {
        page.raw("<tr><th>").text(&row.step).raw("</th><td>");
        bar(
            &mut page,
            row.seconds,
            longest,
            &format!("{:.1} s", row.seconds),
        );
        page.raw("</td></tr>");
    }
    let total: f64 = rows.iter().map(|row| row.seconds).sum();
    page.raw("</tbody><tfoot><tr><th>together</th><td class=\"n\">")
        .number(total, 1)
        .raw(" s</td></tr></tfoot></table>");
    page
}

/// A difference with its sign; a dash where there is none.
fn gain(difference: f64) -> String {
    match difference.is_finite() {
        true => format!("{difference:+.3}"),
        false => "–".into(),
    }
}

/// A horizontal bar of `value` out of `most`, with `label` beside it.
pub(super) fn bar(page: &mut Html, value: f64, most: f64, label: &str) {
    let share = if most > 0.0 {
        (value / most).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let percent = if share.is_finite() {
        share * 100.0
    } else {
        0.0
    };
    page.raw("<span class=\"bar\"><span><i style=\"width:")
        .number(percent, 1);
    page.raw("%\"></i></span><b>")
        .text(label)
        .raw("</b></span>");
}
