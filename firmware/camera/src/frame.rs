//! One frame as a source delivers it, not decoded.

use std::time::Duration;

/// How the bytes of a frame are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PixelFormat {
    /// A JPEG file (also one frame of MJPEG).
    #[default]
    Jpeg,
    /// A PNG file.
    Png,
    /// 4:2:2 packed, Y0 U Y1 V, 2 bytes a pixel.
    Yuyv,
    /// 4:2:0, a plane of Y, then a plane of half height with U and V in turn.
    Nv12,
    /// 8 bits of grey a pixel.
    Grey,
    /// 8 bits each of red, green and blue, 3 bytes a pixel.
    Rgb,
}

impl PixelFormat {
    /// Whether the data is a whole file that carries its own size; width, height and stride are then 0.
    pub fn carries_size(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png)
    }
}

/// A frame. Keep one and pass it to the source again and again: its buffer is reused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Number of the frame since the source was opened, from 0. A gap says that frames were lost.
    pub sequence: u64,
    /// When it was taken, on a monotonic clock that starts when the source is opened.
    pub timestamp: Duration,
    /// How to read `data`.
    pub format: PixelFormat,
    /// Width in pixels; 0 where the format carries its size.
    pub width: u32,
    /// Height in pixels; 0 where the format carries its size.
    pub height: u32,
    /// Bytes from the begin of a row to the begin of the next; 0 where the format carries its size.
    pub stride: u32,
    /// The bytes. As they came: nobody has yet proven that they suffice for the stated size.
    pub data: Vec<u8>,
}

impl Frame {
    /// Takes over everything of `other`, keeping this frame's buffer.
    pub fn copy_from(&mut self, other: &Self) {
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        data.extend_from_slice(&other.data);
        *self = Self { data, ..*other };
    }
}
