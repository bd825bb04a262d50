//! Line charts as inline SVG. Small on purpose: at the width of a telephone the text keeps its size.

use super::html::Html;
use super::{Chart, Series};

/// Drawing area in SVG units, and what lies around it.
pub(super) const WIDTH: f64 = 360.0;
pub(super) const HEIGHT: f64 = 190.0;
pub(super) const LEFT: f64 = 46.0;
pub(super) const RIGHT: f64 = 8.0;
pub(super) const TOP: f64 = 12.0;
pub(super) const BOTTOM: f64 = 32.0;
/// More points than a chart has pixels are averaged.
const MOST_POINTS: usize = 300;

/// A range of values mapped to a range of SVG units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub low: f64,
    pub high: f64,
    pub from: f64,
    pub to: f64,
}

impl Scale {
    pub fn at(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        let share = if span > 0.0 {
            (value - self.low) / span
        } else {
            0.5
        };
        self.from + share * (self.to - self.from)
    }

    /// Round values in the range, about `count` of them, with the decimals they need.
    pub fn ticks(&self, count: f64) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / count;
        if !(rough > 0.0 && rough.is_finite()) {
            return (vec![self.low], 2);
        }
        let power = 10f64.powf(rough.log10().floor());
        // Rather a few more ticks than a chart with a single one.
        let wanted = |step: &f64| *step >= 0.7 * rough;
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * power)
            .into_iter()
            .find(wanted);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        (
            (first..=last.min(first + 20))
                .map(|i| i as f64 * step)
                .collect(),
            decimals,
        )
    }
}

/// All charts, side by side where there is room.
pub(super) fn charts(charts: &[Chart]) -> Html {
    let mut page = Html::default();
    let drawn: Vec<_> = charts.iter().filter_map(chart).collect();
    if !drawn.is_empty() {
        page.raw("<div class=\"charts\">");
        for chart in drawn {
            page.piece(chart);
        }
        page.raw("</div>");
    }
    page
}

/// `None` where there is no point to draw.
fn chart(chart: &Chart) -> Option<Html> {
    let lines: Vec<Vec<(f64, f64)>> = chart.series.iter().map(thinned).collect();
    let all = || lines.iter().flatten();
    let (x_low, x_high) = range(all().map(|p| p.0))?;
    let (y_low, y_high) = range(all().map(|p| p.1))?;
    let pad = ((y_high - y_low) * 0.06).max(y_high.abs() * 1e-3);
    let x = Scale {
        low: x_low,
        high: x_high,
        from: LEFT,
        to: WIDTH - RIGHT,
    };
    let y = Scale {
        low: y_low - pad,
        high: y_high + pad,
        from: HEIGHT - BOTTOM,
        to: TOP,
    };
    let mut page = Html::default();
    page.raw("<figure><figcaption>")
        .text(&chart.title)
        .raw("</figcaption>");
    open_svg(&mut page, &chart.title);
    y_axis(&mut page, y);
    x_axis(&mut page, x, &chart.x_label);
    for (i, line) in lines.iter().enumerate() {
        page.raw("<polyline class=\"line c")
            .text(&(i % 6).to_string())
            .raw("\" points=\"");
        for (px, py) in line {
            page.text(&format!("{:.1},{:.1} ", x.at(*px), y.at(*py)));
        }
        page.raw("\"/>");
    }
    page.raw("</svg>");
    legend(&mut page, chart.series.iter().map(|s| s.name.as_str()));
    page.raw("</figure>");
    Some(page)
}

pub(super) fn open_svg(page: &mut Html, description: &str) {
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    page.raw("<svg role=\"img\" viewBox=\"")
        .text(&view)
        .raw("\" aria-label=\"")
        .text(description)
        .raw("\">");
}

fn y_axis(page: &mut Html, y: Scale) {
    let (ticks, decimals) = y.ticks(4.0);
    for tick in ticks {
        let at = y.at(tick);
        page.raw("<path class=\"grid\" d=\"")
            .text(&format!("M{LEFT} {at:.1}H{}", WIDTH - RIGHT));
        page.raw("\"/><text class=\"end\" x=\"")
            .number(LEFT - 5.0, 1)
            .raw("\" y=\"")
            .number(at + 3.5, 1);
        page.raw("\">").text(&label(tick, decimals)).raw("</text>");
    }
}

/// A tick's label, short enough for the margin: `0.002`, but `2e-5`.
pub(super) fn label(tick: f64, decimals: usize) -> String {
    let plain = format!("{tick:.decimals$}");
    match plain.parse::<f64>() {
        Ok(rounded) if decimals > 4 && rounded != 0.0 => format!("{rounded:e}"),
        Ok(0.0) => "0".into(),
        _ => plain,
    }
}

pub(super) fn x_axis(page: &mut Html, x: Scale, label: &str) {
    let base = HEIGHT - BOTTOM;
    page.raw("<path class=\"axis\" d=\"")
        .text(&format!("M{LEFT} {base}H{}", WIDTH - RIGHT))
        .raw("\"/>");
    let (ticks, decimals) = x.ticks(5.0);
    for tick in ticks {
        page.raw("<text class=\"mid\" x=\"")
            .number(x.at(tick), 1)
            .raw("\" y=\"")
            .number(base + 14.0, 1);
        page.raw("\">").number(tick, decimals).raw("</text>");
    }
    page.raw("<text class=\"mid label\" x=\"")
        .number((LEFT + WIDTH - RIGHT) / 2.0, 1);
    page.raw("\" y=\"")
        .number(HEIGHT - 4.0, 1)
        .raw("\">")
        .text(label)
        .raw("</text>");
}

pub(super) fn legend<'a>(page: &mut Html, names: impl Iterator<Item = &'a str>) {
    page.raw("<p class=\"legend\">");
    for (i, name) in names.enumerate() {
        page.raw("<span><i class=\"c")
            .text(&(i % 6).to_string())
            .raw("\"></i>")
            .text(name)
            .raw("</span>");
    }
    page.raw("</p>");
}

pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((v.min(low), v.max(high))),
    })
}

/// The finite points, averaged in groups where there are too many.
fn thinned(series: &Series) -> Vec<(f64, f64)> {
    let finite = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
    let points: Vec<_> = series.points.iter().filter(finite).copied().collect();
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        let (x, y) = part
            .iter()
            .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (x / n, y / n)
    };
    points.chunks(group).map(mean).collect()
}
