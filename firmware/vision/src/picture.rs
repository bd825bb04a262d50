//! An RGB picture in memory, and a rectangle of it.

use skueye_models::{Code, Fault};

/// The largest width and height, in pixels, that any picture may have.
pub const MAX_SIDE: u32 = 8192;

/// An 8-bit RGB picture, rows tightly packed from top to bottom. It is empty (0 x 0) or has sides of 1 to [`MAX_SIDE`],
/// and always exactly `width * height * 3` bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RgbImage {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl RgbImage {
    /// A picture of `width` x `height` from its `data`. Refuses sides of zero or beyond [`MAX_SIDE`] (E303) and data of
    /// another length (E304).
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Result<Self, Fault> {
        let expected = byte_count(width, height)?;
        if data.len() != expected {
            return Err(Fault::new(
                Code::FrameShort,
                format!("{expected} bytes for {width} x {height} RGB"),
                format!("{} bytes", data.len()),
                "check the size that the source states",
            ));
        }
        Ok(Self {
            width,
            height,
            data,
        })
    }

    /// A black picture. Errors as [`Self::new`].
    pub fn black(width: u32, height: u32) -> Result<Self, Fault> {
        Ok(Self {
            width,
            height,
            data: vec![0; byte_count(width, height)?],
        })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `height * width * 3` bytes, R G B of the top left pixel first.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, to be changed where they lie.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The bytes, given away.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// Gives the picture another size, keeping its memory; the pixels are then unspecified.
    pub(crate) fn resize_buffer(&mut self, width: u32, height: u32) -> Result<&mut [u8], Fault> {
        let bytes = byte_count(width, height)?;
        (self.width, self.height) = (width, height);
        self.data.resize(bytes, 0);
        Ok(&mut self.data)
    }

    /// Makes it empty, keeping its memory.
    pub(crate) fn clear(&mut self) {
        (self.width, self.height) = (0, 0);
        self.data.clear();
    }
}

/// Bytes of a picture of this size, once the size is proven.
pub(crate) fn byte_count(width: u32, height: u32) -> Result<usize, Fault> {
    check_size(u64::from(width), u64::from(height))?;
    Ok(width as usize * height as usize * 3)
}

/// Refuses sides of zero and beyond [`MAX_SIDE`] (E303).
pub(crate) fn check_size(width: u64, height: u64) -> Result<(), Fault> {
    let sides = 1..=u64::from(MAX_SIDE);
    if sides.contains(&width) && sides.contains(&height) {
        return Ok(());
    }
    Err(Fault::new(
        Code::ImageSize,
        format!("sides of 1 to {MAX_SIDE} pixels"),
        format!("{width} x {height}"),
        "save the picture with a supported size",
    ))
}

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Column of the left edge.
    pub x: u32,
    /// Row of the top edge.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Region {
    /// The whole of `image`.
    pub fn whole(image: &RgbImage) -> Self {
        Self {
            x: 0,
            y: 0,
            width: image.width,
            height: image.height,
        }
    }

    /// Whether it has an area and lies inside a picture of `width` x `height`.
    pub fn fits(&self, width: u32, height: u32) -> bool {
        let inside = |start: u32, length: u32, limit: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
        };
        inside(self.x, self.width, width) && inside(self.y, self.height, height)
    }

    /// The part of it around the same middle that has `share` (0 to 1) of its sides, at least a pixel.
    pub fn inner(&self, share: f32) -> Self {
        let part = |length: u32| ((length as f32 * share) as u32).clamp(1, length.max(1));
        let (width, height) = (part(self.width), part(self.height));
        Self {
            x: self.x + self.width.saturating_sub(width) / 2,
            y: self.y + self.height.saturating_sub(height) / 2,
            width,
            height,
        }
    }

    /// Refuses a region that has no area or leaves `image` (E303).
    pub fn check(&self, image: &RgbImage) -> Result<(), Fault> {
        if self.fits(image.width, image.height) {
            return Ok(());
        }
        Err(Fault::new(
            Code::ImageSize,
            format!(
                "a region inside the picture of {} x {}",
                image.width, image.height
            ),
            format!(
                "{} x {} at column {}, row {}",
                self.width, self.height, self.x, self.y
            ),
            "correct the region in the settings",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_region_has_the_same_middle_and_an_area() {
        let region = Region {
            x: 10,
            y: 20,
            width: 100,
            height: 3,
        };
        let expected = Region {
            x: 20,
            y: 20,
            width: 80,
            height: 2,
        };
        assert_eq!(region.inner(0.8), expected);
        for share in [0.0, 0.1, 1.0, f32::NAN] {
            let inner = region.inner(share);
            assert!(inner.fits(110, 23), "{inner:?}");
        }
    }

    #[test]
    fn a_picture_has_exactly_its_bytes() {
        assert_eq!(
            RgbImage::new(2, 2, vec![0; 11]).unwrap_err().code(),
            Code::FrameShort
        );
        for (width, height) in [(0, 1), (1, 0), (MAX_SIDE + 1, 1)] {
            let fault = RgbImage::black(width, height).unwrap_err();
            assert_eq!(fault.code(), Code::ImageSize);
        }
        assert_eq!(RgbImage::black(2, 3).unwrap().data().len(), 18);
    }

    #[test]
    fn a_region_must_have_an_area_inside() {
        let region = |x, y, width, height| Region {
            x,
            y,
            width,
            height,
        };
        assert!(region(1, 1, 3, 2).fits(4, 3));
        for bad in [
            region(0, 0, 0, 1),
            region(2, 0, 3, 1),
            region(0, 3, 1, 1),
            region(u32::MAX, 0, 2, 1),
        ] {
            assert!(!bad.fits(4, 3), "{bad:?}");
        }
    }
}
