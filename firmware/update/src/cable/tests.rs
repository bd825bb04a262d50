//! Two sides and a wire that loses, changes and cuts.

use std::io::Cursor;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::storage::Storage;
use crate::storage::fake::FakeStorage;
use crate::tests::{bundle, draft, keys};
use crate::{Kind, UntrustedBundle};

/// A bundle of some windows.
fn large() -> Vec<u8> {
    let content: Vec<u8> = (0..200_000u32)
        .map(|i| (i.wrapping_mul(i) >> 7) as u8)
        .collect();
    bundle(
        &keys().catalogue,
        draft("1"),
        &[("gallery.skg", Kind::Gallery, &content)],
    )
}

/// What a wire does to bytes, decided by a stream of random numbers.
struct Wire {
    state: u64,
    /// Of a thousand frames so many are lost, and as many changed.
    bad: u64,
}

impl Wire {
    fn draw(&mut self) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.state >> 33
    }

    fn carry(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.draw() % 1000 < self.bad {
            return Vec::new();
        }
        if self.draw() % 1000 < self.bad {
            let at = self.draw() as usize % bytes.len();
            bytes[at] ^= 1 << (self.draw() % 8);
        }
        bytes
    }
}

/// Pushes `file` over `wire` into `storage`; the device is started anew after every `restart` frames. Answers the bytes that
/// arrived and how many frames of data that took.
fn push(file: &[u8], mut wire: Wire, storage: &FakeStorage, restart: u64) -> (Vec<u8>, u64) {
    let mut sender = Sender::new(Cursor::new(file)).unwrap();
    let mut receiver = Receiver::new(storage).unwrap();
    let (mut to_device, mut to_host) = (Decoder::default(), Decoder::default());
    let (mut now, mut frames, mut arrived) = (Duration::ZERO, 0, None);
    loop {
        let frame = match sender.next(now).unwrap() {
            Next::Done(why_not) => {
                assert_eq!(why_not, None);
                return (arrived.expect("said to be done"), frames);
            }
            Next::Wait(time) => {
                now += time;
                continue;
            }
            Next::Send(frame) => frame,
        };
        frames += u64::from(matches!(frame, Frame::Data { .. }));
        assert!(frames < 20_000, "no end");
        if frames % restart == restart - 1 {
            receiver = Receiver::new(storage).unwrap();
        }
        for byte in wire.carry(frame.encode()) {
            let Some(frame) = to_device.push(byte) else {
                continue;
            };
            let answer = match receiver.take(frame).unwrap() {
                Arrived::Nothing | Arrived::Heard => continue,
                Arrived::Answer(frame) => frame,
                Arrived::Whole(path) => {
                    let mut bytes = vec![0; file.len()];
                    storage.read_at(&path, 0, &mut bytes).unwrap();
                    arrived = Some(bytes);
                    receiver.done(None).unwrap()
                }
            };
            for byte in wire.carry(answer.encode()) {
                if let Some(frame) = to_host.push(byte) {
                    sender.take(frame, now);
                }
            }
        }
    }
}

#[test]
fn a_bundle_arrives_over_a_good_wire_with_no_byte_sent_twice() {
    let file = large();
    let storage = FakeStorage::new();
    let (arrived, frames) = push(&file, Wire { state: 1, bad: 0 }, &storage, u64::MAX);
    assert!(arrived == file);
    assert_eq!(frames, (file.len() as u64).div_ceil(MAX_DATA_BYTES as u64));
    assert_eq!(
        storage.list("incoming").unwrap(),
        [""; 0],
        "nothing is left behind"
    );
    assert!(UntrustedBundle::parse(Cursor::new(arrived)).is_ok());
}

#[test]
fn a_bundle_arrives_over_a_bad_wire_and_to_a_device_that_starts_anew() {
    let file = large();
    for seed in 0..20 {
        let storage = FakeStorage::new();
        let (arrived, _) = push(
            &file,
            Wire {
                state: seed,
                bad: 30,
            },
            &storage,
            17,
        );
        assert!(arrived == file, "seed {seed}");
    }
}

#[test]
fn after_a_pulled_plug_what_arrived_is_not_sent_again() {
    let file = large();
    let storage = FakeStorage::new();
    let (head, length) = identity(Cursor::new(&file)).unwrap();
    let mut receiver = Receiver::new(&storage).unwrap();
    receiver.take(Frame::Offer { head, length }).unwrap();
    let mut sent = 0;
    for piece in file[..100_000].chunks(MAX_DATA_BYTES) {
        let bytes = piece.to_vec();
        receiver
            .take(Frame::Data {
                offset: sent,
                bytes,
            })
            .unwrap();
        sent += piece.len() as u64;
    }
    let (arrived, frames) = push(&file, Wire { state: 1, bad: 0 }, &storage, u64::MAX);
    assert!(arrived == file);
    assert_eq!(
        frames,
        (file.len() as u64 - sent).div_ceil(MAX_DATA_BYTES as u64)
    );
}

#[test]
fn another_bundle_takes_the_place_of_a_half_one() {
    let storage = FakeStorage::new();
    let mut receiver = Receiver::new(&storage).unwrap();
    let other = crate::Digest::of(b"other");
    receiver
        .take(Frame::Offer {
            head: other,
            length: 10,
        })
        .unwrap();
    receiver
        .take(Frame::Data {
            offset: 0,
            bytes: vec![1; 5],
        })
        .unwrap();
    let (head, length) = identity(Cursor::new(large())).unwrap();
    let begun = receiver.take(Frame::Offer { head, length }).unwrap();
    assert_eq!(begun, Arrived::Answer(Frame::Have(0)));
    assert_eq!(
        storage.list("incoming").unwrap(),
        [format!("{head}.skueye")]
    );
}

#[test]
fn bytes_that_nobody_offered_or_that_do_not_fit_change_nothing() {
    let storage = FakeStorage::new();
    let mut receiver = Receiver::new(&storage).unwrap();
    let data = |offset, count| Frame::Data {
        offset,
        bytes: vec![7; count],
    };
    assert_eq!(receiver.take(data(0, 5)).unwrap(), Arrived::Nothing);
    let head = crate::Digest::of(b"head");
    receiver.take(Frame::Offer { head, length: 10 }).unwrap();
    for frame in [data(1, 5), data(0, 11), data(u64::MAX, 2), data(0, 0)] {
        assert_eq!(
            receiver.take(frame).unwrap(),
            Arrived::Answer(Frame::Have(0))
        );
    }
    assert_eq!(
        receiver.take(data(0, 4)).unwrap(),
        Arrived::Answer(Frame::Have(4))
    );
}

proptest! {
    #[test]
    fn frames_survive_the_wire_behind_any_noise(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        offset in any::<u64>(),
    ) {
        let frame = Frame::Data { offset, bytes };
        let mut decoder = Decoder::default();
        let wire = noise.into_iter().chain([0]).chain(frame.encode());
        let found: Vec<Frame> = wire.filter_map(|byte| decoder.push(byte)).collect();
        prop_assert_eq!(found.last(), Some(&frame));
    }

    #[test]
    fn any_bytes_are_frames_or_none_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut decoder = Decoder::default();
        let storage = FakeStorage::new();
        let mut receiver = Receiver::new(&storage).unwrap();
        for frame in bytes.into_iter().filter_map(|byte| decoder.push(byte)) {
            let _ = receiver.take(frame);
        }
    }
}
