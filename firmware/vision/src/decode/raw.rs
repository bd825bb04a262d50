//! Frames as sensors deliver them, to RGB: luma and chroma by the matrices of ITU-R BT.601 and BT.709.
//!
//! Chroma is taken from the nearest sample. Sizes, rows' lengths and the data's length are proven before a pixel is read.

use skueye_models::{Code, Fault};

use crate::picture::{RgbImage, check_size};

/// How the bytes of a raw frame lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawFormat {
    /// 4:2:2 packed: Y0 U Y1 V. An odd row ends with Y U - V, one Y unused.
    Yuyv,
    /// 4:2:0: Y, then rows of U and V in turn, as long as those of Y.
    Nv12,
    /// 4:2:0: Y, then U, then V, their rows half as long, rounded up.
    I420,
    /// Y alone.
    Grey,
    /// Red, green and blue.
    Rgb,
}

/// A frame and what its source states of it; nothing of that is proven.
#[derive(Debug, Clone, Copy)]
pub struct RawFrame<'a> {
    /// How its bytes lie.
    pub format: RawFormat,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from row to row of the first plane.
    pub stride: u32,
    /// Luma is weighted as BT.709 says; otherwise as BT.601.
    pub bt709: bool,
    /// 0 to 255 stand for black and white; otherwise 16 to 235.
    pub full_range: bool,
    /// The bytes.
    pub data: &'a [u8],
}

/// Decodes `frame` into the memory of `image`, which is empty after an error.
///
/// Errors: E303 a side of zero or beyond [`crate::MAX_SIDE`], E304 rows or data shorter than the size needs.
pub fn decode_raw_into(frame: &RawFrame<'_>, image: &mut RgbImage) -> Result<(), Fault> {
    image.clear();
    let layout = Layout::of(frame)?;
    let width = frame.width as usize;
    let pixels = image.resize_buffer(frame.width, frame.height)?;
    let matrix = Matrix::of(frame);
    for (y, row) in pixels.chunks_exact_mut(width * 3).enumerate() {
        layout.row(frame, y, &matrix, row);
    }
    Ok(())
}

/// Proven places of rows.
struct Layout {
    stride: usize,
    /// Of I420: of the rows of U and V.
    chroma_stride: usize,
    chroma_row: usize,
    /// Where U and V begin.
    chroma: (usize, usize),
}

impl Layout {
    fn of(frame: &RawFrame<'_>) -> Result<Self, Fault> {
        check_size(u64::from(frame.width), u64::from(frame.height))?;
        let (width, height) = (frame.width as usize, frame.height as usize);
        let stride = frame.stride as usize;
        let pairs = width.div_ceil(2);
        let (least, chroma_row, chroma_planes) = match frame.format {
            RawFormat::Yuyv => (pairs * 4, 0, 0),
            RawFormat::Nv12 => (pairs * 2, pairs * 2, 1),
            RawFormat::I420 => (width, pairs, 2),
            RawFormat::Grey => (width, 0, 0),
            RawFormat::Rgb => (width * 3, 0, 0),
        };
        if stride < least {
            return Err(short(
                frame,
                format!("rows of {least} bytes"),
                format!("{stride}"),
            ));
        }
        let chroma_rows = height.div_ceil(2);
        let chroma_stride = match frame.format {
            RawFormat::I420 => stride.div_ceil(2),
            _ => stride,
        };
        // Below 2^13 rows of below 2^32 bytes: within 64 bits, and checked where they are fewer.
        let plane = (stride as u64) * height as u64;
        let chroma_plane = chroma_stride as u64 * chroma_rows as u64;
        let needed = match chroma_planes {
            0 => plane - stride as u64 + least as u64,
            planes => plane + chroma_plane * planes - chroma_stride as u64 + chroma_row as u64,
        };
        if (frame.data.len() as u64) < needed {
            let got = format!("{}", frame.data.len());
            return Err(short(frame, format!("{needed} bytes"), got));
        }
        let (u, v) = (plane as usize, (plane + chroma_plane) as usize);
        Ok(Self {
            stride,
            chroma_stride,
            chroma_row,
            chroma: (u, v),
        })
    }

    /// Writes row `y`, 3 bytes a pixel.
    fn row(&self, frame: &RawFrame<'_>, y: usize, matrix: &Matrix, out: &mut [u8]) {
        let from = y * self.stride;
        let chroma = |plane: usize| {
            let from = plane + y / 2 * self.chroma_stride;
            &frame.data[from..from + self.chroma_row]
        };
        let (width, pairs) = (out.len() / 3, (out.len() / 3).div_ceil(2));
        match frame.format {
            RawFormat::Yuyv => yuyv(&frame.data[from..from + pairs * 4], matrix, out),
            RawFormat::Nv12 => {
                let luma = &frame.data[from..from + width];
                let uv = chroma(self.chroma.0)
                    .chunks_exact(2)
                    .map(|uv| (uv[0], uv[1]));
                planes(luma, uv, matrix, out);
            }
            RawFormat::I420 => {
                let luma = &frame.data[from..from + width];
                let uv = chroma(self.chroma.0).iter().zip(chroma(self.chroma.1));
                planes(luma, uv.map(|(u, v)| (*u, *v)), matrix, out);
            }
            RawFormat::Grey => {
                for (out, luma) in out.chunks_exact_mut(3).zip(&frame.data[from..]) {
                    out.copy_from_slice(&matrix.rgb(*luma, matrix.chroma(128, 128)));
                }
            }
            RawFormat::Rgb => out.copy_from_slice(&frame.data[from..from + out.len()]),
        }
    }
}

fn yuyv(row: &[u8], matrix: &Matrix, out: &mut [u8]) {
    let mut pairs = out.chunks_exact_mut(6);
    for (out, four) in (&mut pairs).zip(row.chunks_exact(4)) {
        let chroma = matrix.chroma(four[1], four[3]);
        out[..3].copy_from_slice(&matrix.rgb(four[0], chroma));
        out[3..].copy_from_slice(&matrix.rgb(four[2], chroma));
    }
    if let (last @ [_, _, _], [.., y, u, _, v]) = (pairs.into_remainder(), row) {
        last.copy_from_slice(&matrix.rgb(*y, matrix.chroma(*u, *v)));
    }
}

fn planes(luma: &[u8], uv: impl Iterator<Item = (u8, u8)>, matrix: &Matrix, out: &mut [u8]) {
    for ((out, luma), (u, v)) in out.chunks_mut(6).zip(luma.chunks(2)).zip(uv) {
        let chroma = matrix.chroma(u, v);
        for (out, luma) in out.chunks_exact_mut(3).zip(luma) {
            out.copy_from_slice(&matrix.rgb(*luma, chroma));
        }
    }
}

/// Luma and chroma to RGB in fixed point.
struct Matrix {
    black: i32,
    luma: i32,
    red_of_v: i32,
    green_of_u: i32,
    green_of_v: i32,
    blue_of_u: i32,
}

/// Digits behind the point.
const DIGITS: u32 = 14;

impl Matrix {
    fn of(frame: &RawFrame<'_>) -> Self {
        // Shares of red and blue in luma.
        let (red, blue) = match frame.bt709 {
            true => (0.2126, 0.0722),
            false => (0.299, 0.114),
        };
        let (luma, chroma) = match frame.full_range {
            true => (1.0, 1.0),
            false => (255.0 / 219.0, 255.0 / 224.0),
        };
        let green = 1.0 - red - blue;
        let fixed = |value: f64| (value * f64::from(1 << DIGITS)).round() as i32;
        Self {
            black: if frame.full_range { 0 } else { 16 },
            luma: fixed(luma),
            red_of_v: fixed(2.0 * (1.0 - red) * chroma),
            green_of_u: fixed(2.0 * (1.0 - blue) * blue / green * chroma),
            green_of_v: fixed(2.0 * (1.0 - red) * red / green * chroma),
            blue_of_u: fixed(2.0 * (1.0 - blue) * chroma),
        }
    }

    /// What chroma adds to red, green and blue.
    fn chroma(&self, u: u8, v: u8) -> [i32; 3] {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let half = 1 << (DIGITS - 1);
        [
            half + self.red_of_v * v,
            half - self.green_of_u * u - self.green_of_v * v,
            half + self.blue_of_u * u,
        ]
    }

    fn rgb(&self, luma: u8, chroma: [i32; 3]) -> [u8; 3] {
        let luma = (i32::from(luma) - self.black) * self.luma;
        chroma.map(|chroma| ((luma + chroma) >> DIGITS).clamp(0, 255) as u8)
    }
}

fn short(frame: &RawFrame<'_>, expected: String, got: String) -> Fault {
    let RawFrame {
        format,
        width,
        height,
        ..
    } = frame;
    Fault::new(
        Code::FrameShort,
        format!("{expected} for {width} x {height} {format:?}"),
        got,
        "use a shorter cable or another USB port; if it is every frame, set another format",
    )
}

#[cfg(test)]
mod tests;
