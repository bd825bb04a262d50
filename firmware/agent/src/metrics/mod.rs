//! What the device counts, in Prometheus' text format (version 0.0.4).
//!
//! Everything is an atomic number that the threads of a run bump without a lock or memory; text is made when somebody asks. The
//! series are fixed: labels have the values that are written here, and a device's own texts (release, names of thermal zones) stand
//! in at most one series each. Written by hand, as two dozen fixed series need no registry.
//!
//! | module | subject |
//! |---|---|
//! | `text` | the format |
//! | `drift` | scores that fall |
//! | `machine` | temperatures, memory, disk |

mod drift;
mod machine;
mod text;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skueye_camera::{CameraError, Event as SourceEvent, Frame, FrameSource};
use skueye_models::{Fault, Verdict};

use crate::decision_log::scores::Found;
use crate::decision_log::{Day, LogHandle, system_clock};
use crate::desk::lock;
use crate::latency::{FrameTimes, Stage};
use crate::report::{Event, Line, Observer, SetStep};
use crate::scanner::Sent;
use drift::Drift;
use text::{Kind, Text};

/// Upper bounds of the latencies' buckets, in microseconds.
const BUCKETS: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000,
];
/// The error numbers' hundreds, as [`skueye_models::fault`] has them.
const AREAS: [&str; 9] = [
    "settings", "gallery", "camera", "model", "data", "training", "link", "update", "machine",
];
/// What can become of a presentation on the way to the till.
const SENT: [Sent; 7] = [
    Sent::Nothing,
    Sent::Duplicate,
    Sent::Untriggered,
    Sent::Disabled,
    Sent::Sent,
    Sent::Pending,
    Sent::Failed,
];
/// What can happen to a set of the update folder.
const SETS: [(SetStep, &str); 4] = [
    (SetStep::Tried, "tried"),
    (SetStep::Committed, "committed"),
    (SetStep::Returned, "returned"),
    (SetStep::InUse, "in_use"),
];
/// The weight of the newest accepted score in the moving mean.
const NEWEST: f64 = 1.0 / 200.0;

/// A number that only grows.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long a stage took.
#[derive(Debug, Default)]
struct Histogram {
    /// By bucket, the last for what is longer.
    counts: [Count; BUCKETS.len() + 1],
    micros: Count,
}

impl Histogram {
    fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let at = BUCKETS.iter().position(|bound| micros <= *bound);
        self.counts[at.unwrap_or(BUCKETS.len())].add(1);
        self.micros.add(micros);
    }
}

/// What a device counts. It outlives the runs of a program.
#[derive(Debug)]
pub struct Metrics {
    begin: Instant,
    /// The folder whose disk counts.
    disk: PathBuf,
    delivered: Count,
    looked: Count,
    damaged: Count,
    dropped: AtomicU64,
    losses: Count,
    waits: Count,
    camera_open: AtomicU64,
    verdicts: [Count; 3],
    sent: [Count; SENT.len()],
    answers: Count,
    faults: [Count; AREAS.len()],
    stages: [Histogram; Stage::ALL.len()],
    /// Moving mean of accepted scores.
    mean: Mutex<Option<f64>>,
    drift: Mutex<Drift>,
    /// Steps of sets of the update folder.
    sets: [Count; SETS.len()],
    release: Mutex<Option<String>>,
    log: Mutex<Option<LogHandle>>,
}

impl Metrics {
    /// For a device that keeps its data in the folder `disk`.
    pub fn new(disk: PathBuf) -> Self {
        Self {
            begin: Instant::now(),
            disk,
            delivered: Count::default(),
            looked: Count::default(),
            damaged: Count::default(),
            dropped: AtomicU64::default(),
            losses: Count::default(),
            waits: Count::default(),
            camera_open: AtomicU64::default(),
            verdicts: Default::default(),
            sent: Default::default(),
            answers: Count::default(),
            faults: Default::default(),
            stages: Default::default(),
            mean: Mutex::default(),
            drift: Mutex::default(),
            sets: Default::default(),
            release: Mutex::default(),
            log: Mutex::default(),
        }
    }

    /// A frame was looked at.
    pub fn looked(&self, times: &FrameTimes) {
        self.looked.add(1);
        for (stage, histogram) in Stage::ALL.into_iter().zip(&self.stages) {
            if let Some(time) = times.get(stage) {
                histogram.add(time);
            }
        }
    }

    /// The log whose waiting lines are counted.
    pub fn set_log(&self, log: LogHandle) {
        *lock(&self.log) = Some(log);
    }

    /// Why lines of the log wait.
    pub fn log_trouble(&self) -> Option<Fault> {
        lock(&self.log).as_ref().and_then(LogHandle::trouble)
    }

    /// A run begins with the scores that the log holds; a fall by `limit` is warned about.
    pub fn begin_scores(&self, limit: f32, found: Found) {
        lock(&self.drift).begin(limit, found);
    }

    /// What to say where the scores have fallen.
    pub fn fallen(&self) -> Option<Fault> {
        lock(&self.drift).fallen()
    }

    /// The same once a day.
    pub fn news_of_scores(&self) -> Option<Fault> {
        lock(&self.drift).news()
    }

    /// Frames that were looked at.
    pub fn frames(&self) -> u64 {
        self.looked.get()
    }

    /// How often a camera that is known to be lost was waited for.
    pub fn waits(&self) -> u64 {
        self.waits.get()
    }

    /// Frames that were read over because newer ones had come: what was delivered and is neither looked at, nor damaged, nor on
    /// its way.
    fn dropped(&self) -> u64 {
        const ON_THE_WAY: u64 = 6;
        let settled = self.looked.get() + self.damaged.get() + ON_THE_WAY;
        let dropped = self.delivered.get().saturating_sub(settled);
        self.dropped
            .fetch_max(dropped, Ordering::Relaxed)
            .max(dropped)
    }

    fn event(&self, event: &Event<'_>) {
        self.verdicts[event.verdict as usize].add(1);
        self.sent(event.sent);
        if let (Verdict::Accept, Some(score)) = (event.verdict, event.score) {
            let mut mean = lock(&self.mean);
            let before = mean.unwrap_or(f64::from(score));
            *mean = Some(before + (f64::from(score) - before) * NEWEST);
            lock(&self.drift).add(score, Day::of(system_clock()));
        }
    }

    fn sent(&self, sent: Sent) {
        let at = SENT.iter().position(|each| *each == sent);
        if let Some(count) = at.and_then(|at| self.sent.get(at)) {
            count.add(1);
        }
    }

    fn set(&self, release: &str, step: SetStep) {
        if let Some(at) = SETS.iter().position(|(each, _)| *each == step) {
            self.sets[at].add(1);
        }
        if matches!(step, SetStep::InUse | SetStep::Committed) {
            *lock(&self.release) = Some(release.to_owned());
        }
    }

    fn fault(&self, fault: &Fault) {
        let area = usize::from(fault.code().number() / 100).saturating_sub(1);
        if let Some(count) = self.faults.get(area) {
            count.add(1);
        }
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let mut text = Text::default();
        self.frames_text(&mut text);
        self.decisions_text(&mut text);
        self.stages_text(&mut text);
        self.scores_text(&mut text);
        self.device_text(&mut text);
        machine::text(&mut text, &self.disk);
        text.finish()
    }

    fn frames_text(&self, text: &mut Text) {
        let counters = [
            (
                "skueye_frames_total",
                "Frames that the camera delivered.",
                self.delivered.get(),
            ),
            (
                "skueye_frames_looked_total",
                "Frames that were looked at.",
                self.looked.get(),
            ),
            (
                "skueye_frames_dropped_total",
                "Frames passed over for newer ones.",
                self.dropped(),
            ),
            (
                "skueye_frames_damaged_total",
                "Frames that could not be read.",
                self.damaged.get(),
            ),
            (
                "skueye_camera_losses_total",
                "How often the camera was lost, stalled or froze.",
                self.losses.get(),
            ),
        ];
        for (name, help, value) in counters {
            text.family(name, Kind::Counter, help)
                .value(&[], value as f64);
        }
        let open = self.camera_open.load(Ordering::Relaxed) as f64;
        text.family(
            "skueye_camera_open",
            Kind::Gauge,
            "Whether the camera delivers.",
        )
        .value(&[], open);
    }

    fn decisions_text(&self, text: &mut Text) {
        let mut family = text.family(
            "skueye_presentations_total",
            Kind::Counter,
            "Presentations by verdict.",
        );
        for (verdict, count) in ["accept", "ask", "reject"].iter().zip(&self.verdicts) {
            family.value(&[("verdict", verdict)], count.get() as f64);
        }
        let mut family = text.family(
            "skueye_sent_total",
            Kind::Counter,
            "What became of presentations on the way to the till.",
        );
        for (result, count) in SENT.iter().zip(&self.sent) {
            family.value(&[("result", result.name())], count.get() as f64);
        }
        let help = "Answers of people.";
        text.family("skueye_answers_total", Kind::Counter, help)
            .value(&[], self.answers.get() as f64);
        let mut family = text.family("skueye_faults_total", Kind::Counter, "Faults by subject.");
        for (area, count) in AREAS.iter().zip(&self.faults) {
            family.value(&[("subject", area)], count.get() as f64);
        }
    }

    fn stages_text(&self, text: &mut Text) {
        let mut family = text.family(
            "skueye_stage_seconds",
            Kind::Histogram,
            "Time of a frame's stages.",
        );
        for (stage, histogram) in Stage::ALL.into_iter().zip(&self.stages) {
            let counts = histogram.counts.iter().map(Count::get);
            let sum = histogram.micros.get() as f64 / 1e6;
            let bounds = BUCKETS.map(|micros| micros as f64 / 1e6);
            family.histogram(("stage", stage.name()), &bounds, counts, sum);
        }
    }

    fn scores_text(&self, text: &mut Text) {
        let (baseline, median) = lock(&self.drift).medians();
        let drift = baseline.zip(median).map(|(first, now)| now - first);
        let values = [
            (
                "skueye_score_mean",
                "Moving mean of accepted scores.",
                *lock(&self.mean),
            ),
            (
                "skueye_score_median",
                "Median of today's accepted scores.",
                median.map(f64::from),
            ),
            (
                "skueye_score_baseline",
                "Median of the first accepted scores with this model.",
                baseline.map(f64::from),
            ),
            (
                "skueye_score_drift",
                "Median of today's accepted scores less that of the first.",
                drift.map(f64::from),
            ),
        ];
        for (name, help, value) in values {
            if let Some(value) = value {
                text.family(name, Kind::Gauge, help).value(&[], value);
            }
        }
    }

    fn device_text(&self, text: &mut Text) {
        let uptime = self.begin.elapsed().as_secs_f64();
        text.family("skueye_uptime_seconds", Kind::Gauge, "Since the start.")
            .value(&[], uptime);
        let release = lock(&self.release).clone().unwrap_or_default();
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("release", release.as_str()),
        ];
        let help = "The program's version and the set in use.";
        text.family("skueye_info", Kind::Gauge, help)
            .value(&labels, 1.0);
        let mut family = text.family(
            "skueye_sets_total",
            Kind::Counter,
            "Steps of the sets that updates bring.",
        );
        for ((_, step), count) in SETS.iter().zip(&self.sets) {
            family.value(&[("step", step)], count.get() as f64);
        }
        if let Some(log) = &*lock(&self.log) {
            let (waiting, lost) = log.waiting();
            let help = "Lines of the decision log that wait to be written.";
            text.family("skueye_log_waiting_lines", Kind::Gauge, help)
                .value(&[], waiting as f64);
            let help = "Lines of the decision log that were dropped.";
            text.family("skueye_log_lost_lines_total", Kind::Counter, help)
                .value(&[], lost as f64);
        }
    }
}

impl Observer for &Metrics {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        match line {
            Line::Event(event) => self.event(event),
            Line::Late { sent, .. } => self.sent(*sent),
            Line::Answer { .. } => self.answers.add(1),
            Line::Fault { fault, .. } => self.fault(fault),
            Line::Set { release, step, .. } => self.set(release, *step),
            _ => {}
        }
        Ok(())
    }
}

/// A source whose frames are counted.
pub struct Counted<'m, S> {
    source: S,
    metrics: &'m Metrics,
}

impl<'m, S: FrameSource> Counted<'m, S> {
    /// Counts what `source` delivers.
    pub fn new(source: S, metrics: &'m Metrics) -> Self {
        Self { source, metrics }
    }

    fn open(&self, is_open: bool) {
        self.metrics
            .camera_open
            .store(u64::from(is_open), Ordering::Relaxed);
    }
}

impl<S: FrameSource> FrameSource for Counted<'_, S> {
    fn next_frame(&mut self, into: &mut Frame) -> Result<SourceEvent, CameraError> {
        let answer = self.source.next_frame(into);
        match &answer {
            Ok(SourceEvent::Frame) => {
                self.metrics.delivered.add(1);
                self.open(true);
            }
            Ok(SourceEvent::Waiting) => self.metrics.waits.add(1),
            Ok(SourceEvent::Lost(_)) => {
                self.metrics.losses.add(1);
                self.metrics.waits.add(1);
                self.open(false);
            }
            Ok(SourceEvent::EndOfReplay) => self.open(false),
            Err(error) if error.is_frame_only() => {
                self.metrics.delivered.add(1);
                self.metrics.damaged.add(1);
            }
            Err(_) => self.open(false),
            Ok(_) => {}
        }
        answer
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}

#[cfg(test)]
mod tests;
