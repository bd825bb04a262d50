//! Cameras of the kernel's Video4Linux: settings agreed and read back, frames from mapped buffers.
//!
//! | module | subject |
//! |---|---|
//! | [`device`] | the seam to the driver |
//! | [`negotiate`] | asking for a form of frames, and what is made of the answer |
//! | `kernel` | the driver itself (feature `v4l2`) |
//! | `script` | a driver that follows a script (feature `fake`) |
//! | [`survey`] | what cameras there are |

pub mod device;
pub mod negotiate;
#[cfg(any(test, feature = "fake"))]
pub mod script;
pub mod survey;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{CameraError, Event, Frame, FrameSource, Loss};
use device::{Device, Filled};
pub use negotiate::{Agreed, Settings};

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;
/// After so many frames the driver is asked whether the form is still the one that was agreed.
const ASK_EVERY: u32 = 30;
/// So many frames in a row with one number are a frozen camera.
const SAME_NUMBER: u32 = 30;

/// A camera that streams.
#[derive(Debug)]
pub struct V4l2Source<D> {
    device: D,
    path: PathBuf,
    agreed: Agreed,
    stall: Duration,
    numbers: Numbers,
    times: Times,
    since_asked: u32,
    flagged: u64,
}

impl V4l2Source<crate::kernel::Kernel> {
    /// Opens the camera at `settings.device`. Errors: E307, E308.
    pub fn open(settings: &Settings) -> Result<Self, CameraError> {
        let path = &settings.device;
        let device = crate::kernel::Kernel::open(path).map_err(|error| unopened(path, &error))?;
        Self::start(device, settings)
    }
}

impl<D: Device> V4l2Source<D> {
    /// Agrees with `device` on the frames and starts it.
    ///
    /// Errors: E307 when it is no camera, is used by another program, or cannot stream; E308 when it does not take the
    /// settings.
    pub fn start(mut device: D, settings: &Settings) -> Result<Self, CameraError> {
        let path = settings.device.clone();
        let agreed = negotiate::negotiate(&mut device, settings)?;
        let failed = |error: io::Error| unopened(&path, &error);
        let buffers = device.map_buffers(BUFFERS).map_err(failed)?;
        (0..buffers)
            .try_for_each(|index| device.queue(index))
            .map_err(failed)?;
        device.start().map_err(failed)?;
        Ok(Self {
            device,
            path,
            agreed,
            stall: settings.stall,
            numbers: Numbers::default(),
            times: Times::default(),
            since_asked: 0,
            flagged: 0,
        })
    }

    /// What was agreed.
    pub fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// How many frames the driver marked as damaged.
    pub fn flagged(&self) -> u64 {
        self.flagged
    }

    fn lost(&self, loss: Loss) -> CameraError {
        CameraError::Lost {
            path: self.path.clone(),
            loss,
        }
    }

    fn failed(&self, error: &io::Error) -> CameraError {
        self.lost(match error.raw_os_error() {
            Some(ENODEV | ENXIO) => Loss::Unplugged,
            _ => Loss::Failed(error.to_string()),
        })
    }

    /// The next filled buffer. The system may wake us for nothing; that does not lengthen our patience.
    fn filled(&mut self) -> Result<Filled, CameraError> {
        let asked = Instant::now();
        loop {
            let left = self.stall.saturating_sub(asked.elapsed());
            let woken = match self.device.wait(left) {
                Ok(true) => self.device.dequeue(),
                Ok(false) => return Err(self.lost(Loss::Stalled(self.stall))),
                Err(error) => Err(error),
            };
            match woken {
                Ok(filled) => return Ok(filled),
                Err(error) if is_nothing(&error) && asked.elapsed() < self.stall => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    /// Copies the buffer and gives it back. A short one is passed on as it is: the decoder proves the length.
    fn take(&mut self, filled: Filled, into: &mut Frame) -> Result<(), CameraError> {
        let buffer = self.device.buffer(filled.index);
        let head = Frame {
            timestamp: self.times.next(filled.timestamp),
            ..self.agreed.head()
        };
        into.replace(&head, &buffer[..filled.bytes.min(buffer.len())]);
        let queued = self.device.queue(filled.index);
        queued.map_err(|error| self.failed(&error))
    }

    /// Asks the driver now and then whether its frames are still those that were agreed.
    fn check_format(&mut self, filled: Filled) -> Result<(), CameraError> {
        self.since_asked += 1;
        let odd = self.agreed.bytes.is_some_and(|bytes| filled.bytes < bytes);
        if self.since_asked < ASK_EVERY && !odd {
            return Ok(());
        }
        self.since_asked = 0;
        let now = self.device.format().map_err(|error| self.failed(&error))?;
        match self.agreed.is_of(&now) {
            true => Ok(()),
            false => Err(self.lost(Loss::FormatChanged {
                was: self.agreed.format.to_string(),
                now: now.to_string(),
            })),
        }
    }
}

impl<D: Device> FrameSource for V4l2Source<D> {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        loop {
            let filled = self.filled()?;
            self.take(filled, into)?;
            self.check_format(filled)?;
            if filled.flagged {
                self.flagged += 1;
                let path = self.path.clone();
                return Err(CameraError::Flagged { path });
            }
            match self.numbers.next(filled.sequence) {
                Number::New(sequence) => {
                    into.sequence = sequence;
                    return Ok(Event::Frame);
                }
                Number::Again(times) if times >= SAME_NUMBER => {
                    return Err(self.lost(Loss::Frozen(times)));
                }
                // The same frame once more is none.
                Number::Again(_) => {}
            }
        }
    }

    fn describe(&self) -> String {
        format!("{} {}", self.path.display(), self.agreed)
    }
}

/// The driver's 32-bit numbers as ones that begin at 0 and never wrap.
#[derive(Debug, Default)]
struct Numbers {
    last: Option<(u32, u64)>,
    again: u32,
}

enum Number {
    New(u64),
    Again(u32),
}

impl Numbers {
    fn next(&mut self, number: u32) -> Number {
        let Some((last, count)) = self.last else {
            self.last = Some((number, 0));
            return Number::New(0);
        };
        // Drivers that do not count leave it at 0.
        let step = match number.wrapping_sub(last) {
            0 if number == 0 => 1,
            0 => {
                self.again += 1;
                return Number::Again(self.again);
            }
            // Back: the driver counts anew.
            step if step > u32::MAX / 2 => 1,
            step => step,
        };
        self.again = 0;
        self.last = Some((number, count + u64::from(step)));
        Number::New(count + u64::from(step))
    }
}

/// Times since the first frame, never descending.
#[derive(Debug)]
struct Times {
    opened: Instant,
    first: Option<Duration>,
    last: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            opened: Instant::now(),
            first: None,
            last: Duration::ZERO,
        }
    }
}

impl Times {
    fn next(&mut self, stamp: Option<Duration>) -> Duration {
        let now = stamp.unwrap_or_else(|| self.opened.elapsed());
        let first = *self.first.get_or_insert(now);
        self.last = self.last.max(now.saturating_sub(first));
        self.last
    }
}

// Numbers of Linux, the same on every processor that this is built for.
const EINTR: i32 = 4;
const ENXIO: i32 = 6;
const EAGAIN: i32 = 11;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EINTR | EAGAIN))
}

fn unopened(path: &Path, error: &io::Error) -> CameraError {
    CameraError::Unopened {
        path: path.to_owned(),
        expected: "a camera that this program may use",
        got: error.to_string(),
        remedy: match (error.raw_os_error(), error.kind()) {
            (Some(EBUSY), _) => "end the other program that uses it",
            (_, io::ErrorKind::PermissionDenied) => "add this user to the group video",
            (_, io::ErrorKind::NotFound) => "plug the camera in, or correct camera.device",
            _ => "check the cable; `skueye doctor` lists the cameras",
        },
    }
}

#[cfg(test)]
mod tests;
