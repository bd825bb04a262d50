//! The seam behind which a camera, a folder or a test's script stands.

use crate::{CameraError, Frame};

/// What a source answers when it has not failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The frame was filled.
    Frame,
    /// The camera was opened, or opened again; what was agreed with it, in words. The frame is as it was.
    Opened(String),
    /// The camera was lost or cannot be opened, for a reason that was not told before. Ask again: it will be opened
    /// again. The frame's content is unspecified.
    Lost(CameraError),
    /// The camera is still lost. Ask again.
    Waiting,
    /// The replay is over; the frame is as it was. Do not ask again.
    EndOfReplay,
}

/// Delivers frames, one a call.
pub trait FrameSource {
    /// Waits for the next frame and writes it `into` the caller's frame.
    ///
    /// After an error for which [`CameraError::is_frame_only`] holds, one frame is lost, the content of `into` is
    /// unspecified, and the next call goes on with the following frame. After any other error the source is lost and
    /// must be opened again.
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError>;

    /// What was agreed with the camera, in words for a person.
    fn describe(&self) -> String {
        String::new()
    }
}

impl<S: FrameSource + ?Sized> FrameSource for Box<S> {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        (**self).next_frame(into)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}
