//! Attacks with what was once good: bytes exchanged, repeated, or changed while they are used.

use std::io::{Read, Result as IoResult, Seek, SeekFrom};

use skueye_models::Code;

use super::*;
use crate::storage::fake::FakeStorage;

fn device(release: &str) -> Slots<FakeStorage> {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &full(release)).unwrap();
    slots
}

fn still_runs(slots: &mut Slots<FakeStorage>, release: &str) {
    assert_eq!(slots.storage().list("b").unwrap(), [""; 0]);
    let Started::Committed(set) = slots.start().unwrap() else {
        panic!("the committed set is lost");
    };
    slots.verify(&set).unwrap();
    assert_eq!(set.record().release, release);
}

#[test]
fn swapped_payloads() {
    let files: &[(&str, Kind, &[u8])] = &[
        ("gallery.skg", Kind::Gallery, b"tea at 1.00"),
        ("model.json", Kind::Model, b"which model"),
    ];
    let mut bytes = bundle(&keys().release, draft("2"), files);
    let at = bytes.len() - 22;
    bytes[at..].rotate_left(11);
    let mut slots = device("1");
    let staged = slots.stage(verified(&bytes).unwrap(), &DEVICE, None);
    assert_eq!(staged.unwrap_err().code(), Code::BundleDamaged);
    still_runs(&mut slots, "1");
}

#[test]
fn replayed_old_bundle() {
    let of = |release: &str, security_epoch| {
        let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
        let draft = Draft {
            security_epoch,
            ..draft(release)
        };
        bundle(&keys().release, draft, files)
    };
    let old = of("with a hole", 1);
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &old).unwrap();
    install(&mut slots, &of("without", 2)).unwrap();
    let operations = slots.storage().operations();
    let staged = slots.stage(verified(&old).unwrap(), &DEVICE, None);
    assert_eq!(staged.unwrap_err().code(), Code::BundleEpoch);
    assert_eq!(
        slots.storage().operations(),
        operations,
        "nothing is written"
    );
    assert_eq!(slots.previous().unwrap_err().code(), Code::BundleEpoch);
}

/// A stick that tells one thing when it is checked and another when it is used.
struct Turncoat {
    good: Cursor<Vec<u8>>,
    other: Vec<u8>,
    /// How often each byte was asked for.
    asked: std::rc::Rc<std::cell::RefCell<Vec<u8>>>,
    turned: std::rc::Rc<std::cell::Cell<bool>>,
}

impl Read for Turncoat {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        let at = self.good.position() as usize;
        let count = self.good.read(into)?;
        if self.turned.get() {
            into[..count].copy_from_slice(&self.other[at..at + count]);
        }
        for asked in &mut self.asked.borrow_mut()[at..at + count] {
            *asked += 1;
        }
        Ok(count)
    }
}

impl Seek for Turncoat {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        self.good.seek(to)
    }
}

#[test]
fn bundle_changed_between_check_and_use() {
    let (good, other) = (full("2"), full("3"));
    assert_eq!(good.len(), other.len());
    let asked = std::rc::Rc::new(std::cell::RefCell::new(vec![0; good.len()]));
    let turned = std::rc::Rc::default();
    let stick = Turncoat {
        good: Cursor::new(good),
        other,
        asked: std::rc::Rc::clone(&asked),
        turned: std::rc::Rc::clone(&turned),
    };
    let verified = UntrustedBundle::parse(stick).unwrap();
    let verified = verified.verify(&key_ring()).unwrap();
    turned.set(true);
    let mut slots = device("1");
    let staged = slots.stage(verified, &DEVICE, None);
    assert_eq!(staged.unwrap_err().code(), Code::BundleDamaged);
    still_runs(&mut slots, "1");
    assert!(
        asked.borrow().iter().all(|asked| *asked <= 1),
        "no byte is read twice"
    );
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn decode(text: &str) -> Vec<u8> {
    let place = |c: u8| BASE64.iter().position(|b| *b == c).unwrap();
    let groups = text.trim_end_matches('=').as_bytes().chunks(4);
    let bytes = groups.flat_map(|group| {
        let bits = group.iter().fold(0, |bits, c| bits << 6 | place(*c));
        let bits = bits << (6 * (4 - group.len()));
        let bytes = [bits >> 16, bits >> 8, bits].map(|byte| byte as u8);
        bytes.into_iter().take(group.len() - 1)
    });
    bytes.collect()
}

fn encode(bytes: &[u8]) -> String {
    let groups = bytes.chunks(3).map(|group| {
        let bits = group.iter().fold(0, |bits, b| bits << 8 | usize::from(*b));
        let bits = bits << (8 * (3 - group.len()));
        let digits = (0..4).map(|n| match n <= group.len() {
            true => BASE64[bits >> (18 - 6 * n) & 63] as char,
            false => '=',
        });
        digits.collect::<String>()
    });
    groups.collect()
}

/// The order of the group of Ed25519, little-endian (RFC 8032, 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The signature with S + L in place of S, which fits the same equation.
fn stretched(line: &str) -> String {
    let mut bytes = decode(line);
    let at = bytes.len() - 32;
    let mut carry = 0;
    for (byte, order) in bytes[at..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    encode(&bytes)
}

/// A signature has one form (RFC 8032, 5.1.7): another that fits the same equation would be a second name of one bundle.
#[test]
fn non_canonical_signature() {
    let text = b"{}";
    let signature = sign(&keys().release, text);
    let lines: Vec<&str> = signature.lines().collect();
    key_ring().verify(text, signature.as_bytes()).unwrap();
    assert_eq!(encode(&decode(lines[1])), lines[1]);
    // The signature of the text, and that of signature and comment.
    for line in [1, 3] {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        lines[line] = stretched(&lines[line]);
        let other = lines.join("\n") + "\n";
        let fault = key_ring().verify(text, other.as_bytes()).unwrap_err();
        assert_eq!(fault.code(), Code::BundleSignature, "line {line}");
    }
}
