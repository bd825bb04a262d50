//! How long each stage took: medians from histograms of a fixed size.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Buckets for each doubling: a median is right to about 1 %.
const PER_OCTAVE: u32 = 64;
const BUCKETS: usize = 32 * PER_OCTAVE as usize;

/// A stage of a frame's journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Bytes to pixels.
    Decode,
    /// Watching the stage.
    Settle,
    /// Crop, resize, normalise.
    Preprocess,
    /// The network.
    Embed,
    /// The gallery.
    Search,
    /// From the frame's bytes to its hits, for frames that are looked at.
    Total,
}

const STAGES: usize = Stage::Total as usize + 1;

impl Stage {
    /// In order.
    pub const ALL: [Self; STAGES] = [
        Self::Decode,
        Self::Settle,
        Self::Preprocess,
        Self::Embed,
        Self::Search,
        Self::Total,
    ];

    /// Its name in JSON and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Settle => "settle",
            Self::Preprocess => "preprocess",
            Self::Embed => "embed",
            Self::Search => "search",
            Self::Total => "total",
        }
    }
}

/// Milliseconds of each stage; `null` in JSON for a stage that never ran.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[allow(missing_docs, reason = "the fields are those of Stage")]
pub struct StageMillis {
    pub decode: Option<f64>,
    pub settle: Option<f64>,
    pub preprocess: Option<f64>,
    pub embed: Option<f64>,
    pub search: Option<f64>,
    pub total: Option<f64>,
}

impl StageMillis {
    fn of(value: impl Fn(Stage) -> Option<f64>) -> Self {
        Self {
            decode: value(Stage::Decode),
            settle: value(Stage::Settle),
            preprocess: value(Stage::Preprocess),
            embed: value(Stage::Embed),
            search: value(Stage::Search),
            total: value(Stage::Total),
        }
    }
}

/// One frame's times.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameTimes([Option<Duration>; STAGES]);

impl FrameTimes {
    /// Runs `work` and adds its time to that of `stage`.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        *self.0[stage as usize].get_or_insert_default() += start.elapsed();
        result
    }

    /// Notes the time since `start` as that of `stage`.
    pub fn since(&mut self, stage: Stage, start: Instant) {
        self.0[stage as usize] = Some(start.elapsed());
    }

    /// How long `stage` took, where it ran.
    pub fn get(&self, stage: Stage) -> Option<Duration> {
        self.0[stage as usize]
    }

    /// In milliseconds, to the microsecond.
    pub fn millis(&self) -> StageMillis {
        StageMillis::of(|stage| self.0[stage as usize].map(|time| time.as_micros() as f64 / 1e3))
    }
}

/// The times of many frames. It takes its memory once.
#[derive(Debug)]
pub struct Latencies(Box<[[u32; BUCKETS]; STAGES]>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Box::new([[0; BUCKETS]; STAGES]))
    }
}

impl Latencies {
    /// Takes one frame's times.
    pub fn add(&mut self, times: &FrameTimes) {
        for (histogram, time) in self.0.iter_mut().zip(times.0) {
            if let Some(time) = time {
                let count = &mut histogram[bucket(time)];
                *count = count.saturating_add(1);
            }
        }
    }

    /// The median of each stage, to about 1 %.
    pub fn medians(&self) -> StageMillis {
        StageMillis::of(|stage| median(&self.0[stage as usize]))
    }
}

fn bucket(time: Duration) -> usize {
    let micros = (time.as_nanos() as f64 / 1e3).max(1.0);
    ((micros.log2() * f64::from(PER_OCTAVE)) as usize).min(BUCKETS - 1)
}

fn median(histogram: &[u32; BUCKETS]) -> Option<f64> {
    let total: u64 = histogram.iter().map(|count| u64::from(*count)).sum();
    let mut before = 0;
    let middle = histogram.iter().position(|count| {
        before += u64::from(*count);
        before * 2 >= total && total > 0
    })?;
    let micros = ((middle as f64 + 0.5) / f64::from(PER_OCTAVE)).exp2();
    Some((micros * 10.0).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_right_to_a_hundredth() {
        let mut latencies = Latencies::default();
        for micros in [40_000, 200, 5_000, 7_000, 6_000] {
            let mut times = FrameTimes::default();
            times.0[Stage::Embed as usize] = Some(Duration::from_micros(micros));
            latencies.add(&times);
        }
        let medians = latencies.medians();
        let embed = medians.embed.unwrap();
        assert!((embed - 6.0).abs() < 0.06, "{embed}");
        assert_eq!(medians.decode, None);
        let mut extreme = FrameTimes::default();
        extreme.0[0] = Some(Duration::MAX);
        latencies.add(&extreme);
        assert!(latencies.medians().decode.is_some());
    }
}
