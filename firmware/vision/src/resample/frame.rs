//! Pixels as a camera gives them, proven to suffice for their stated size.

use skueye_models::{Code, Fault};

use crate::picture::{Region, RgbImage, check_size};

/// How the bytes of a frame are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// R G B, 3 bytes a pixel.
    Rgb,
    /// 8 bits of grey a pixel, 0 to 255.
    Grey,
    /// 4:2:2 packed, Y0 U Y1 V.
    Yuyv,
    /// 4:2:0, a plane of Y, then a plane of half height with U and V in turn.
    Nv12,
}

/// The matrix between Y U V and R G B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matrix {
    /// ITU-R BT.601: what cameras give unless they say otherwise.
    #[default]
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

/// What Y U V mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Colour {
    /// The matrix.
    pub matrix: Matrix,
    /// Y of 0 to 255 instead of 16 to 235, and U and V likewise.
    pub full_range: bool,
}

/// A frame, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    pub(super) layout: Layout,
    pub(super) colour: Colour,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stride: usize,
    pub(super) data: &'a [u8],
}

impl<'a> Pixels<'a> {
    /// A frame of `size` (width, height) whose rows begin `stride` bytes apart (in both planes of NV12).
    ///
    /// Errors: E303 a side of zero or beyond [`crate::MAX_SIDE`], or odd where chroma is shared; E304 a stride shorter
    /// than a row, or too few bytes.
    pub fn new(
        layout: Layout,
        colour: Colour,
        size: (u32, u32),
        stride: u32,
        data: &'a [u8],
    ) -> Result<Self, Fault> {
        check_size(u64::from(size.0), u64::from(size.1))?;
        check_even(layout, size)?;
        let [width, height, stride] = [size.0, size.1, stride].map(|n| n as usize);
        let pixels = Self {
            layout,
            colour,
            width,
            height,
            stride,
            data,
        };
        pixels.check_bytes()?;
        Ok(pixels)
    }

    /// The pixels of `image`.
    pub fn of(image: &'a RgbImage) -> Self {
        Self {
            layout: Layout::Rgb,
            colour: Colour::default(),
            width: image.width() as usize,
            height: image.height() as usize,
            stride: image.width() as usize * 3,
            data: image.data(),
        }
    }

    /// Refuses a region that has no area or leaves the frame (E303).
    pub(super) fn check(&self, region: Region) -> Result<(), Fault> {
        if region.fits(self.width as u32, self.height as u32) {
            return Ok(());
        }
        Err(Fault::new(
            Code::ImageSize,
            format!("a region inside {} x {}", self.width, self.height),
            format!("{region:?}"),
            "correct the region in the settings",
        ))
    }

    fn check_bytes(&self) -> Result<(), Fault> {
        let (row, rows) = match self.layout {
            Layout::Rgb => (self.width * 3, self.height),
            Layout::Grey => (self.width, self.height),
            Layout::Yuyv => (self.width * 2, self.height),
            Layout::Nv12 => (self.width, self.height + self.height / 2),
        };
        // Sides are at most 8192, a stride is below 2^32: no product leaves 64 bits.
        let needed = (rows as u64 - 1) * self.stride as u64 + row as u64;
        if self.stride >= row && self.data.len() as u64 >= needed {
            return Ok(());
        }
        Err(Fault::new(
            Code::FrameShort,
            format!("{needed} bytes in rows of at least {row}"),
            format!("{} bytes in rows of {}", self.data.len(), self.stride),
            "check the format that the camera states",
        ))
    }
}

fn check_even(layout: Layout, (width, height): (u32, u32)) -> Result<(), Fault> {
    let odd = match layout {
        Layout::Rgb | Layout::Grey => false,
        Layout::Yuyv => width % 2 == 1,
        Layout::Nv12 => width % 2 == 1 || height % 2 == 1,
    };
    if !odd {
        return Ok(());
    }
    Err(Fault::new(
        Code::ImageSize,
        format!("even sides of {layout:?}"),
        format!("{width} x {height}"),
        "choose another format of the camera",
    ))
}
