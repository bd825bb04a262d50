//! The read-only memory map: the only place where a file becomes bytes without being copied.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps the whole of `file`, read-only.
///
/// A gallery file is never changed in place: [`crate::GalleryBuilder::write`] makes a new file and renames it over the old
/// one, whose pages stay with those who have it mapped.
pub(crate) fn read_only(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private to this process and read-only. What remains for the caller to uphold is that no other
    // process shortens or changes the file while it is mapped; the contract above (immutable, replaced by rename, on a
    // file system that only the update program writes to) says so. All bytes are read as integers and f32, for which
    // every bit pattern is valid, and every value is checked where it is used, so that changed bytes give wrong answers
    // at worst; text is checked to be UTF-8 at each read and not kept.
    unsafe { Mmap::map(file) }
}
