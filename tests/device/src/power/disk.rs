//! The content of a block device, cheap to copy: blocks are shared between copies until one of them writes.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::trouble::Trouble;

/// What a disk writes whole or not at all, bytes.
pub const SECTOR: usize = 512;
/// Bytes that copies share.
const BLOCK: usize = 4096;

type Block = [u8; BLOCK];

/// Bytes of a disk that are known to be there, in whole sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    offset: usize,
    length: usize,
}

impl Extent {
    /// `None` for what is empty, not in whole sectors, or beyond a disk of `size` bytes.
    pub fn new(offset: u64, length: u64, size: u64) -> Option<Self> {
        let sector = SECTOR as u64;
        let is_whole = offset.is_multiple_of(sector) && length.is_multiple_of(sector);
        let is_inside = offset.checked_add(length).is_some_and(|end| end <= size);
        (length > 0 && is_whole && is_inside).then_some(Self {
            offset: offset as usize,
            length: length as usize,
        })
    }

    /// Where it begins, bytes.
    pub fn offset(self) -> usize {
        self.offset
    }

    /// Bytes.
    pub fn length(self) -> usize {
        self.length
    }

    /// The sectors, each as an extent.
    pub fn sectors(self) -> impl Iterator<Item = Self> {
        let starts = (self.offset..self.offset + self.length).step_by(SECTOR);
        starts.map(|offset| Self {
            offset,
            length: SECTOR,
        })
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.length, self.offset)
    }
}

/// A disk; what was never written reads as zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    blocks: Vec<Option<Arc<Block>>>,
}

impl Disk {
    /// An empty disk of so many bytes, rounded up to whole blocks.
    pub fn new(size: u64) -> Self {
        Self {
            blocks: vec![None; size.div_ceil(BLOCK as u64) as usize],
        }
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        (self.blocks.len() * BLOCK) as u64
    }

    /// The bytes of `extent`, which is one of this disk.
    pub fn read(&self, extent: Extent) -> Vec<u8> {
        let mut bytes = vec![0; extent.length];
        for (at, block, within) in pieces(extent) {
            if let Some(block) = &self.blocks[block] {
                let into = &mut bytes[at..at + within.len()];
                into.copy_from_slice(&block[within]);
            }
        }
        bytes
    }

    /// Writes as many bytes as `extent` has, which is one of this disk.
    pub fn write(&mut self, extent: Extent, bytes: &[u8]) {
        for (at, block, within) in pieces(extent) {
            let block = self.blocks[block].get_or_insert_with(|| Arc::new([0; BLOCK]));
            let from = &bytes[at..at + within.len()];
            Arc::make_mut(block)[within].copy_from_slice(from);
        }
    }

    /// Writes zeros to `extent`, which is one of this disk.
    pub fn zero(&mut self, extent: Extent) {
        for (_, block, within) in pieces(extent) {
            match within.len() {
                BLOCK => self.blocks[block] = None,
                _ => {
                    if let Some(block) = &mut self.blocks[block] {
                        Arc::make_mut(block)[within].fill(0);
                    }
                }
            }
        }
    }

    /// The disk in the image file `path`.
    pub fn load(path: &Path) -> Result<Self, Trouble> {
        let failed = |e: std::io::Error| Trouble::disk(path, &e);
        let file = File::open(path).map_err(failed)?;
        let mut disk = Self::new(file.metadata().map_err(failed)?.len());
        let mut bytes = [0; BLOCK];
        for (at, block) in (0u64..).zip(&mut disk.blocks) {
            let offset = at * BLOCK as u64;
            file.read_exact_at(&mut bytes, offset).map_err(failed)?;
            *block = (bytes != [0; BLOCK]).then(|| Arc::new(bytes));
        }
        Ok(disk)
    }

    /// Writes a new image file with holes where nothing is.
    pub fn save(&self, path: &Path) -> Result<(), Trouble> {
        let failed = |e: std::io::Error| Trouble::disk(path, &e);
        let file = File::create(path).map_err(failed)?;
        file.set_len(self.size()).map_err(failed)?;
        let mut run = Vec::new();
        for (at, block) in self.blocks.iter().chain([&None]).enumerate() {
            match block {
                Some(block) => run.extend_from_slice(&block[..]),
                None if run.is_empty() => {}
                None => {
                    let offset = at * BLOCK - run.len();
                    file.write_all_at(&run, offset as u64).map_err(failed)?;
                    run.clear();
                }
            }
        }
        Ok(())
    }
}

/// How an extent lies in blocks: where each piece begins in the extent, its block, and its bytes there.
fn pieces(extent: Extent) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let end = extent.offset + extent.length;
    let blocks = extent.offset / BLOCK..end.div_ceil(BLOCK);
    blocks.map(move |block| {
        let first = block * BLOCK;
        let from = extent.offset.max(first);
        let to = end.min(first + BLOCK);
        (from - extent.offset, block, from - first..to - first)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u64 = 8 * BLOCK as u64;

    /// What is done, where, and the value that is written.
    fn operations() -> impl Strategy<Value = Vec<(bool, u64, u64, u8)>> {
        let one = (any::<bool>(), 0..64u64, 1..24u64, 1..255u8);
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_array_holds_and_so_does_its_image(operations in operations()) {
            let folder = tempfile::tempdir().unwrap();
            let image = folder.path().join("image");
            let mut disk = Disk::new(SIZE);
            let mut plain = vec![0; SIZE as usize];
            let before = disk.clone();
            for (zero, sector, count, value) in operations {
                let count = count.min(64 - sector);
                let extent = Extent::new(sector * 512, count * 512, SIZE).unwrap();
                let bytes = vec![if zero { 0 } else { value }; extent.length()];
                match zero {
                    true => disk.zero(extent),
                    false => disk.write(extent, &bytes),
                }
                plain[extent.offset..][..extent.length].copy_from_slice(&bytes);
                prop_assert_eq!(&disk.read(extent), &bytes);
            }
            let whole = Extent::new(0, SIZE, SIZE).unwrap();
            prop_assert_eq!(&disk.read(whole), &plain);
            prop_assert_eq!(before, Disk::new(SIZE), "a copy is not written through");
            disk.save(&image).unwrap();
            prop_assert_eq!(&std::fs::read(&image).unwrap(), &plain);
            prop_assert_eq!(Disk::load(&image).unwrap().read(whole), plain);
        }

        #[test]
        fn an_extent_is_inside_its_disk(offset: u64, length: u64, size in 0..1u64 << 40) {
            if let Some(extent) = Extent::new(offset, length, size) {
                prop_assert!((extent.offset + extent.length) as u64 <= size);
                prop_assert_eq!(extent.sectors().count() * SECTOR, extent.length);
            }
        }
    }

    #[test]
    fn empty_ragged_and_outside_are_no_extents() {
        for (offset, length) in [
            (0, 0),
            (1, 512),
            (0, 511),
            (512, 512),
            (u64::MAX - 511, 512),
        ] {
            assert_eq!(Extent::new(offset, length, 512), None, "{offset} {length}");
        }
        assert!(Extent::new(0, 512, 512).is_some());
    }
}
