//! The empty stage: a running mean of every cell, and the light relative to it.

use super::grid::{Cell, CellBox, Grid, distance};

/// Bins of the ratio's histogram, over one octave down and one up.
const BINS: usize = 96;
/// The light is followed within these ratios; beyond them the picture has changed, not the light.
const GAINS: std::ops::RangeInclusive<f32> = 0.6..=1.6;

#[derive(Debug, Default)]
pub(super) struct Background {
    mean: Vec<Cell>,
}

impl Background {
    pub fn new(grid: &Grid) -> Self {
        Self {
            mean: vec![[0.0; 3]; grid.cells().len()],
        }
    }

    /// Takes a `share` of `grid` into the mean, in the cells that `follow` names.
    pub fn blend(&mut self, grid: &Grid, share: f32, follow: impl Fn(usize) -> bool) {
        for (at, (mean, cell)) in self.mean.iter_mut().zip(grid.cells()).enumerate() {
            if follow(at) {
                for (mean, value) in mean.iter_mut().zip(cell) {
                    *mean += share * (value - *mean);
                }
            }
        }
    }

    /// By how much the light has grown: the most frequent ratio of luma, since the empty part of the stage shares one
    /// and an item's ratios scatter.
    pub fn gain(&self, grid: &Grid) -> f32 {
        let mut histogram = [0u32; BINS];
        for (cell, mean) in grid.cells().iter().zip(&self.mean) {
            // Dark and clipped cells say nothing of the light.
            if mean[0] >= 24.0 && (8.0..250.0).contains(&cell[0]) {
                let octave = (cell[0] / mean[0]).log2();
                let bin = ((octave + 1.0) * 0.5 * BINS as f32).floor();
                if (0.0..BINS as f32).contains(&bin) {
                    histogram[bin as usize] += 1;
                }
            }
        }
        centre_of_mode(&histogram).clamp(*GAINS.start(), *GAINS.end())
    }

    /// Marks in `mask` the cells of `stage` that differ by more than `level` from the empty stage under this light.
    pub fn mark_changed(
        &self,
        grid: &Grid,
        gain: f32,
        level: f32,
        stage: CellBox,
        mask: &mut [bool],
    ) {
        mask.fill(false);
        for at in stage.indices(grid.columns()) {
            let expected = self.mean[at].map(|value| (value * gain).min(255.0));
            mask[at] = distance(grid.cells()[at], expected) > level;
        }
    }
}

/// The ratio at the centre of the fullest three neighbouring bins, weighted by their counts; 1 when all are empty.
fn centre_of_mode(histogram: &[u32; BINS]) -> f32 {
    let fullness = |at: usize| histogram[at - 1] + histogram[at] + histogram[at + 1];
    // Of equally full ones the nearest to no change of light wins.
    let nearness = |at: usize| usize::MAX - at.abs_diff(BINS / 2);
    let best = (1..BINS - 1).max_by_key(|at| (fullness(*at), nearness(*at)));
    let best = best.unwrap_or(BINS / 2);
    let total = fullness(best);
    if total == 0 {
        return 1.0;
    }
    let weighted: f32 = (best - 1..=best + 1)
        .map(|at| histogram[at] as f32 * (at as f32 + 0.5))
        .sum();
    (weighted / total as f32 / BINS as f32 * 2.0 - 1.0).exp2()
}
