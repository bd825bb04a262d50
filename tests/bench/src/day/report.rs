//! The day in figures: a table for people, one object for programs.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use skueye_agent::decision_log::Verified;
use skueye_agent::report::Summary;

use super::goods::Standing;
use super::ledger::{Fate, Heard, Ledger, Shown};
use super::operator::Page;
use super::script::Plan;

/// Presentations of which one figure of accuracy is told.
const PIECE: usize = 1_000;

/// Everything that is told.
pub struct Report {
    pub plan: Plan,
    pub simulated: Duration,
    pub real: Duration,
    pub soak: bool,
    pub speed: f64,
    /// MiB from the warm-up to the end.
    pub memory: Vec<f64>,
    /// What the device itself wrote down.
    pub log: Verified,
    pub recoveries: Vec<Duration>,
    pub page: Page,
    /// The share of unknown items that the model's thresholds accept, as it says.
    pub bound: f32,
    pub summary: Summary,
    pub figures: Figures,
}

/// What the ledger says.
pub struct Figures {
    presentations: u64,
    correct: u64,
    wrong: u64,
    asked: u64,
    rejected: u64,
    missed: u64,
    swapped: u64,
    unseen: u64,
    doubles: u64,
    phantoms: u64,
    phantoms_accepted: u64,
    known: Share,
    known_wrong: Share,
    unknown: Share,
    siblings: Share,
    newcomers: Share,
    pieces: Vec<f64>,
    heard: Heard,
    failed_with_cable: u64,
    answer_ms: [f32; 3],
    look_ms: [f32; 3],
    cable_ms: Vec<f32>,
    faults: Vec<(String, u64)>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Share {
    some: u64,
    of: u64,
}

impl Share {
    fn of<'s>(shown: impl Iterator<Item = &'s Shown>, counts: impl Fn(&Shown) -> bool) -> Self {
        shown.fold(Self::default(), |share, one| Self {
            some: share.some + u64::from(counts(one)),
            of: share.of + 1,
        })
    }

    fn rate(self) -> f64 {
        self.some as f64 / self.of.max(1) as f64
    }

    /// The interval of 95 % for the rate behind it (Wilson, 1927).
    fn interval(self) -> [f64; 2] {
        const Z: f64 = 1.959_964;
        if self.of == 0 {
            return [0.0, 1.0];
        }
        let (n, p) = (self.of as f64, self.rate());
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        [
            ((middle - half) / scale).max(0.0),
            ((middle + half) / scale).min(1.0),
        ]
    }

    fn json(self) -> Value {
        let [low, high] = self.interval();
        json!({"wrong": self.some, "of": self.of, "rate": self.rate(), "interval95": [low, high]})
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.interval().map(|rate| 100.0 * rate);
        let rate = 100.0 * self.rate();
        write!(
            f,
            "{} of {}: {rate:.1} % (95 %: {low:.1} to {high:.1})",
            self.some, self.of
        )
    }
}

impl Figures {
    pub fn of(ledger: &Ledger) -> Self {
        let items: Vec<&Shown> = ledger
            .shown
            .iter()
            .filter(|s| s.fate() != Fate::Nothing)
            .collect();
        let count = |fate: Fate| items.iter().filter(|shown| shown.fate() == fate).count() as u64;
        let seen = || {
            items
                .iter()
                .copied()
                .filter(|shown| shown.fate() != Fate::Unseen)
        };
        let of = |standing: Standing| move |shown: &&Shown| shown.standing == standing;
        let is = |fate: Fate| move |shown: &Shown| shown.fate() == fate;
        let accurate =
            |piece: &[&Shown]| Share::of(piece.iter().copied(), is(Fate::Correct)).rate();
        let phantoms = ledger.shown.iter().map(Shown::phantoms);
        Self {
            presentations: items.len() as u64,
            correct: count(Fate::Correct),
            wrong: count(Fate::Wrong),
            asked: count(Fate::Asked),
            rejected: count(Fate::Rejected),
            missed: count(Fate::Missed),
            swapped: count(Fate::Swapped),
            unseen: count(Fate::Unseen),
            doubles: ledger.shown.iter().map(Shown::doubles).sum(),
            phantoms: phantoms.clone().map(|(events, _)| events).sum::<u64>() + ledger.strays,
            phantoms_accepted: phantoms.filter(|(_, accepted)| *accepted).count() as u64,
            known: Share::of(seen().filter(|s| s.known()), is(Fate::Correct)),
            known_wrong: Share::of(seen().filter(|s| s.known()), is(Fate::Wrong)),
            unknown: Share::of(seen().filter(of(Standing::Unknown)), is(Fate::Wrong)),
            siblings: Share::of(seen().filter(of(Standing::Sibling)), is(Fate::Wrong)),
            newcomers: Share::of(seen().filter(of(Standing::Newcomer)), is(Fate::Correct)),
            pieces: items.chunks(PIECE).map(accurate).collect(),
            heard: ledger.heard(),
            failed_with_cable: ledger.failed_with_cable,
            answer_ms: percentiles(&ledger.answer_ms),
            look_ms: percentiles(&ledger.look_ms),
            cable_ms: ledger.cable_recoveries.clone(),
            faults: ledger.faults.clone(),
        }
    }
}

/// Median, 99th percentile and maximum; zeros where there is nothing.
fn percentiles(values: &[f32]) -> [f32; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| {
        let place = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    [at(0.5), at(0.99), at(1.0)]
}

impl Report {
    fn camera_seconds(&self) -> [f32; 3] {
        let seconds: Vec<f32> = self.recoveries.iter().map(Duration::as_secs_f32).collect();
        percentiles(&seconds)
    }

    /// One object.
    pub fn json(&self) -> Value {
        let Figures { heard, .. } = self.figures;
        let f = &self.figures;
        let [camera_p50, _, camera_max] = self.camera_seconds();
        let [cable_p50, _, cable_max] = percentiles(&f.cable_ms);
        let mut report = json!({
            "synthetic": true,
            "presentations": f.presentations,
            "correct": f.correct,
            "wrong": f.wrong,
            "asked": f.asked,
            "rejected": f.rejected,
            "missed": f.missed,
            "missed_swapped_while_camera_away": f.swapped,
            "unseen_while_camera_away": f.unseen,
            "double_events": f.doubles,
            "lost_events": heard.lost,
            "phantom_events": f.phantoms,
            "phantom_accepts": f.phantoms_accepted,
            "till": {
                "read_once": heard.once, "lost": heard.lost, "told_as_failed": heard.failed,
                "told_as_failed_but_read": heard.failed_but_read, "read_twice": heard.twice,
                "failed_with_cable": f.failed_with_cable,
            },
            "p50_ms": f.answer_ms[0],
            "p99_ms": f.answer_ms[1],
            "max_ms": f.answer_ms[2],
            "look_p50_ms": f.look_ms[0],
            "look_p99_ms": f.look_ms[1],
            "rss_start_mb": self.memory.first(),
            "rss_end_mb": self.memory.last(),
            "rss_mb": self.memory,
            "decision_log": {"lines": self.log.lines, "sound": self.log.is_sound(), "dropped": self.log.dropped},
        });
        let more = json!({
            "known_correct": {"correct": f.known.some, "of": f.known.of, "rate": f.known.rate()},
            "known_wrong": f.known_wrong.json(),
            "unknown_accepted": f.unknown.json(),
            "unknown_sibling_accepted": f.siblings.json(),
            "page": {
                "views": self.page.views, "previews": self.page.previews, "answers": self.page.answers,
                "refused": self.page.refused, "enrolments": self.page.enrolments,
                "enrolments_failed": self.page.enrolments_failed,
                "enrol_save_ms_max": percentiles(&self.page.save_ms)[2],
                "newcomers_correct": {"correct": f.newcomers.some, "of": f.newcomers.of},
            },
            "false_accept_rate_stated": self.bound,
            "accuracy_per_1000": f.pieces,
            "camera_losses": self.summary.camera_losses,
            "camera_recoveries": self.recoveries.len(),
            "camera_recovery_s": {"p50": camera_p50, "max": camera_max, "time": "simulated"},
            "cable_losses": self.plan.cable_losses,
            "cable_recoveries": f.cable_ms.len(),
            "cable_recovery_ms": {"p50": cable_p50, "max": cable_max, "time": "real"},
            "faults": f.faults.iter().map(|(code, count)| (code.clone(), json!(count)))
                .collect::<serde_json::Map<_, _>>(),
            "frames": self.summary.frames,
            "frames_dropped": self.summary.frames_dropped,
            "frames_damaged": self.summary.frames_damaged,
            "simulated_s": self.simulated.as_secs_f64(),
            "real_s": self.real.as_secs_f64(),
            "speed_asked": self.speed,
            "speed_reached": self.simulated.as_secs_f64() / self.real.as_secs_f64(),
            "policy": if self.soak { "latest_wins" } else { "every_frame" },
        });
        if let (Some(report), Value::Object(more)) = (report.as_object_mut(), more) {
            report.extend(more);
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &self.figures;
        let (simulated, real) = (self.simulated.as_secs_f64(), self.real.as_secs_f64());
        let of = f.presentations.max(1) as f64;
        writeln!(
            out,
            "Scenes and products are synthetic; the run loop, its threads and the cable are real."
        )?;
        writeln!(
            out,
            "{:.1} h in {real:.0} s: {:.1} times the clock ({} asked for), {} frames, {} dropped",
            simulated / 3600.0,
            simulated / real,
            self.speed,
            self.summary.frames,
            self.summary.frames_dropped
        )?;
        let counts = [
            ("presentations", f.presentations),
            ("correct", f.correct),
            ("wrong", f.wrong),
            ("asked", f.asked),
            ("rejected", f.rejected),
            ("missed", f.missed),
            ("missed, exchanged unseen", f.swapped),
            ("unseen, camera away", f.unseen),
        ];
        for (name, count) in counts {
            writeln!(
                out,
                "{name:<25}{count:>7}  {:5.1} %",
                100.0 * count as f64 / of
            )?;
        }
        writeln!(out, "{:<24}{:>8}", "double events", f.doubles)?;
        writeln!(out, "{:<24}{:>8}", "lost events", f.heard.lost)?;
        writeln!(
            out,
            "{:<24}{:>8}  of them accepted: {}",
            "events of nothing", f.phantoms, f.phantoms_accepted
        )?;
        writeln!(
            out,
            "{:<24}{:>8}  told as failed: {} ({} with the cable there, {} read all the same), read twice: {}",
            "read once by the till",
            f.heard.once,
            f.heard.failed,
            f.failed_with_cable,
            f.heard.failed_but_read,
            f.heard.twice
        )?;
        writeln!(out, "known, accepted right    {}", f.known)?;
        writeln!(out, "known, accepted wrong    {}", f.known_wrong)?;
        let bound = 100.0 * self.bound;
        writeln!(
            out,
            "unknown, accepted        {}; the model states {bound:.1} %",
            f.unknown
        )?;
        writeln!(
            out,
            "unknown, of a known line {}; no bound is stated",
            f.siblings
        )?;
        let page = &self.page;
        writeln!(
            out,
            "page                     {} views, {} previews, {} answers ({} came too late)",
            page.views, page.previews, page.answers, page.refused
        )?;
        let [p50, _, max] = percentiles(&page.save_ms);
        writeln!(
            out,
            "enrolled                 {} ({} failed), saved in p50 {p50:.0} ms, max {max:.0} ms; then right {}",
            page.enrolments, page.enrolments_failed, f.newcomers
        )?;
        let pieces: Vec<String> = f
            .pieces
            .iter()
            .map(|p| format!("{:.1}", 100.0 * p))
            .collect();
        writeln!(out, "correct of each 1,000    {} %", pieces.join(", "))?;
        let [p50, p99, max] = f.answer_ms;
        writeln!(
            out,
            "frame to answer          p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"
        )?;
        let [p50, p99, max] = f.look_ms;
        writeln!(
            out,
            "of that a look           p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"
        )?;
        let [p50, _, max] = self.camera_seconds();
        let (times, losses) = (self.recoveries.len(), self.plan.camera_losses);
        writeln!(
            out,
            "camera back              {times} of {losses} times; open after p50 {p50:.1} s, max {max:.1} s (simulated)"
        )?;
        let [p50, _, max] = percentiles(&f.cable_ms);
        let (times, losses) = (f.cable_ms.len(), self.plan.cable_losses);
        writeln!(
            out,
            "cable back               {times} of {losses} times; next answer sent after p50 {p50:.0} ms, max {max:.0} ms (real)"
        )?;
        let memory: Vec<String> = self.memory.iter().map(|mb| format!("{mb:.1}")).collect();
        writeln!(out, "memory, from the warm-up {} MiB", memory.join(", "))?;
        let sound = if self.log.is_sound() {
            "sound"
        } else {
            "DAMAGED"
        };
        writeln!(
            out,
            "decision log             {} lines, {sound}, {} dropped",
            self.log.lines, self.log.dropped
        )?;
        let faults: Vec<String> = f
            .faults
            .iter()
            .map(|(code, n)| format!("{code}: {n}"))
            .collect();
        writeln!(out, "faults told              {}", faults.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_books() {
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        let cases = [
            ((81, 263), [0.2553, 0.3662]),
            ((15, 148), [0.0624, 0.1605]),
            ((0, 20), [0.0, 0.1611]),
            ((1, 29), [0.0061, 0.1718]),
        ];
        for ((some, of), expected) in cases {
            let interval = Share { some, of }.interval();
            let near = interval
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 6e-5);
            assert!(near, "{some} of {of}: {interval:?}, not {expected:?}");
        }
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f32> = (1..=200).map(|v| v as f32).collect();
        assert_eq!(percentiles(&values), [100.0, 198.0, 200.0]);
        assert_eq!(percentiles(&[]), [0.0; 3]);
    }
}
