//! Moving bytes in pieces while hashing them, so that memory stays small and nothing is read twice.

use sha2::{Digest as _, Sha256};
use skueye_models::{Code, Fault};

use crate::digest::Digest;

const PIECE_BYTES: usize = 256 * 1024;

/// Moves exactly `length` bytes from `read` (which answers how many it filled in, 0 at the end) to `write`.
pub(crate) fn copy(
    length: u64,
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Fault>,
    mut write: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<Digest, Fault> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut hasher = Sha256::new();
    let mut left = length;
    while left > 0 {
        let most = PIECE_BYTES.min(usize::try_from(left).unwrap_or(PIECE_BYTES));
        let count = read(&mut piece[..most])?;
        if count == 0 {
            return Err(ends_early(length, length - left));
        }
        hasher.update(&piece[..count]);
        write(&piece[..count])?;
        left -= count as u64;
    }
    Ok(hasher.into())
}

/// A reader of the standard library as the `read` of [`copy`].
pub(crate) fn from_reader(
    reader: &mut impl std::io::Read,
) -> impl FnMut(&mut [u8]) -> Result<usize, Fault> {
    |piece| loop {
        match reader.read(piece) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other.map_err(|e| io(&e)),
        }
    }
}

/// A failed read or write of a bundle; the caller knows its path.
pub(crate) fn io(error: &std::io::Error) -> Fault {
    Fault::new(
        Code::Io,
        "a file that can be read and written to its end",
        error.to_string(),
        "check the disk or stick and its free space",
    )
}

fn ends_early(length: u64, got: u64) -> Fault {
    Fault::new(
        Code::BundleDamaged,
        format!("{length} bytes"),
        format!("the end after {got}"),
        "copy the file again",
    )
}
