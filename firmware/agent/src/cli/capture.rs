//! `skueye capture`

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use skueye_agent::Config;
use skueye_agent::camera::{self, camera_fault};
use skueye_camera::{Event, Frame, FrameSource, PixelFormat};
use skueye_models::{Code, Fault};
use skueye_vision::RgbImage;
use skueye_vision::encode::encode_png;

use super::print;

/// Options of `skueye capture`.
#[derive(Debug, Args)]
pub struct Capture {
    /// The folder for the frames; it is made. `skueye run --replay` plays it.
    folder: PathBuf,
    /// How many frames.
    #[arg(long, value_name = "N", default_value = "1")]
    frames: NonZeroU32,
    /// Frames that are passed over first, while exposure and focus settle.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: u32,
    /// A folder or a .y4m video in place of the camera of the settings.
    #[arg(long, value_name = "PATH")]
    replay: Option<PathBuf>,
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Write JSON lines.
    #[arg(long)]
    json: bool,
}

/// One line of the output.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Camera {
        camera: &'a str,
    },
    Frame {
        file: &'a Path,
        width: u32,
        height: u32,
        time_ms: u64,
    },
    Fault {
        fault: &'a Fault,
    },
    Summary {
        frames: u32,
        dropped: u32,
    },
}

impl Capture {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let config = Config::load(&self.config)?;
        let (mut source, _) = config.camera.source(self.replay.as_deref())?;
        fs::create_dir_all(&self.folder)
            .map_err(|error| Fault::io("create", &self.folder, &error))?;
        let (mut frame, mut image) = (Frame::default(), RgbImage::default());
        let (mut skipped, mut written, mut dropped) = (0, 0, 0);
        while written < self.frames.get() {
            let taken = match source.next_frame(&mut frame) {
                Ok(Event::Frame) if skipped < self.skip => {
                    skipped += 1;
                    continue;
                }
                Ok(Event::Frame) => self.keep(&frame, &mut image),
                Ok(Event::Opened(camera)) => {
                    self.say(&Line::Camera { camera: &camera })?;
                    continue;
                }
                Ok(Event::Waiting) => continue,
                Ok(Event::Lost(error)) => return Err(camera_fault(&error)),
                Ok(_) => break,
                Err(error) if error.is_frame_only() => Err(Dropped(camera_fault(&error))),
                Err(error) => return Err(camera_fault(&error)),
            };
            match taken {
                Ok(kept) => {
                    kept?;
                    written += 1;
                }
                Err(Dropped(fault)) => {
                    dropped += 1;
                    self.say(&Line::Fault { fault: &fault })?;
                }
            }
        }
        let frames = written;
        self.say(&Line::Summary { frames, dropped })?;
        Ok(ExitCode::from(if written > 0 { 0 } else { 1 }))
    }

    /// Writes the frame. The outer error is the frame's and costs only this frame; the inner one is the folder's.
    fn keep(&self, frame: &Frame, image: &mut RgbImage) -> Result<Result<(), Fault>, Dropped> {
        camera::decode(frame, image).map_err(Dropped)?;
        // A camera's own JPEG is kept as it is.
        let (bytes, extension) = match frame.format {
            PixelFormat::Jpeg => (None, "jpg"),
            PixelFormat::Png => (None, "png"),
            _ => (Some(encode_png(image).map_err(Dropped)?), "png"),
        };
        let file = self
            .folder
            .join(format!("frame-{:06}.{extension}", frame.sequence));
        let bytes = bytes.as_deref().unwrap_or(&frame.data);
        Ok(write_new(&file, bytes).and_then(|()| {
            self.say(&Line::Frame {
                file: &file,
                width: image.width(),
                height: image.height(),
                time_ms: frame.timestamp.as_millis() as u64,
            })
        }))
    }

    fn say(&self, line: &Line<'_>) -> Result<(), Fault> {
        match (self.json, line) {
            (true, line) => print::json(line),
            (false, Line::Camera { camera }) => print::line(&format!("camera {camera}")),
            (
                false,
                Line::Frame {
                    file,
                    width,
                    height,
                    ..
                },
            ) => print::line(&format!("{} {width}x{height}", file.display())),
            (false, Line::Fault { fault }) => print::line(&fault.to_string()),
            (false, Line::Summary { frames, dropped }) => {
                print::line(&format!("{frames} frames written, {dropped} dropped"))
            }
        }
    }
}

/// Why one frame was left out.
struct Dropped(Fault);

/// Writes a file that is either whole or not there, and never over another.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    if path.exists() {
        let remedy = "name another folder, or empty this one";
        return Err(Fault::new(Code::Io, "no file of this name", "one", remedy).at(path));
    }
    let new = path.with_extension("new");
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| Fault::io("write", path, &error))
}
