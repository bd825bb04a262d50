//! A source that follows a script and is stricter than any camera: misuse is a panic.

use std::collections::VecDeque;

use crate::{CameraError, Event, Frame, FrameSource};

/// Delivers scripted frames and errors, then the end.
///
/// Panics when a frame is asked for after the end or after an error that loses the source, and when the script's own
/// sequence numbers do not ascend.
#[derive(Debug)]
pub struct ScriptedSource {
    script: VecDeque<Result<Frame, CameraError>>,
    over: bool,
}

impl ScriptedSource {
    /// A source that plays `script` in order.
    pub fn new(script: impl IntoIterator<Item = Result<Frame, CameraError>>) -> Self {
        let script: VecDeque<_> = script.into_iter().collect();
        let frames: Vec<_> = script.iter().flatten().collect();
        assert!(
            frames
                .windows(2)
                .all(|w| w[0].sequence < w[1].sequence && w[0].timestamp <= w[1].timestamp),
            "the script's sequence numbers and timestamps must ascend"
        );
        Self {
            script,
            over: false,
        }
    }
}

impl FrameSource for ScriptedSource {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        assert!(!self.over, "a frame was asked for after the source's end");
        match self.script.pop_front() {
            Some(Ok(frame)) => {
                into.copy_from(&frame);
                Ok(Event::Frame)
            }
            Some(Err(error)) => {
                self.over = !error.is_frame_only();
                Err(error)
            }
            None => {
                self.over = true;
                Ok(Event::EndOfReplay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn frame(sequence: u64) -> Frame {
        Frame {
            sequence,
            timestamp: Duration::from_millis(sequence * 40),
            data: vec![sequence as u8; 3],
            ..Frame::default()
        }
    }

    #[test]
    fn the_script_is_delivered_in_order() {
        let unreadable = CameraError::PictureUnreadable {
            path: "1.jpg".into(),
            got: "gone".into(),
        };
        let mut source = ScriptedSource::new([Ok(frame(0)), Err(unreadable.clone()), Ok(frame(2))]);
        let mut into = Frame::default();
        assert_eq!(source.next_frame(&mut into), Ok(Event::Frame));
        assert_eq!(into, frame(0));
        assert_eq!(source.next_frame(&mut into), Err(unreadable));
        assert_eq!(source.next_frame(&mut into), Ok(Event::Frame));
        assert_eq!(into, frame(2));
        assert_eq!(source.next_frame(&mut into), Ok(Event::EndOfReplay));
    }

    #[test]
    #[should_panic(expected = "after the source's end")]
    fn asking_after_the_end_is_a_panic() {
        let mut source = ScriptedSource::new([]);
        let _ = source.next_frame(&mut Frame::default());
        let _ = source.next_frame(&mut Frame::default());
    }

    #[test]
    #[should_panic(expected = "after the source's end")]
    fn asking_a_lost_camera_is_a_panic() {
        let lost = CameraError::Lost {
            path: "/dev/video0".into(),
            loss: crate::Loss::Unplugged,
        };
        let mut source = ScriptedSource::new([Err(lost), Ok(frame(0))]);
        let _ = source.next_frame(&mut Frame::default());
        let _ = source.next_frame(&mut Frame::default());
    }
}
