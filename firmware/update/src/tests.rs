//! What the tests share: keys, bundles and how to install them.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Mutex, OnceLock};

use minisign::KeyPair;
use skueye_models::{EmbeddingId, Fault};

use crate::storage::Storage;
use crate::*;

mod attacks;
mod attacks_in_use;
mod device;
mod power_cut;

pub const HARDWARE: &str = "orin-nano";
pub const ID: EmbeddingId = EmbeddingId([1; 16]);
pub const OTHER_ID: EmbeddingId = EmbeddingId([2; 16]);

pub struct Keys {
    pub release: KeyPair,
    pub catalogue: KeyPair,
    pub stranger: KeyPair,
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let pair = || KeyPair::generate_unencrypted_keypair().unwrap();
    KEYS.get_or_init(|| Keys {
        release: pair(),
        catalogue: pair(),
        stranger: pair(),
    })
}

pub const DEVICE: Device = Device {
    hardware: HARDWARE,
    program: Version(1, 0, 0),
};

pub fn key_ring() -> KeySet {
    KeySet::default()
        .trust(Role::Release, &keys().release.pk.to_base64())
        .unwrap()
        .trust(
            Role::Catalogue,
            &keys().catalogue.pk.to_box().unwrap().to_string(),
        )
        .unwrap()
}

pub fn sign(key: &KeyPair, message: &[u8]) -> String {
    minisign::sign(None, &key.sk, message, Some("test"), None)
        .unwrap()
        .to_string()
}

pub fn draft(release: &str) -> Draft {
    Draft {
        hardware: vec![HARDWARE.into()],
        release: release.into(),
        security_epoch: 1,
        requires_program: Version(1, 0, 0),
        embedding_id: Some(ID),
        notes: "one\ntwo".into(),
    }
}

/// A bundle of the files, each with its kind and content.
pub fn bundle(key: &KeyPair, draft: Draft, files: &[(&str, Kind, &[u8])]) -> Vec<u8> {
    bundle_with(key, draft, &[], files)
}

/// The same with key sets in front.
pub fn bundle_with(
    key: &KeyPair,
    draft: Draft,
    keys: &[SignedKeys],
    files: &[(&str, Kind, &[u8])],
) -> Vec<u8> {
    let source = |(name, kind, content): &(&str, Kind, &'static [u8])| Source {
        name: (*name).to_owned(),
        kind: *kind,
        content: Cursor::new(*content),
        delta: None,
    };
    let files: Vec<(&str, Kind, &'static [u8])> = files
        .iter()
        .map(|(name, kind, content)| (*name, *kind, &*content.to_vec().leak()))
        .collect();
    let sources = files.iter().map(source).collect();
    let mut out = Vec::new();
    bundle::write(&mut out, draft, keys, sources, |text| Ok(sign(key, text))).unwrap();
    out
}

pub fn signed_keys(signer: &KeyPair, sequence: u64, keys: Vec<Key>) -> SignedKeys {
    let text = KeySet::new(sequence, keys).to_text();
    SignedKeys {
        signature: sign(signer, &text),
        text,
    }
}

/// A gallery as a delta, and behind it as a whole for devices without its base.
pub fn delta_bundle(stored: &[u8], delta: SourceDelta, whole: Option<&[u8]>) -> Vec<u8> {
    let source = |content, delta| Source {
        name: "gallery.skg".to_owned(),
        kind: Kind::Gallery,
        content: Cursor::new(content),
        delta,
    };
    let whole = whole.map(|bytes| source(bytes, None));
    let sources = [Some(source(stored, Some(delta))), whole];
    let mut out = Vec::new();
    let sign = |text: &[u8]| Ok(sign(&keys().catalogue, text));
    let sources = sources.into_iter().flatten().collect();
    bundle::write(&mut out, draft("2"), &[], sources, sign).unwrap();
    out
}

/// A whole set whose every file says which release it is of. Made once: signing is slow without optimisation.
pub fn full(release: &str) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let bundle = made.entry(release.into()).or_insert_with(|| make(release));
    bundle.clone()
}

fn make(release: &str) -> Vec<u8> {
    let of = |what: &str| format!("{what} of release {release}").into_bytes();
    bundle(
        &keys().release,
        draft(release),
        &[
            ("model.json", Kind::Model, &of("manifest")),
            ("model.f16.onnx", Kind::Model, &of("network")),
            ("gallery.skg", Kind::Gallery, &of("gallery")),
            ("kiosk.toml", Kind::Settings, &of("settings")),
        ],
    )
}

pub fn verified(bytes: &[u8]) -> Result<VerifiedManifest<Cursor<Vec<u8>>>, Fault> {
    UntrustedBundle::parse(Cursor::new(bytes.to_vec()))?.verify(&key_ring())
}

/// Stages, activates, starts and commits.
pub fn install<S: Storage>(slots: &mut Slots<S>, bytes: &[u8]) -> Result<CommittedSlot, Fault> {
    let staged = slots.stage(verified(bytes)?, &DEVICE, None)?;
    slots.activate(staged)?;
    match slots.start()? {
        Started::Trial(trial) => slots.commit(trial, &OneSystem),
        other => panic!("a trial was expected, not {other:?}"),
    }
}
