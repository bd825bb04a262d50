//! From a rectangle of a frame, in the layout of the camera, to a small square of RGB: crop, antialiased reduction and
//! colour conversion in one pass, in memory that is kept.
//!
//! Only the rectangle is read, and colours are converted after the reduction, a few per cent of the pixels. First rows
//! are combined (bytes lie side by side, whatever they mean), then columns, on `LANES` output rows at a time that lie
//! side by side as well, so that plain loops vectorise. Samples in between are 16-bit with 6 bits of fraction. The
//! integer arithmetic is the same on every processor, and so is the picture.

#[allow(unsafe_code)]
mod dispatch;
mod filter;
mod frame;
mod kernel;

use skueye_models::Fault;

use crate::picture::{MAX_SIDE, Region, RgbImage};
use filter::{Filter, Span};
pub use frame::{Colour, Layout, Matrix, Pixels};
use kernel::{LANES, Lanes};

/// Reduces rectangles of frames to RGB pictures of one size.
#[derive(Debug)]
pub struct Resampler {
    width: usize,
    height: usize,
    luma: Axes,
    chroma: Axes,
    /// Combined rows: for each byte of a row, [`LANES`] output rows.
    combined: Vec<Lanes>,
    /// The three channels: for each output column, [`LANES`] output rows.
    columns: [Vec<Lanes>; 3],
    /// `[3, height, width]`, R, G and B.
    planes: Vec<u8>,
}

/// The filters of both axes.
#[derive(Debug)]
struct Axes {
    x: Filter,
    y: Filter,
}

impl Axes {
    fn new(longest: u32, width: usize, height: usize) -> Self {
        Self {
            x: Filter::new(longest as usize, width),
            y: Filter::new(longest as usize, height),
        }
    }
}

/// One channel within the combined bytes of a plane: where its first sample lies and how far apart they are.
#[derive(Clone, Copy)]
struct Channel {
    number: usize,
    offset: usize,
    step: usize,
    is_chroma: bool,
}

/// The bytes of a frame that lie in rows of their own: the first byte that is read, how many of each row, and what
/// they mean.
struct Plane<'c> {
    first: usize,
    bytes: usize,
    is_chroma: bool,
    channels: &'c [Channel],
}

const fn channel(number: usize, offset: usize, step: usize, is_chroma: bool) -> Channel {
    Channel {
        number,
        offset,
        step,
        is_chroma,
    }
}

const RGB: [Channel; 3] = [
    channel(0, 0, 3, false),
    channel(1, 1, 3, false),
    channel(2, 2, 3, false),
];
const YUYV: [Channel; 3] = [
    channel(0, 0, 2, false),
    channel(1, 1, 4, true),
    channel(2, 3, 4, true),
];
const LUMA: [Channel; 1] = [channel(0, 0, 1, false)];
const UV: [Channel; 2] = [channel(1, 0, 2, true), channel(2, 1, 2, true)];

impl Resampler {
    /// For pictures of `width` x `height`, of rectangles of any size that a frame may have.
    pub fn new(width: usize, height: usize) -> Self {
        let column = || vec![[0; LANES]; width];
        Self {
            width,
            height,
            luma: Axes::new(MAX_SIDE, width, height),
            chroma: Axes::new(MAX_SIDE / 2, width, height),
            combined: Vec::with_capacity(MAX_SIDE as usize * 3),
            columns: [column(), column(), column()],
            planes: vec![0; width * height * 3],
        }
    }

    /// `region` of `pixels`, stretched: `[3, height, width]`, R, G and B, valid until the next call. Errors: E303 the
    /// region leaves the frame.
    pub fn planes(&mut self, pixels: &Pixels<'_>, region: Region) -> Result<&[u8], Fault> {
        pixels.check(region)?;
        self.set_filters(pixels.layout, region);
        for top in (0..self.height).step_by(LANES) {
            self.reduce(pixels, region, top);
            self.finish(pixels, top);
        }
        Ok(&self.planes)
    }

    /// As [`Self::planes`], as a picture.
    pub fn picture(&mut self, pixels: &Pixels<'_>, region: Region) -> Result<RgbImage, Fault> {
        let mut picture = RgbImage::black(self.width as u32, self.height as u32)?;
        let planes = self.planes(pixels, region)?;
        interleave(planes, picture.data_mut());
        Ok(picture)
    }

    fn set_filters(&mut self, layout: Layout, region: Region) {
        let span = |start: u32, length: u32, out, reduction: f64| Span {
            start: f64::from(start) / reduction,
            length: f64::from(length) / reduction,
            out,
        };
        let (width, height) = (self.width, self.height);
        let axis = |filters: &mut Axes, by_x, by_y| {
            filters.x.set(span(region.x, region.width, width, by_x));
            filters.y.set(span(region.y, region.height, height, by_y));
        };
        axis(&mut self.luma, 1.0, 1.0);
        match layout {
            Layout::Rgb | Layout::Grey => {}
            Layout::Yuyv => axis(&mut self.chroma, 2.0, 1.0),
            Layout::Nv12 => axis(&mut self.chroma, 2.0, 2.0),
        }
    }

    /// The channels of output rows `top` to `top + LANES`.
    fn reduce(&mut self, pixels: &Pixels<'_>, region: Region, top: usize) {
        let (x, y, width) = (region.x as usize, region.y as usize, region.width as usize);
        // Pairs of pixels share their chroma: from the pair that holds the first pixel to the one with the last.
        let (pair, pairs) = (x / 2, (x + width).div_ceil(2) - x / 2);
        let row = y * pixels.stride;
        let plane = |first, bytes, is_chroma, channels| Plane {
            first,
            bytes,
            is_chroma,
            channels,
        };
        match pixels.layout {
            Layout::Rgb => self.plane(pixels, top, &plane(row + x * 3, width * 3, false, &RGB)),
            Layout::Grey => self.plane(pixels, top, &plane(row + x, width, false, &LUMA)),
            Layout::Yuyv => {
                let mut channels = YUYV;
                channels[0].offset = x % 2 * 2;
                let yuyv = plane(row + pair * 4, pairs * 4, false, &channels);
                self.plane(pixels, top, &yuyv);
            }
            Layout::Nv12 => {
                self.plane(pixels, top, &plane(row + x, width, false, &LUMA));
                let chroma = (pixels.height + y / 2) * pixels.stride + pair * 2;
                self.plane(pixels, top, &plane(chroma, pairs * 2, true, &UV));
            }
        }
    }

    fn plane(&mut self, pixels: &Pixels<'_>, top: usize, plane: &Plane<'_>) {
        let axes = |is_chroma| match is_chroma {
            true => &self.chroma,
            false => &self.luma,
        };
        self.combined.resize(plane.bytes, [0; LANES]);
        let rows = kernel::Rows {
            data: &pixels.data[plane.first..],
            stride: pixels.stride,
            filter: &axes(plane.is_chroma).y,
            top,
            count: LANES.min(self.height - top),
        };
        dispatch::combine_rows(&rows, &mut self.combined);
        for channel in plane.channels {
            let samples = kernel::Samples {
                combined: &self.combined[channel.offset..],
                step: channel.step,
                filter: &axes(channel.is_chroma).x,
            };
            dispatch::combine_columns(&samples, &mut self.columns[channel.number]);
        }
    }

    /// Colours of output rows `top` to `top + LANES` into the planes.
    fn finish(&mut self, pixels: &Pixels<'_>, top: usize) {
        let [first, second, third] = &mut self.columns;
        dispatch::to_rgb(pixels.layout, pixels.colour, [&mut *first, second, third]);
        let (width, count) = (self.width, LANES.min(self.height - top));
        let area = width * self.height;
        for (channel, columns) in self.columns.iter().enumerate() {
            let plane = &mut self.planes[channel * area + top * width..][..count * width];
            for (lane, row) in plane.chunks_exact_mut(width).enumerate() {
                for (value, column) in row.iter_mut().zip(columns) {
                    *value = column[lane] as u8;
                }
            }
        }
    }
}

/// `[3, n]` to `[n, 3]`.
fn interleave(planes: &[u8], rgb: &mut [u8]) {
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(rest.len() / 2);
    let colours = red.iter().zip(green).zip(blue);
    for (pixel, ((r, g), b)) in rgb.chunks_exact_mut(3).zip(colours) {
        pixel.copy_from_slice(&[*r, *g, *b]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_instructions_change_nothing() {
        let (width, height) = (131, 77);
        let data: Vec<u8> = (0..width * 3 * height)
            .map(|i| (i * i % 251) as u8)
            .collect();
        let mut filter = Filter::new(height, 20);
        filter.set(Span {
            start: 0.0,
            length: height as f64,
            out: 20,
        });
        let rows = kernel::Rows {
            data: &data,
            stride: width * 3,
            filter: &filter,
            top: 0,
            count: LANES,
        };
        let mut fast = vec![[0; LANES]; width * 3];
        let mut plain = fast.clone();
        dispatch::combine_rows(&rows, &mut fast);
        kernel::combine_rows(&rows, &mut plain);
        assert_eq!(fast, plain);
    }
}
