//! Making a bundle, on the host. The same input gives the same bytes, but for what the signer adds.

use std::io::{Read, Seek, Write};

use skueye_models::{EmbeddingId, Fault};

use super::{
    HEADER_BYTES, MAGIC, MAX_KEYS_BYTES, MAX_SIGNATURE_BYTES, VERSION, damaged, io, measure,
    read_some,
};
use crate::content::Content;
use crate::digest::Digest;
use crate::manifest::{BundleManifest, Delta, Kind, MAX_MANIFEST_BYTES, Payload};
use crate::version::Version;

/// What the maker says about a bundle; the fields are those of [`BundleManifest`].
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the fields are those of BundleManifest")]
pub struct Draft {
    pub hardware: Vec<String>,
    pub release: String,
    pub security_epoch: u64,
    pub requires_program: Version,
    pub embedding_id: Option<EmbeddingId>,
    pub notes: String,
}

/// A file to put in.
#[derive(Debug)]
pub struct Source<R> {
    /// Its name on the device.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Its bytes, from the begin. Read twice: to hash and to copy.
    pub content: R,
    /// Where the bytes are a delta ([`crate::delta::encode`]).
    pub delta: Option<SourceDelta>,
}

/// Which file a delta changes, and into what.
#[derive(Debug, Clone)]
pub struct SourceDelta {
    /// SHA-256 of the file that devices must have.
    pub base: Digest,
    /// The file that results.
    pub result: Content,
}

/// A set of keys with its signature.
#[derive(Debug, Clone)]
pub struct SignedKeys {
    /// [`KeySet::to_text`](crate::keys::KeySet::to_text).
    pub text: Vec<u8>,
    /// The content of its minisign signature file.
    pub signature: String,
}

/// Writes a bundle of the `sources`, in their order, with the `keys` that bring devices up to those that sign it, the oldest
/// first. `sign` answers the content of a minisign signature file, prehashed, over the bytes it is given. Answers the
/// manifest. Errors: E801 when the draft makes no valid bundle or a source changes meanwhile, E901 when reading or writing
/// fails.
pub fn write<R: Read + Seek>(
    out: &mut impl Write,
    draft: Draft,
    keys: &[SignedKeys],
    sources: Vec<Source<R>>,
    sign: impl FnOnce(&[u8]) -> Result<String, Fault>,
) -> Result<BundleManifest, Fault> {
    let mut sources = sources;
    let manifest = BundleManifest::new(draft, table(&mut sources)?)?;
    let text = manifest.to_canonical();
    let signature = sign(&text)?.into_bytes();
    let keys = chain(keys);
    let head = header(keys.len(), text.len(), signature.len())?;
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(io);
    for part in [&head[..], &keys, &text, &signature] {
        put(part)?;
    }
    for (source, payload) in sources.iter_mut().zip(&manifest.payloads) {
        let read = |into: &mut [u8]| read_some(&mut source.content, into);
        let copied = payload.stored.copy(read, &mut put);
        copied.map_err(|fault| fault.at(&source.name))?;
    }
    Ok(manifest)
}

/// Hashes every source and lays them out behind each other; leaves them at their begin.
fn table<R: Read + Seek>(sources: &mut [Source<R>]) -> Result<Vec<Payload>, Fault> {
    let mut offset = 0;
    let mut payloads = Vec::with_capacity(sources.len());
    for source in sources {
        source.content.rewind().map_err(io)?;
        let stored = measure(&mut source.content)?;
        source.content.rewind().map_err(io)?;
        let length = stored.length;
        payloads.push(Payload {
            name: source.name.clone(),
            kind: source.kind,
            offset,
            stored,
            delta: source.delta.clone().map(|delta| Delta {
                base: delta.base,
                result: delta.result,
            }),
        });
        offset += length;
    }
    Ok(payloads)
}

fn chain(keys: &[SignedKeys]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for set in keys {
        let (text, signature) = (&set.text, set.signature.as_bytes());
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend((signature.len() as u32).to_le_bytes());
        bytes.extend(text);
        bytes.extend(signature);
    }
    bytes
}

pub(super) fn header(
    keys: usize,
    manifest: usize,
    signature: usize,
) -> Result<[u8; HEADER_BYTES], Fault> {
    let fits = keys <= MAX_KEYS_BYTES
        && manifest <= MAX_MANIFEST_BYTES
        && signature <= MAX_SIGNATURE_BYTES;
    if !fits {
        let got = format!("{keys}, {manifest} and {signature} bytes");
        return Err(damaged("short key sets, manifest and signature", got));
    }
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    let numbers = [VERSION, keys as u32, manifest as u32, signature as u32];
    for (field, number) in header[8..].chunks_exact_mut(4).zip(numbers) {
        field.copy_from_slice(&number.to_le_bytes());
    }
    Ok(header)
}
