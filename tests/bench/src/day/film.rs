//! The filmed visits in memory, and frames painted from them: each with the light of its hour and noise of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use skueye_vision::{RgbImage, decode_into};

use super::goods::Row;
use crate::random::Random;

/// Frames at the begin of the film that show the empty stage.
const LEAD: u64 = 8;
/// Standard deviation of the noise that is added, levels.
const NOISE: f32 = 1.5;
const PURPOSE: u64 = 0x6461_795f;
/// What skin reflects.
const SKIN: [f32; 3] = [205.0, 158.0, 128.0];

/// One item that is brought, lies, and is taken away.
pub struct Visit {
    pub row: Row,
    /// Its frames as JPEG.
    frames: Vec<Vec<u8>>,
    /// Frames on its way in, lying, and on its way out.
    pub coming: u64,
    pub resting: u64,
    pub leaving: u64,
    /// What makes the film's light at that time that of its begin, for red, green and blue.
    light: [f32; 3],
}

/// All visits and the empty stage.
pub struct Film {
    pub visits: Vec<Visit>,
    empty: RgbImage,
}

/// What a frame shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Picture {
    Empty,
    /// A frame of a visit.
    Item {
        visit: usize,
        frame: u64,
    },
    /// An empty hand that reaches so far over the stage, 0 to 1, from the left (false) or the right.
    Hand {
        reach: f32,
        right: bool,
    },
}

impl Film {
    /// Reads the frames of visits, each from its folder. All are of one stage.
    pub fn read(films: Vec<(PathBuf, Vec<Row>)>) -> Result<Self> {
        let (first, _) = films.first().context("a film")?;
        let empty = mean_of(first, 0..LEAD)?;
        let own = mean_light(&empty);
        let mut visits = Vec::new();
        for (replay, rows) in films {
            let read = rows.into_iter().map(|row| Visit::read(&replay, row, own));
            visits.extend(read.collect::<Result<Vec<_>>>()?);
        }
        Ok(Self { visits, empty })
    }

    /// Width and height of the frames.
    pub fn size(&self) -> (u32, u32) {
        (self.empty.width(), self.empty.height())
    }
}

impl Visit {
    fn read(replay: &Path, row: Row, own: [f32; 3]) -> Result<Self> {
        let ([first, last], [lies, rises]) = (row.frames, row.still);
        ensure!(
            first < lies && lies <= rises && rises < last,
            "presentations.csv: frames of {} out of order",
            row.gtin
        );
        let frames = (first..=last).map(|number| jpeg(replay, number));
        // The frame after it shows the empty stage.
        let then = mean_light(&mean_of(replay, last + 1..last + 2)?);
        Ok(Self {
            frames: frames.collect::<Result<_>>()?,
            coming: lies - first,
            resting: rises - lies + 1,
            leaving: last - rises,
            light: [0, 1, 2].map(|c| own[c] / then[c].max(1.0)),
            row,
        })
    }
}

fn jpeg(replay: &Path, number: u64) -> Result<Vec<u8>> {
    let path = replay.join(format!("{number:06}.jpg"));
    fs::read(&path).with_context(|| path.display().to_string())
}

fn mean_of(replay: &Path, numbers: std::ops::Range<u64>) -> Result<RgbImage> {
    let (mut image, mut sums) = (RgbImage::default(), Vec::new());
    let count = numbers.clone().count() as u32;
    for number in numbers {
        decode_into(&jpeg(replay, number)?, &mut image)?;
        sums.resize(image.data().len(), 0u32);
        for (sum, value) in sums.iter_mut().zip(image.data()) {
            *sum += u32::from(*value);
        }
    }
    for (value, sum) in image.data_mut().iter_mut().zip(sums) {
        *value = (sum / count) as u8;
    }
    Ok(image)
}

fn mean_light(image: &RgbImage) -> [f32; 3] {
    let mut sums = [0u64; 3];
    for pixel in image.data().chunks_exact(3) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    let pixels = (image.data().len() / 3).max(1) as f32;
    sums.map(|sum| sum as f32 / pixels)
}

/// Paints frames. Its memory does not grow.
pub struct Painter {
    film: Film,
    image: RgbImage,
    /// What `image` holds.
    held: Option<(usize, u64)>,
    noise: Vec<i16>,
    random: Random,
}

impl Painter {
    pub fn new(film: Film, seed: u64) -> Self {
        let mut random = Random::new(seed, PURPOSE, 1);
        // Each frame begins somewhere else in it.
        let length = 2 * film.empty.data().len();
        let noise = (0..length).map(|_| (NOISE * random.normal()).round() as i16);
        Self {
            noise: noise.collect(),
            image: RgbImage::default(),
            held: None,
            random,
            film,
        }
    }

    pub fn film(&self) -> &Film {
        &self.film
    }

    /// Paints `picture` under `light` (red, green and blue; 1 is that of the film) as RGB.
    pub fn paint(&mut self, picture: Picture, light: [f32; 3], into: &mut Vec<u8>) -> Result<()> {
        let start = self.random.bits() as usize % (self.noise.len() / 2);
        if let Picture::Item { visit, frame } = picture
            && self.held != Some((visit, frame))
        {
            decode_into(
                &self.film.visits[visit].frames[frame as usize],
                &mut self.image,
            )?;
            self.held = Some((visit, frame));
        }
        let (image, light) = match picture {
            Picture::Item { visit, .. } => {
                let own = self.film.visits[visit].light;
                (&self.image, [0, 1, 2].map(|c| light[c] * own[c]))
            }
            _ => (&self.film.empty, light),
        };
        let noise = &self.noise[start..];
        let gains = light.map(|gain| (gain.clamp(0.0, 2.0) * 256.0) as u32);
        into.clear();
        into.resize(image.data().len(), 0);
        let pixels = image.data().chunks_exact(3).zip(noise.chunks_exact(3));
        for (out, (pixel, noise)) in into.chunks_exact_mut(3).zip(pixels) {
            for c in 0..3 {
                let lit = (u32::from(pixel[c]) * gains[c]) >> 8;
                out[c] = (lit as i16 + noise[c]).clamp(0, 255) as u8;
            }
        }
        if let Picture::Hand { reach, right } = picture {
            self.hand(reach, right, start, light, into);
        }
        Ok(())
    }

    /// A forearm with a fist at its end: a rod with round ends, lit from above.
    fn hand(&self, reach: f32, right: bool, start: usize, light: [f32; 3], into: &mut [u8]) {
        let (width, height) = self.film.size();
        let (wide, high) = (width as f32, height as f32);
        let tip = reach * 0.6 * wide;
        let (thick, middle) = (0.09 * high, 0.62 * high);
        for (y, row) in into.chunks_exact_mut(3 * width as usize).enumerate() {
            let across = y as f32 - middle;
            if across.abs() > 1.4 * thick {
                continue;
            }
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let x = if right { wide - x as f32 } else { x as f32 };
                let beyond = (x - tip).max(0.0);
                // The fist is thicker than the arm.
                let radius = if x > tip - 2.0 * thick {
                    1.4 * thick
                } else {
                    thick
                };
                let distance = beyond.hypot(across) / radius;
                if distance < 1.0 {
                    let shade = 1.0 - 0.45 * distance * distance - 0.15 * across / radius;
                    for c in 0..3 {
                        let noise = f32::from(self.noise[start + (x as usize + c) % 512]);
                        pixel[c] = (SKIN[c] * shade * light[c] + noise).clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
    }
}
