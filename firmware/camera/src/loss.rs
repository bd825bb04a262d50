//! Why a camera was lost.

use std::fmt;
use std::time::Duration;

/// What a camera did when it stopped delivering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// The device is gone.
    Unplugged,
    /// No frame came for so long.
    Stalled(Duration),
    /// So many frames in a row were the very same picture, or carried the same number.
    Frozen(u32),
    /// The frames have another form than was agreed.
    FormatChanged {
        /// What was agreed.
        was: String,
        /// What it is now.
        now: String,
    },
    /// The program that delivers the frames has ended; its last words.
    Ended(String),
    /// The program's output is no video.
    Garbled(String),
    /// The system reported another error; its words.
    Failed(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unplugged => f.write_str("the device is gone"),
            Self::Stalled(after) => write!(f, "none for {} ms", after.as_millis()),
            Self::Frozen(frames) => write!(f, "{frames} times the very same picture"),
            Self::FormatChanged { was, now } => write!(f, "{now} in place of {was}"),
            Self::Ended(words) => write!(f, "the end of the program: {words}"),
            Self::Garbled(words) => write!(f, "no video: {words}"),
            Self::Failed(words) => f.write_str(words),
        }
    }
}

impl Loss {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unplugged => "check the camera's cable and plug it in again",
            Self::Stalled(_) => "check the cable and the power of the port; lower the frame rate",
            Self::Frozen(_) => {
                "switch the camera off and on; where its picture may truly stand still, set camera.frozen_frames = 0"
            }
            Self::FormatChanged { .. } => "let no other program set up the camera",
            Self::Ended(_) | Self::Garbled(_) => "run the pipeline by hand and correct it",
            Self::Failed(_) => "check the camera's cable; the kernel's log says more",
        }
    }
}
