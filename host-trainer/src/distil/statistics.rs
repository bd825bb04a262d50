//! The vectors that whitening is fitted on, seen twice: once as they are computed, once more when the members' whitenings
//! are known and the joined vectors can be made. Between the two they lie in memory where there are few, otherwise in an
//! unnamed file of the system's temporary folder, so that memory does not grow with the pictures.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use skueye_models::Fault;

use crate::vectors::Vectors;
use crate::whitening::Moments;

/// Rows that are read and added at a time: what [`Moments`] adds at once, so that how the rows arrive changes no digit.
pub(super) const BLOCK: usize = 2048;

/// Vectors of pictures, with their moments.
#[derive(Debug)]
pub struct Statistics {
    moments: Moments,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Here(Vectors),
    Spooled { file: File, count: usize },
}

impl From<Vectors> for Statistics {
    fn from(vectors: Vectors) -> Self {
        Self {
            moments: Moments::of(&vectors),
            rows: Rows::Here(vectors),
        }
    }
}

impl Statistics {
    /// Count, mean and scatter.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.moments.dim()
    }

    /// How many vectors there are.
    pub fn rows(&self) -> usize {
        match &self.rows {
            Rows::Here(vectors) => vectors.rows(),
            Rows::Spooled { count, .. } => *count,
        }
    }

    /// All of them, where they are in memory.
    pub fn here(&self) -> Option<&Vectors> {
        match &self.rows {
            Rows::Here(vectors) => Some(vectors),
            Rows::Spooled { .. } => None,
        }
    }

    /// Rows `first` to `first + BLOCK - 1`, or to the last one. Errors: E901.
    pub(super) fn block(&self, first: usize) -> Result<Vectors, Fault> {
        let (dim, count) = (self.dim(), BLOCK.min(self.rows().saturating_sub(first)));
        match &self.rows {
            Rows::Here(vectors) => {
                Vectors::new(dim, vectors.values()[first * dim..][..count * dim].to_vec())
            }
            Rows::Spooled { file, .. } => {
                let mut bytes = vec![0; count * dim * 4];
                file.read_exact_at(&mut bytes, (first * dim * 4) as u64)
                    .map_err(|e| Fault::io("read", spool(), &e))?;
                let values = bytes.as_chunks().0.iter();
                Vectors::new(dim, values.map(|four| f32::from_le_bytes(*four)).collect())
            }
        }
    }
}

/// Takes vectors in as they are computed.
pub struct Gathering {
    moments: Moments,
    file: File,
    written: usize,
    /// Less than a block.
    pending: Vectors,
}

impl Gathering {
    /// Of vectors of `dim` values. Errors: E901.
    pub fn new(dim: usize) -> Result<Self, Fault> {
        let file = tempfile::tempfile().map_err(|e| Fault::io("create", spool(), &e))?;
        Ok(Self {
            moments: Moments::new(dim),
            file,
            written: 0,
            pending: Vectors::empty(dim),
        })
    }

    /// Takes the rows of `vectors` in. Errors: E626, E901.
    pub fn add(&mut self, vectors: &Vectors) -> Result<(), Fault> {
        self.pending.append(vectors)?;
        let dim = self.moments.dim();
        while self.pending.rows() >= BLOCK {
            let values = self.pending.values();
            let block = Vectors::new(dim, values[..BLOCK * dim].to_vec())?;
            let rest = Vectors::new(dim, values[BLOCK * dim..].to_vec())?;
            self.pending = rest;
            self.keep(&block)?;
        }
        Ok(())
    }

    /// All that was taken in. Errors: E901.
    pub fn finish(mut self) -> Result<Statistics, Fault> {
        let last = std::mem::replace(&mut self.pending, Vectors::empty(self.moments.dim()));
        self.keep(&last)?;
        Ok(Statistics {
            moments: self.moments,
            rows: Rows::Spooled {
                file: self.file,
                count: self.written,
            },
        })
    }

    fn keep(&mut self, block: &Vectors) -> Result<(), Fault> {
        let values = block.values().iter();
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        let at = (self.written * self.moments.dim() * 4) as u64;
        self.file
            .write_all_at(&bytes, at)
            .map_err(|e| Fault::io("write", spool(), &e))?;
        self.written += block.rows();
        self.moments.add(block)
    }
}

/// What a fault names: the file itself has no name.
fn spool() -> PathBuf {
    std::env::temp_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn spooled_vectors_are_those_in_memory_however_they_arrive() {
        let (rows, dim) = (2 * BLOCK + 700, 5);
        let mut random = Random::new(1, &[]);
        let values: Vec<f32> = (0..rows * dim).map(|_| random.normal()).collect();
        let here = Statistics::from(Vectors::new(dim, values.clone()).unwrap());
        let mut gathering = Gathering::new(dim).unwrap();
        for part in values.chunks(900 * dim) {
            let part = Vectors::new(dim, part.to_vec()).unwrap();
            gathering.add(&part).unwrap();
        }
        let spooled = gathering.finish().unwrap();
        assert_eq!(spooled.moments(), here.moments());
        assert_eq!(spooled.rows(), rows);
        for first in (0..rows).step_by(BLOCK) {
            assert_eq!(spooled.block(first).unwrap(), here.block(first).unwrap());
        }
        let empty = Gathering::new(3).unwrap().finish().unwrap();
        assert_eq!((empty.rows(), empty.block(0).unwrap().rows()), (0, 0));
    }
}
