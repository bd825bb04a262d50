//! One frame of 1280 x 720 in the layouts of cameras, made from one picture.

use jpeg_encoder::{ColorType, Encoder};
use skueye_models::Fault;
use skueye_vision::resample::{Colour, Layout, Pixels};
use skueye_vision::{Region, RgbImage};

use crate::random::Random;
use crate::refused;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const PURPOSE: u64 = 0x7669_7369;

/// The whole frame.
pub const WHOLE: Region = Region {
    x: 0,
    y: 0,
    width: WIDTH,
    height: HEIGHT,
};

/// The frame in every layout.
pub struct Frames {
    pub yuyv: Vec<u8>,
    pub nv12: Vec<u8>,
    pub jpeg: Vec<u8>,
}

impl Frames {
    pub fn new() -> Result<Self, Fault> {
        let picture = picture(1, WIDTH, HEIGHT)?;
        let yuv: Vec<[u8; 3]> = picture.data().chunks_exact(3).map(to_yuv).collect();
        let pairs = yuv.chunks_exact(2);
        let yuyv = pairs.flat_map(|p| [p[0][0], p[0][1], p[1][0], p[0][2]]);
        let chroma = yuv.chunks_exact(WIDTH as usize).step_by(2);
        let chroma = chroma.flat_map(|row| row.iter().step_by(2).flat_map(|p| [p[1], p[2]]));
        Ok(Self {
            yuyv: yuyv.collect(),
            nv12: yuv.iter().map(|p| p[0]).chain(chroma).collect(),
            jpeg: jpeg(&picture)?,
        })
    }

    pub fn yuyv(&self) -> Result<Pixels<'_>, Fault> {
        pixels(Layout::Yuyv, WIDTH * 2, &self.yuyv)
    }

    pub fn nv12(&self) -> Result<Pixels<'_>, Fault> {
        pixels(Layout::Nv12, WIDTH, &self.nv12)
    }
}

fn pixels(layout: Layout, stride: u32, data: &[u8]) -> Result<Pixels<'_>, Fault> {
    Pixels::new(layout, Colour::default(), (WIDTH, HEIGHT), stride, data)
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90)
        .encode(picture.data(), WIDTH as u16, HEIGHT as u16, ColorType::Rgb)
        .map_err(|error| refused("a frame that can be encoded", error.to_string()))?;
    Ok(bytes)
}

/// BT.601, limited range.
fn to_yuv(rgb: &[u8]) -> [u8; 3] {
    let [r, g, b] = [0, 1, 2].map(|at| f32::from(rgb[at]) / 255.0);
    let luma = 0.299 * r + 0.587 * g + 0.114 * b;
    let chroma = |c: f32, scale: f32| (128.5 + 224.0 * (c - luma) / scale) as u8;
    [
        (16.5 + 219.0 * luma) as u8,
        chroma(b, 1.772),
        chroma(r, 1.402),
    ]
}

/// A picture of many rectangles of many colours with noise, as packages are: edges, areas and detail.
pub fn picture(seed: u64, width: u32, height: u32) -> Result<RgbImage, Fault> {
    let mut random = Random::new(seed, PURPOSE, 0);
    let mut picture = RgbImage::new(width, height, vec![200; (width * height * 3) as usize])?;
    for _ in 0..60 {
        let [x, y, w, h] = [width, height, width / 2, height / 2].map(|n| below(&mut random, n));
        let colour = [0; 3].map(|_: u8| below(&mut random, 240) as u8);
        for row in y..(y + h).min(height) {
            let at = |x: u32| (row * width + x) as usize * 3;
            let line = &mut picture.data_mut()[at(x)..at((x + w).min(width))];
            line.chunks_exact_mut(3)
                .for_each(|p| p.copy_from_slice(&colour));
        }
    }
    for value in picture.data_mut() {
        *value += below(&mut random, 16) as u8;
    }
    Ok(picture)
}

fn below(random: &mut Random, limit: u32) -> u32 {
    (random.bits() % u64::from(limit.max(1))) as u32
}
