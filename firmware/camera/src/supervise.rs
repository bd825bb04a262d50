//! A camera that is opened again whenever it is lost.
//!
//! Around any live source: it opens it, notices a picture that has frozen, tells each loss once, waits (0.25 s, doubling
//! to 8 s), opens it again, and keeps numbers and times ascending over it all.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{CameraError, Event, Frame, FrameSource, Loss};

/// The first and the longest time between two attempts.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// The longest that one call waits, so that the caller can stop.
const WAIT: Duration = Duration::from_millis(250);

/// A monotonic clock.
pub trait Clock {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&mut self, time: Duration);
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// A source of type `S`, opened by `O` as often as it is lost.
pub struct Supervised<S, O, C = SystemClock> {
    path: PathBuf,
    open: O,
    clock: C,
    source: Option<S>,
    /// So many equal pictures in a row are a frozen camera; 0: any number is taken.
    frozen_after: u32,
    vigil: Vigil,
    back_off: Duration,
    retry_at: Duration,
    told: Option<CameraError>,
    /// Added to the source's own numbers and times.
    base: (u64, Duration),
    last: Option<(u64, Duration)>,
    opened: u64,
    just_opened: bool,
}

impl<S: FrameSource, O: FnMut() -> Result<S, CameraError>> Supervised<S, O> {
    /// The camera at `path`, opened by `open` at the first call. After `frozen_after` equal pictures in a row it counts as
    /// lost; 0 takes any number of them.
    pub fn new(path: impl Into<PathBuf>, open: O, frozen_after: u32) -> Self {
        Self::with_clock(path, open, frozen_after, SystemClock::default())
    }
}

impl<S: FrameSource, O: FnMut() -> Result<S, CameraError>, C: Clock> Supervised<S, O, C> {
    /// As [`Self::new`], on another clock.
    pub fn with_clock(path: impl Into<PathBuf>, open: O, frozen_after: u32, clock: C) -> Self {
        Self {
            path: path.into(),
            open,
            source: None,
            frozen_after,
            vigil: Vigil::default(),
            back_off: BACK_OFF.0,
            retry_at: clock.now(),
            clock,
            told: None,
            base: (0, Duration::ZERO),
            last: None,
            opened: 0,
            just_opened: false,
        }
    }

    /// How often the camera was opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    fn try_open(&mut self) -> Event {
        let wait = self.retry_at.saturating_sub(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait.min(WAIT));
            return Event::Waiting;
        }
        match (self.open)() {
            Ok(source) => {
                let described = source.describe();
                self.source = Some(source);
                self.opened += 1;
                self.just_opened = true;
                Event::Opened(described)
            }
            Err(error) => self.wait_after(error),
        }
    }

    /// The next attempt is put off. A reason is told once, until the camera works again.
    fn wait_after(&mut self, error: CameraError) -> Event {
        self.retry_at = self.clock.now() + self.back_off;
        self.back_off = (self.back_off * 2).min(BACK_OFF.1);
        if self.told.as_ref() == Some(&error) {
            return Event::Waiting;
        }
        self.told = Some(error.clone());
        Event::Lost(error)
    }

    fn lose(&mut self, error: CameraError) -> Event {
        // Closed now, for a device that is still held cannot be opened again.
        self.source = None;
        self.vigil.repeats = 0;
        self.wait_after(error)
    }

    /// Renumbers a frame, so that the caller sees one stream; `Err` when the picture has frozen.
    fn admit(&mut self, into: &mut Frame) -> Result<(), Loss> {
        match self.vigil.look(&into.data) {
            // A camera that moves is well: its next loss is told, and soon repaired.
            Sight::Changed => (self.back_off, self.told) = (BACK_OFF.0, None),
            Sight::First => {}
            Sight::Same(repeats) if self.frozen_after > 0 && repeats >= self.frozen_after => {
                return Err(Loss::Frozen(repeats));
            }
            Sight::Same(_) => {}
        }
        if std::mem::take(&mut self.just_opened) {
            let next = self.last.map_or(0, |(sequence, _)| sequence + 1);
            // What was missed while the camera was away is a gap of unknown length: one.
            let gap = u64::from(self.last.is_some());
            self.base = (next + gap, self.clock.now());
        }
        into.sequence = into.sequence.saturating_add(self.base.0);
        into.timestamp = into.timestamp.saturating_add(self.base.1);
        if let Some((sequence, time)) = self.last {
            into.sequence = into.sequence.max(sequence + 1);
            into.timestamp = into.timestamp.max(time);
        }
        self.last = Some((into.sequence, into.timestamp));
        Ok(())
    }
}

impl<S: FrameSource, O: FnMut() -> Result<S, CameraError>, C: Clock> FrameSource
    for Supervised<S, O, C>
{
    /// The only errors are those of single frames.
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        let Some(source) = &mut self.source else {
            return Ok(self.try_open());
        };
        match source.next_frame(into) {
            Ok(Event::Frame) => match self.admit(into) {
                Ok(()) => Ok(Event::Frame),
                Err(loss) => {
                    let path = self.path.clone();
                    Ok(self.lose(CameraError::Lost { path, loss }))
                }
            },
            Err(error) if !error.is_frame_only() => Ok(self.lose(error)),
            other => other,
        }
    }

    fn describe(&self) -> String {
        self.source.as_ref().map_or_else(String::new, S::describe)
    }
}

/// Compares each picture with the one before.
#[derive(Debug, Default)]
struct Vigil {
    last: Option<u64>,
    repeats: u32,
}

enum Sight {
    First,
    Changed,
    Same(u32),
}

impl Vigil {
    fn look(&mut self, data: &[u8]) -> Sight {
        let now = hash(data);
        let sight = match self.last {
            Some(last) if last == now => {
                self.repeats = self.repeats.saturating_add(1);
                Sight::Same(self.repeats)
            }
            Some(_) => Sight::Changed,
            None => Sight::First,
        };
        if !matches!(sight, Sight::Same(_)) {
            self.repeats = 0;
        }
        self.last = Some(now);
        sight
    }
}

/// All of the bytes, in four streams of multiplications that do not wait for each other.
fn hash(data: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut lanes = [1u64, 2, 3, 4];
    let mut blocks = data.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
            *lane = mix(*lane, word);
        }
    }
    let rest = blocks.remainder().iter().map(|byte| u64::from(*byte));
    let whole = lanes.into_iter().chain(rest).fold(0, mix);
    mix(whole, data.len() as u64)
}

#[cfg(test)]
mod tests;
