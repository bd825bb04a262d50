//! Making a bundle, on the host. The same input gives the same bytes, but for what the signer adds.

use std::io::{Read, Seek, Write};

use skueye_models::{EmbeddingId, Fault};

use super::{HEADER_BYTES, MAGIC, MAX_SIGNATURE_BYTES, VERSION, damaged};
use crate::manifest::{BundleManifest, Kind, MAX_MANIFEST_BYTES, Payload};
use crate::transfer;

/// What the maker says about a bundle; the fields are those of [`BundleManifest`].
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the fields are those of BundleManifest")]
pub struct Draft {
    pub hardware: Vec<String>,
    pub release: String,
    pub security_epoch: u64,
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
}

/// Writes a bundle of the `sources`, in their order. `sign` answers the content of a minisign signature file,
/// prehashed, over the bytes it is given. Answers the manifest. Errors: E801 when the draft makes no valid bundle or
/// a source changes meanwhile, E901 when reading or writing fails.
pub fn write<R: Read + Seek>(
    out: &mut impl Write,
    draft: Draft,
    sources: Vec<Source<R>>,
    sign: impl FnOnce(&[u8]) -> Result<String, Fault>,
) -> Result<BundleManifest, Fault> {
    let mut sources = sources;
    let manifest = BundleManifest::new(draft, table(&mut sources)?)?;
    let text = manifest.to_canonical();
    let signature = sign(&text)?.into_bytes();
    let head = header(text.len(), signature.len())?;
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|e| transfer::io(&e));
    for part in [&head[..], &text, &signature] {
        put(part)?;
    }
    for (source, payload) in sources.iter_mut().zip(&manifest.payloads) {
        let read = transfer::from_reader(&mut source.content);
        if transfer::copy(payload.length, read, &mut put)? != payload.sha256 {
            let expected = format!("{} to stay as it was", source.name);
            return Err(damaged(&expected, "other bytes".into()));
        }
    }
    Ok(manifest)
}

/// Hashes every source and lays them out behind each other; leaves them at their begin.
fn table<R: Read + Seek>(sources: &mut [Source<R>]) -> Result<Vec<Payload>, Fault> {
    let io = |e: std::io::Error| transfer::io(&e);
    let mut offset = 0;
    let mut payloads = Vec::with_capacity(sources.len());
    for source in sources {
        let length = source.content.seek(std::io::SeekFrom::End(0)).map_err(io)?;
        source.content.rewind().map_err(io)?;
        let read = transfer::from_reader(&mut source.content);
        let sha256 = transfer::copy(length, read, |_| Ok(()))?;
        source.content.rewind().map_err(io)?;
        payloads.push(Payload {
            name: source.name.clone(),
            kind: source.kind,
            offset,
            length,
            sha256,
        });
        offset += length;
    }
    Ok(payloads)
}

fn header(manifest: usize, signature: usize) -> Result<[u8; HEADER_BYTES], Fault> {
    if manifest > MAX_MANIFEST_BYTES || signature > MAX_SIGNATURE_BYTES {
        let got = format!("{manifest} and {signature} bytes");
        return Err(damaged("a short manifest and signature", got));
    }
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    let numbers = [VERSION, manifest as u32, signature as u32];
    for (field, number) in header[8..].chunks_exact_mut(4).zip(numbers) {
        field.copy_from_slice(&number.to_le_bytes());
    }
    Ok(header)
}
