//! The file `*.skueye`.
//!
//! ```text
//! 0   8  magic 89 "SKUEYE" 0A   (a transfer that touches line ends or the high bit breaks it)
//! 8   4  format version, 1      (whole numbers are little-endian)
//! 12  4  length of the key sets
//! 16  4  length of the manifest
//! 20  4  length of the signature
//! 24     key sets, the oldest first: those that follow one another up to the one whose keys signed this bundle; each is
//!        4 + 4 bytes of lengths, canonical JSON, the content of a minisign signature file over it
//!        manifest: canonical JSON
//!        signature: the content of a minisign signature file over the manifest, prehashed
//!        payloads, behind each other to the end of the file
//! ```
//!
//! What the reader must withstand:
//! 1. lengths that lie: capped before anything is allocated, added with overflow checks, and the parts must tile the
//!    file exactly, so cut and padded files are refused before a payload is read;
//! 2. text of an attacker: key sets and manifest are not even parsed until their signatures hold;
//! 3. a stolen catalogue key: it may ship galleries and settings only, and cannot raise the epoch;
//! 4. names that leave the folder or clash: plain names only, each once, whatever the case of its letters;
//! 5. changed payloads: each chunk is proven before it is written, and never read a second time;
//! 6. a delta that was made to harm: what it makes of the device's file is proven like any payload.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use skueye_models::{Code, Fault};

use crate::content::Content;
use crate::delta::DeltaReader;
use crate::digest::{Digest, Hasher};
use crate::keys::{KeySet, Role};
use crate::manifest::{BundleManifest, MAX_MANIFEST_BYTES, Payload};

mod write;

pub use write::{Draft, SignedKeys, Source, SourceDelta, write};

const MAGIC: [u8; 8] = *b"\x89SKUEYE\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const MAX_SIGNATURE_BYTES: usize = 4096;
const MAX_KEYS_BYTES: usize = 256 * 1024;

/// A file that claims to be a bundle: its head is read, nothing is believed.
#[derive(Debug)]
pub struct UntrustedBundle<R> {
    reader: R,
    file_bytes: u64,
    keys: Vec<u8>,
    manifest: Vec<u8>,
    signature: Vec<u8>,
}

impl UntrustedBundle<BufReader<File>> {
    /// The bundle in the file at `path`. Errors: those of [`UntrustedBundle::parse`].
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|e| Fault::io("read", path, &e))?;
        Self::parse(BufReader::new(file)).map_err(|fault| fault.at(path))
    }
}

impl<R: Read + Seek> UntrustedBundle<R> {
    /// Reads key sets, manifest and signature. Errors: E801 when it is no bundle or ends early, E901 when it cannot be read.
    pub fn parse(mut reader: R) -> Result<Self, Fault> {
        let file_bytes = reader.seek(SeekFrom::End(0)).map_err(io)?;
        reader.rewind().map_err(io)?;
        let header = read_exactly(&mut reader, HEADER_BYTES)?;
        if header[..8] != MAGIC || number(&header, 8) != Some(VERSION) {
            let got = header[..12].escape_ascii().to_string();
            return Err(damaged(&format!("a bundle of version {VERSION}"), got));
        }
        let mut part = |at: usize, most| {
            read_capped(&mut reader, number(&header, at).unwrap_or(u32::MAX), most)
        };
        let keys = part(12, MAX_KEYS_BYTES)?;
        let manifest = part(16, MAX_MANIFEST_BYTES)?;
        let signature = part(20, MAX_SIGNATURE_BYTES)?;
        Ok(Self {
            reader,
            file_bytes,
            keys,
            manifest,
            signature,
        })
    }

    /// Proves who made it and that it is well formed. Errors: E802 for a signature, E803 when the key may not ship what is
    /// in it, E801 for the rest.
    pub fn verify(self, keys: &KeySet) -> Result<VerifiedManifest<R>, Fault> {
        let keys = follow(keys, &self.keys)?;
        let role = keys.verify(&self.manifest, &self.signature)?;
        let manifest = BundleManifest::parse(&self.manifest)?;
        may_ship(role, &manifest)?;
        self.is_tiled(&manifest)?;
        Ok(VerifiedManifest {
            payload_start: self.payload_start(),
            reader: self.reader,
            digest: Digest::of(&self.manifest),
            manifest,
            role,
            keys,
        })
    }

    /// Everything that is wrong with it, every payload read; `progress` hears of the bytes. For people who look at a bundle:
    /// what installs uses [`UntrustedBundle::verify`] alone.
    pub fn problems(mut self, keys: &KeySet, progress: impl FnMut(u64)) -> Vec<Fault> {
        let (keys, mut problems) = match follow(keys, &self.keys) {
            Ok(keys) => (keys, Vec::new()),
            Err(fault) => (keys.clone(), vec![fault]),
        };
        let role = keys.verify(&self.manifest, &self.signature);
        let manifest = match self.claims() {
            Ok(manifest) => manifest,
            Err(fault) => {
                problems.extend(role.err());
                problems.push(fault);
                return problems;
            }
        };
        problems.extend(role.and_then(|role| may_ship(role, &manifest)).err());
        problems.extend(self.is_tiled(&manifest).err());
        let start = self.payload_start();
        problems.extend(check_payloads(&mut self.reader, start, &manifest, progress));
        problems
    }

    /// What it says about itself; nobody vouches for it. Errors: E801.
    pub fn claims(&self) -> Result<BundleManifest, Fault> {
        BundleManifest::parse(&self.manifest)
    }

    /// SHA-256 of everything before the payloads, which holds the digests of these: a name for the whole file.
    pub(crate) fn head(&self) -> Digest {
        let mut hasher = Hasher::default();
        for part in [&self.keys, &self.manifest, &self.signature] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finish()
    }

    /// Of the whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The text that is signed.
    pub fn manifest_text(&self) -> &[u8] {
        &self.manifest
    }

    /// The content of the signature file; empty where it is not signed.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Writes it with another signature: the content of a minisign signature file over [`UntrustedBundle::manifest_text`].
    /// Errors: E801 for one that is too long, E901.
    pub fn write_signed(mut self, signature: &str, out: &mut impl Write) -> Result<(), Fault> {
        let begin = SeekFrom::Start(self.payload_start());
        self.reader.seek(begin).map_err(io)?;
        let signature = signature.as_bytes();
        let head = write::header(self.keys.len(), self.manifest.len(), signature.len())?;
        for part in [&head[..], &self.keys, &self.manifest, signature] {
            out.write_all(part).map_err(io)?;
        }
        std::io::copy(&mut self.reader, out).map_err(io)?;
        Ok(())
    }

    fn payload_start(&self) -> u64 {
        let parts = [&self.keys, &self.manifest, &self.signature];
        (HEADER_BYTES + parts.map(Vec::len).iter().sum::<usize>()) as u64
    }

    fn is_tiled(&self, manifest: &BundleManifest) -> Result<(), Fault> {
        let end = manifest.payload_bytes()?.checked_add(self.payload_start());
        if end == Some(self.file_bytes) {
            return Ok(());
        }
        let expected = end.map_or("fewer".into(), |end| end.to_string());
        let got = format!("{} bytes", self.file_bytes);
        Err(damaged(&format!("a file of {expected} bytes"), got))
    }
}

fn may_ship(role: Role, manifest: &BundleManifest) -> Result<(), Fault> {
    let refused = manifest.payloads.iter().find(|p| !role.may_ship(p.kind));
    refused.map_or(Ok(()), |payload| {
        Err(Fault::new(
            Code::BundleRefused,
            "galleries and settings alone from a catalogue key",
            format!("{} of kind {:?}", payload.name, payload.kind),
            "have it signed with the release key",
        ))
    })
}

/// The key set at the end of the chain that begins with `keys`.
fn follow(keys: &KeySet, mut chain: &[u8]) -> Result<KeySet, Fault> {
    let mut keys = keys.clone();
    while !chain.is_empty() {
        let link = next_link(&mut chain)
            .ok_or_else(|| damaged("key sets and their signatures", "another division".into()))?;
        keys = keys.succeeded_by(link.0, link.1)?;
    }
    Ok(keys)
}

/// Text and signature of the next key set.
fn next_link<'a>(chain: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (text, signature) = (number(chain, 0)? as usize, number(chain, 4)? as usize);
    let (text, rest) = chain[8..].split_at_checked(text)?;
    let (signature, rest) = rest.split_at_checked(signature)?;
    *chain = rest;
    Some((text, signature))
}

/// A bundle whose manifest is signed by a known key of a sufficient role and tiles the file. Its payloads are proven
/// one by one while they are copied.
#[derive(Debug)]
pub struct VerifiedManifest<R> {
    reader: R,
    manifest: BundleManifest,
    digest: Digest,
    role: Role,
    keys: KeySet,
    payload_start: u64,
}

impl<R: Read + Seek> VerifiedManifest<R> {
    /// What the bundle holds.
    pub fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// SHA-256 of the manifest's text, which permits name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The role of the key that signed it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The keys of the device after it: those it had, or newer ones that it brings.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Copies what a payload results in to `write`, each chunk proven before. `base` reads the file that a delta changes,
    /// from an offset. The caller must throw away what was written when this fails: E801 when the bytes are not those that
    /// were signed.
    pub(crate) fn copy_payload(
        &mut self,
        payload: &Payload,
        base: impl FnMut(u64, &mut [u8]) -> Result<usize, Fault>,
        write: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let begin = SeekFrom::Start(self.payload_start + payload.offset);
        self.reader.seek(begin).map_err(io)?;
        let reader = &mut self.reader;
        let mut stored = (&mut *reader).take(payload.stored.length);
        let read = |into: &mut [u8]| read_some(&mut stored, into);
        let copied = match &payload.delta {
            None => payload.stored.copy(read, write),
            Some(delta) => {
                let mut made = DeltaReader::new(base, read);
                delta.result.copy(|into| made.read(into), write)
            }
        };
        copied.map_err(|fault| named(fault, &payload.name))
    }
}

/// Reads every payload and proves its bytes as they lie in the bundle, writing nothing. Answers what is wrong with each.
fn check_payloads<R: Read + Seek>(
    reader: &mut R,
    payload_start: u64,
    manifest: &BundleManifest,
    mut progress: impl FnMut(u64),
) -> Vec<Fault> {
    let mut check = |payload: &Payload| {
        let begin = SeekFrom::Start(payload_start.saturating_add(payload.offset));
        reader.seek(begin).map_err(io)?;
        let mut stored = (&mut *reader).take(payload.stored.length);
        let read = |into: &mut [u8]| read_some(&mut stored, into);
        let copied = payload.stored.copy(read, |bytes| {
            progress(bytes.len() as u64);
            Ok(())
        });
        copied.map_err(|fault| named(fault, &payload.name))
    };
    let checked = manifest.payloads.iter().map(&mut check);
    checked.filter_map(Result::err).collect()
}

/// Measures a file of the host. Errors: E901.
pub fn measure(reader: &mut impl Read) -> Result<Content, Fault> {
    Content::measure(|into| read_some(reader, into))
}

/// [`Read::read`], tried again where a signal interrupts it.
fn read_some(reader: &mut impl Read, into: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match reader.read(into) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other.map_err(io),
        }
    }
}

/// A fault of the disk names its own path.
fn named(fault: Fault, payload: &str) -> Fault {
    match fault.path() {
        Some(_) => fault,
        None => fault.at(payload),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
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
        _ => io(e),
    })?;
    Ok(bytes)
}

/// A failed read or write of a bundle; the caller knows its path.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn io(error: std::io::Error) -> Fault {
    Fault::new(
        Code::Io,
        "a file that can be read and written to its end",
        error.to_string(),
        "check the disk or stick and its free space",
    )
}

fn damaged(expected: &str, got: String) -> Fault {
    let remedy = "copy the bundle again; if that does not help, ask its maker";
    Fault::new(Code::BundleDamaged, expected, got, remedy)
}
