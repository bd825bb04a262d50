//! Connected groups of changed cells.

use super::grid::CellBox;

/// Changed cells this far apart belong together: labels and edges of the stage's own colour leave gaps.
const BRIDGE: u32 = 2;
/// A changed cell with fewer changed neighbours (of 8) is noise.
const LEAST_NEIGHBOURS: usize = 3;

/// Finds blobs in a mask that it owns; it takes its memory once.
#[derive(Debug, Default)]
pub(super) struct BlobFinder {
    columns: u32,
    rows: u32,
    mask: Vec<bool>,
    open: Vec<bool>,
    stack: Vec<(u32, u32)>,
    blobs: Vec<(CellBox, u32)>,
}

/// Blobs that are kept, the largest ones.
const MOST: usize = 16;

impl BlobFinder {
    pub fn new(columns: u32, rows: u32) -> Self {
        let cells = (columns * rows) as usize;
        Self {
            columns,
            rows,
            mask: vec![false; cells],
            open: vec![false; cells],
            stack: Vec::with_capacity(cells),
            blobs: Vec::with_capacity(MOST + 1),
        }
    }

    pub fn mask(&self) -> &[bool] {
        &self.mask
    }

    pub fn mask_mut(&mut self) -> &mut [bool] {
        &mut self.mask
    }

    /// The boxes of the blobs and their numbers of cells, the largest first; of equal ones the first from the top left.
    pub fn find(&mut self) -> &[(CellBox, u32)] {
        for y in 0..self.rows {
            for x in 0..self.columns {
                let at = self.index(x, y);
                self.open[at] = self.mask[at] && self.changed_neighbours(x, y) >= LEAST_NEIGHBOURS;
            }
        }
        self.blobs.clear();
        for y in 0..self.rows {
            for x in 0..self.columns {
                if self.open[self.index(x, y)] {
                    let blob = self.flood(x, y);
                    let place = self.blobs.partition_point(|before| before.1 >= blob.1);
                    self.blobs.insert(place, blob);
                    self.blobs.truncate(MOST);
                }
            }
        }
        &self.blobs
    }

    /// What [`Self::find`] found last.
    pub fn blobs(&self) -> &[(CellBox, u32)] {
        &self.blobs
    }

    /// Takes the blob that holds this cell out of `open`.
    fn flood(&mut self, x: u32, y: u32) -> (CellBox, u32) {
        let mut found = CellBox {
            left: x,
            top: y,
            right: x + 1,
            bottom: y + 1,
        };
        let mut cells = 0;
        self.take(x, y);
        while let Some((x, y)) = self.stack.pop() {
            cells += 1;
            found.left = found.left.min(x);
            found.right = found.right.max(x + 1);
            found.top = found.top.min(y);
            found.bottom = found.bottom.max(y + 1);
            let around = self.around(x, y, BRIDGE);
            for y in around.top..around.bottom {
                for x in around.left..around.right {
                    self.take(x, y);
                }
            }
        }
        (found, cells)
    }

    /// Moves a cell from `open` to the stack, if it is there.
    fn take(&mut self, x: u32, y: u32) {
        let at = self.index(x, y);
        if std::mem::take(&mut self.open[at]) {
            self.stack.push((x, y));
        }
    }

    fn changed_neighbours(&self, x: u32, y: u32) -> usize {
        let changed = self.around(x, y, 1).indices(self.columns);
        changed.filter(|at| self.mask[*at]).count() - 1
    }

    fn around(&self, x: u32, y: u32, reach: u32) -> CellBox {
        CellBox {
            left: x.saturating_sub(reach),
            top: y.saturating_sub(reach),
            right: (x + reach + 1).min(self.columns),
            bottom: (y + reach + 1).min(self.rows),
        }
    }

    fn index(&self, x: u32, y: u32) -> usize {
        (y * self.columns + x) as usize
    }
}
