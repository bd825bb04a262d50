//! What can go wrong between a camera or a folder and a frame.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Loss;

/// A failure of a frame source, with the number under which the device reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraError {
    /// E901: the replay folder cannot be listed.
    FolderUnreadable {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        got: String,
    },
    /// E306: the replay folder holds no pictures.
    ReplayEmpty {
        /// The folder.
        path: PathBuf,
        /// How many other files it holds.
        others: usize,
    },
    /// E901: one picture vanished or cannot be read. Only this frame is lost.
    PictureUnreadable {
        /// The picture.
        path: PathBuf,
        /// The system's words.
        got: String,
    },
    /// E303: one picture is larger than [`MAX_PICTURE_BYTES`](crate::MAX_PICTURE_BYTES). Only this frame is lost.
    PictureTooLarge {
        /// The picture.
        path: PathBuf,
    },
    /// E305: the camera stopped delivering; open it again.
    Lost {
        /// The device.
        path: PathBuf,
        /// What it did.
        loss: Loss,
    },
    /// E307: the camera cannot be opened.
    Unopened {
        /// The device or program.
        path: PathBuf,
        /// What it should have been.
        expected: &'static str,
        /// What it is, or the system's words.
        got: String,
        /// What a person can do about it.
        remedy: &'static str,
    },
    /// E308: the camera does not take the settings.
    Settings {
        /// The device.
        path: PathBuf,
        /// What was asked for.
        expected: String,
        /// What the camera offers instead.
        got: String,
    },
    /// E309: the camera marked this frame as damaged. Only this frame is lost.
    Flagged {
        /// The device.
        path: PathBuf,
    },
    /// E310: the video cannot be replayed, or not further.
    Video {
        /// The video.
        path: PathBuf,
        /// What should have been there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// E902: the program that delivers the frames is not installed.
    ProgramMissing {
        /// Its name.
        path: PathBuf,
    },
}

impl CameraError {
    /// The stable error number, without the `E`.
    pub fn number(&self) -> u16 {
        match self {
            Self::PictureTooLarge { .. } => 303,
            Self::Lost { .. } => 305,
            Self::ReplayEmpty { .. } => 306,
            Self::Unopened { .. } => 307,
            Self::Settings { .. } => 308,
            Self::Flagged { .. } => 309,
            Self::Video { .. } => 310,
            Self::ProgramMissing { .. } => 902,
            Self::FolderUnreadable { .. } | Self::PictureUnreadable { .. } => 901,
        }
    }

    /// Whether one frame is lost but the source goes on.
    pub fn is_frame_only(&self) -> bool {
        matches!(
            self,
            Self::PictureUnreadable { .. } | Self::PictureTooLarge { .. } | Self::Flagged { .. }
        )
    }

    /// The folder, picture or device it concerns.
    pub fn path(&self) -> &Path {
        match self {
            Self::FolderUnreadable { path, .. }
            | Self::ReplayEmpty { path, .. }
            | Self::PictureUnreadable { path, .. }
            | Self::PictureTooLarge { path }
            | Self::Lost { path, .. }
            | Self::Unopened { path, .. }
            | Self::Settings { path, .. }
            | Self::Flagged { path }
            | Self::Video { path, .. }
            | Self::ProgramMissing { path } => path,
        }
    }

    /// What should have been there.
    pub fn expected(&self) -> String {
        match self {
            Self::FolderUnreadable { .. } => "a folder that can be listed".into(),
            Self::ReplayEmpty { .. } => "at least one .jpg, .jpeg or .png file".into(),
            Self::PictureUnreadable { .. } => "a picture that can be read".into(),
            Self::PictureTooLarge { .. } => {
                format!("at most {} bytes", crate::MAX_PICTURE_BYTES)
            }
            Self::Lost { .. } => "a frame".into(),
            Self::Unopened { expected, .. } | Self::Video { expected, .. } => (*expected).into(),
            Self::Settings { expected, .. } => expected.clone(),
            Self::Flagged { .. } => "a frame without errors".into(),
            Self::ProgramMissing { .. } => "an installed program".into(),
        }
    }

    /// What was there instead.
    pub fn got(&self) -> String {
        match self {
            Self::FolderUnreadable { got, .. }
            | Self::PictureUnreadable { got, .. }
            | Self::Unopened { got, .. }
            | Self::Settings { got, .. }
            | Self::Video { got, .. } => got.clone(),
            Self::Lost { loss, .. } => loss.to_string(),
            Self::Flagged { .. } => "one that its driver flags as damaged".into(),
            Self::ProgramMissing { .. } => "none of this name".into(),
            Self::ReplayEmpty { others, .. } => format!("none among {others} other entries"),
            Self::PictureTooLarge { .. } => "more".into(),
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::FolderUnreadable { .. } => "name an existing folder that this user may read",
            Self::ReplayEmpty { .. } => "put pictures into the folder, or name another one",
            Self::PictureUnreadable { .. } => {
                "leave the folder alone while it is replayed, and check the disk"
            }
            Self::PictureTooLarge { .. } => "replace the picture by a smaller one",
            Self::Lost { loss, .. } => loss.remedy(),
            Self::Unopened { remedy, .. } => remedy,
            Self::Settings { .. } => {
                "ask for what `skueye doctor` lists, or take what it offers with camera.strict = false"
            }
            Self::Flagged { .. } => "use a shorter cable or another USB port, if there are many",
            Self::Video { .. } => "convert it: ffmpeg -i VIDEO -pix_fmt yuv420p VIDEO.y4m",
            Self::ProgramMissing { .. } => "install GStreamer's tools, or correct PATH",
        }
    }
}

impl fmt::Display for CameraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "E{} {}: expected {}, got {}; remedy: {}",
            self.number(),
            self.path().display(),
            self.expected(),
            self.got(),
            self.remedy()
        )
    }
}

impl std::error::Error for CameraError {}
