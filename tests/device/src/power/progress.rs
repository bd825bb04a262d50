//! How far the work is: a bar with an estimate on a terminal, a line now and then everywhere else.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines of a log.
const INTERVAL: Duration = Duration::from_secs(10);

/// Work of known length, told on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// When the last line was printed, where there is no terminal.
    told: Option<Mutex<Instant>>,
}

impl Progress {
    /// Begins work of `total` units.
    pub fn new(total: usize) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = match on_terminal {
            true => ProgressBar::new(total as u64),
            false => ProgressBar::hidden(),
        };
        bar.set_length(total as u64);
        let template = "{bar:32} {pos}/{len} ETA {eta} {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        let told = (!on_terminal).then(|| Mutex::new(Instant::now()));
        Self { bar, told }
    }

    /// Says what is being done.
    pub fn begin(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if let Some(told) = &self.told {
            *told.lock().expect("no panic") = Instant::now();
            self.print();
        }
    }

    /// So many units more are done.
    pub fn advance(&self, units: usize) {
        self.bar.inc(units as u64);
        if let Some(told) = &self.told {
            let mut told = told.lock().expect("no panic");
            if told.elapsed() >= INTERVAL {
                *told = Instant::now();
                self.print();
            }
        }
    }

    fn print(&self) {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let seconds = self.bar.elapsed().as_secs_f64();
        let left = match done {
            0 => "?".to_owned(),
            _ => format!(
                "{:.0} s",
                seconds * total.saturating_sub(done) as f64 / done as f64
            ),
        };
        eprintln!("{done}/{total}, {left} left: {}", self.bar.message());
    }
}
