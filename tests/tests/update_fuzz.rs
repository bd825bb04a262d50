//! Bundles, manifests and cable frames of any bytes: the saved seeds of the fuzz targets (`tests/fuzz/seeds`) and thousands
//! of mutations of them, the same on every machine.
//!
//! `SKUEYE_WRITE_SEEDS=1` writes the seeds anew; the signatures in them are then others.
#![forbid(unsafe_code)]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use minisign::KeyPair;
use skueye_house::root;
use skueye_models::{Code, EmbeddingId, Fault};
use skueye_tests::hostile;
use skueye_tests::mutate::mutate;
use skueye_update::cable::{Frame, Next, Sender};
use skueye_update::{
    Content, Digest, Draft, Key, KeySet, Kind, Role, SignedKeys, Source, SourceDelta, Standing,
    UntrustedBundle, bundle, delta,
};

const OLD: &[u8] = b"rows of the gallery of last week";
const NEW: &[u8] = b"rows of the gallery of this week";

fn folder(target: &str) -> PathBuf {
    root().join("tests/fuzz/seeds").join(target)
}

/// The saved files of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    assert!(files.len() >= 4, "{target} has a corpus");
    files
}

fn sign(key: &KeyPair, text: &[u8]) -> String {
    let signed = minisign::sign(None, &key.sk, text, Some("test"), None);
    signed.unwrap().to_string()
}

fn source(
    name: &str,
    kind: Kind,
    content: &[u8],
    delta: Option<SourceDelta>,
) -> Source<Cursor<Vec<u8>>> {
    Source {
        name: name.into(),
        kind,
        content: Cursor::new(content.to_vec()),
        delta,
    }
}

/// A bundle with a chain of keys, a model, and a gallery as a delta and as a whole.
fn whole() -> Vec<u8> {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let role = Role::Release;
    let public = KeySet::default().trust(role, &key.pk.to_base64()).unwrap();
    let again = Key {
        standing: Standing::Current,
        ..public.keys[0].clone()
    };
    let text = KeySet::new(1, vec![again]).to_text();
    let keys = SignedKeys {
        signature: sign(&key, &text),
        text,
    };
    let change = SourceDelta {
        base: Digest::of(OLD),
        result: Content::of(NEW),
    };
    let sources = vec![
        source("model.json", Kind::Model, b"{}", None),
        source(
            "gallery.skg",
            Kind::Gallery,
            &delta::encode(OLD, NEW),
            Some(change),
        ),
        source("gallery.skg", Kind::Gallery, NEW, None),
        source("kiosk.toml", Kind::Settings, b"# settings\n", None),
    ];
    let draft = Draft {
        hardware: vec!["orin-nano".into()],
        release: "week 12".into(),
        security_epoch: 3,
        embedding_id: Some(EmbeddingId([1; 16])),
        notes: "one\ntwo".into(),
        ..Draft::default()
    };
    let mut out = Vec::new();
    bundle::write(&mut out, draft, &[keys], sources, |text| {
        Ok(sign(&key, text))
    })
    .unwrap();
    out
}

fn manifest_of(bundle: &[u8]) -> Vec<u8> {
    let bundle = UntrustedBundle::parse(Cursor::new(bundle)).unwrap();
    bundle.manifest_text().to_vec()
}

/// What a host sends while a bundle goes over the cable, the plug pulled in the middle and put in again.
fn session(bundle: &[u8]) -> Vec<u8> {
    let mut sender = Sender::new(Cursor::new(bundle.to_vec())).unwrap();
    let (mut wire, now) = (Vec::new(), std::time::Duration::ZERO);
    for (have, pulled) in [(0, false), (0, true), (900, false), (900, false)] {
        while let Ok(Next::Send(frame)) = sender.next(now) {
            wire.extend(frame.encode());
        }
        if pulled {
            wire.truncate(wire.len() - 900);
            wire.push(0);
            sender.reconnected();
        } else {
            sender.take(Frame::Have(have), now);
        }
    }
    wire
}

/// Each target's files.
fn files() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let bundle = whole();
    let text = manifest_of(&bundle);
    let replaced = |from: &str, to: &str| {
        let text = String::from_utf8(text.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let wire = |frames: &[Frame]| frames.iter().flat_map(Frame::encode).collect::<Vec<u8>>();
    let head = Digest::of(&bundle);
    let data = |offset, bytes: &[u8]| Frame::Data {
        offset,
        bytes: bytes.to_vec(),
    };
    vec![
        ("bundle", "whole", bundle.clone()),
        ("bundle", "cut", bundle[..bundle.len() - 1].to_vec()),
        ("bundle", "head-alone", bundle[..24].to_vec()),
        (
            "bundle",
            "keys-longer",
            [&bundle[..12], &[0xff; 4], &bundle[16..]].concat(),
        ),
        ("manifest", "whole", text.clone()),
        (
            "manifest",
            "two-of-one-key",
            replaced("\"notes\":", "\"notes\":\"\",\"notes\":"),
        ),
        (
            "manifest",
            "path",
            replaced("kiosk.toml", "../../etc/passwd"),
        ),
        (
            "manifest",
            "huge",
            replaced("\"length\":", "\"length\":18446744073709551615"),
        ),
        ("frames", "session", session(&bundle)),
        (
            "frames",
            "nothing-offered",
            wire(&[data(0, &bundle), Frame::Heard]),
        ),
        (
            "frames",
            "offer-of-nothing",
            wire(&[Frame::Offer { head, length: 0 }, Frame::Heard]),
        ),
        (
            "frames",
            "beyond-the-end",
            wire(&[
                Frame::Offer { head, length: 5 },
                data(u64::MAX, b"x"),
                data(0, &[7; 6]),
                data(0, b"12345"),
            ]),
        ),
    ]
}

#[test]
fn the_corpora_reach_what_they_are_named_after() {
    if std::env::var_os("SKUEYE_WRITE_SEEDS").is_some() {
        for (target, name, bytes) in files() {
            fs::create_dir_all(folder(target)).unwrap();
            fs::write(folder(target).join(name), bytes).unwrap();
        }
    }
    let code = |result: Result<usize, Fault>| result.map_err(|fault| fault.code());
    let expected = [
        (
            "bundle",
            vec![
                ("cut", Ok(4)),
                ("head-alone", Err(Code::BundleDamaged)),
                ("keys-longer", Err(Code::BundleDamaged)),
                ("whole", Ok(4)),
            ],
        ),
        (
            "manifest",
            vec![
                ("huge", Err(Code::BundleDamaged)),
                ("path", Err(Code::BundleDamaged)),
                ("two-of-one-key", Err(Code::BundleDamaged)),
                ("whole", Ok(0)),
            ],
        ),
        (
            "frames",
            vec![
                ("beyond-the-end", Ok(4)),
                ("nothing-offered", Ok(2)),
                ("offer-of-nothing", Ok(2)),
                ("session", Ok(3)),
            ],
        ),
    ];
    for (target, expected) in expected {
        let found: Vec<_> = corpus(target)
            .into_iter()
            .map(|(name, bytes)| (name, code(run(target, &bytes))))
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|(name, code)| (name.as_str(), *code))
            .collect();
        assert_eq!(found, expected, "{target}");
    }
}

fn run(target: &str, bytes: &[u8]) -> Result<usize, Fault> {
    match target {
        "bundle" => hostile::bundle(bytes),
        "manifest" => hostile::manifest(bytes).map(|()| 0),
        _ => hostile::frames(bytes),
    }
}

/// Characters of a manifest in the place of others, so that some changes still make one.
fn misspell(text: &mut [u8], state: &mut u64) {
    const USUAL: &[u8] = b"0123456789abcdef\"{}[],:. ";
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    let draw = (*state >> 33) as usize;
    if let Some(byte) = text.get_mut(draw / USUAL.len() % text.len().max(1)) {
        *byte = USUAL[draw % USUAL.len()];
    }
}

#[test]
fn thousands_of_mutations_are_refused_without_a_panic() {
    let mut state = 7;
    for target in ["bundle", "manifest", "frames"] {
        let (files, mut taken) = (corpus(target), 0);
        for round in 0..800 {
            for (_, bytes) in &files {
                let mut bytes = bytes.clone();
                match (target, round % 4) {
                    ("manifest", 1..) => misspell(&mut bytes, &mut state),
                    _ => mutate(&mut bytes, &mut state),
                }
                taken += usize::from(run(target, &bytes).is_ok());
            }
        }
        assert!(
            taken > 100,
            "only {taken} of {target} got past the first look"
        );
    }
}
