//! The reinforced store: the teacher's vectors of several views of every training picture, computed once and kept on
//! disk, so that no teacher runs while the student trains (METHOD 4; "reinforced data set", MobileCLIP, arXiv 2311.17049).
//!
//! A store is a folder of parts, one for each process that computed it (`part-1-of-1.skr`). All parts of a folder are
//! read as one store. A row belongs to a picture's *content*, not to its name or number, and to a view's number, which
//! seeds the view's random stream: the student is shown the very pixels that the teacher saw.
//!
//! A part is written from front to back and never rewritten. Little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `SKUEYE-R` |
//! | 4 | version, 1 |
//! | 4 | `dim`, values of a vector |
//! | 4 | `n`, length of the settings |
//! | n | the settings as JSON: teacher, augmentation, seed, preprocessing; equal bytes or another store |
//! | 4 | CRC-32 of all of the above |
//! | | then blocks, up to the end: |
//! | 4 | magic `BLCK` |
//! | 4 | `rows` of the block, 1 to 1,024 |
//! | rows x (16 + 4 + 2 dim) | content (half a SHA-256 of the picture's file), view, unit vector in FP16 |
//! | 4 | CRC-32 of the block so far |
//!
//! A block is synced before the next one begins. What follows the last whole block, after a power cut or a full disk, is
//! cut off when the part is continued. No part is mapped: vectors are read by position, 2 KB at a time, so that memory
//! stays at 8 bytes a row plus the map from contents to pictures.

mod format;
mod merge;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::shard::Shard;

pub use merge::merge;
pub use reader::{Rows, Store};
pub use writer::PartWriter;

/// What a row is of: half a SHA-256 of the picture's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Content(pub [u8; 16]);

impl Content {
    /// Of a picture's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(bytes)[..16]);
        Self(half)
    }

    /// 64 of its bits, which seed random streams.
    pub fn seed(&self) -> u64 {
        let mut low = [0; 8];
        low.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(low)
    }
}

/// A picture's view: content and the number of the view.
pub type RowKey = (Content, u32);

/// The file of `shard`'s part in the store at `folder`.
fn part_file(folder: &Path, shard: Shard) -> PathBuf {
    let name = format!(
        "part-{}-of-{}.{}",
        shard.number(),
        shard.count(),
        format::EXTENSION
    );
    folder.join(name)
}
