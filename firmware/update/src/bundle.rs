//! The file `*.skueye`.
//!
//! ```text
//! 0   8  magic 89 "SKUEYE" 0A   (a transfer that touches line ends or the high bit breaks it)
//! 8   4  format version, 1      (whole numbers are little-endian)
//! 12  4  length of the manifest
//! 16  4  length of the signature
//! 20     manifest: canonical JSON
//!        signature: the content of a minisign signature file over the manifest, prehashed
//!        payloads, behind each other to the end of the file
//! ```
//!
//! What the reader must withstand:
//! 1. lengths that lie: capped before anything is allocated, added with overflow checks, and the parts must tile the
//!    file exactly, so cut and padded files are refused before a payload is read;
//! 2. text of an attacker: the manifest is not even parsed until its signature holds;
//! 3. a stolen catalogue key: it may ship galleries and settings only, and cannot raise the epoch;
//! 4. names that leave the folder or clash: plain names only, each once, whatever the case of its letters;
//! 5. changed payloads: hashed while they are copied, never read a second time.

use std::io::{Read, Seek, SeekFrom};

use skueye_models::{Code, Fault};

use crate::keys::{KeyRing, Role};
use crate::manifest::{BundleManifest, MAX_MANIFEST_BYTES, Payload};
use crate::transfer;

mod write;

pub use write::{Draft, Source, write};

const MAGIC: [u8; 8] = *b"\x89SKUEYE\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 20;
const MAX_SIGNATURE_BYTES: usize = 4096;

/// A file that claims to be a bundle: its head is read, nothing is believed.
#[derive(Debug)]
pub struct UntrustedBundle<R> {
    reader: R,
    file_bytes: u64,
    manifest: Vec<u8>,
    signature: Vec<u8>,
}

impl<R: Read + Seek> UntrustedBundle<R> {
    /// Reads manifest and signature. Errors: E801 when it is no bundle or ends early, E901 when it cannot be read.
    pub fn parse(mut reader: R) -> Result<Self, Fault> {
        let io = |e: std::io::Error| transfer::io(&e);
        let file_bytes = reader.seek(SeekFrom::End(0)).map_err(io)?;
        reader.rewind().map_err(io)?;
        let header = read_exactly(&mut reader, HEADER_BYTES)?;
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if header[..8] != MAGIC || number(8) != VERSION {
            let got = format!("{} version {}", header[..8].escape_ascii(), number(8));
            return Err(damaged(&format!("a bundle of version {VERSION}"), got));
        }
        let manifest = read_capped(&mut reader, number(12), MAX_MANIFEST_BYTES)?;
        let signature = read_capped(&mut reader, number(16), MAX_SIGNATURE_BYTES)?;
        Ok(Self {
            reader,
            file_bytes,
            manifest,
            signature,
        })
    }

    /// Proves who made it and that it is well formed. Errors: E802 for the signature, E803 when the key may not ship
    /// what is in it, E801 for the rest.
    pub fn verify(self, keys: &KeyRing) -> Result<VerifiedManifest<R>, Fault> {
        let role = keys.verify(&self.manifest, &self.signature)?;
        let manifest = BundleManifest::parse(&self.manifest)?;
        if let Some(payload) = manifest.payloads.iter().find(|p| !role.may_ship(p.kind)) {
            return Err(Fault::new(
                Code::BundleRefused,
                "galleries and settings alone from a catalogue key",
                format!("{} of kind {:?}", payload.name, payload.kind),
                "have it signed with the release key",
            ));
        }
        let payload_start = (HEADER_BYTES + self.manifest.len() + self.signature.len()) as u64;
        let end = manifest.payload_bytes()?.checked_add(payload_start);
        if end != Some(self.file_bytes) {
            let expected = end.map_or("fewer".into(), |end| end.to_string());
            let got = format!("{} bytes", self.file_bytes);
            return Err(damaged(&format!("a file of {expected} bytes"), got));
        }
        Ok(VerifiedManifest {
            reader: self.reader,
            manifest,
            role,
            payload_start,
        })
    }
}

/// A bundle whose manifest is signed by a known key of a sufficient role and tiles the file. Its payloads are proven
/// one by one while they are copied.
#[derive(Debug)]
pub struct VerifiedManifest<R> {
    reader: R,
    manifest: BundleManifest,
    role: Role,
    payload_start: u64,
}

impl<R: Read + Seek> VerifiedManifest<R> {
    /// What the bundle holds.
    pub fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// The role of the key that signed it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Copies one payload to `write`, once. The caller must throw away what was written when this fails: E801 when
    /// the bytes are not those that were signed.
    pub(crate) fn copy_payload(
        &mut self,
        payload: &Payload,
        write: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let begin = SeekFrom::Start(self.payload_start + payload.offset);
        self.reader.seek(begin).map_err(|e| transfer::io(&e))?;
        let read = transfer::from_reader(&mut self.reader);
        let sha256 = transfer::copy(payload.length, read, write)?;
        if sha256 != payload.sha256 {
            let expected = format!("{} with SHA-256 {}", payload.name, payload.sha256);
            return Err(damaged(&expected, sha256.to_string()));
        }
        Ok(())
    }
}

fn read_capped(reader: &mut impl Read, length: u32, most: usize) -> Result<Vec<u8>, Fault> {
    match usize::try_from(length) {
        Ok(length) if length <= most => read_exactly(reader, length),
        _ => Err(damaged(
            &format!("at most {most} bytes"),
            format!("a length of {length}"),
        )),
    }
}

fn read_exactly(reader: &mut impl Read, length: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("more bytes", "the end of the file".into()),
        _ => transfer::io(&e),
    })?;
    Ok(bytes)
}

fn damaged(expected: &str, got: String) -> Fault {
    let remedy = "copy the bundle again; if that does not help, ask its maker";
    Fault::new(Code::BundleDamaged, expected, got, remedy)
}
