//! One test for each attack; each must be refused with its number, and where a device is attacked, its committed set
//! must stay as it was.

use proptest::prelude::*;
use serde_json::{Value, json};
use skueye_models::Code;

use super::*;
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
        let mut bytes = b"\x89SKUEYE\n\x01\0\0\0".to_vec();
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
    let staged = slots.stage(verified(&bytes).unwrap(), HARDWARE);
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
            let code = refused_with(&format!("/payloads/{payload}/length"), json!(length));
            assert_eq!(code, Code::BundleDamaged);
        }
    }
    for field in [12, 16] {
        let mut bytes = full("2");
        bytes[field..field + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(refused(&bytes), Code::BundleDamaged);
    }
    let notes = "n".repeat(300_000);
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
        .stage(verified(&full("2")).unwrap(), HARDWARE)
        .unwrap();
    let trial_old = TrialSlot::for_test(&staged_old);
    install(&mut slots, &newer("3", 5)).unwrap();
    install(&mut slots, &newer("3 again", 5)).unwrap();

    let stage = slots.stage(verified(&full("4")).unwrap(), HARDWARE);
    assert_eq!(stage.unwrap_err().code(), Code::BundleEpoch);
    let activate = slots.activate(staged_old);
    assert_eq!(activate.unwrap_err().code(), Code::BundleEpoch);
    let staged = slots.stage(verified(&newer("5", 5)).unwrap(), HARDWARE);
    slots.activate(staged.unwrap()).unwrap();
    let commit = slots.commit(trial_old);
    assert_eq!(commit.unwrap_err().code(), Code::BundleEpoch);
}

#[test]
fn bundle_for_other_hardware() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    let staged = slots.stage(verified(&full("1")).unwrap(), "toaster");
    assert_eq!(staged.unwrap_err().code(), Code::BundleRefused);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verified(&bytes).is_err());
        let headed = [b"\x89SKUEYE\n\x01\0\0\0", &bytes[..]].concat();
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
        let staged = verified(&bytes).and_then(|bundle| slots.stage(bundle, HARDWARE));
        assert!(staged.is_err(), "byte {at}: {:?}", char::from(good[at]));
    }
}
