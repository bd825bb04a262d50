//! The capture thread.

use skueye_camera::{CameraError, Event as SourceEvent, Frame, FrameSource};

use super::{Captured, Policy};
use crate::lane::{Receiver, Sender};

/// What capture counted.
#[derive(Debug, Default)]
pub(super) struct Captures {
    pub frames: u64,
    pub dropped: u64,
    /// How often the camera was lost, or could not be opened for a new reason.
    pub losses: u64,
    /// Why the source was lost, where it did not come to its end.
    pub lost: Option<CameraError>,
}

/// Reads frames until the source ends or recognition is gone.
pub(super) fn capture(
    mut source: impl FrameSource,
    policy: Policy,
    mut full: Sender<'_, Captured>,
    mut free: Receiver<'_, Frame>,
) -> Captures {
    let mut counts = Captures::default();
    let mut mine = Frame::default();
    loop {
        let heard = match source.next_frame(&mut mine) {
            Ok(SourceEvent::Frame) => {
                counts.frames += 1;
                let next = match policy {
                    Policy::EveryFrame => free.receive(),
                    Policy::LatestWins => free.take(),
                };
                counts.dropped += u64::from(next.is_none() && !free.is_closed());
                match next {
                    Some(next) => {
                        let frame = std::mem::replace(&mut mine, next);
                        full.send(Captured::Frame(frame)).is_ok()
                    }
                    None => !free.is_closed(),
                }
            }
            Ok(SourceEvent::Opened(camera)) => full.send(Captured::Opened(camera)).is_ok(),
            Ok(SourceEvent::Lost(error)) => {
                counts.losses += 1;
                full.send(Captured::Fault(error)).is_ok()
            }
            Ok(SourceEvent::Waiting) => !free.is_closed(),
            Ok(_) => return counts,
            Err(error) if error.is_frame_only() => {
                counts.frames += 1;
                full.send(Captured::Fault(error)).is_ok()
            }
            Err(error) => {
                counts.lost = Some(error);
                return counts;
            }
        };
        if !heard {
            return counts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::camera_fault;
    use crate::lane::Lane;
    use skueye_camera::Loss;
    use skueye_camera::fake::ScriptedSource;
    use skueye_models::Code;
    use std::path::Path;

    fn frame(sequence: u64) -> Result<Frame, CameraError> {
        Ok(Frame {
            sequence,
            ..Frame::default()
        })
    }

    fn taken(sequence: u64) -> Captured {
        Captured::Frame(frame(sequence).unwrap())
    }

    fn lost() -> CameraError {
        CameraError::Lost {
            path: "/dev/video0".into(),
            loss: Loss::Unplugged,
        }
    }

    /// Captures a script with `buffers` that recognition has given back, and does not give any back again.
    fn captured(
        policy: Policy,
        script: Vec<Result<Frame, CameraError>>,
        buffers: usize,
    ) -> (Captures, Vec<Captured>) {
        let (mut full, mut free) = (Lane::<Captured, 9>::new(), Lane::<Frame, 9>::new());
        let (to_watch, mut frames) = full.split();
        let (mut give_back, from_watch) = free.split();
        for _ in 0..buffers {
            give_back.send(Frame::default()).unwrap();
        }
        let counts = capture(ScriptedSource::new(script), policy, to_watch, from_watch);
        (counts, std::iter::from_fn(|| frames.receive()).collect())
    }

    #[test]
    fn of_a_camera_frames_are_read_over_until_recognition_asks() {
        let script = (0..6).map(frame).collect();
        let (counts, frames) = captured(Policy::LatestWins, script, 1);
        assert_eq!((counts.frames, counts.dropped), (6, 5));
        assert_eq!(frames, [taken(0)]);
    }

    #[test]
    fn of_a_replay_every_frame_and_every_lost_picture_arrives() {
        let unreadable = CameraError::PictureTooLarge { path: "a".into() };
        let script = vec![frame(0), Err(unreadable.clone()), frame(2)];
        let (counts, frames) = captured(Policy::EveryFrame, script, 2);
        assert_eq!((counts.frames, counts.dropped), (3, 0));
        assert_eq!(frames, [taken(0), Captured::Fault(unreadable), taken(2)]);
    }

    #[test]
    fn a_lost_camera_ends_capture_and_keeps_its_number() {
        let (counts, _) = captured(Policy::EveryFrame, vec![frame(0), Err(lost())], 1);
        assert_eq!(counts.lost, Some(lost()));
        let fault = camera_fault(&lost());
        assert_eq!(fault.code(), Code::CameraLost);
        assert_eq!(fault.path(), Some(Path::new("/dev/video0")));
    }
}
