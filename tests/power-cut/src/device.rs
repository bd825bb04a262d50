//! The device under test: it installs and starts with the library of `firmware/update`.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Result, bail};
use minisign::KeyPair;
use skueye_models::{EmbeddingId, Fault};
use skueye_update::{
    Device, DiskStorage, Draft, KeySet, Kind, OneSystem, Role, Slots, Source, Started, Storage,
    UntrustedBundle, Version, bundle,
};

const DEVICE: Device = Device {
    hardware: "",
    program: Version(1, 0, 0),
};
const GALLERY_BYTES: usize = 3 << 20;

/// A bundle of release `number`, signed by `key`.
pub fn release(key: &KeyPair, number: u8) -> Result<Vec<u8>> {
    let gallery: Vec<u8> = (0..GALLERY_BYTES).map(|n| (n / 7) as u8 ^ number).collect();
    let source = |name: &str, kind, content| Source {
        name: name.to_owned(),
        kind,
        content: Cursor::new(content),
        delta: None,
    };
    let model = format!("model {number}").into_bytes();
    let sources = vec![
        source("model.json", Kind::Model, model),
        source("gallery.skg", Kind::Gallery, gallery),
    ];
    let draft = Draft {
        release: number.to_string(),
        embedding_id: Some(EmbeddingId([1; 16])),
        ..Draft::default()
    };
    let sign = |text: &[u8]| match minisign::sign(None, &key.sk, text, None, None) {
        Ok(signed) => Ok(signed.to_string()),
        Err(error) => panic!("{error}"),
    };
    let mut out = Vec::new();
    bundle::write(&mut out, draft, &[], sources, sign)?;
    Ok(out)
}

/// The keys that the device trusts.
pub fn keys(key: &KeyPair) -> Result<KeySet> {
    Ok(KeySet::default().trust(Role::Release, &key.pk.to_base64())?)
}

/// Installs, tries and keeps a bundle.
pub fn install<S: Storage>(storage: S, keys: &KeySet, bundle: &[u8]) -> Result<()> {
    let mut slots = Slots::open(storage)?;
    let verified = UntrustedBundle::parse(Cursor::new(bundle.to_vec()))?.verify(keys)?;
    let staged = slots.stage(verified, &DEVICE, None)?;
    slots.activate(staged)?;
    match slots.start()? {
        Started::Trial(trial) => slots.commit(trial, &OneSystem)?,
        other => bail!("a trial was expected, not {other:?}"),
    };
    Ok(())
}

/// The release that the device starts with, every byte of it proven; a trial is kept.
pub fn start(folder: &Path) -> Result<String> {
    let mut slots = Slots::open(DiskStorage::open(folder)?)?;
    let set = match slots.start()? {
        Started::Trial(trial) => slots.commit(trial, &OneSystem)?,
        Started::Committed(set) | Started::Returned { to: Some(set), .. } => set,
        other => bail!("a set was expected, not {other:?}"),
    };
    slots.verify(&set)?;
    Ok(set.record().release.clone())
}

/// A disk whose owner thinks that writing is enough.
pub struct Forgetful(pub DiskStorage);

impl Storage for Forgetful {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.0.list(folder)
    }
    fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        self.0.length(path)
    }
    fn read_at(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize, Fault> {
        self.0.read_at(path, offset, into)
    }
    fn create_folder(&self, folder: &str) -> Result<(), Fault> {
        self.0.create_folder(folder)
    }
    fn create(&self, path: &str) -> Result<(), Fault> {
        self.0.create(path)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.0.append(path, bytes)
    }
    fn sync_file(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    fn sync_folder(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &str) -> Result<(), Fault> {
        self.0.remove(path)
    }
    fn link(&self, from: &str, to: &str) -> Result<bool, Fault> {
        self.0.link(from, to)
    }
    fn free(&self) -> Result<Option<u64>, Fault> {
        self.0.free()
    }
}
