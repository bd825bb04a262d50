//! What a set on trial has to show before it is kept: the model passes its golden self-test, every value of the gallery
//! makes sense and is of the model's embedding id, the link opens and is heard, and the camera delivers sound frames that
//! are not all the same.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use skueye_camera::{CameraError, Event, Frame, FrameSource, Loss};
use skueye_models::{Code, Fault};
use skueye_vision::RgbImage;

use crate::camera::{camera_fault, decode};
use crate::config::Config;
use crate::pipeline::Policy;
use crate::recognise;
use crate::scanner::Scanner;

/// Checks the set of `config`, with frames of the camera of its settings or of `replay` in its place. Errors: the first
/// thing that does not work.
pub fn check(config: &Config, replay: Option<&Path>) -> Result<(), Fault> {
    let (model, gallery) = recognise::open(config)?;
    gallery.snapshot().base().verify()?;
    config.decision.thresholds(&model.manifest.thresholds)?;
    Scanner::open(&config.link, None)?.check()?;
    let (source, policy) = config.camera.source(replay)?;
    let wanted = Wanted {
        frames: config.update.health_frames,
        // A camera whose picture may truly stand still says so there; a replay may as well.
        alive: config.camera.frozen_frames > 0 && policy == Policy::LatestWins,
        // A camera may wake up later than the program; what hangs for good is not waited for.
        patience: Duration::from_secs(config.update.health_seconds.into()) / 2,
    };
    wanted.watch(source)
}

/// What the camera has to deliver.
struct Wanted {
    frames: u32,
    alive: bool,
    patience: Duration,
}

impl Wanted {
    /// Frames that follow one another without a fault. Errors: the camera's last fault, E305 for a frozen picture, and where
    /// there are too few frames.
    fn watch(&self, mut source: impl FrameSource) -> Result<(), Fault> {
        let (begin, mut run) = (Instant::now(), Run::default());
        let (mut frame, mut last) = (Frame::default(), None);
        while run.frames < self.frames {
            let got = source.next_frame(&mut frame);
            let fault = match got {
                Ok(Event::Frame) => run.take(&frame).err(),
                Ok(Event::Lost(error)) => Some(camera_fault(&error)),
                Ok(Event::EndOfReplay) => break,
                Ok(_) => None,
                Err(error) if error.is_frame_only() => Some(camera_fault(&error)),
                Err(error) => return Err(camera_fault(&error)),
            };
            if fault.is_some() {
                (last, run) = (fault, Run::default());
            }
            if begin.elapsed() > self.patience {
                return Err(last.unwrap_or_else(|| self.too_few(run.frames)));
            }
        }
        match run.frames {
            0 => Err(last.unwrap_or_else(|| self.too_few(0))),
            1 => Ok(()),
            frames if self.alive && !run.changed => Err(camera_fault(&CameraError::Lost {
                path: "camera".into(),
                loss: Loss::Frozen(frames),
            })),
            _ => Ok(()),
        }
    }

    fn too_few(&self, got: u32) -> Fault {
        Fault::new(
            Code::CameraLost,
            format!("{} sound frames in a row", self.frames),
            format!("{got} within {} s", self.patience.as_secs()),
            "check the camera with skueye capture",
        )
    }
}

/// Sound frames in a row.
#[derive(Default)]
struct Run {
    frames: u32,
    changed: bool,
    last: Vec<u8>,
    image: RgbImage,
}

impl Run {
    fn take(&mut self, frame: &Frame) -> Result<(), Fault> {
        decode(frame, &mut self.image)?;
        self.changed |= self.frames > 0 && self.last != frame.data;
        self.last.clone_from(&frame.data);
        self.frames += 1;
        Ok(())
    }
}

/// Does `work`. Where it has not returned after `limit`, another thread calls `expired`: what hangs cannot be stopped but by
/// ending the program, which its supervisor then starts again.
pub fn within<T>(
    limit: Duration,
    expired: impl FnOnce() + Send + 'static,
    work: impl FnOnce() -> T,
) -> T {
    let (done, waits) = channel::<()>();
    let watch = std::thread::spawn(move || {
        if waits.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            expired();
        }
    });
    let result = work();
    drop(done);
    // It has returned, or does so at once.
    let _ = watch.join();
    result
}

/// The fault of a check that hangs.
pub fn overran(limit: Duration) -> Fault {
    Fault::new(
        Code::HealthDeadline,
        format!("an end within {} s", limit.as_secs()),
        "none",
        "let the program be started again; after three starts the set before counts again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use skueye_camera::PixelFormat;
    use skueye_camera::fake::ScriptedSource;

    const WANTED: Wanted = Wanted {
        frames: 3,
        alive: true,
        patience: Duration::from_secs(3600),
    };

    fn frame(sequence: u64, grey: u8) -> Result<Frame, CameraError> {
        Ok(Frame {
            sequence,
            format: PixelFormat::Grey,
            width: 2,
            height: 2,
            stride: 2,
            data: vec![grey; 4],
            ..Frame::default()
        })
    }

    fn short(sequence: u64) -> Result<Frame, CameraError> {
        let mut short = frame(sequence, 9)?;
        short.data.pop();
        Ok(short)
    }

    fn watched(
        wanted: &Wanted,
        script: Vec<Result<Frame, CameraError>>,
    ) -> Result<(), (Code, String)> {
        let watched = wanted.watch(ScriptedSource::new(script));
        watched.map_err(|fault| (fault.code(), fault.got().to_owned()))
    }

    #[test]
    fn sound_frames_that_differ_are_healthy_also_after_damaged_ones() {
        let good = vec![frame(0, 1), frame(1, 1), frame(2, 2)];
        assert_eq!(watched(&WANTED, good), Ok(()));
        let late = vec![frame(0, 1), short(1), frame(2, 1), frame(3, 2), frame(4, 2)];
        assert_eq!(watched(&WANTED, late), Ok(()));
    }

    #[test]
    fn a_frozen_picture_is_not_healthy_unless_it_may_stand_still() {
        let still = || vec![frame(0, 1), frame(1, 1), frame(2, 1)];
        let fault = watched(&WANTED, still()).unwrap_err();
        assert_eq!(fault.0, Code::CameraLost);
        assert!(fault.1.contains("3 times the very same picture"));
        let may = Wanted {
            alive: false,
            ..WANTED
        };
        assert_eq!(watched(&may, still()), Ok(()));
    }

    #[test]
    fn a_camera_that_fails_is_not_healthy() {
        let gone = || CameraError::Lost {
            path: "/dev/video0".into(),
            loss: Loss::Unplugged,
        };
        let fault = watched(&WANTED, vec![frame(0, 1), Err(gone())]);
        assert_eq!(fault.unwrap_err().0, Code::CameraLost);
        let bad = watched(&WANTED, vec![short(0), short(1)]).unwrap_err();
        assert_eq!(bad.0, Code::FrameShort);
        let impatient = Wanted {
            patience: Duration::ZERO,
            ..WANTED
        };
        let slow = watched(&impatient, vec![frame(0, 1), frame(1, 2), frame(2, 3)]);
        assert_eq!(slow.unwrap_err().1, "1 within 0 s");
    }

    #[test]
    fn what_hangs_is_noticed_and_what_ends_is_not() {
        let (tell, told) = channel();
        let hang = || told.recv().unwrap();
        within(Duration::ZERO, move || tell.send(()).unwrap(), hang);
        let never = || panic!("it did not hang");
        assert_eq!(within(Duration::from_secs(3600), never, || 7), 7);
    }
}
