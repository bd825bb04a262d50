//! What the bytes of a file must be: length, SHA-256, and the SHA-256 of each chunk, so that no chunk is written before it
//! is proven and nothing is hashed twice.

use std::sync::mpsc::sync_channel;

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

use crate::digest::{Digest, Hasher};

/// Bytes of a chunk; the last of a file may be shorter.
pub const CHUNK_BYTES: u64 = 1 << 20;
/// Chunks that are in memory at a time: read, being hashed, or proven and not yet written.
const AHEAD: usize = 12;

/// A file's bytes, by their digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// In bytes, at least 1.
    pub length: u64,
    /// Of all of them: the name that people and deltas call it by.
    pub sha256: Digest,
    /// Of each chunk; none where there is one chunk alone, whose digest is `sha256`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub chunks: Vec<Digest>,
}

impl Content {
    /// Measures what `read` gives until its end. Errors: those of `read`.
    pub fn measure(mut read: impl FnMut(&mut [u8]) -> Result<usize, Fault>) -> Result<Self, Fault> {
        let mut chunk = vec![0; CHUNK_BYTES as usize];
        let (mut whole, mut length, mut chunks) = (Hasher::default(), 0, Vec::new());
        loop {
            let count = fill(&mut chunk, &mut read)?;
            if count == 0 {
                break;
            }
            whole.update(&chunk[..count]);
            chunks.push(Digest::of(&chunk[..count]));
            length += count as u64;
        }
        if chunks.len() <= 1 {
            chunks.clear();
        }
        Ok(Self {
            length,
            sha256: whole.finish(),
            chunks,
        })
    }

    /// Of bytes in memory.
    pub fn of(mut bytes: &[u8]) -> Self {
        let read = |into: &mut [u8]| Ok(std::io::Read::read(&mut bytes, into).unwrap_or(0));
        Self::measure(read).expect("memory can be read")
    }

    /// Whether there are as many chunks as the length asks for.
    pub(crate) fn is_well_formed(&self) -> bool {
        match self.length.div_ceil(CHUNK_BYTES) {
            0 => false,
            1 => self.chunks.is_empty(),
            count => self.chunks.len() as u64 == count,
        }
    }

    /// The digest of chunk `index`.
    fn chunk(&self, index: usize) -> Digest {
        self.chunks.get(index).copied().unwrap_or(self.sha256)
    }

    /// Moves all of it from `read` (which answers how many bytes it filled in, 0 at the end) to `write`, chunk by chunk, each
    /// proven before. A thread of its own hashes what was read ahead, so that the disk does not wait for it. Errors: E801
    /// where `read` gives other bytes or ends early; those of `read` and `write`.
    pub(crate) fn copy(
        &self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, Fault>,
        mut write: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let count = self.length.div_ceil(CHUNK_BYTES) as usize;
        if count == 1 {
            let mut chunk = Vec::new();
            self.read_chunk(0, &mut chunk, &mut read)?;
            self.prove(0, Digest::of(&chunk))?;
            return write(&chunk);
        }
        let (to_hash, from_read) = sync_channel::<Vec<u8>>(AHEAD);
        let (to_write, hashed) = sync_channel(AHEAD);
        std::thread::scope(|scope| {
            let hash = move || {
                for chunk in from_read {
                    let digest = Digest::of(&chunk);
                    if to_write.send((chunk, digest)).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().spawn_scoped(scope, hash);
            thread.map_err(crate::bundle::io)?;
            // Dropped at the end of this closure, whatever that is: the thread then ends too.
            let (to_hash, hashed) = (to_hash, hashed);
            let mut free = vec![Vec::new(); AHEAD.min(count)];
            let mut next = 0;
            for index in 0..count {
                while next < count
                    && let Some(mut chunk) = free.pop()
                {
                    self.read_chunk(next, &mut chunk, &mut read)?;
                    next += 1;
                    to_hash.send(chunk).map_err(|_| no_thread())?;
                }
                let (chunk, digest) = hashed.recv().map_err(|_| no_thread())?;
                self.prove(index, digest)?;
                write(&chunk)?;
                free.push(chunk);
            }
            Ok(())
        })
    }

    /// Fills `chunk` with chunk `index`, unproven.
    fn read_chunk(
        &self,
        index: usize,
        chunk: &mut Vec<u8>,
        read: &mut impl FnMut(&mut [u8]) -> Result<usize, Fault>,
    ) -> Result<(), Fault> {
        let begin = index as u64 * CHUNK_BYTES;
        chunk.resize(CHUNK_BYTES.min(self.length - begin) as usize, 0);
        match fill(chunk, read)? {
            count if count < chunk.len() => {
                let got = format!("the end after {}", begin + count as u64);
                Err(other_bytes(format!("{} bytes", self.length), got))
            }
            _ => Ok(()),
        }
    }

    /// Whether chunk `index` has the digest that it should have.
    fn prove(&self, index: usize, got: Digest) -> Result<(), Fault> {
        let expected = self.chunk(index);
        match expected == got {
            true => Ok(()),
            false => Err(other_bytes(
                format!("chunk {index} with SHA-256 {expected}"),
                got.to_string(),
            )),
        }
    }
}

/// The hashing thread ends only when nobody listens.
fn no_thread() -> Fault {
    let remedy = "start the update again; if that does not help, report this";
    Fault::new(Code::Io, "a thread that hashes", "none", remedy)
}

/// Fills `into` as far as there are bytes.
fn fill(
    into: &mut [u8],
    read: &mut impl FnMut(&mut [u8]) -> Result<usize, Fault>,
) -> Result<usize, Fault> {
    let mut count = 0;
    while count < into.len() {
        match read(&mut into[count..])? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

fn other_bytes(expected: String, got: String) -> Fault {
    let remedy = "copy the file again; if that does not help, ask its maker";
    Fault::new(Code::BundleDamaged, expected, got, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(content: &Content, mut bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let read = |into: &mut [u8]| {
            let most = into.len().min(1000);
            Ok(std::io::Read::read(&mut bytes, &mut into[..most]).unwrap())
        };
        content.copy(read, |chunk| {
            out.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(out)
    }

    #[test]
    fn files_of_any_number_of_chunks_are_copied_whole() {
        for length in [
            1,
            999,
            CHUNK_BYTES as usize,
            CHUNK_BYTES as usize + 1,
            3 << 20,
        ] {
            let bytes: Vec<u8> = (0..length).map(|i| (i / 7) as u8).collect();
            let content = Content::of(&bytes);
            assert!(content.is_well_formed());
            assert_eq!(content.sha256, Digest::of(&bytes));
            assert!(copied(&content, &bytes).unwrap() == bytes);
            assert!(copied(&content, &bytes[..length - 1]).is_err());
        }
    }

    #[test]
    fn nothing_of_a_changed_chunk_is_written() {
        let mut bytes = vec![1; (2 << 20) + 5];
        let content = Content::of(&bytes);
        bytes[1 << 20] = 2;
        let (mut input, mut written) = (&bytes[..], 0);
        let fault = content.copy(
            |into| Ok(std::io::Read::read(&mut input, into).unwrap()),
            |chunk| {
                written += chunk.len();
                Ok(())
            },
        );
        assert!(fault.unwrap_err().to_string().contains("chunk 1 "));
        assert_eq!(written, 1 << 20);
    }

    #[test]
    fn a_table_of_chunks_that_does_not_fit_the_length_is_noticed() {
        let good = Content::of(&vec![0; 3 << 20]);
        let with = |length, chunks: usize| Content {
            length,
            chunks: good.chunks[..chunks].to_vec(),
            ..good.clone()
        };
        assert!(good.is_well_formed());
        for (length, chunks) in [(0, 0), (1, 1), (3 << 20, 2), (2 << 20, 3), (u64::MAX, 3)] {
            assert!(!with(length, chunks).is_well_formed(), "{length} {chunks}");
        }
    }
}
