//! What was refused, counted for `/metrics`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was refused. The names are the labels of the metric: there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Refusal {
    /// Too many connections.
    Crowd,
    /// A client that was too slow.
    Slow,
    /// No HTTP, or a head that is too long.
    Malformed,
    /// Another host's name.
    Host,
    /// From another site.
    Origin,
    /// No such address, another method, or a body that says nothing.
    Request,
    /// A body that is too long.
    Size,
    /// Without a login.
    Login,
    /// A wrong code or password.
    Code,
    /// A code or password before its time.
    Wait,
    /// The device had too much to do.
    Busy,
}

const LABELS: [&str; 11] = [
    "crowd",
    "slow",
    "malformed",
    "host",
    "origin",
    "request",
    "size",
    "login",
    "code",
    "wait",
    "busy",
];

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; LABELS.len()]);

impl Refusals {
    /// How often something was refused for this reason.
    pub fn count(&self, refusal: Refusal) -> u64 {
        self.0[refusal as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, refusal: Refusal) {
        self.0[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All of them in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::from(
            "# HELP skueye_page_refused_total What the operator page refused.\n# TYPE skueye_page_refused_total counter\n",
        );
        for (label, count) in LABELS.iter().zip(&self.0) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(
                text,
                "skueye_page_refused_total{{reason=\"{label}\"}} {count}"
            );
        }
        text
    }
}
