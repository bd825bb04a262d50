//! The loops over samples, written so that the compiler turns them into vector instructions. Additions and
//! multiplications wrap, since checks for overflow would keep it from that; none overflows, as is argued at each.

use super::filter::Filter;
use super::frame::{Colour, Layout, Matrix};

/// Output rows that are worked on together.
pub(super) const LANES: usize = 16;
/// One sample of each of them.
pub(super) type Lanes = [i16; LANES];
/// Bytes of a row that are worked on together: a line of the cache.
const BLOCK: usize = 64;
/// A byte is 64 of these.
const FRACTION: i32 = 6;

/// Rows to combine into output rows `top` to `top + count`.
pub(super) struct Rows<'a> {
    pub data: &'a [u8],
    pub stride: usize,
    pub filter: &'a Filter,
    pub top: usize,
    pub count: usize,
}

/// `sample * weight`, rounded, in the fraction of the result. `sample` is below 2^15 and `weight` at most 2^14, so the
/// product fits 32 bits and the result 15. It is the shape of one instruction (PMULHRSW).
#[inline(always)]
fn scaled(sample: i16, weight: i16) -> i16 {
    let product = i32::from(sample).wrapping_mul(i32::from(weight));
    ((product >> 14).wrapping_add(1) >> 1) as i16
}

#[inline(always)]
pub(super) fn combine_rows(rows: &Rows<'_>, out: &mut [Lanes]) {
    let whole = out.len() / BLOCK * BLOCK;
    for at in (0..whole).step_by(BLOCK) {
        block::<BLOCK>(rows, at, &mut out[at..at + BLOCK]);
    }
    for at in whole..out.len() {
        block::<1>(rows, at, &mut out[at..at + 1]);
    }
}

/// `byte * weight / 256`, rounded, a byte of the weight at a time: 16 bits suffice, since `byte` is at most 255 and `weight`
/// at most 2^14.
#[inline(always)]
fn scaled_byte(byte: u8, weight: i16) -> u16 {
    let (byte, weight) = (u16::from(byte), weight as u16);
    let low = byte.wrapping_mul(weight & 255).wrapping_add(128) >> 8;
    byte.wrapping_mul(weight >> 8).wrapping_add(low)
}

/// Bytes `at` to `at + N` of every output row. Weights of an output row add up to 2^14, so sums are 255 * 64 and half a
/// unit for each weight at most: below 2^15 up to the 8192 rows of the largest frame, and 255 * 64 is kept.
#[inline(always)]
fn block<const N: usize>(rows: &Rows<'_>, at: usize, out: &mut [Lanes]) {
    let mut sums = [[0u16; N]; LANES];
    for (lane, sums) in sums.iter_mut().enumerate().take(rows.count) {
        let (start, weights) = rows.filter.taps(rows.top + lane);
        let mut from = start * rows.stride + at;
        for weight in weights {
            let bytes: &[u8; N] = rows.data[from..]
                .first_chunk()
                .expect("a row has its bytes");
            for (sum, byte) in sums.iter_mut().zip(bytes) {
                *sum = sum.wrapping_add(scaled_byte(*byte, *weight));
            }
            from += rows.stride;
        }
    }
    for (column, lanes) in out.iter_mut().enumerate() {
        for (lane, value) in lanes.iter_mut().enumerate() {
            *value = sums[lane][column].min(255 << FRACTION) as i16;
        }
    }
}

/// Samples of one channel, `step` bytes apart.
pub(super) struct Samples<'a> {
    pub combined: &'a [Lanes],
    pub step: usize,
    pub filter: &'a Filter,
}

#[inline(always)]
pub(super) fn combine_columns(samples: &Samples<'_>, out: &mut [Lanes]) {
    for (at, out) in out.iter_mut().enumerate() {
        let (start, weights) = samples.filter.taps(at);
        let column = samples.combined[start * samples.step..].iter();
        // A channel with 6 bits of fraction, doubled, times a weight of 14 bits, by 2^15: the 6 bits are kept. Twice 255
        // * 64 is just below 2^15.
        let mut sum = [0i16; LANES];
        for (lanes, weight) in column.step_by(samples.step).zip(weights) {
            for (sum, sample) in sum.iter_mut().zip(lanes) {
                *sum = sum.wrapping_add(scaled(sample.wrapping_mul(2), *weight));
            }
        }
        *out = sum;
    }
}

/// Y U V (or R G B, or grey) with 6 bits of fraction to R G B of 0 to 255, in place.
#[inline(always)]
pub(super) fn to_rgb(layout: Layout, colour: Colour, [a, b, c]: [&mut [Lanes]; 3]) {
    let channels = a.iter_mut().zip(b).zip(c);
    match layout {
        Layout::Rgb => channels.for_each(|((r, g), b)| [r, g, b].into_iter().for_each(round)),
        Layout::Grey => channels.for_each(|((y, g), b)| {
            round(y);
            (*g, *b) = (*y, *y);
        }),
        Layout::Yuyv | Layout::Nv12 => {
            let factors = Factors::of(colour);
            channels.for_each(|((y, u), v)| factors.convert(y, u, v));
        }
    }
}

#[inline(always)]
fn round(lanes: &mut Lanes) {
    for value in lanes {
        *value = (value.wrapping_add(1 << (FRACTION - 1)) >> FRACTION).clamp(0, 255);
    }
}

/// The matrix with 14 bits of fraction.
struct Factors {
    black: i32,
    luma: i32,
    v_to_red: i32,
    u_to_green: i32,
    v_to_green: i32,
    u_to_blue: i32,
}

impl Factors {
    /// From the shares of red and blue in luma, as the standards give them.
    fn of(colour: Colour) -> Self {
        let (red, blue) = match colour.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
        };
        let green = 1.0 - red - blue;
        let (black, luma, chroma) = match colour.full_range {
            true => (0, 1.0, 2.0),
            false => (16, 255.0 / 219.0, 2.0 * 255.0 / 224.0),
        };
        let fixed = |factor: f64| (factor * f64::from(1 << 14)).round() as i32;
        Self {
            black: black << FRACTION,
            luma: fixed(luma),
            v_to_red: fixed((1.0 - red) * chroma),
            u_to_green: fixed(-(1.0 - blue) * chroma * blue / green),
            v_to_green: fixed(-(1.0 - red) * chroma * red / green),
            u_to_blue: fixed((1.0 - blue) * chroma),
        }
    }

    /// Samples are below 2^14 and factors below 2^16, so that a sum of three products stays below 2^32; the largest that
    /// occurs is 1.2 * 2^28 + 2.1 * 2^27.
    #[inline(always)]
    fn convert(&self, y: &mut Lanes, u: &mut Lanes, v: &mut Lanes) {
        for lane in 0..LANES {
            let luma = (i32::from(y[lane]).wrapping_sub(self.black)).wrapping_mul(self.luma);
            let [blueness, redness] =
                [u[lane], v[lane]].map(|c| i32::from(c).wrapping_sub(128 << FRACTION));
            let red = luma.wrapping_add(redness.wrapping_mul(self.v_to_red));
            let green = luma
                .wrapping_add(blueness.wrapping_mul(self.u_to_green))
                .wrapping_add(redness.wrapping_mul(self.v_to_green));
            let blue = luma.wrapping_add(blueness.wrapping_mul(self.u_to_blue));
            let [r, g, b] = [red, green, blue].map(|sum| {
                let half = 1 << (FRACTION + 13);
                (sum.wrapping_add(half) >> (FRACTION + 14)).clamp(0, 255) as i16
            });
            (y[lane], u[lane], v[lane]) = (r, g, b);
        }
    }
}
