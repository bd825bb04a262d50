//! Hostile galleries and journals: each file of `tests/attacks` is refused with the number it should be, none makes a
//! program panic, and neither do thousands of mutations of them.
//!
//! The files are made by this test; `SKUEYE_WRITE_ATTACKS=1` writes them anew.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use skueye_gallery::{Extras, Gallery, GalleryBuilder, ProductIndex, Store};
use skueye_house::root;
use skueye_models::{Code, EmbeddingId, Gtin, Product, UnitEmbedding};
use skueye_tests::hostile;
use skueye_tests::mutate::mutate;

const HEADER_CRC: usize = 4;
const TRAILER: usize = 64;

/// A file that should be refused, and how.
struct Attack {
    name: &'static str,
    gallery: Vec<u8>,
    journal: Option<Vec<u8>>,
    code: Code,
}

fn folder() -> PathBuf {
    root().join("tests/attacks")
}

/// A unit vector that follows from `seed`.
fn unit(seed: u64) -> UnitEmbedding {
    let values = (0..64u64).map(|n| ((n * 7 + seed * 13 + n * n * (seed + 3)) % 31) as f32 - 15.0);
    UnitEmbedding::normalise(values.collect()).unwrap()
}

fn product(number: u64) -> Product {
    Product {
        gtin: Gtin::from_body(400_000_000_000 + number, 13).unwrap(),
        title: format!("Tea {number}"),
        category: ["tea", "drinks"][number as usize % 2].into(),
    }
}

/// A sound gallery with every section.
fn sound(seed: u64) -> Vec<u8> {
    let builder = GalleryBuilder::new(EmbeddingId([7; 16]), 64).unwrap();
    let mut builder = builder.with_halves().with_lists(2);
    for number in 0..4 {
        let index = builder.add_product(product(number)).unwrap();
        for look in 0..3 {
            builder
                .add_row(index, &unit(seed + 10 * number + look))
                .unwrap();
        }
    }
    let extras = Extras {
        accept: Some(0.5),
        thumbnail: "1.jpg",
        ..Extras::default()
    };
    builder.set_extras(ProductIndex(1), extras).unwrap();
    builder.to_bytes()
}

/// The journal of two enrolments on `gallery`.
fn journal_of(gallery: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.skg");
    fs::write(&path, gallery).unwrap();
    let mut store = Store::open_to_change(&path).unwrap();
    store.enrol(&product(70), &[unit(900), unit(901)]).unwrap();
    store.remove(product(2).gtin).unwrap();
    fs::read(folder.path().join("shop.skg.journal")).unwrap()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// Makes every checksum fit what it covers, as far as the section table can be followed, so that checksums do not hide
/// the check under test.
fn seal(bytes: &mut [u8]) {
    let sections = (u32_at(bytes, 36) as usize).min(64);
    for entry in (0..sections).map(|n| 64 + 32 * n) {
        if entry + 32 > bytes.len() {
            return;
        }
        let (from, length) = (u64_at(bytes, entry + 8), u64_at(bytes, entry + 16));
        if let Some(content) = from.checked_add(length).and_then(|to| bytes.get(from..to)) {
            let crc = crc32fast::hash(content).to_le_bytes();
            bytes[entry + 4..entry + 8].copy_from_slice(&crc);
        }
    }
    let length = (64 + 32 * sections + HEADER_CRC).next_multiple_of(64);
    if length + TRAILER > bytes.len() {
        return;
    }
    let crc = crc32fast::hash(&bytes[..length - HEADER_CRC]).to_le_bytes();
    bytes[length - HEADER_CRC..length].copy_from_slice(&crc);
    let trailer = bytes.len() - TRAILER;
    bytes.copy_within(56..64, trailer);
    bytes[trailer + 8..trailer + 12].copy_from_slice(&crc);
}

/// Where the entry of the section `kind` lies, and its content.
fn section(bytes: &[u8], kind: u32) -> (usize, usize) {
    let entries = (0..u32_at(bytes, 36) as usize).map(|n| 64 + 32 * n);
    let entry = entries
        .into_iter()
        .find(|at| u32_at(bytes, *at) == kind)
        .unwrap();
    (entry, u64_at(bytes, entry + 8))
}

/// The sound gallery with bytes changed, all checksums right.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = sound(0);
    change(&mut bytes);
    seal(&mut bytes);
    bytes
}

fn put(at: usize, value: &[u8]) -> Vec<u8> {
    changed(|bytes| bytes[at..at + value.len()].copy_from_slice(value))
}

/// The sound gallery with `value` at byte `at` of section `kind`.
fn inside(kind: u32, at: usize, value: &[u8]) -> Vec<u8> {
    let (_, content) = section(&sound(0), kind);
    put(content + at, value)
}

/// The sound gallery with `value` at byte `at` of the entry of section `kind`.
fn entry(kind: u32, at: usize, value: &[u8]) -> Vec<u8> {
    let (entry, _) = section(&sound(0), kind);
    put(entry + at, value)
}

fn gallery_attacks() -> Vec<(&'static str, Code, Vec<u8>)> {
    use Code::{GalleryDamaged as Damaged, GalleryVersion as Version};
    let (base, huge) = (sound(0), (1u64 << 63).to_le_bytes());
    let mut flipped = base.clone();
    flipped[section(&base, 1).1 + 5] ^= 0x10;
    vec![
        ("text", Damaged, b"title,gtin\n".repeat(40)),
        ("cut-in-half", Damaged, base[..base.len() / 2].to_vec()),
        ("cut-by-one", Damaged, base[..base.len() - 1].to_vec()),
        ("longer-by-64", Damaged, [&base[..], &[0; 64]].concat()),
        ("changed-byte", Damaged, flipped),
        ("version-9", Version, put(8, &9u32.to_le_bytes())),
        ("version-0", Version, put(8, &0u32.to_le_bytes())),
        ("header-length", Damaged, put(12, &u32::MAX.to_le_bytes())),
        ("dimension-0", Damaged, put(32, &0u32.to_le_bytes())),
        ("dimension-max", Damaged, put(32, &u32::MAX.to_le_bytes())),
        ("sections-max", Damaged, put(36, &u32::MAX.to_le_bytes())),
        ("rows-2-to-63", Damaged, put(40, &huge)),
        ("products-2-to-63", Damaged, put(48, &huge)),
        ("rows-one-more", Damaged, put(40, &13u64.to_le_bytes())),
        ("file-length", Damaged, put(56, &huge)),
        (
            "section-overlaps",
            Damaged,
            entry(2, 8, &(section(&base, 1).1 as u64).to_le_bytes()),
        ),
        (
            "section-offset-overflows",
            Damaged,
            entry(1, 8, &u64::MAX.to_le_bytes()),
        ),
        (
            "section-length-overflows",
            Damaged,
            entry(1, 16, &(u64::MAX - 63).to_le_bytes()),
        ),
        ("section-twice", Damaged, entry(2, 0, &1u32.to_le_bytes())),
        (
            "section-missing",
            Damaged,
            entry(3, 0, &99u32.to_le_bytes()),
        ),
        (
            "section-must-be-understood",
            Version,
            entry(14, 0, &((1u32 << 31) | 99).to_le_bytes()),
        ),
        (
            "sketches-without-factors",
            Damaged,
            entry(9, 0, &99u32.to_le_bytes()),
        ),
        (
            "lists-without-centroids",
            Damaged,
            entry(13, 0, &99u32.to_le_bytes()),
        ),
        ("nan-scale", Damaged, inside(2, 4, &f32::NAN.to_le_bytes())),
        (
            "infinite-scale",
            Damaged,
            inside(2, 4, &f32::INFINITY.to_le_bytes()),
        ),
        (
            "negative-scale",
            Damaged,
            inside(2, 4, &(-0.01f32).to_le_bytes()),
        ),
        (
            "product-index-out-of-range",
            Damaged,
            inside(3, 4, &u32::MAX.to_le_bytes()),
        ),
        ("code-minus-128", Damaged, inside(1, 3, &[0x80])),
        (
            "title-behind-the-strings",
            Damaged,
            inside(4, 8, &u64::MAX.to_le_bytes()),
        ),
        (
            "title-length",
            Damaged,
            inside(4, 16, &u32::MAX.to_le_bytes()),
        ),
        (
            "gtin-check-digit",
            Damaged,
            inside(4, 0, &4_000_000_000_001u64.to_le_bytes()),
        ),
        (
            "category-index",
            Damaged,
            inside(4, 20, &77u32.to_le_bytes()),
        ),
        ("strings-not-utf-8", Damaged, inside(6, 0, &[0xff, 0xfe])),
        ("coarse-sketch-changed", Damaged, inside(7, 9, &[0xaa])),
        ("fine-sketch-changed", Damaged, inside(8, 9, &[0xaa])),
        ("fine-factor-changed", Damaged, inside(9, 0, &[0xaa])),
        (
            "sketch-head-nan",
            Damaged,
            inside(10, 4, &f32::NAN.to_le_bytes()),
        ),
        (
            "sketch-row-out-of-range",
            Damaged,
            inside(11, 0, &77u32.to_le_bytes()),
        ),
        ("sketch-row-twice", Damaged, {
            let first = section(&base, 11).1;
            let row = base[first..first + 4].to_vec();
            inside(11, 4, &row)
        }),
        (
            "list-behind-the-blocks",
            Damaged,
            inside(12, 0, &u32::MAX.to_le_bytes()),
        ),
        (
            "list-longer-than-all",
            Damaged,
            inside(12, 4, &u32::MAX.to_le_bytes()),
        ),
        (
            "list-scale-nan",
            Damaged,
            inside(12, 12, &f32::NAN.to_le_bytes()),
        ),
        ("fp16-nan", Damaged, inside(14, 6, &0x7e00u16.to_le_bytes())),
        (
            "thresholds-out-of-order",
            Damaged,
            inside(15, 36, &0.9f32.to_le_bytes()),
        ),
        (
            "thumbnail-behind-the-strings",
            Damaged,
            inside(15, 48, &u64::MAX.to_le_bytes()),
        ),
    ]
}

fn journal_attacks() -> Vec<(&'static str, Code, Vec<u8>)> {
    use Code::GalleryJournalDamaged as Damaged;
    let journal = journal_of(&sound(0));
    let with = |at: usize, value: &[u8]| {
        let mut bytes = journal.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    // The head of a record made to fit again; its content stays.
    let first = |at: usize, value: &[u8]| {
        let mut bytes = with(64 + at, value);
        let content = 64 + 32;
        let end = content + u32_at(&journal, 64 + 8) as usize;
        let crc = crc32fast::hash(&bytes[content..end]).to_le_bytes();
        bytes[64 + 12..64 + 16].copy_from_slice(&crc);
        let crc = crc32fast::hash(&bytes[64..64 + 28]).to_le_bytes();
        bytes[64 + 28..64 + 32].copy_from_slice(&crc);
        bytes
    };
    vec![
        ("journal-text", Damaged, b"removed: tea\n".repeat(20)),
        ("journal-head-changed", Damaged, with(20, &[1])),
        ("journal-record-changed", Damaged, with(64 + 40, &[0xff; 4])),
        ("journal-record-mark", Damaged, with(64, b"XXXX")),
        (
            "journal-record-length",
            Damaged,
            with(64 + 8, &u32::MAX.to_le_bytes()),
        ),
        (
            "journal-unknown-kind",
            Damaged,
            first(4, &77u32.to_le_bytes()),
        ),
        ("journal-number", Damaged, first(16, &5u64.to_le_bytes())),
        ("journal-chain", Damaged, first(24, &5u32.to_le_bytes())),
        (
            "journal-row-count",
            Damaged,
            first(32 + 20, &u32::MAX.to_le_bytes()),
        ),
        (
            "journal-title-length",
            Damaged,
            first(32 + 12, &4000u32.to_le_bytes()),
        ),
        (
            "journal-nan-scale",
            Damaged,
            first(32 + 28 + 12, &f32::NAN.to_le_bytes()),
        ),
        (
            "journal-of-another-gallery",
            Code::GalleryJournalForeign,
            journal_of(&sound(5)),
        ),
    ]
}

fn attacks() -> Vec<Attack> {
    let galleries = gallery_attacks()
        .into_iter()
        .map(|(name, code, gallery)| Attack {
            name,
            gallery,
            journal: None,
            code,
        });
    let journals = journal_attacks()
        .into_iter()
        .map(|(name, code, journal)| Attack {
            name,
            gallery: sound(0),
            journal: Some(journal),
            code,
        });
    galleries.chain(journals).collect()
}

fn file(name: &str) -> PathBuf {
    folder().join(format!("{name}.skg"))
}

fn journal_file(name: &str) -> PathBuf {
    folder().join(format!("{name}.skg.journal"))
}

#[test]
fn the_folder_holds_the_attacks() {
    if std::env::var_os("SKUEYE_WRITE_ATTACKS").is_some() {
        for attack in attacks() {
            fs::write(file(attack.name), &attack.gallery).unwrap();
            if let Some(journal) = &attack.journal {
                fs::write(journal_file(attack.name), journal).unwrap();
            }
        }
    }
    for attack in attacks() {
        assert!(
            fs::read(file(attack.name)).unwrap() == attack.gallery,
            "{}",
            attack.name
        );
        if let Some(journal) = &attack.journal {
            assert!(
                fs::read(journal_file(attack.name)).unwrap() == *journal,
                "{}",
                attack.name
            );
        }
    }
    hostile::gallery(&sound(0)).unwrap();
    hostile::journal(&sound(0), &journal_of(&sound(0))).unwrap();
}

/// Opening reads a gallery's structure and all of its journal; verifying reads the rest.
fn refusal(path: &Path) -> Option<skueye_models::Fault> {
    let store = match Store::open(path) {
        Ok(store) => store,
        Err(fault) => return Some(fault),
    };
    store.snapshot().base().verify().err()
}

#[test]
fn every_attack_is_refused_by_its_number_and_none_makes_a_search_panic() {
    for attack in attacks() {
        let fault =
            refusal(&file(attack.name)).unwrap_or_else(|| panic!("{} is taken", attack.name));
        assert_eq!(fault.code(), attack.code, "{}: {fault}", attack.name);
        assert!(fault.path().is_some(), "{}: {fault}", attack.name);
        let _ = hostile::gallery(&attack.gallery);
        if let Some(journal) = &attack.journal {
            let fault = hostile::journal(&attack.gallery, journal).unwrap_err();
            assert_eq!(fault.code(), attack.code, "{}", attack.name);
        }
    }
}

#[test]
fn a_journal_cut_at_any_byte_keeps_what_was_whole() {
    let (gallery, journal) = (sound(0), journal_of(&sound(0)));
    for length in 0..journal.len() {
        hostile::journal(&gallery, &journal[..length]).unwrap();
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let link = |name: &str, to: &str| {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink(to, &path).unwrap();
        path
    };
    let cases = [
        link("zero.skg", "/dev/zero"),
        link("null.skg", "/dev/null"),
        link("nothing.skg", "nowhere"),
        link("loop.skg", "loop.skg"),
        folder.path().to_owned(),
    ];
    for path in cases {
        assert_eq!(
            Gallery::open(&path).unwrap_err().code(),
            Code::Io,
            "{}",
            path.display()
        );
        assert_eq!(
            Store::open(&path).unwrap_err().code(),
            Code::Io,
            "{}",
            path.display()
        );
    }
    let path = folder.path().join("shop.skg");
    fs::write(&path, sound(0)).unwrap();
    link("shop.skg.journal", "/dev/zero");
    assert_eq!(
        Store::open(&path).unwrap_err().code(),
        Code::Io,
        "a device for a journal"
    );
}

#[test]
fn thousands_of_mutations_never_panic() {
    let mut seeds: Vec<Vec<u8>> = attacks().into_iter().map(|attack| attack.gallery).collect();
    for sample in ["v1.skg", "v2.skg"] {
        seeds.push(fs::read(root().join("firmware/gallery/samples").join(sample)).unwrap());
    }
    let journal = journal_of(&sound(0));
    let (mut state, mut opened) = (2022, 0);
    for round in 0..60 {
        for seed in &seeds {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut state);
            if round % 3 != 0 && bytes.len() > 256 {
                seal(&mut bytes);
            }
            opened += usize::from(skueye_gallery::GalleryView::open(&bytes).is_ok());
            let _ = hostile::gallery(&bytes);
        }
        for _ in 0..20 {
            let mut bytes = journal.clone();
            mutate(&mut bytes, &mut state);
            let _ = hostile::journal(&seeds[4], &bytes);
        }
    }
    assert!(
        opened > 500,
        "only {opened} mutated galleries got past opening"
    );
}
