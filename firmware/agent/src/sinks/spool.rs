//! Events on disk until they are taken: an append-only file of checked records that survives a power cut at any moment.
//!
//! The file `events.spool`, all numbers little-endian:
//!
//! | bytes | head |
//! |---|---|
//! | 0..8 | `SKYSPOOL` |
//! | 8..12 | version, 2 |
//! | 12..16 | CRC-32 of bytes 0..12 |
//!
//! and any number of records of 192 bytes:
//!
//! | bytes | record |
//! |---|---|
//! | 0 | kind: 1 a product, 2 an item that was not recognised, 3 everything up to this one is over: taken, or given up, 4 a product that is taken back |
//! | 1 | digits of the GTIN, 0 where there is none |
//! | 2 | 1 where a person said so |
//! | 3 | length of the name |
//! | 4..8 | CRC-32 of the record with 0 in these bytes |
//! | 8..16 | start: a random number of the program's start |
//! | 16..24 | sequence, from 1 in every start |
//! | 24..32 | milliseconds since 1970 by the device's clock |
//! | 32..40 | the GTIN's value |
//! | 40..44 | the presentation's number |
//! | 44..48 | score, f32; NaN where there is none |
//! | 48..52 | margin, likewise |
//! | 52..64 | 0 |
//! | 64..192 | the product's name in UTF-8, then 0 |
//!
//! Version 1 had the first 40 bytes of a record alone; it is read, and written anew as version 2.
//!
//! Records have one length, so a damaged one hides no other. An event counts as kept when its record is synced, and as taken
//! when that is. The file is written anew (temporary name, sync, rename, sync of the folder) at the start, after a failed write,
//! and when it has grown too long. Start and sequence together are the idempotency key: it never belongs to two events, whatever
//! a power cut takes back.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use skueye_link::Reading;
use skueye_models::{Code, Fault, Gtin};
use skueye_update::Storage;

use super::about::{About, TITLE, cut};

const FILE: &str = "events.spool";
const NEW: &str = ".events.new";
const MAGIC: &[u8; 8] = b"SKYSPOOL";
const VERSION: u32 = 2;
const HEAD: usize = 16;
const RECORD: usize = 192;
/// The length of a record of version 1.
const RECORD_1: usize = 40;
/// Where a record's name begins.
const NAME: usize = RECORD - TITLE;
const OVER: u8 = 3;
/// Records beyond twice the events that may wait, from which the file is written anew.
const SLACK: usize = 1024;
/// A file that is longer is not read: more than the largest spool can grow to.
const MOST_BYTES: u64 = 128 << 20;

/// Which event: its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    start: u64,
    sequence: u64,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{}", self.start, self.sequence)
    }
}

/// One event that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// What was recognised.
    pub reading: Reading,
    /// Milliseconds since 1970 by the device's clock.
    pub time_ms: u64,
    /// What is known besides.
    pub about: About,
}

/// The events that wait, the oldest first.
#[derive(Debug)]
pub struct Spool<S> {
    storage: S,
    most: usize,
    start: u64,
    next: u64,
    waiting: VecDeque<Entry>,
    /// Records in the file.
    records: usize,
    /// The file was read, and what it held waits.
    is_loaded: bool,
    /// The file is as it should be.
    is_sound: bool,
}

impl<S: Storage> Spool<S> {
    /// The spool in `storage`, for at most `most` events. What is wrong with it is told in the second part; it works all the
    /// same, and gets right by itself as soon as that can be.
    pub fn open(storage: S, most: usize) -> (Self, Result<(), Fault>) {
        let mut spool = Self {
            storage,
            most: most.max(1),
            start: RandomState::new().hash_one(std::process::id()),
            next: 1,
            waiting: VecDeque::new(),
            records: 0,
            is_loaded: false,
            is_sound: false,
        };
        let settled = spool.settle();
        (spool, settled)
    }

    /// Keeps an event. Errors: E901, E707, E708; it waits in any case, but after the first two not through a power cut.
    pub fn push(&mut self, reading: Reading, time_ms: u64, about: About) -> Result<(), Fault> {
        let settled = self.settle();
        let sequence = self.next;
        self.next += 1;
        let start = self.start;
        let key = Key { start, sequence };
        let entry = Entry {
            key,
            reading,
            time_ms,
            about,
        };
        let mut records = record(&entry).to_vec();
        self.waiting.push_back(entry);
        let dropped = self.drop_oldest();
        if let Some((key, _)) = &dropped {
            records.extend(over(*key));
        }
        self.append(&records)?;
        settled.and(dropped.map_or(Ok(()), |(_, fault)| Err(fault)))
    }

    /// The oldest event that waits.
    pub fn first(&self) -> Option<Entry> {
        self.waiting.front().cloned()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The event of this key, which was the first, is taken. Errors: E901, E707; after a restart it may be sent once more.
    pub fn taken(&mut self, key: Key) -> Result<(), Fault> {
        // It may have been dropped while it was sent.
        if self.first().is_none_or(|first| first.key != key) {
            return Ok(());
        }
        self.waiting.pop_front();
        self.settle()?;
        self.append(&over(key))
    }

    /// Gives up what is too much: the last of them, and what to say.
    fn drop_oldest(&mut self) -> Option<(Key, Fault)> {
        let over = self.waiting.len().saturating_sub(self.most);
        let last = self.waiting.drain(..over).next_back()?;
        let fault = Fault::new(
            Code::SpoolFull,
            format!("at most {} events that wait", self.most),
            format!("{over} more; the oldest were given up"),
            "let the receiver take events, or raise link.webhook_keep or link.mqtt_keep",
        );
        Some((last.key, fault))
    }

    /// Adds records, durably. After a failure the file is written anew before the next.
    fn append(&mut self, records: &[u8]) -> Result<(), Fault> {
        if !self.is_sound {
            return self.settle();
        }
        self.is_sound = false;
        self.storage.append(FILE, records)?;
        self.storage.sync_file(FILE)?;
        self.is_sound = true;
        self.records += records.len() / RECORD;
        Ok(())
    }

    /// Reads the file where that has not been done, and writes it anew where it is not as it should be.
    fn settle(&mut self) -> Result<(), Fault> {
        let loaded = match self.is_loaded {
            true => Ok(()),
            false => self.load(),
        };
        let too_long = self.records > 2 * self.most + SLACK;
        if self.is_loaded && (!self.is_sound || too_long) {
            self.is_sound = false;
            self.rewrite()?;
            self.is_sound = true;
        }
        loaded
    }

    /// Puts what the file holds before what waits already.
    fn load(&mut self) -> Result<(), Fault> {
        let found = match self.storage.length(FILE)? {
            None => Found::default(),
            Some(length) if length > MOST_BYTES => Found {
                damaged: 1,
                ..Found::default()
            },
            Some(length) => parse(&self.read(length as usize)?),
        };
        self.is_loaded = true;
        for entry in found.waiting.into_iter().rev() {
            self.waiting.push_front(entry);
        }
        let dropped = self.drop_oldest();
        match (found.damaged, dropped) {
            (0, None) => Ok(()),
            (0, Some((_, fault))) => Err(fault),
            (count, _) => Err(damaged(count)),
        }
    }

    fn read(&self, length: usize) -> Result<Vec<u8>, Fault> {
        let (mut bytes, mut filled) = (vec![0; length], 0);
        while filled < length {
            match self
                .storage
                .read_at(FILE, filled as u64, &mut bytes[filled..])?
            {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn rewrite(&mut self) -> Result<(), Fault> {
        let mut bytes = head(VERSION).to_vec();
        bytes.extend(self.waiting.iter().flat_map(record));
        self.storage.create(NEW)?;
        self.storage.append(NEW, &bytes)?;
        self.storage.sync_file(NEW)?;
        self.storage.rename(NEW, FILE)?;
        self.storage.sync_folder("")?;
        self.records = self.waiting.len();
        Ok(())
    }
}

/// What a file holds.
#[derive(Debug, Default, PartialEq)]
struct Found {
    waiting: VecDeque<Entry>,
    /// Records that cannot be read. A part of one at the end is what a power cut leaves behind, and no damage.
    damaged: usize,
}

/// Reads any bytes; never fails.
fn parse(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    let Some((start, rest)) = bytes.split_at_checked(HEAD) else {
        return found;
    };
    let length = match start == head(1) {
        true => RECORD_1,
        false => RECORD,
    };
    found.damaged += usize::from(start != head(1) && start != head(VERSION));
    for bytes in rest.chunks_exact(length) {
        match read_record(bytes) {
            None => found.damaged += 1,
            Some(Record::Event(entry)) => found.waiting.push_back(entry),
            Some(Record::Over(key)) => {
                let at = found.waiting.iter().position(|entry| entry.key == key);
                let until = at.map_or(0, |at| at + 1);
                found.waiting.drain(..until);
            }
        }
    }
    found
}

enum Record {
    Event(Entry),
    Over(Key),
}

fn read_record(bytes: &[u8]) -> Option<Record> {
    let mut whole = [0; RECORD];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    if crc(bytes).to_le_bytes() != whole[4..8] {
        return None;
    }
    let key = Key {
        start: get_u64(&whole, 8),
        sequence: get_u64(&whole, 16),
    };
    let gtin = |digits| Gtin::from_parts(get_u64(&whole, 32), digits).ok();
    let reading = match (whole[0], whole[1]) {
        (1, digits) => Reading::Product(gtin(digits)?),
        (2, 0) => Reading::NoRead,
        (OVER, 0) => return Some(Record::Over(key)),
        (4, digits) => Reading::TakenBack(gtin(digits)?),
        _ => return None,
    };
    let about = match bytes.len() {
        RECORD => read_about(&whole)?,
        _ => About::default(),
    };
    let time_ms = get_u64(&whole, 24);
    Some(Record::Event(Entry {
        key,
        reading,
        time_ms,
        about,
    }))
}

fn read_about(bytes: &[u8; RECORD]) -> Option<About> {
    let number = |at| Some(f32::from_bits(get_u32(bytes, at))).filter(|value| !value.is_nan());
    let name = bytes[NAME..].get(..usize::from(bytes[3]))?;
    Some(About {
        presentation: get_u32(bytes, 40),
        score: number(44),
        margin: number(48),
        by_person: bytes[2] == 1,
        title: cut(std::str::from_utf8(name).ok()?),
    })
}

fn record(entry: &Entry) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    let (gtin, about) = (entry.reading.gtin(), &entry.about);
    bytes[0] = match entry.reading {
        Reading::Product(_) => 1,
        Reading::NoRead => 2,
        Reading::TakenBack(_) => 4,
    };
    bytes[1] = gtin.map_or(0, |gtin| gtin.digits());
    bytes[2] = u8::from(about.by_person);
    bytes[3] = about.title.len() as u8;
    put(&mut bytes, 8, &entry.key.start.to_le_bytes());
    put(&mut bytes, 16, &entry.key.sequence.to_le_bytes());
    put(&mut bytes, 24, &entry.time_ms.to_le_bytes());
    put(&mut bytes, 32, &gtin.map_or(0, |g| g.value()).to_le_bytes());
    put(&mut bytes, 40, &about.presentation.to_le_bytes());
    put(
        &mut bytes,
        44,
        &about.score.unwrap_or(f32::NAN).to_le_bytes(),
    );
    put(
        &mut bytes,
        48,
        &about.margin.unwrap_or(f32::NAN).to_le_bytes(),
    );
    put(&mut bytes, NAME, about.title.as_bytes());
    sealed(bytes)
}

/// Says that everything up to this event is over.
fn over(key: Key) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[0] = OVER;
    put(&mut bytes, 8, &key.start.to_le_bytes());
    put(&mut bytes, 16, &key.sequence.to_le_bytes());
    sealed(bytes)
}

/// The same with its checksum.
fn sealed(mut bytes: [u8; RECORD]) -> [u8; RECORD] {
    let crc = crc(&bytes).to_le_bytes();
    put(&mut bytes, 4, &crc);
    bytes
}

/// Of a record, whose own bytes for it count as 0.
fn crc(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..4]);
    hasher.update(&[0; 4]);
    hasher.update(&record[8..]);
    hasher.finalize()
}

fn head(version: u32) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&version.to_le_bytes());
    let crc = crc32fast::hash(&head[..12]);
    head[12..].copy_from_slice(&crc.to_le_bytes());
    head
}

fn put(bytes: &mut [u8; RECORD], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn get_u32(bytes: &[u8; RECORD], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

fn get_u64(bytes: &[u8; RECORD], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

fn damaged(count: usize) -> Fault {
    Fault::new(
        Code::SpoolUnusable,
        "a sound file",
        format!("{count} records that cannot be read; the others are kept"),
        "compare the receiver's list with the device's; replace the disk if it happens again",
    )
    .at(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skueye_update::storage::fake::{FakeStorage, Survival};

    fn product(body: u64) -> Reading {
        Reading::Product(Gtin::from_body(body, 13).unwrap())
    }

    fn about(body: u64) -> About {
        About {
            presentation: body as u32,
            score: body.is_multiple_of(2).then_some(0.5),
            margin: Some(0.25),
            by_person: body == 3,
            title: cut("Müsli 500 g"),
        }
    }

    fn opened<S: Storage>(storage: S) -> Spool<S> {
        let (spool, settled) = Spool::open(storage, 100);
        settled.unwrap();
        spool
    }

    fn readings<S: Storage>(spool: &Spool<S>) -> Vec<Reading> {
        spool.waiting.iter().map(|entry| entry.reading).collect()
    }

    /// What a day's work promised: the events that were kept and those that were taken, as far as the spool said so.
    #[derive(Default)]
    struct Promised {
        kept: Vec<Reading>,
        taken: Vec<Reading>,
        /// At most one: whose keeping or taking was under way.
        open: Option<Reading>,
    }

    /// Keeps seven events and lets the first five be taken in between, until the power goes.
    fn work(disk: &FakeStorage) -> Promised {
        let mut promised = Promised::default();
        let (mut spool, _) = Spool::open(disk, 100);
        for body in 1..=7 {
            promised.open = Some(product(body));
            if spool.push(product(body), body, about(body)).is_err() {
                return promised;
            }
            promised.kept.push(product(body));
            promised.open = None;
            if body > 2 {
                let first = spool.first().unwrap();
                promised.open = Some(first.reading);
                if spool.taken(first.key).is_err() {
                    return promised;
                }
                promised.taken.push(first.reading);
                promised.open = None;
            }
        }
        promised
    }

    #[test]
    fn a_power_cut_at_any_operation_loses_nothing_and_brings_nothing_back() {
        let survivals = [Survival::Nothing, Survival::Everything, Survival::Torn];
        let survivals = survivals
            .into_iter()
            .chain((0..12).map(Survival::Random))
            .collect::<Vec<_>>();
        let before = FakeStorage::new();
        drop(opened(&before));
        let before = before.restart(Survival::Everything);
        let (mut cuts, mut over) = (0, false);
        while !over {
            let disk = before.clone();
            disk.cut_before(cuts);
            let promised = work(&disk);
            over = promised.kept.len() == 7 && promised.open.is_none();
            for survival in &survivals {
                let disk = disk.clone().restart(*survival);
                let mut there = readings(&opened(&disk));
                let expected = promised.kept.iter().filter(|r| !promised.taken.contains(r));
                let mut expected: Vec<_> = expected.copied().collect();
                // Of what was under way either is right.
                there.retain(|reading| Some(*reading) != promised.open);
                expected.retain(|reading| Some(*reading) != promised.open);
                assert_eq!(there, expected, "cut {cuts}, {survival:?}");
                // And it goes on.
                let mut spool = opened(&disk);
                spool.push(product(9), 9, about(9)).unwrap();
                let kept = readings(&opened(&disk.clone().restart(Survival::Nothing)));
                assert_eq!(kept.last(), Some(&product(9)));
            }
            cuts += 1;
        }
        assert!(cuts > 20, "{cuts}");
    }

    #[test]
    fn a_disk_that_fails_for_a_while_keeps_the_order_and_no_key_belongs_to_two() {
        let disk = FakeStorage::new();
        let mut spool = opened(&disk);
        spool.push(product(1), 1, about(1)).unwrap();
        let first = spool.first().unwrap().key;
        disk.cut_before(0);
        assert!(spool.push(product(2), 2, about(2)).is_err());
        assert_eq!(readings(&spool), [product(1), product(2)], "it still waits");
        disk.cut_before(u64::MAX);
        spool.push(product(3), 3, about(3)).unwrap();
        let again = opened(disk.clone().restart(Survival::Nothing));
        assert_eq!(readings(&again), [product(1), product(2), product(3)]);
        assert_eq!(
            again.first().unwrap().key,
            first,
            "the same event, the same key"
        );
        assert_ne!(again.start, spool.start);
    }

    #[test]
    fn a_full_spool_drops_the_oldest_says_so_and_stays_small() {
        let disk = FakeStorage::new();
        let (mut spool, settled) = Spool::open(&disk, 2);
        settled.unwrap();
        spool.push(product(1), 1, about(1)).unwrap();
        spool.push(product(2), 2, about(2)).unwrap();
        let sending = spool.first().unwrap().key;
        let fault = spool.push(product(3), 3, about(3)).unwrap_err();
        assert_eq!(fault.code(), Code::SpoolFull);
        spool.taken(sending).unwrap();
        assert_eq!(
            readings(&spool),
            [product(2), product(3)],
            "not another in its place"
        );
        for body in 4..5000 {
            assert_eq!(
                spool
                    .push(product(body), body, about(body))
                    .unwrap_err()
                    .code(),
                Code::SpoolFull
            );
        }
        let again = opened(&disk);
        assert_eq!(
            readings(&again),
            [product(4998), product(4999)],
            "what was given up does not come back, though there is room now"
        );
        let longest = (HEAD + RECORD * (2 * 2 + SLACK + 4)) as u64;
        assert!(disk.length(FILE).unwrap().unwrap() <= longest);
    }

    /// The file of a spool of ten events of which three were taken, and the seven that wait.
    fn file() -> (Vec<u8>, Vec<Reading>) {
        let disk = FakeStorage::new();
        let mut spool = opened(&disk);
        for body in 1..=10 {
            let reading = if body == 5 {
                Reading::NoRead
            } else {
                product(body)
            };
            spool.push(reading, body, about(body)).unwrap();
        }
        for _ in 0..3 {
            let key = spool.first().unwrap().key;
            spool.taken(key).unwrap();
        }
        let length = disk.length(FILE).unwrap().unwrap() as usize;
        (spool.read(length).unwrap(), readings(&spool))
    }

    #[test]
    fn everything_that_is_known_comes_back_and_a_file_of_version_1_is_understood() {
        let disk = FakeStorage::new();
        let mut spool = opened(&disk);
        spool.push(product(3), 7, about(3)).unwrap();
        let taken_back = Reading::TakenBack(Gtin::from_body(3, 13).unwrap());
        spool.push(taken_back, 8, about(4)).unwrap();
        let again = opened(&disk);
        assert_eq!(again.waiting, spool.waiting);
        assert_eq!(again.first().unwrap().about, about(3));
        let entry = spool.first().unwrap();
        let mut old = record(&entry)[..RECORD_1].to_vec();
        old[2..4].fill(0);
        let sum = crc(&old).to_le_bytes();
        old[4..8].copy_from_slice(&sum);
        let disk = FakeStorage::new();
        disk.create(FILE).unwrap();
        disk.append(FILE, &[&head(1)[..], &old].concat()).unwrap();
        let expected = Entry {
            about: About::default(),
            ..entry
        };
        for _ in 0..2 {
            let waiting = opened(&disk).waiting;
            assert_eq!(waiting.len(), 1, "and again as version 2");
            assert_eq!(waiting.front(), Some(&expected));
        }
    }

    #[test]
    fn a_damaged_file_is_told_and_the_rest_is_kept() {
        let (mut bytes, waiting) = file();
        bytes[HEAD + 4 * RECORD + 33] ^= 1;
        let disk = FakeStorage::new();
        disk.create(FILE).unwrap();
        disk.append(FILE, &bytes).unwrap();
        let (spool, settled) = Spool::open(&disk, 100);
        assert_eq!(settled.unwrap_err().code(), Code::SpoolUnusable);
        assert_eq!(readings(&spool), [&waiting[..1], &waiting[2..]].concat());
        assert_eq!(opened(&disk).len(), 6, "told once");
    }

    proptest! {
        #[test]
        fn a_torn_tail_loses_what_is_torn_and_nothing_before(cut in 0usize..2600) {
            let (bytes, _) = file();
            let cut = cut.min(bytes.len());
            let found = parse(&bytes[..cut]);
            prop_assert_eq!(found.damaged, 0);
            let whole = cut.saturating_sub(HEAD) / RECORD;
            let expected = whole.min(10) - whole.saturating_sub(10);
            prop_assert_eq!(found.waiting.len(), expected);
        }

        #[test]
        fn a_flipped_bit_loses_at_most_the_record_that_it_is_in(at in 0usize..2512, bit in 0u32..8) {
            let (mut bytes, waiting) = file();
            bytes[at] ^= 1 << bit;
            let found = parse(&bytes);
            prop_assert_eq!(found.damaged, 1);
            let there: Vec<Reading> = found.waiting.iter().map(|entry| entry.reading).collect();
            let lost = waiting.iter().filter(|reading| !there.contains(reading)).count();
            prop_assert!(lost <= 1, "{} lost", lost);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = parse(&bytes);
            let whole = [&head(VERSION)[..], &bytes].concat();
            let _ = parse(&whole);
        }
    }
}
