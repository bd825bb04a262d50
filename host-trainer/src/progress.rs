//! Progress that a person can watch: a bar with an estimate on a terminal, JSON lines everywhere else.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// JSON lines come no closer together than this, so that a log of a long run stays readable.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// One step of known length. Shared between threads; ends when dropped.
pub struct Step {
    name: &'static str,
    bar: ProgressBar,
    lines: Option<Mutex<Lines>>,
    start: Instant,
}

struct Lines {
    done: u64,
    last: Instant,
}

impl Step {
    /// Begins the step `name` of `total` units.
    pub fn new(name: &'static str, total: u64) -> Self {
        let start = Instant::now();
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        bar.set_length(total);
        bar.set_prefix(name);
        let template = "{prefix:>12} {bar:32} {pos}/{len} {per_sec} ETA {eta} {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        let lines = (!on_terminal).then(|| {
            Mutex::new(Lines {
                done: 0,
                last: start,
            })
        });
        Self {
            name,
            bar,
            lines,
            start,
        }
    }

    /// `units` more are done. Callable from any thread.
    pub fn advance(&self, units: u64) {
        self.bar.inc(units);
        let Some(lines) = &self.lines else { return };
        let mut lines = lines
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        lines.done += units;
        if lines.last.elapsed() >= LINE_INTERVAL {
            lines.last = Instant::now();
            self.print_line(lines.done, "running");
        }
    }

    /// A short remark beside the bar, such as the current loss.
    pub fn remark(&self, text: String) {
        self.bar.set_message(text);
    }

    fn print_line(&self, done: u64, state: &str) {
        let total = self.bar.length().unwrap_or(0);
        let seconds = self.start.elapsed().as_secs_f64();
        let eta = if done > 0 {
            seconds * total.saturating_sub(done) as f64 / done as f64
        } else {
            0.0
        };
        let line = serde_json::json!({
            "step": self.name, "state": state, "done": done, "total": total,
            "seconds": round1(seconds), "eta_seconds": round1(eta), "remark": self.bar.message(),
        });
        // A closed stderr must not end a training run.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish();
        if let Some(lines) = &self.lines {
            let done = lines
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .done;
            self.print_line(done, "ended");
        }
    }
}

fn round1(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
