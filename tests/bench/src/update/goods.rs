//! A gallery, the same with some rows changed, and bundles of both.

use std::fs::{self, File};
use std::io::{BufWriter, Cursor};
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use skueye_gallery::GalleryBuilder;
use skueye_models::{Code, EmbeddingId, Fault, Gtin, Product, UnitEmbedding};
use skueye_update::{
    Content, Digest, Draft, KeySet, Kind, Role, Source, SourceDelta, bundle, delta,
};

use crate::random::Random;

const ID: EmbeddingId = EmbeddingId([7; 16]);
const DIM: usize = 256;
const ROWS_PER_PRODUCT: u64 = 4;
/// Rows of the gallery by which the bytes of one are measured.
const SAMPLE: u64 = 20_000;

/// What is installed.
pub struct Goods {
    /// The bytes of the first gallery.
    pub gallery: Vec<u8>,
    pub rows: u64,
    /// Rows that the second has otherwise.
    pub changed: u64,
    /// A bundle with a model and the first gallery.
    pub whole: PathBuf,
    /// A bundle with what changed.
    pub delta: PathBuf,
}

impl Goods {
    /// Of a gallery of about `bytes` and a second in which the share `changed` of the rows is another, in `folder`, beside the
    /// keys that devices trust.
    pub fn make(bytes: u64, changed: f64, folder: &Path) -> Result<Self, Fault> {
        let sample = gallery(SAMPLE, 0.0)?.0.len() as u64;
        let rows = (bytes * SAMPLE / sample).max(100);
        let (old, _) = gallery(rows, 0.0)?;
        let (new, changed) = gallery(rows, changed)?;
        let key = KeyPair::generate_unencrypted_keypair().map_err(|e| unsigned(&e))?;
        let keys = KeySet::default().trust(Role::Release, &key.pk.to_base64())?;
        let path = folder.join("keys.json");
        fs::write(&path, keys.to_text()).map_err(|e| Fault::io("write", &path, &e))?;
        let change = SourceDelta {
            base: Digest::of(&old),
            result: Content::of(&new),
        };
        let stored = delta::encode(&old, &new);
        drop(new);
        let (whole, delta) = (folder.join("whole.skueye"), folder.join("delta.skueye"));
        let model = source("model.json", Kind::Model, b"{}", None);
        let first = source("gallery.skg", Kind::Gallery, &old, None);
        write(&whole, &key, "whole", vec![model, first])?;
        let second = source("gallery.skg", Kind::Gallery, &stored, Some(change));
        write(&delta, &key, "delta", vec![second])?;
        Ok(Self {
            gallery: old,
            rows,
            changed,
            whole,
            delta,
        })
    }
}

/// A gallery of random rows, of which about the share `changed` is drawn anew, and how many are.
fn gallery(rows: u64, changed: f64) -> Result<(Vec<u8>, u64), Fault> {
    let mut builder = GalleryBuilder::new(ID, DIM as u32)?;
    let mut product = None;
    let mut count = 0;
    for row in 0..rows {
        if row % ROWS_PER_PRODUCT == 0 {
            let number = row / ROWS_PER_PRODUCT;
            product = Some(builder.add_product(Product {
                gtin: Gtin::from_body(400_000_000_000 + number, 13)?,
                title: format!("Article {number} 500 ml"),
                category: format!("category {}", number % 300),
            })?);
        }
        let anew = Random::new(1, 1, row).uniform() < changed;
        count += u64::from(anew);
        if let Some(product) = product {
            builder.add_row(product, &vector(row, anew)?)?;
        }
    }
    Ok((builder.to_bytes(), count))
}

fn vector(row: u64, anew: bool) -> Result<UnitEmbedding, Fault> {
    let mut random = Random::new(2, u64::from(anew), row);
    let words = (0..DIM / 8).flat_map(|_| random.bits().to_le_bytes());
    UnitEmbedding::normalise(words.map(|byte| f32::from(byte.cast_signed())).collect())
}

fn source<'b>(
    name: &str,
    kind: Kind,
    bytes: &'b [u8],
    delta: Option<SourceDelta>,
) -> Source<Cursor<&'b [u8]>> {
    Source {
        name: name.to_owned(),
        kind,
        content: Cursor::new(bytes),
        delta,
    }
}

fn write(
    path: &Path,
    key: &KeyPair,
    release: &str,
    sources: Vec<Source<Cursor<&[u8]>>>,
) -> Result<(), Fault> {
    let file = File::create(path).map_err(|e| Fault::io("create", path, &e))?;
    let draft = Draft {
        release: release.into(),
        embedding_id: Some(ID),
        ..Draft::default()
    };
    let sign = |text: &[u8]| {
        let signed = minisign::sign(None, &key.sk, text, None, None);
        signed
            .map(|signed| signed.to_string())
            .map_err(|e| unsigned(&e))
    };
    let mut out = BufWriter::new(file);
    bundle::write(&mut out, draft, &[], sources, sign)?;
    // What still waits to be written would be measured with the install.
    let synced = out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error);
    let synced = synced.and_then(|file| file.sync_all());
    synced.map_err(|e| Fault::io("write", path, &e))
}

fn unsigned(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        Code::BundleSignature,
        "a signature",
        error.to_string(),
        "report this",
    )
}
