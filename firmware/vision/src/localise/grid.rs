//! The frame, reduced to a grid of luma and chroma.

use skueye_models::Fault;

use crate::picture::{Region, RgbImage};
use crate::resample::{Pixels, Resampler};

/// Luma (0 to 255) and two chroma differences (about -128 to 127).
pub(super) type Cell = [f32; 3];

/// Cells from `left`, `top` up to but not including `right`, `bottom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellBox {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

impl CellBox {
    /// How many cells it holds, at least one.
    pub fn cells(&self) -> u32 {
        ((self.right - self.left) * (self.bottom - self.top)).max(1)
    }

    /// Whether it keeps clear of the edges of `other`.
    pub fn is_inside(self, other: Self) -> bool {
        self.left > other.left
            && self.top > other.top
            && self.right < other.right
            && self.bottom < other.bottom
    }

    /// The indices of its cells in a grid of `columns`.
    pub fn indices(self, columns: u32) -> impl Iterator<Item = usize> {
        (self.top..self.bottom)
            .flat_map(move |y| (self.left..self.right).map(move |x| (y * columns + x) as usize))
    }
}

#[derive(Debug, Default)]
pub(super) struct Grid {
    columns: u32,
    rows: u32,
    cells: Vec<Cell>,
}

impl Grid {
    pub fn new(columns: u32, rows: u32) -> Self {
        let count = (columns * rows) as usize;
        Self {
            columns,
            rows,
            cells: vec![[0.0; 3]; count],
        }
    }

    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub fn columns(&self) -> u32 {
        self.columns
    }

    /// What reduces frames to such a grid.
    pub fn resampler(&self) -> Resampler {
        let [width, height] = [self.columns, self.rows].map(|n| n.max(1) as usize);
        Resampler::new(width, height)
    }

    /// Takes the whole of `frame`, averaged over each cell by [`Grid::resampler`].
    pub fn fill(&mut self, resampler: &mut Resampler, frame: &RgbImage) -> Result<(), Fault> {
        let planes = resampler.planes(&Pixels::of(frame), Region::whole(frame))?;
        let (red, rest) = planes.split_at(planes.len() / 3);
        let (green, blue) = rest.split_at(rest.len() / 2);
        let colours = red.iter().zip(green).zip(blue);
        for (cell, ((r, g), b)) in self.cells.iter_mut().zip(colours) {
            *cell = luma_chroma([*r, *g, *b]);
        }
        Ok(())
    }

    /// Cells of `within` that differ from `previous` by more than `level`.
    pub fn moved_cells(&self, previous: &Self, level: f32, within: CellBox) -> u32 {
        within
            .indices(self.columns)
            .filter(|at| distance(self.cells[*at], previous.cells[*at]) > level)
            .count() as u32
    }

    pub fn all_cells(&self) -> CellBox {
        CellBox {
            left: 0,
            top: 0,
            right: self.columns,
            bottom: self.rows,
        }
    }

    /// The cells that `region` of a frame of `size` touches.
    pub fn cells_of(&self, region: Region, size: (u32, u32)) -> CellBox {
        let down = |at: u32, pixels: u32, cells: u32| scale(at, cells, pixels);
        let up = |at: u32, pixels: u32, cells: u32| {
            (u64::from(at) * u64::from(cells)).div_ceil(u64::from(pixels)) as u32
        };
        CellBox {
            left: down(region.x, size.0, self.columns),
            top: down(region.y, size.1, self.rows),
            right: up(region.x + region.width, size.0, self.columns),
            bottom: up(region.y + region.height, size.1, self.rows),
        }
    }

    /// The pixels of `cells` in a frame of `size`, with a margin, as a square where that is asked for and fits.
    pub fn region_of(&self, cells: CellBox, size: (u32, u32), margin: f32, square: bool) -> Region {
        let (left, right) = (
            scale(cells.left, size.0, self.columns),
            scale(cells.right, size.0, self.columns),
        );
        let (top, bottom) = (
            scale(cells.top, size.1, self.rows),
            scale(cells.bottom, size.1, self.rows),
        );
        let longer = (right - left).max(bottom - top);
        let space = (longer as f32 * margin).round() as u32;
        let side = |from: u32, to: u32| if square { longer } else { to - from } + 2 * space;
        let (x, width) = centred(left, right, side(left, right), size.0);
        let (y, height) = centred(top, bottom, side(top, bottom), size.1);
        Region {
            x,
            y,
            width,
            height,
        }
    }
}

/// `at * to / from` without overflow.
fn scale(at: u32, to: u32, from: u32) -> u32 {
    (u64::from(at) * u64::from(to) / u64::from(from.max(1))) as u32
}

/// Start and length of `length` pixels around the middle of `from..to`, moved and shortened to lie in `0..limit`.
fn centred(from: u32, to: u32, length: u32, limit: u32) -> (u32, u32) {
    let length = length.clamp(1, limit);
    let start = (from + to).saturating_sub(length) / 2;
    (start.min(limit - length), length)
}

/// Full-range luma and colour differences (ITU-R BT.601).
fn luma_chroma(rgb: [u8; 3]) -> Cell {
    let [r, g, b] = rgb.map(f32::from);
    let luma = 0.299 * r + 0.587 * g + 0.114 * b;
    [luma, (b - luma) * 0.564, (r - luma) * 0.713]
}

/// Levels by which two cells differ: luma and both chromas, summed.
pub(super) fn distance(a: Cell, b: Cell) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}
