//! Files to a bundle.

use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_gallery::Gallery;
use skueye_models::{Code, EmbeddingId, Fault};
use skueye_update::bundle::{measure, write};
use skueye_update::{
    BundleManifest, Content, Digest, Draft, Kind, SignedKeys, Source, SourceDelta, UntrustedBundle,
    delta,
};
use skueye_vision::ModelSet;

use super::keys::SecretKey;
use crate::files::write_with;

/// What goes into a bundle.
pub struct BundleRequest<'a> {
    /// What it says about itself; its embedding id is filled in from model and gallery.
    pub draft: Draft,
    /// The device program.
    pub program: Option<&'a Path>,
    /// A model's folder.
    pub model: Option<&'a Path>,
    /// A gallery.
    pub gallery: Option<&'a Path>,
    /// The gallery that devices have: the bundle then holds what changed.
    pub base: Option<&'a Path>,
    /// Without the whole gallery for devices that lack the base.
    pub delta_alone: bool,
    /// A settings file.
    pub settings: Option<&'a Path>,
    /// Key sets, the oldest first, each with its signature beside it (`FILE.minisig`).
    pub keys: &'a [PathBuf],
    /// The file to write.
    pub out: &'a Path,
    /// Who signs; without, the bundle waits for `bundle sign`.
    pub key: Option<&'a SecretKey>,
}

/// A bundle that was made.
#[derive(Debug, Serialize)]
pub struct Made {
    /// Its path.
    pub path: PathBuf,
    /// Its length, bytes.
    pub bytes: u64,
    /// Whether it is signed.
    pub signed: bool,
    /// SHA-256 of the manifest's text, which permits name.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: BundleManifest,
}

/// Anything to read from.
trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}
type Bytes = Box<dyn ReadSeek>;

/// Makes a bundle. Errors: E801 for a name that no bundle may hold, E803 where model and gallery do not fit each other, those
/// of opening them, E802 for a key set, E901.
pub fn make(request: &BundleRequest) -> Result<Made, Fault> {
    let mut draft = request.draft.clone();
    draft.embedding_id = embedding_id(request)?;
    let mut sources = Vec::new();
    if let Some(path) = request.program {
        sources.push(source(path, Some("skueye"), Kind::Program)?);
    }
    for path in request.model.map(files_of).transpose()?.unwrap_or_default() {
        sources.push(source(&path, None, Kind::Model)?);
    }
    if let Some(path) = request.gallery {
        sources.extend(gallery(path, request)?);
    }
    if let Some(path) = request.settings {
        sources.push(source(path, Some("kiosk.toml"), Kind::Settings)?);
    }
    let keys = request.keys.iter().map(|path| signed_keys(path));
    let keys = keys.collect::<Result<Vec<SignedKeys>, Fault>>()?;
    let sign = |text: &[u8]| match request.key {
        Some(key) => key.sign(text),
        None => Ok(String::new()),
    };
    written(request.out, |mut out| {
        write(&mut out, draft, &keys, sources, sign).map(|_| ())
    })
}

/// Signs the bundle at `path` anew: by `key`, or with a signature that another program made over its manifest. Errors: those
/// of reading it, E802, E901.
pub fn sign(path: &Path, signature: &str) -> Result<Made, Fault> {
    let bundle = UntrustedBundle::open(path)?;
    written(path, |mut out| bundle.write_signed(signature, &mut out))
}

/// Writes the bundle at `path` whole or not at all, and says what it became.
fn written(
    path: &Path,
    write: impl FnOnce(&mut dyn std::io::Write) -> Result<(), Fault>,
) -> Result<Made, Fault> {
    let mut failed = None;
    let result = write_with(path, |out| {
        write(out).map_err(|fault| {
            failed = Some(fault);
            std::io::Error::other("the bundle could not be made")
        })
    });
    match (failed, result) {
        (Some(fault), _) => return Err(fault),
        (None, result) => result?,
    }
    let bundle = UntrustedBundle::open(path)?;
    Ok(Made {
        path: path.to_owned(),
        bytes: fs::metadata(path)
            .map_err(|e| Fault::io("read", path, &e))?
            .len(),
        signed: !bundle.signature().is_empty(),
        digest: Digest::of(bundle.manifest_text()),
        manifest: bundle.claims()?,
    })
}

/// The embedding space of model and gallery, which must be one.
fn embedding_id(request: &BundleRequest) -> Result<Option<EmbeddingId>, Fault> {
    // Loading it proves its files and runs its self-test: a model that does not work here works nowhere.
    let model = request.model.map(ModelSet::load).transpose()?;
    let model = model.map(|model| model.manifest.embedding_id);
    let gallery = request.gallery.map(Gallery::open).transpose()?;
    let gallery = gallery.map(|gallery| gallery.view().embedding_id());
    match (model, gallery) {
        (Some(model), Some(gallery)) if model != gallery => Err(Fault::new(
            Code::BundleRefused,
            format!("a gallery of embedding id {model}, as the model has"),
            format!("embedding id {gallery}"),
            "build the gallery with this model",
        )),
        (model, gallery) => Ok(model.or(gallery)),
    }
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed = |e: std::io::Error| Fault::io("read", folder, &e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_file() && !name.starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn source(path: &Path, name: Option<&str>, kind: Kind) -> Result<Source<Bytes>, Fault> {
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let file = File::open(path).map_err(|e| Fault::io("read", path, &e))?;
    Ok(Source {
        name: name.unwrap_or(&own).to_owned(),
        kind,
        content: Box::new(BufReader::new(file)),
        delta: None,
    })
}

/// The gallery's name on every device.
const GALLERY: &str = "gallery.skg";

/// The gallery: as what changed, as a whole, or both in this order.
fn gallery(path: &Path, request: &BundleRequest) -> Result<Vec<Source<Bytes>>, Fault> {
    let whole = source(path, Some(GALLERY), Kind::Gallery)?;
    let Some(base) = request.base else {
        return Ok(vec![whole]);
    };
    let bytes = |path: &Path| fs::read(path).map_err(|e| Fault::io("read", path, &e));
    let (base, result) = (bytes(base)?, bytes(path)?);
    let stored = delta::encode(&base, &result);
    let change = Source {
        name: GALLERY.into(),
        kind: Kind::Gallery,
        content: Box::new(Cursor::new(stored)) as Bytes,
        delta: Some(SourceDelta {
            base: Digest::of(&base),
            result: content(&result)?,
        }),
    };
    Ok(match request.delta_alone {
        true => vec![change],
        false => vec![change, whole],
    })
}

fn content(mut bytes: &[u8]) -> Result<Content, Fault> {
    measure(&mut bytes)
}

fn signed_keys(path: &Path) -> Result<SignedKeys, Fault> {
    let signature = PathBuf::from(format!("{}.minisig", path.display()));
    let read = |path: &Path| fs::read(path).map_err(|e| Fault::io("read", path, &e));
    let text = read(path)?;
    skueye_update::KeySet::parse(&text).map_err(|fault| fault.at(path))?;
    Ok(SignedKeys {
        text,
        signature: String::from_utf8_lossy(&read(&signature)?).into_owned(),
    })
}
