//! A recording that is played in its own time, and over and over, so that people can watch.

use std::time::Duration;

use crate::supervise::{Clock, SystemClock};
use crate::{CameraError, Event, Frame, FrameSource};

/// The longest that one call waits, so that the caller can stop.
const WAIT: Duration = Duration::from_millis(250);
/// Who is further behind than this does not hurry to catch up.
const LATE: Duration = Duration::from_secs(1);
/// Between the end of a recording and its beginning, on the frames' clock.
const SEAM: Duration = Duration::from_millis(100);

/// How a recording is played.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pace {
    /// Seconds of the recording a second; `None`: as fast as frames are asked for.
    pub speed: Option<f32>,
    /// Whether it begins again at its end.
    pub again: bool,
}

/// A recording of type `S`, opened by `O` each time it begins.
pub struct Paced<S, O, C = SystemClock> {
    source: S,
    open: O,
    pace: Pace,
    clock: C,
    /// A moment of the clock, and the frame's time that belongs to it.
    anchor: Option<(Duration, Duration)>,
    /// A frame whose time has not come.
    early: Option<Frame>,
    /// Added to the recording's own numbers and times.
    base: (u64, Duration),
    last: (u64, Duration),
    delivered: bool,
}

impl<S: FrameSource, O: FnMut() -> Result<S, CameraError>> Paced<S, O> {
    /// The recording that `open` opens, now and for each time it is played. Errors: those of `open`.
    pub fn open(open: O, pace: Pace) -> Result<Self, CameraError> {
        Self::with_clock(open, pace, SystemClock::default())
    }
}

impl<S: FrameSource, O: FnMut() -> Result<S, CameraError>, C: Clock> Paced<S, O, C> {
    /// As [`Self::open`], on another clock.
    pub fn with_clock(mut open: O, pace: Pace, clock: C) -> Result<Self, CameraError> {
        Ok(Self {
            source: open()?,
            open,
            pace,
            clock,
            anchor: None,
            early: None,
            base: (0, Duration::ZERO),
            last: (0, Duration::ZERO),
            delivered: false,
        })
    }

    /// The next frame of the recording, numbered over all times that it is played.
    fn fetch(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        loop {
            let event = self.source.next_frame(into)?;
            match event {
                Event::Frame => {
                    into.sequence += self.base.0;
                    into.timestamp += self.base.1;
                    self.last = (into.sequence, into.timestamp);
                    self.delivered = true;
                }
                // A recording without a frame would begin again for ever.
                Event::EndOfReplay if self.pace.again && std::mem::take(&mut self.delivered) => {
                    self.source = (self.open)()?;
                    self.base = (self.last.0 + 1, self.last.1 + SEAM);
                    continue;
                }
                _ => {}
            }
            return Ok(event);
        }
    }

    /// How long the frame of this time has to wait.
    fn wait_for(&mut self, timestamp: Duration) -> Duration {
        let Some(speed) = self.pace.speed else {
            return Duration::ZERO;
        };
        let now = self.clock.now();
        let (then, of) = *self.anchor.get_or_insert((now, timestamp));
        let passed = timestamp.saturating_sub(of).as_secs_f64() / f64::from(speed);
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        let due = then.saturating_add(passed);
        if now > due.saturating_add(LATE) {
            self.anchor = Some((now, timestamp));
        }
        due.saturating_sub(now)
    }
}

impl<S: FrameSource, O: FnMut() -> Result<S, CameraError>, C: Clock> FrameSource
    for Paced<S, O, C>
{
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        match self.early.take() {
            Some(early) => *into = early,
            None => match self.fetch(into)? {
                Event::Frame => {}
                other => return Ok(other),
            },
        }
        let wait = self.wait_for(into.timestamp);
        self.clock.sleep(wait.min(WAIT));
        if wait <= WAIT {
            return Ok(Event::Frame);
        }
        self.early = Some(std::mem::take(into));
        Ok(Event::Waiting)
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::ScriptedSource;

    /// A clock that passes only while somebody sleeps.
    #[derive(Default)]
    struct Hand(Duration);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            self.0
        }

        fn sleep(&mut self, time: Duration) {
            self.0 += time;
        }
    }

    fn recording() -> ScriptedSource {
        ScriptedSource::new([0, 100, 1100].into_iter().zip(0..).map(|(ms, sequence)| {
            Ok(Frame {
                sequence,
                timestamp: Duration::from_millis(ms),
                ..Frame::default()
            })
        }))
    }

    /// Numbers and times of the first frames, with the clock's time of each, milliseconds.
    fn played(pace: Pace, most: usize) -> Vec<(u64, u128, u128)> {
        let open = || Ok(recording());
        let mut paced = Paced::with_clock(open, pace, Hand::default()).unwrap();
        let (mut frame, mut seen) = (Frame::default(), Vec::new());
        while seen.len() < most {
            let before = paced.clock.0;
            match paced.next_frame(&mut frame).unwrap() {
                Event::Frame => seen.push((
                    frame.sequence,
                    frame.timestamp.as_millis(),
                    paced.clock.0.as_millis(),
                )),
                Event::Waiting => assert!(paced.clock.0 - before <= WAIT),
                _ => break,
            }
        }
        seen
    }

    #[test]
    fn frames_come_in_their_own_time_or_faster() {
        let speed = |speed| Pace {
            speed,
            again: false,
        };
        let times = |speed| played(speed, 9).iter().map(|f| f.2).collect::<Vec<_>>();
        assert_eq!(times(speed(Some(1.0))), [0, 100, 1100]);
        assert_eq!(times(speed(Some(2.0))), [0, 50, 550]);
        assert_eq!(times(speed(None)), [0, 0, 0]);
    }

    #[test]
    fn numbers_and_times_ascend_over_every_time_it_is_played() {
        let pace = Pace {
            speed: Some(1.0),
            again: true,
        };
        let expected = [
            (0, 0, 0),
            (1, 100, 100),
            (2, 1100, 1100),
            (3, 1200, 1200),
            (4, 1300, 1300),
            (5, 2300, 2300),
            (6, 2400, 2400),
        ];
        assert_eq!(played(pace, 7), expected);
    }

    #[test]
    fn a_recording_without_a_frame_ends() {
        let open = || Ok(ScriptedSource::new([]));
        let pace = Pace {
            speed: None,
            again: true,
        };
        let mut paced = Paced::with_clock(open, pace, Hand::default()).unwrap();
        assert_eq!(
            paced.next_frame(&mut Frame::default()),
            Ok(Event::EndOfReplay)
        );
    }
}
