//! Pictures to be wrapped around shapes, in linear light, with all their halved sizes.

use resvg::tiny_skia::Pixmap;

use super::colour::decode;
use crate::synth::solid::vector::{Vec3, add, lerp, scale};

/// A picture and its mip levels, each half the size of the one before.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    levels: Vec<Level>,
}

#[derive(Debug, Clone)]
struct Level {
    width: usize,
    height: usize,
    texels: Vec<Vec3>,
}

impl Texture {
    /// From an opaque sRGB picture.
    pub(crate) fn new(pixmap: &Pixmap) -> Self {
        let texels = pixmap
            .data()
            .chunks_exact(4)
            .map(|p| [decode(p[0]), decode(p[1]), decode(p[2])]);
        Self::from_linear(
            pixmap.width() as usize,
            pixmap.height() as usize,
            texels.collect(),
        )
    }

    /// From `width * height` texels in linear light.
    pub(crate) fn from_linear(width: usize, height: usize, texels: Vec<Vec3>) -> Self {
        let mut levels = vec![Level {
            width,
            height,
            texels,
        }];
        while let Some(next) = levels.last().and_then(Level::halved) {
            levels.push(next);
        }
        Self { levels }
    }

    /// Texels of the finest level.
    pub(crate) fn area(&self) -> f32 {
        (self.levels[0].width * self.levels[0].height) as f32
    }

    /// The level that fits `texels` texels of the finest level per pixel.
    pub(crate) fn level(&self, texels: f32) -> usize {
        let level = 0.5 * texels.max(1e-6).log2();
        (level.round().max(0.0) as usize).min(self.levels.len() - 1)
    }

    /// Bilinear at (`u`, `v`), both in 0..=1 from the upper left; edges are repeated.
    pub(crate) fn sample(&self, level: usize, u: f32, v: f32) -> Vec3 {
        let level = &self.levels[level];
        let x = (u * level.width as f32 - 0.5).clamp(0.0, (level.width - 1) as f32);
        let y = (v * level.height as f32 - 0.5).clamp(0.0, (level.height - 1) as f32);
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = (
            (x0 + 1).min(level.width - 1),
            (y0 + 1).min(level.height - 1),
        );
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let at = |x: usize, y: usize| level.texels[y * level.width + x];
        lerp(
            lerp(at(x0, y0), at(x1, y0), fx),
            lerp(at(x0, y1), at(x1, y1), fx),
            fy,
        )
    }

    /// The same with the picture repeated without end.
    pub(crate) fn sample_tiled(&self, level: usize, u: f32, v: f32) -> Vec3 {
        self.sample(level, u - u.floor(), v - v.floor())
    }
}

#[cfg(test)]
impl Texture {
    /// Mean absolute difference of the finest levels, which must be of one size.
    pub(crate) fn distance(&self, other: &Texture) -> f32 {
        let pairs = self.levels[0].texels.iter().zip(&other.levels[0].texels);
        let sum: f32 = pairs
            .flat_map(|(a, b)| (0..3).map(move |i| (a[i] - b[i]).abs()))
            .sum();
        sum / (3.0 * self.area())
    }
}

impl Level {
    fn halved(&self) -> Option<Self> {
        if self.width < 4 || self.height < 4 {
            return None;
        }
        let (width, height) = (self.width / 2, self.height / 2);
        let mut texels = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = [2 * y, 2 * y + 1].map(|row| &self.texels[row * self.width..][..self.width]);
            texels.extend((0..width).map(|x| {
                let pair = |row: &[Vec3]| add(row[2 * x], row[2 * x + 1]);
                scale(add(pair(rows[0]), pair(rows[1])), 0.25)
            }));
        }
        Some(Self {
            width,
            height,
            texels,
        })
    }
}
