//! Prometheus' text format, version 0.0.4.

use std::fmt::Write;

/// A label's value is cut to so many characters.
const MOST_LABEL: usize = 64;

/// What a family's values are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The text under way.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// The values of one name.
pub(super) struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
}

impl Text {
    /// Begins a family; no name comes twice.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let text = &mut self.0;
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text, name }
    }

    pub fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// One value.
    pub fn value(&mut self, labels: &[(&str, &str)], value: f64) {
        self.line("", labels, value);
    }

    /// Counts by bucket, the last for what lies behind all `bounds`, and the sum of all values.
    pub fn histogram(
        &mut self,
        label: (&str, &str),
        bounds: &[f64],
        counts: impl Iterator<Item = u64>,
        sum: f64,
    ) {
        let mut below = 0;
        let bounds = bounds.iter().map(f64::to_string);
        for (bound, count) in bounds.chain(["+Inf".into()]).zip(counts) {
            below += count;
            self.line("_bucket", &[label, ("le", &bound)], below as f64);
        }
        self.line("_sum", &[label], sum);
        self.line("_count", &[label], below as f64);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let (text, name) = (&mut *self.text, self.name);
        let _ = write!(text, "{name}{suffix}");
        for (at, (label, value)) in labels.iter().enumerate() {
            let begin = if at == 0 { '{' } else { ',' };
            let _ = write!(text, "{begin}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

fn escaped(value: &str) -> String {
    let short = value.chars().take(MOST_LABEL);
    short.fold(String::new(), |mut text, c| {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => text.push('\u{fffd}'),
            c => text.push(c),
        }
        text
    })
}
