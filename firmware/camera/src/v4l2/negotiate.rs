//! Asking a driver for frames of some form.
//!
//! A driver answers a request that it cannot meet with something near it, and no error. So every request is read back;
//! what comes back is taken with a note, or refused where the settings are strict.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::device::{Control, Device, Format, FourCc};
use super::{EBUSY, unopened};
use crate::{CameraError, Frame, PixelFormat};

/// What is wanted of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its path.
    pub device: PathBuf,
    /// The form of its pixels; `None` takes the best that the camera has.
    pub pixels: Option<PixelFormat>,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// In steps of 100 microseconds; `None` leaves it to the camera.
    pub exposure: Option<i32>,
    /// In the camera's own steps; `None` leaves it to the camera.
    pub focus: Option<i32>,
    /// Refuses whatever is not exactly as asked.
    pub strict: bool,
    /// How long a frame may take.
    pub stall: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            device: "/dev/video0".into(),
            pixels: None,
            width: 1280,
            height: 720,
            fps: 30,
            exposure: None,
            focus: None,
            strict: false,
            stall: Duration::from_secs(2),
        }
    }
}

/// What a camera gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreed {
    /// The camera's name.
    pub card: String,
    /// The form of the frames, with the stride that holds.
    pub format: Format,
    /// How its pixels are read.
    pub pixels: PixelFormat,
    /// Frames a second; 0 where the driver does not know.
    pub fps: f32,
    /// The least bytes of a frame; `None` where the data is a file.
    pub bytes: Option<usize>,
    /// What is not as it was asked for.
    pub notes: Vec<String>,
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.card, Offer(&self.format, self.fps))?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

/// A form at a rate, for people.
struct Offer<'a>(&'a Format, f32);

impl fmt::Display for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 > 0.0 {
            true => write!(
                f,
                "{} at {} frames/s",
                self.0,
                (self.1 * 100.0).round() / 100.0
            ),
            false => write!(f, "{}", self.0),
        }
    }
}

impl Agreed {
    /// A frame without number, time and data.
    pub(super) fn head(&self) -> Frame {
        let (width, height, stride) = match self.pixels.carries_size() {
            true => (0, 0, 0),
            false => (self.format.width, self.format.height, self.format.stride),
        };
        Frame {
            format: self.pixels,
            colour: self.format.colour,
            width,
            height,
            stride,
            ..Frame::default()
        }
    }

    /// Whether the driver still delivers this.
    pub(super) fn is_of(&self, now: &Format) -> bool {
        let same = (now.pixels, now.width, now.height)
            == (self.format.pixels, self.format.width, self.format.height);
        same && stride(self.pixels, now).is_ok_and(|stride| stride == self.format.stride)
    }
}

/// One form that was asked for and what came back.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Answer {
    asked: FourCc,
    format: Format,
    pixels: PixelFormat,
    fps: f32,
}

impl Answer {
    fn has_rate(&self, settings: &Settings) -> bool {
        // 29.97 is 30; a driver that does not know may well be right.
        self.fps == 0.0 || self.fps > settings.fps as f32 * 0.98
    }

    fn has_size(&self, settings: &Settings) -> bool {
        (self.format.width, self.format.height) == (settings.width, settings.height)
    }

    fn has_pixels(&self, settings: &Settings) -> bool {
        settings.pixels.is_none_or(|pixels| pixels == self.pixels)
    }

    /// How good it is: the form first, then the size, then the rate.
    fn merit(&self, settings: &Settings) -> (bool, bool, bool, u64) {
        let area = |width: u32, height: u32| u64::from(width) * u64::from(height);
        let off = area(self.format.width, self.format.height)
            .abs_diff(area(settings.width, settings.height));
        (
            self.has_pixels(settings),
            self.has_size(settings),
            self.has_rate(settings),
            u64::MAX - off,
        )
    }

    fn is_exact(&self, settings: &Settings) -> bool {
        self.has_pixels(settings) && self.has_size(settings) && self.has_rate(settings)
    }
}

/// Sets `device` up. Errors: E307 when it is no camera or is used by another program, E308 when it does not take the
/// settings.
pub fn negotiate(device: &mut impl Device, settings: &Settings) -> Result<Agreed, CameraError> {
    let path = &settings.device;
    let capabilities = device
        .capabilities()
        .map_err(|error| unopened(path, &error))?;
    if !(capabilities.captures && capabilities.streams) {
        return Err(CameraError::Unopened {
            path: path.clone(),
            expected: "a camera that streams pictures of one plane",
            got: format!("{} ({})", capabilities.card, capabilities.driver),
            remedy: "name another device; `skueye doctor` lists them. A sensor without image processor needs source = \"gstreamer\"",
        });
    }
    let answer = best(device, settings)?;
    let mut agreed = Agreed {
        card: capabilities.card,
        format: answer.format,
        pixels: answer.pixels,
        fps: answer.fps,
        bytes: None,
        notes: Vec::new(),
    };
    agreed.format.stride =
        stride(answer.pixels, &answer.format).map_err(|got| refused(settings, got))?;
    agreed.bytes = bytes(answer.pixels, &agreed.format);
    if !answer.is_exact(settings) {
        agreed
            .notes
            .push(format!("{} was asked for", wanted(settings)));
    }
    set_controls(device, settings, &mut agreed.notes);
    match agreed.notes.is_empty() || !settings.strict {
        true => Ok(agreed),
        false => Err(refused(settings, agreed.to_string())),
    }
}

/// Tries the forms that the camera has until one is as it should be; otherwise the best is set again.
fn best(device: &mut impl Device, settings: &Settings) -> Result<Answer, CameraError> {
    // A driver that cannot list its forms is simply asked for each.
    let offered = device
        .formats()
        .unwrap_or_else(|_| FourCc::READABLE.map(|(name, _)| name).to_vec());
    let names = FourCc::READABLE
        .iter()
        .filter(|(name, _)| offered.contains(name));
    let (mut best, mut last, mut troubles) = (None::<Answer>, None, Vec::new());
    // A form that was asked for is tried first, the others only where it may be replaced.
    let asked = |pixels: PixelFormat| settings.pixels.is_none_or(|wanted| wanted == pixels);
    let (first, others): (Vec<_>, Vec<_>) = names.partition(|(_, pixels)| asked(*pixels));
    for (name, _) in first.into_iter().chain(others) {
        match ask(device, name, settings) {
            Ok(answer) if answer.is_exact(settings) => return Ok(answer),
            Ok(answer) => {
                let better = |best: Answer| answer.merit(settings) > best.merit(settings);
                last = Some(answer);
                best = if best.is_none_or(better) { last } else { best };
            }
            Err(Refusal::Io(error)) if is_final(&error) => {
                return Err(unopened(&settings.device, &error));
            }
            Err(refusal) => troubles.push(refusal.to_string()),
        }
    }
    let Some(best) = best else {
        let got = match troubles.is_empty() {
            true => format!("pixels only as {offered:?}"),
            false => troubles.join(", "),
        };
        return Err(refused(settings, got));
    };
    if last == Some(best) {
        return Ok(best);
    }
    match ask(device, best.asked, settings) {
        Ok(again) if again == best => Ok(best),
        Ok(again) => Err(refused(
            settings,
            format!("now {}, now {}", best.format, again.format),
        )),
        Err(refusal) => Err(refused(settings, refusal.to_string())),
    }
}

/// Why a form is not taken.
enum Refusal {
    Io(io::Error),
    Other(FourCc, FourCc),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Other(asked, given) => write!(f, "{given} where {asked} was asked for"),
        }
    }
}

/// Sets one form and reads back what the driver made of it.
fn ask(device: &mut impl Device, name: FourCc, settings: &Settings) -> Result<Answer, Refusal> {
    let request = Format {
        pixels: name,
        width: settings.width,
        height: settings.height,
        stride: 0,
        colour: crate::Colour::default(),
    };
    device.set_format(&request).map_err(Refusal::Io)?;
    let format = device.format().map_err(Refusal::Io)?;
    let pixels = format
        .pixels
        .pixels()
        .ok_or(Refusal::Other(name, format.pixels))?;
    // Not every driver knows rates; what it then delivers is seen in the frames' times.
    let _ = device.set_rate(settings.fps);
    let fps = device.rate().unwrap_or(0.0);
    Ok(Answer {
        asked: name,
        format,
        pixels,
        fps: if fps.is_finite() { fps.max(0.0) } else { 0.0 },
    })
}

fn is_final(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(EBUSY | super::ENODEV | super::ENXIO)
    )
}

/// The bytes from row to row that hold, or why the driver's do not.
fn stride(pixels: PixelFormat, format: &Format) -> Result<u32, String> {
    let Some(least) = pixels.least_stride(format.width) else {
        return Ok(0);
    };
    match format.stride {
        // Some drivers leave it out where rows are packed.
        0 => Ok(least),
        stride if stride >= least => Ok(stride),
        short => Err(format!("{format} with {short} bytes a row")),
    }
}

/// The least bytes of one frame: the last row of each plane may end early.
fn bytes(pixels: PixelFormat, format: &Format) -> Option<usize> {
    let least = pixels.least_stride(format.width)? as usize;
    let (stride, height) = (format.stride as usize, format.height as usize);
    let rows = match pixels {
        PixelFormat::Nv12 => height + height.div_ceil(2),
        _ => height,
    };
    Some(stride * rows.saturating_sub(1) + least)
}

/// Exposure and focus: set, read back, and noted where they are not as asked.
fn set_controls(device: &mut impl Device, settings: &Settings, notes: &mut Vec<String>) {
    let pairs = [
        (
            "exposure",
            Control::AutoExposure,
            Control::Exposure,
            settings.exposure,
        ),
        ("focus", Control::AutoFocus, Control::Focus, settings.focus),
    ];
    for (name, auto, manual, wanted) in pairs {
        let Some(wanted) = wanted else {
            // The camera may remember what another program set. One without the control has nothing to switch.
            let _ = device.set_control(auto, 1);
            continue;
        };
        let _ = device.set_control(auto, 0);
        let set = device
            .set_control(manual, wanted)
            .and_then(|()| device.control(manual));
        match set {
            Ok(value) if value == wanted => {}
            Ok(value) => notes.push(format!("{name} {value}, {wanted} was asked for")),
            Err(error) => notes.push(format!("{name} {wanted} is not taken: {error}")),
        }
    }
}

fn wanted(settings: &Settings) -> String {
    let Settings {
        width, height, fps, ..
    } = settings;
    let pixels = settings.pixels.and_then(|wanted| {
        let found = FourCc::READABLE
            .iter()
            .find(|(_, pixels)| *pixels == wanted);
        found.map(|(name, _)| format!("{name} "))
    });
    format!(
        "{}{width}x{height} at {fps} frames/s",
        pixels.unwrap_or_default()
    )
}

fn refused(settings: &Settings, got: String) -> CameraError {
    CameraError::Settings {
        path: settings.device.clone(),
        expected: wanted(settings),
        got,
    }
}
