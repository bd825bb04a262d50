//! The seam behind which the kernel's driver stands, or a test's script: one method for each request.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::{Colour, PixelFormat};

/// Four letters that name a form of pixels.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// The forms that can be read, the one taken first at the same size and rate first: the fewer bytes and the less
    /// loss the better.
    pub const READABLE: [(Self, PixelFormat); 5] = [
        (Self(*b"NV12"), PixelFormat::Nv12),
        (Self(*b"YUYV"), PixelFormat::Yuyv),
        (Self(*b"MJPG"), PixelFormat::Jpeg),
        (Self(*b"JPEG"), PixelFormat::Jpeg),
        (Self(*b"GREY"), PixelFormat::Grey),
    ];

    /// How its pixels are read, if they can be.
    pub fn pixels(self) -> Option<PixelFormat> {
        let found = Self::READABLE.iter().find(|(name, _)| *name == self);
        found.map(|(_, pixels)| *pixels)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| match byte.is_ascii_graphic() {
                true => write!(f, "{}", char::from(*byte)),
                false => f.write_str("?"),
            })
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The camera's name.
    pub card: String,
    /// The driver's name.
    pub driver: String,
    /// Whether it delivers pictures of one plane.
    pub captures: bool,
    /// Whether it does so into mapped buffers.
    pub streams: bool,
}

/// The form of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The form of the pixels.
    pub pixels: FourCc,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from row to row; 0 where a request leaves it to the driver, or the data is a file.
    pub stride: u32,
    /// What the bytes stand for.
    pub colour: Colour,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.pixels, self.width, self.height)
    }
}

/// What can be set beside the form of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Control {
    /// 1: the driver chooses the exposure; 0: it is set.
    AutoExposure,
    /// In steps of 100 microseconds.
    Exposure,
    /// 1: the driver chooses the focus; 0: it is set.
    AutoFocus,
    /// In steps of the driver's own.
    Focus,
}

/// A filled buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Which one.
    pub index: usize,
    /// How many of its bytes.
    pub bytes: usize,
    /// The driver found an error in it.
    pub flagged: bool,
    /// The driver's number; it may start anywhere and wraps.
    pub sequence: u32,
    /// When it was taken, on the kernel's monotonic clock; `None` where the driver uses another.
    pub timestamp: Option<Duration>,
}

/// A camera's driver. The methods are the requests of V4L2, in its order: settings, buffers, streaming.
pub trait Device {
    /// VIDIOC_QUERYCAP.
    fn capabilities(&mut self) -> io::Result<Capabilities>;
    /// VIDIOC_ENUM_FMT.
    fn formats(&mut self) -> io::Result<Vec<FourCc>>;
    /// VIDIOC_ENUM_FRAMESIZES: single sizes, or the smallest and the largest.
    fn sizes(&mut self, pixels: FourCc) -> io::Result<Vec<(u32, u32)>>;
    /// VIDIOC_S_FMT; the driver may take another form than it was asked for, and says so only in [`Self::format`].
    fn set_format(&mut self, format: &Format) -> io::Result<()>;
    /// VIDIOC_G_FMT.
    fn format(&mut self) -> io::Result<Format>;
    /// VIDIOC_S_PARM, in frames a second.
    fn set_rate(&mut self, fps: u32) -> io::Result<()>;
    /// VIDIOC_G_PARM, in frames a second; 0 where the driver does not know.
    fn rate(&mut self) -> io::Result<f32>;
    /// VIDIOC_S_CTRL.
    fn set_control(&mut self, control: Control, value: i32) -> io::Result<()>;
    /// VIDIOC_G_CTRL.
    fn control(&mut self, control: Control) -> io::Result<i32>;
    /// VIDIOC_REQBUFS and a mapping of each buffer; how many there are then.
    fn map_buffers(&mut self, count: u32) -> io::Result<usize>;
    /// VIDIOC_QBUF.
    fn queue(&mut self, index: usize) -> io::Result<()>;
    /// VIDIOC_STREAMON.
    fn start(&mut self) -> io::Result<()>;
    /// Waits until a buffer is filled or the device has something else to say. False after `patience`.
    fn wait(&mut self, patience: Duration) -> io::Result<bool>;
    /// VIDIOC_DQBUF.
    fn dequeue(&mut self) -> io::Result<Filled>;
    /// The bytes of a mapped buffer that is not queued.
    fn buffer(&self, index: usize) -> &[u8];
}
