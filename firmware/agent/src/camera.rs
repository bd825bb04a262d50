//! Where a run's frames come from, as the settings say, and their pixels as RGB.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use skueye_camera::program::GST_LAUNCH;
use skueye_camera::v4l2::Settings;
use skueye_camera::{
    CameraError, Frame, FrameSource, Pace, Paced, PixelFormat, Program, ProgramSettings,
    ReplayFolder, ReplayVideo, Supervised, V4l2Source,
};
use skueye_models::{Code, Fault};
use skueye_vision::{RawFormat, RawFrame, RgbImage, decode_into, decode_raw_into};

use crate::pipeline::Policy;

/// The settings of the camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Which kind it is.
    pub kind: Kind,
    /// The folder or video that is replayed.
    pub replay: Option<PathBuf>,
    /// Frames a second that a replay stands for where it does not say so itself; timeouts count in its time.
    pub replay_fps: NonZeroU32,
    /// How a replay is played.
    pub pace: Pace,
    /// What is asked of a camera of V4L2; its patience holds for a pipeline too.
    pub v4l2: Settings,
    /// GStreamer's pipeline, up to the last filter before the sink.
    pub pipeline: String,
    /// So many equal pictures in a row are a fault of the camera; 0: never.
    pub frozen_frames: u32,
}

/// The kinds of cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None: a folder or a video is played.
    Replay,
    /// Video4Linux: webcams.
    V4l2,
    /// A pipeline of GStreamer: CSI cameras.
    Gstreamer,
}

impl Kind {
    /// The kind of this name in the settings.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Replay, Self::V4l2, Self::Gstreamer];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::V4l2 => "v4l2",
            Self::Gstreamer => "gstreamer",
        }
    }
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            kind: Kind::Replay,
            replay: None,
            replay_fps: NonZeroU32::new(15).expect("not zero"),
            pace: Pace::default(),
            v4l2: Settings::default(),
            pipeline: "nvarguscamerasrc sensor-id=0 ! \
                video/x-raw(memory:NVMM),width=1280,height=720,framerate=30/1 ! nvvidconv ! \
                video/x-raw,format=I420"
                .into(),
            frozen_frames: 150,
        }
    }
}

/// Any source.
pub type Source = Box<dyn FrameSource + Send>;

impl Camera {
    /// The source for a run: a replay of `replay`, where that is given, or what the settings say. A camera is opened
    /// with the first frame that is asked for, and opened again whenever it is lost.
    ///
    /// Errors: E104 nothing to replay, E306, E310, E901 of the replay.
    pub fn source(&self, replay: Option<&Path>) -> Result<(Source, Policy), Fault> {
        if replay.is_some() || self.kind == Kind::Replay {
            let path = replay.or(self.replay.as_deref()).ok_or_else(no_replay)?;
            return Ok((self.replay(path)?, Policy::EveryFrame));
        }
        let camera = self.clone();
        let open = move || camera.try_open();
        let source = Supervised::new(self.path(), open, self.frozen_frames);
        Ok((Box::new(source), Policy::LatestWins))
    }

    /// Opens the camera itself, once. Errors: E307, E308, E902.
    pub fn open(&self) -> Result<Source, Fault> {
        self.try_open().map_err(|error| camera_fault(&error))
    }

    fn try_open(&self) -> Result<Source, CameraError> {
        match self.kind {
            Kind::Gstreamer => {
                let settings = ProgramSettings::gstreamer(&self.pipeline, self.v4l2.stall);
                Ok(Box::new(Program::start(&settings)?))
            }
            _ => Ok(Box::new(V4l2Source::open(&self.v4l2)?)),
        }
    }

    fn replay(&self, path: &Path) -> Result<Source, Fault> {
        let (path, fps) = (path.to_owned(), self.replay_fps);
        let open = move || -> Result<Source, CameraError> {
            Ok(match ReplayVideo::is_video(&path) {
                true => Box::new(ReplayVideo::open(&path, fps)?),
                false => Box::new(ReplayFolder::open(&path, fps)?),
            })
        };
        let source = Paced::open(open, self.pace).map_err(|error| camera_fault(&error))?;
        Ok(Box::new(source))
    }

    /// The device or program, for reports.
    pub fn path(&self) -> &Path {
        match self.kind {
            Kind::Replay => self.replay.as_deref().unwrap_or(Path::new("")),
            Kind::V4l2 => &self.v4l2.device,
            Kind::Gstreamer => Path::new(GST_LAUNCH),
        }
    }
}

fn no_replay() -> Fault {
    Fault::new(
        Code::Usage,
        "a camera or a replay",
        "neither",
        "give --replay FOLDER, or set camera.source (and camera.replay) in the settings",
    )
}

/// A camera's error as the fault of the same number.
pub fn camera_fault(error: &CameraError) -> Fault {
    let same = |code: &&Code| code.number() == error.number();
    let code = Code::ALL.iter().find(same).copied().unwrap_or(Code::Io);
    Fault::new(code, error.expected(), error.got(), error.remedy()).at(error.path())
}

/// The frame's pixels, into the memory of `image`. Errors: E301 to E304.
pub fn decode(frame: &Frame, image: &mut RgbImage) -> Result<(), Fault> {
    let format = match frame.format {
        PixelFormat::Jpeg | PixelFormat::Png => return decode_into(&frame.data, image),
        PixelFormat::Yuyv => RawFormat::Yuyv,
        PixelFormat::Nv12 => RawFormat::Nv12,
        PixelFormat::I420 => RawFormat::I420,
        PixelFormat::Grey => RawFormat::Grey,
        PixelFormat::Rgb => RawFormat::Rgb,
    };
    let raw = RawFrame {
        format,
        width: frame.width,
        height: frame.height,
        stride: frame.stride,
        bt709: frame.colour.bt709,
        full_range: frame.colour.full_range,
        data: &frame.data,
    };
    decode_raw_into(&raw, image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_camera_and_replay_there_is_nothing_to_run() {
        let fault = Camera::default().source(None).err().unwrap();
        assert_eq!(fault.code(), Code::Usage);
    }

    #[test]
    fn every_kind_of_frame_is_decoded_or_refused_with_its_number() {
        let mut image = RgbImage::default();
        for (format, bytes) in [
            (PixelFormat::Yuyv, 8),
            (PixelFormat::Nv12, 6),
            (PixelFormat::I420, 6),
            (PixelFormat::Grey, 4),
            (PixelFormat::Rgb, 12),
        ] {
            let mut frame = Frame {
                format,
                width: 2,
                height: 2,
                stride: format.least_stride(2).unwrap(),
                data: vec![128; bytes],
                ..Frame::default()
            };
            decode(&frame, &mut image).unwrap();
            assert_eq!((image.width(), image.height()), (2, 2));
            frame.data.pop();
            let fault = decode(&frame, &mut image).unwrap_err();
            assert_eq!(fault.code(), Code::FrameShort, "{format:?}");
        }
        let empty = Frame::default();
        assert_eq!(
            decode(&empty, &mut image).unwrap_err().code(),
            Code::ImageFormat
        );
    }
}
