//! One test for each attack; each must be refused with its number, and where a device is attacked, its committed set
//! must stay as it was.

use proptest::prelude::*;
use serde_json::{Value, json};
use skueye_models::Code;

use super::*;
use crate::storage::Storage;
use crate::storage::fake::FakeStorage;

/// The parts of a bundle, to be put together wrongly.
struct Parts {
    manifest: Value,
    payloads: Vec<u8>,
}

fn parts() -> Parts {
    let bytes = full("2");
    let manifest = verified(&bytes).unwrap().manifest().clone();
    let payloads = bytes.len() - manifest.payload_bytes().unwrap() as usize;
    Parts {
        manifest: serde_json::to_value(manifest).unwrap(),
        payloads: bytes[payloads..].to_vec(),
    }
}

impl Parts {
    /// Signed by the release key: what a tricked or faulty maker would hand out.
    fn signed(&self) -> Vec<u8> {
        // Through the struct where that is possible, for the order of the fields.
        let text = match serde_json::from_value::<BundleManifest>(self.manifest.clone()) {
            Ok(manifest) => manifest.to_canonical(),
            Err(_) => self.manifest.to_string().into_bytes(),
        };
        self.with_text(&text)
    }

    fn with_text(&self, text: &[u8]) -> Vec<u8> {
        let signature = sign(&keys().release, text);
        let mut bytes = b"\x89SKUEYE\n\x01\0\0\0\0\0\0\0".to_vec();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend((signature.len() as u32).to_le_bytes());
        [&bytes, text, signature.as_bytes(), &self.payloads].concat()
    }
}

fn refused(bytes: &[u8]) -> Code {
    verified(bytes).unwrap_err().code()
}

fn refused_with(pointer: &str, value: Value) -> Code {
    let mut parts = parts();
    *parts.manifest.pointer_mut(pointer).unwrap() = value;
    refused(&parts.signed())
}

#[test]
fn the_parts_put_together_rightly_are_accepted() {
    verified(&parts().signed()).unwrap();
}

#[test]
fn cut_file() {
    let bytes = full("2");
    for length in 0..bytes.len() {
        let code = refused(&bytes[..length]);
        assert!(
            matches!(code, Code::BundleDamaged | Code::BundleSignature),
            "{length}"
        );
    }
}

#[test]
fn padded_file() {
    let bytes = [full("2"), vec![0]].concat();
    assert_eq!(refused(&bytes), Code::BundleDamaged);
}

#[test]
fn changed_payload() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &full("1")).unwrap();
    let mut bytes = full("2");
    *bytes.last_mut().unwrap() ^= 1;
    let staged = slots.stage(verified(&bytes).unwrap(), &DEVICE, None);
    assert_eq!(staged.unwrap_err().code(), Code::BundleDamaged);
    let idle = slots.storage().list("b").unwrap();
    assert_eq!(
        idle, [""; 0],
        "what was written before it was noticed is gone"
    );
    let Started::Committed(set) = slots.start().unwrap() else {
        panic!("the committed set is lost");
    };
    slots.verify(&set).unwrap();
}

#[test]
fn changed_manifest() {
    let mut bytes = full("2");
    bytes[40] ^= 1;
    assert_eq!(refused(&bytes), Code::BundleSignature);
}

#[test]
fn wrong_key() {
    let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let bytes = bundle(&keys().stranger, draft("2"), files);
    assert_eq!(refused(&bytes), Code::BundleSignature);
}

#[test]
fn signature_with_text_behind_it() {
    let text = br#"{}"#;
    let signature = sign(&keys().release, text);
    key_ring().verify(text, signature.as_bytes()).unwrap();
    let longer = format!("{}\nmore\n", signature.trim_end());
    let fault = key_ring().verify(text, longer.as_bytes()).unwrap_err();
    assert_eq!(fault.code(), Code::BundleSignature);
}

#[test]
fn wrong_role() {
    for kind in [Kind::Program, Kind::Model] {
        let bytes = bundle(&keys().catalogue, draft("2"), &[("x", kind, b"x")]);
        assert_eq!(refused(&bytes), Code::BundleRefused);
    }
}

#[test]
fn catalogue_key_that_raises_the_epoch_to_lock_out_releases() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &full("1")).unwrap();
    let draft = Draft {
        security_epoch: u64::MAX,
        ..draft("2")
    };
    let bytes = bundle(&keys().catalogue, draft, &[("s", Kind::Settings, b"s")]);
    install(&mut slots, &bytes).unwrap();
    install(&mut slots, &full("3")).unwrap();
}

#[test]
fn path_traversal_absolute_hidden_and_control_names() {
    let long = "n".repeat(129);
    for name in [
        "../pointer",
        "..",
        "/etc/passwd",
        "a/b",
        ".slot",
        ".",
        "",
        "a\\b",
        "a\u{7}b",
        "a\0",
        "ä",
        long.as_str(),
    ] {
        let code = refused_with("/payloads/0/name", json!(name));
        assert_eq!(code, Code::BundleDamaged, "{name:?}");
    }
}

#[test]
fn two_payloads_of_one_name() {
    let code = refused_with("/payloads/0/name", json!("GALLERY.SKG"));
    assert_eq!(code, Code::BundleDamaged);
}

#[test]
fn overlapping_payloads_and_gaps() {
    let gallery = "/payloads/2/offset";
    let offset = parts().manifest.pointer(gallery).unwrap().as_u64().unwrap();
    for wrong in [0, offset - 1, offset + 1, u64::MAX] {
        assert_eq!(refused_with(gallery, json!(wrong)), Code::BundleDamaged);
    }
}

#[test]
fn size_bombs() {
    for length in [0, 1 << 63, u64::MAX, u64::MAX - 19] {
        for payload in [0, 3] {
            let code = refused_with(&format!("/payloads/{payload}/stored/length"), json!(length));
            assert_eq!(code, Code::BundleDamaged);
        }
    }
    for field in [12, 16, 20] {
        let mut bytes = full("2");
        bytes[field..field + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(refused(&bytes), Code::BundleDamaged);
    }
    let notes = "n".repeat(5_000);
    assert_eq!(refused_with("/notes", json!(notes)), Code::BundleDamaged);
    let mut many = parts();
    let payload = many.manifest["payloads"][0].clone();
    many.manifest["payloads"] = Value::Array(vec![payload; 65]);
    assert_eq!(refused(&many.signed()), Code::BundleDamaged);
}

#[test]
fn manifest_with_two_keys_of_one_name_or_in_another_form() {
    let canonical = serde_json::from_value::<BundleManifest>(parts().manifest).unwrap();
    let text = String::from_utf8(canonical.to_canonical()).unwrap();
    verified(&parts().with_text(text.as_bytes())).unwrap();
    let epoch = r#""security_epoch":1"#;
    for other in [
        text.replace(epoch, r#""security_epoch":1,"security_epoch":9"#),
        text.replace(epoch, r#""security_epoch": 1"#),
        text.replace(epoch, r#""security_epoch":1,"more":1"#),
        format!("{text}\n"),
        text.replace(r#""release":"2""#, r#""release":"\u0032""#),
    ] {
        assert_ne!(other, text);
        let bytes = parts().with_text(other.as_bytes());
        assert_eq!(refused(&bytes), Code::BundleDamaged, "{other}");
    }
}

#[test]
fn older_epoch_at_each_gate() {
    let newer = |release: &str, security_epoch| {
        let draft = Draft {
            security_epoch,
            ..draft(release)
        };
        bundle(&keys().release, draft, &[("s", Kind::Settings, b"s")])
    };
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &full("1")).unwrap();
    let staged_old = slots
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
        .unwrap();
    let trial_old = TrialSlot::for_test(&staged_old);
    install(&mut slots, &newer("3", 5)).unwrap();
    install(&mut slots, &newer("3 again", 5)).unwrap();

    let stage = slots.stage(verified(&full("4")).unwrap(), &DEVICE, None);
    assert_eq!(stage.unwrap_err().code(), Code::BundleEpoch);
    let activate = slots.activate(staged_old);
    assert_eq!(activate.unwrap_err().code(), Code::BundleEpoch);
    let staged = slots.stage(verified(&newer("5", 5)).unwrap(), &DEVICE, None);
    slots.activate(staged.unwrap()).unwrap();
    let commit = slots.commit(trial_old, &OneSystem);
    assert_eq!(commit.unwrap_err().code(), Code::BundleEpoch);
}

#[test]
fn bundle_for_other_hardware() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    let staged = slots.stage(
        verified(&full("1")).unwrap(),
        &Device {
            hardware: "toaster",
            ..DEVICE
        },
        None,
    );
    assert_eq!(staged.unwrap_err().code(), Code::BundleRefused);
}

/// The next key set of the tests' devices: what `change` makes of the keys.
fn next_keys(signer: &KeyPair, sequence: u64, change: impl FnOnce(&mut Vec<Key>)) -> SignedKeys {
    let mut keys = key_ring().keys;
    change(&mut keys);
    signed_keys(signer, sequence, keys)
}

fn key(pair: &KeyPair, role: Role, standing: Standing) -> Key {
    Key {
        role,
        standing,
        public: pair.pk.to_base64(),
    }
}

/// Of a bundle that the stranger's key signed, with such key sets in front.
fn refused_after(chain: &[SignedKeys]) -> Option<Code> {
    let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let bytes = bundle_with(&keys().stranger, draft("2"), chain, files);
    verified(&bytes).err().map(|fault| fault.code())
}

#[test]
fn key_set_signed_by_whoever_likes() {
    let trusted = |keys: &mut Vec<Key>| {
        keys.push(key(
            &super::keys().stranger,
            Role::Release,
            Standing::Current,
        ));
    };
    let by = |signer| refused_after(&[next_keys(signer, 1, trusted)]);
    assert_eq!(by(&keys().release), None);
    assert_eq!(by(&keys().stranger), Some(Code::BundleSignature));
    assert_eq!(by(&keys().catalogue), Some(Code::BundleSignature));
}

#[test]
fn key_set_that_leaves_one_out_or_is_an_old_one() {
    let trusted = |keys: &mut Vec<Key>| {
        keys.push(key(
            &super::keys().stranger,
            Role::Release,
            Standing::Current,
        ));
    };
    for sequence in [0, 2, u64::MAX] {
        let chain = [next_keys(&keys().release, sequence, trusted)];
        assert_eq!(
            refused_after(&chain),
            Some(Code::BundleSignature),
            "{sequence}"
        );
    }
}

#[test]
fn key_that_is_announced_but_not_in_use() {
    let announced = |keys: &mut Vec<Key>| {
        keys.push(key(&super::keys().stranger, Role::Release, Standing::Next));
    };
    let first = next_keys(&keys().release, 1, announced);
    assert_eq!(
        refused_after(std::slice::from_ref(&first)),
        Some(Code::BundleSignature)
    );
    // But it can take over by itself, where the key in use is lost.
    let taken_over = vec![key(&keys().stranger, Role::Release, Standing::Current)];
    let second = signed_keys(&keys().stranger, 2, taken_over);
    assert_eq!(refused_after(&[first, second]), None);
}

#[test]
fn revoked_key() {
    let revoked = |keys: &mut Vec<Key>| {
        keys[0].standing = Standing::Revoked;
        keys.push(key(
            &super::keys().stranger,
            Role::Release,
            Standing::Current,
        ));
    };
    let first = next_keys(&keys().release, 1, revoked);
    let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let old = bundle_with(
        &keys().release,
        draft("2"),
        std::slice::from_ref(&first),
        files,
    );
    assert_eq!(refused(&old), Code::BundleSignature);
    // Nobody can make it good again, not even by leaving it out first.
    for keep in [true, false] {
        let again = |keys: &mut Vec<Key>| {
            keys.retain(|_| keep);
            keys.push(key(
                &super::keys().stranger,
                Role::Release,
                Standing::Current,
            ));
        };
        let second = next_keys(&keys().stranger, 2, again);
        let chain = [first.clone(), second];
        assert_eq!(refused_after(&chain), Some(Code::BundleSignature));
    }
}

#[test]
fn key_set_without_any_release_key() {
    let none = next_keys(&keys().release, 1, |keys| keys.truncate(0));
    assert_eq!(refused_after(&[none]), Some(Code::BundleSignature));
}

#[test]
fn key_sets_cut_short() {
    let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let chain = [next_keys(&keys().release, 1, |_| {})];
    let good = bundle_with(&keys().release, draft("2"), &chain, files);
    verified(&good).unwrap();
    let length = u32::from_le_bytes(good[12..16].try_into().unwrap());
    for wrong in [1, 7, length - 1, length + 1] {
        let mut bytes = good.clone();
        bytes[12..16].copy_from_slice(&wrong.to_le_bytes());
        assert!(verified(&bytes).is_err(), "{wrong}");
    }
}

#[test]
fn signature_of_another_kind_of_text() {
    // What the release key signed as a key set is no bundle, and no permit.
    let set = next_keys(&keys().release, 1, |_| {});
    let mut bytes = b"\x89SKUEYE\n\x01\0\0\0\0\0\0\0".to_vec();
    bytes.extend((set.text.len() as u32).to_le_bytes());
    bytes.extend((set.signature.len() as u32).to_le_bytes());
    let bytes = [&bytes[..], &set.text, set.signature.as_bytes()].concat();
    assert_eq!(refused(&bytes), Code::BundleDamaged);
    let permit = Permit::verify(&set.text, set.signature.as_bytes(), &key_ring());
    assert_eq!(permit.unwrap_err().code(), Code::BundleDamaged);
}

#[test]
fn permit_of_another_bundle_a_used_one_and_one_by_a_catalogue_key() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    let newer = Draft {
        security_epoch: 5,
        ..draft("5")
    };
    install(&mut slots, &full("1")).unwrap();
    install(
        &mut slots,
        &bundle(
            &keys().release,
            newer.clone(),
            &[("s", Kind::Settings, b"s")],
        ),
    )
    .unwrap();
    let permit = |bytes: &[u8], sequence| {
        let text = Permit::new(verified(bytes).unwrap().digest(), sequence).to_text();
        Permit::verify(&text, sign(&keys().release, &text).as_bytes(), &key_ring()).unwrap()
    };
    let mut stage = |bytes: &[u8], permit: &Permit| {
        slots.stage(verified(bytes).unwrap(), &DEVICE, Some(permit))
    };
    let other = stage(&full("1"), &permit(&full("2"), 1));
    assert_eq!(other.unwrap_err().code(), Code::BundleEpoch);
    let first = permit(&full("1"), 1);
    let staged = stage(&full("1"), &first).unwrap();
    slots.activate(staged).unwrap();
    let Started::Trial(trial) = slots.start().unwrap() else {
        panic!("no trial");
    };
    slots.commit(trial, &OneSystem).unwrap();
    install(
        &mut slots,
        &bundle(&keys().release, newer, &[("s", Kind::Settings, b"s")]),
    )
    .unwrap();
    let again = slots.stage(verified(&full("1")).unwrap(), &DEVICE, Some(&first));
    assert_eq!(again.unwrap_err().code(), Code::BundleEpoch);

    let text = Permit::new(verified(&full("1")).unwrap().digest(), 2).to_text();
    let catalogue = Permit::verify(
        &text,
        sign(&keys().catalogue, &text).as_bytes(),
        &key_ring(),
    );
    assert_eq!(catalogue.unwrap_err().code(), Code::BundleSignature);
}

#[test]
fn delta_that_makes_something_else() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &full("1")).unwrap();
    let base = b"gallery of release 1";
    for (wrong, right) in [
        (&b"gallery of release 9"[..], &b"gallery of release 2"[..]),
        (b"", b"g"),
    ] {
        let stored = [
            delta::encode(base, wrong),
            vec![0; usize::from(wrong.is_empty())],
        ]
        .concat();
        let change = SourceDelta {
            base: Digest::of(base),
            result: Content::of(right),
        };
        let bytes = delta_bundle(&stored, change, None);
        let staged = slots.stage(verified(&bytes).unwrap(), &DEVICE, None);
        assert_eq!(staged.unwrap_err().code(), Code::BundleDamaged);
        assert_eq!(slots.storage().list("b").unwrap(), [""; 0]);
    }
}

#[test]
fn delta_twin_that_is_another_file() {
    let change = SourceDelta {
        base: Digest::of(b"1"),
        result: Content::of(b"gallery of release 2"),
    };
    verified(&delta_bundle(
        b"x",
        change.clone(),
        Some(b"gallery of release 2"),
    ))
    .unwrap();
    let signed = std::panic::catch_unwind(|| delta_bundle(b"x", change, Some(b"other")));
    assert!(signed.is_err(), "the maker is not let either");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let files: &[(&str, Kind, &[u8])] = &[
        ("kiosk.toml", Kind::Settings, b"s"),
        ("g", Kind::Gallery, b"g"),
    ];
    let mut bytes = bundle(&keys().stranger, draft("2"), files);
    let length = bytes.len();
    bytes[length - 1] ^= 1;
    bytes[length - 2] ^= 1;
    bytes.push(0);
    let problems = UntrustedBundle::parse(Cursor::new(bytes))
        .unwrap()
        .problems(&key_ring(), |_| {});
    let found: Vec<_> = problems
        .iter()
        .map(|fault| (fault.code(), fault.path().is_some()))
        .collect();
    let damaged = |in_payload| (Code::BundleDamaged, in_payload);
    assert_eq!(
        found,
        [
            (Code::BundleSignature, false),
            damaged(false),
            damaged(true),
            damaged(true)
        ]
    );
    let good = UntrustedBundle::parse(Cursor::new(full("2"))).unwrap();
    assert!(good.problems(&key_ring(), |_| {}).is_empty());
}

#[test]
fn an_unsigned_bundle_is_refused_until_it_is_signed() {
    let signed = full("2");
    let unsigned = UntrustedBundle::parse(Cursor::new(signed.clone())).unwrap();
    let signature = String::from_utf8(unsigned.signature().to_vec()).unwrap();
    let mut bytes = Vec::new();
    unsigned.write_signed("", &mut bytes).unwrap();
    assert_eq!(refused(&bytes), Code::BundleSignature);
    let unsigned = UntrustedBundle::parse(Cursor::new(bytes)).unwrap();
    let mut again = Vec::new();
    unsigned.write_signed(&signature, &mut again).unwrap();
    assert!(again == signed);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verified(&bytes).is_err());
        let headed = [b"\x89SKUEYE\n\x01\0\0\0\0\0\0\0", &bytes[..]].concat();
        prop_assert!(verified(&headed).is_err());
    }
}

/// But for the untrusted comment of the signature, which nothing vouches for, as its name says.
#[test]
fn any_changed_byte_is_noticed() {
    let good = full("1");
    let label = b"untrusted comment: ";
    let comment = good.windows(label.len()).position(|w| w == label).unwrap() + label.len();
    let end = comment + good[comment..].iter().position(|b| *b == b'\n').unwrap();
    for at in (0..comment).chain(end..good.len()) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let mut slots = Slots::open(FakeStorage::new()).unwrap();
        let staged = verified(&bytes).and_then(|bundle| slots.stage(bundle, &DEVICE, None));
        assert!(staged.is_err(), "byte {at}: {:?}", char::from(good[at]));
    }
}
