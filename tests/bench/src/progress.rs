//! Progress that a person can watch: a bar with an estimate on a terminal, now and then a line everywhere else.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Lines come no closer together than this.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// One step of known length.
pub struct Step {
    name: &'static str,
    bar: ProgressBar,
    /// When the last line was written, where there is no terminal.
    lines: Option<Mutex<Instant>>,
    start: Instant,
}

impl Step {
    /// Begins the step `name` of `total` units.
    pub fn new(name: &'static str, total: u64) -> Self {
        let (start, on_terminal) = (Instant::now(), std::io::stderr().is_terminal());
        let bar = match on_terminal {
            true => ProgressBar::new(total),
            false => ProgressBar::hidden(),
        };
        bar.set_length(total);
        bar.set_prefix(name);
        let template = "{prefix:>12} {bar:32} {pos}/{len} {per_sec} ETA {eta} {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        Self {
            name,
            bar,
            lines: (!on_terminal).then(|| Mutex::new(start)),
            start,
        }
    }

    /// `done` units are done by now.
    pub fn reach(&self, done: u64, remark: impl FnOnce() -> String) {
        if done <= self.bar.position() {
            return;
        }
        self.bar.set_position(done);
        let Some(lines) = &self.lines else {
            self.bar.set_message(remark());
            return;
        };
        let mut last = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE_INTERVAL {
            *last = Instant::now();
            let total = self.bar.length().unwrap_or(done);
            let seconds = self.start.elapsed().as_secs_f64();
            let left = seconds * total.saturating_sub(done) as f64 / done as f64;
            let name = self.name;
            eprintln!(
                "{name}: {done} of {total}, {seconds:.0} s, about {left:.0} s left, {}",
                remark()
            );
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish();
    }
}
