//! The power fails at every storage operation of a life in which products are enrolled before, during and after an update: the
//! device has the old set or the new one, and everything that was acknowledged is still enrolled.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io::{self, Cursor};
use std::sync::OnceLock;

use minisign::KeyPair;
use skueye_gallery::storage::{Lock, Storage as GalleryStorage, WriteSeek};
use skueye_gallery::{Gallery, GalleryBuilder, Store};
use skueye_models::{EmbeddingId, Fault, Gtin, Product, UnitEmbedding};
use skueye_update::storage::fake::{FakeStorage, Survival, survey};
use skueye_update::{
    CommittedSlot, Device, Draft, KeySet, Kind, OneSystem, Role, Slots, Source, Started, Storage,
    UntrustedBundle, Version, bundle,
};

const ID: EmbeddingId = EmbeddingId([9; 16]);
const DEVICE: Device = Device {
    hardware: "",
    program: Version(1, 0, 0),
};

/// The update folder as the gallery sees it.
struct Folder<'d>(&'d FakeStorage);

impl GalleryStorage for Folder<'_> {
    fn open(&self, name: &str) -> Result<Gallery, Fault> {
        Gallery::from_bytes(self.read(name)?.unwrap_or_default(), name)
    }
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(length) = self.0.length(name)? else {
            return Ok(None);
        };
        let mut bytes = vec![0; length as usize];
        let read = self.0.read_at(name, 0, &mut bytes)?;
        assert_eq!(read, bytes.len());
        Ok(Some(bytes))
    }
    fn write(
        &self,
        name: &str,
        fill: &mut dyn FnMut(&mut dyn WriteSeek) -> io::Result<()>,
    ) -> Result<(), Fault> {
        let mut bytes = Cursor::new(Vec::new());
        fill(&mut bytes).unwrap();
        self.0.create(name)?;
        self.0.append(name, bytes.get_ref())
    }
    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.0.append(name, bytes)
    }
    fn truncate(&self, name: &str, length: u64) -> Result<(), Fault> {
        self.0.truncate(name, length)
    }
    fn sync(&self, name: &str) -> Result<(), Fault> {
        self.0.sync_file(name)
    }
    fn sync_folder(&self) -> Result<(), Fault> {
        self.0.sync_folder("")
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), Fault> {
        self.0.remove(name)
    }
    fn lock(&self, _: &str) -> Result<Lock, Fault> {
        Ok(Lock::alone())
    }
}

fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_unencrypted_keypair().unwrap())
}

fn product(number: u64) -> Product {
    Product {
        gtin: Gtin::from_body(400_000_000_000 + number, 13).unwrap(),
        title: format!("Tea {number}"),
        category: "tea".into(),
    }
}

fn row(seed: u64) -> UnitEmbedding {
    let values = (0..32u64).map(|n| ((n * 7 + seed * 13 + n * n * (seed + 3)) % 31) as f32 - 15.0);
    UnitEmbedding::normalise(values.collect()).unwrap()
}

/// A gallery of so many products, made and signed.
fn release(name: &str, products: u64) -> Vec<u8> {
    let mut builder = GalleryBuilder::new(ID, 32).unwrap();
    for n in 0..products {
        let index = builder.add_product(product(n)).unwrap();
        builder.add_row(index, &row(n)).unwrap();
    }
    let source = |name: &str, kind, content| Source {
        name: name.to_owned(),
        kind,
        content: Cursor::new(content),
        delta: None,
    };
    let sources = vec![
        source("model.json", Kind::Model, b"{}".to_vec()),
        source("gallery.skg", Kind::Gallery, builder.to_bytes()),
    ];
    let draft = Draft {
        release: name.into(),
        embedding_id: Some(ID),
        ..Draft::default()
    };
    let sign = |text: &[u8]| {
        let signed = minisign::sign(None, &key().sk, text, Some("test"), None);
        Ok(signed.unwrap().to_string())
    };
    let mut out = Vec::new();
    bundle::write(&mut out, draft, &[], sources, sign).unwrap();
    out
}

fn install(disk: &FakeStorage, bytes: &[u8]) -> Result<CommittedSlot, Fault> {
    let keys = KeySet::default().trust(Role::Release, &key().pk.to_base64())?;
    let verified = UntrustedBundle::parse(Cursor::new(bytes.to_vec()))?.verify(&keys)?;
    let mut slots = Slots::open(disk)?;
    let staged = slots.stage(verified, &DEVICE, None)?;
    slots.activate(staged)?;
    match slots.start()? {
        Started::Trial(trial) => slots.commit(trial, &OneSystem),
        other => panic!("a trial was expected, not {other:?}"),
    }
}

/// The release that the device starts with and the path of its gallery.
fn start(disk: &FakeStorage) -> Result<(String, String), Fault> {
    let mut slots = Slots::open(disk)?;
    let (release, gallery) = match slots.start()? {
        Started::Trial(trial) => {
            let set = slots.commit(trial, &OneSystem)?;
            (
                set.record().release.clone(),
                set.files(Kind::Gallery).next(),
            )
        }
        Started::Committed(set) | Started::Returned { to: Some(set), .. } => {
            slots.verify(&set)?;
            (
                set.record().release.clone(),
                set.files(Kind::Gallery).next(),
            )
        }
        other => panic!("a set was expected, not {other:?}"),
    };
    Ok((release, gallery.unwrap()))
}

fn enrol(disk: &FakeStorage, number: u64) -> Result<(), Fault> {
    let (_, gallery) = start(disk)?;
    let mut store = Store::open_carried_to_change_in(Folder(disk), &gallery)?;
    store.enrol(&product(number), &[row(number)])
}

/// Which of the products enrolled are known, and how many are not enrolled but of the gallery.
fn known(disk: &FakeStorage) -> (Vec<bool>, u32) {
    let (_, gallery) = start(disk).unwrap();
    let store = Store::open_carried_in(Folder(disk), &gallery).unwrap();
    let enrolled = [100, 101, 102].map(|n| store.rows_of(product(n).gtin).count() == 1);
    let base = store.snapshot().base().view().row_count();
    (enrolled.to_vec(), base)
}

#[test]
fn what_was_acknowledged_is_enrolled_after_every_cut_of_an_update() {
    let (one, two) = (release("1", 4), release("2", 6));
    let disk = FakeStorage::new();
    install(&disk, &one).unwrap();
    let before = disk.restart(Survival::Everything);
    // Products of number 100, 101, ... that were acknowledged before the power went.
    let acknowledged = Cell::new(0);
    let life = |disk: &FakeStorage| {
        acknowledged.set(0);
        let done = || acknowledged.set(acknowledged.get() + 1);
        enrol(disk, 100).map(|()| done())?;
        enrol(disk, 101).map(|()| done())?;
        install(disk, &two)?;
        enrol(disk, 102).map(|()| done())
    };
    let survey = survey(&before, life, |disk| {
        let (enrolled, base) = known(&disk);
        let kept = enrolled.iter().take_while(|known| **known).count();
        let in_order = enrolled.iter().skip(kept).all(|known| !known);
        let not_lost = (acknowledged.get()..=acknowledged.get() + 1).contains(&kept);
        install(&disk, &two).unwrap();
        enrol(&disk, 102).unwrap();
        let (after, now) = known(&disk);
        let carried = after[..kept.min(2)].iter().all(|known| *known) && now == 6;
        [4, 6].contains(&base) && in_order && not_lost && carried
    });
    println!(
        "enrolment journal: {} cut points, {} lost",
        survey.cuts, survey.lost
    );
    assert_eq!(survey.lost, 0);
    assert!(survey.cuts > 900, "{survey:?}");
}
