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
    /// 4:2:0, a plane of Y, then one of U and one of V, each of half width and half height.
    I420,
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

    /// Bytes of the shortest row (of the first plane), `None` where the data is a file.
    pub fn least_stride(self, width: u32) -> Option<u32> {
        match self {
            Self::Jpeg | Self::Png => None,
            // The last Y of an odd row has its U and V beside it all the same.
            Self::Yuyv => width.div_ceil(2).checked_mul(4),
            // So has the last column of NV12, in a row that is as long as one of Y.
            Self::Nv12 => width.div_ceil(2).checked_mul(2),
            Self::I420 | Self::Grey => Some(width),
            Self::Rgb => width.checked_mul(3),
        }
    }
}

/// Which bytes stand for black and white, and how luma is made of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Colour {
    /// The weights: ITU-R BT.709 where set, BT.601 otherwise.
    pub bt709: bool,
    /// 0 to 255 where set; 16 to 235 (luma) and 16 to 240 (chroma) otherwise.
    pub full_range: bool,
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
    /// What the bytes of a format with luma and chroma stand for; a file carries this itself.
    pub colour: Colour,
    /// Width in pixels; 0 where the format carries its size.
    pub width: u32,
    /// Height in pixels; 0 where the format carries its size.
    pub height: u32,
    /// Bytes from the begin of a row to the begin of the next (of the first plane; NV12's second plane has the same,
    /// I420's others half of it, rounded up); 0 where the format carries its size.
    pub stride: u32,
    /// The bytes. As they came: nobody has yet proven that they suffice for the stated size.
    pub data: Vec<u8>,
}

impl Frame {
    /// Takes over everything of `other`, keeping this frame's buffer.
    pub fn copy_from(&mut self, other: &Self) {
        self.replace(other, &other.data);
    }

    /// Takes over everything of `head` but its data, and a copy of `data`, keeping this frame's buffer.
    pub(crate) fn replace(&mut self, head: &Self, data: &[u8]) {
        let mut own = std::mem::take(&mut self.data);
        own.clear();
        own.extend_from_slice(data);
        *self = Self { data: own, ..*head };
    }
}
