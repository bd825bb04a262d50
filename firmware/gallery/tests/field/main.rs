//! Enrolling, removing and compacting: what a search sees, and what is left after the power was cut at any moment.

mod carried;
#[path = "../common/mod.rs"]
mod common;
mod disk;

use common::{Random, clustered, product, with_halves};
use disk::{Disk, Survival};
use skueye_gallery::storage::Storage;
use skueye_gallery::{Hits, ProductIndex, Request, RowSet, Searcher, Snapshot, Store};
use skueye_models::{Code, UnitEmbedding};

const NAME: &str = "shop.skg";
const JOURNAL: &str = "shop.skg.journal";

/// A disk with a gallery of 8 products with 2 rows each.
fn shop(halves: bool) -> (Disk, Vec<UnitEmbedding>) {
    let (builder, rows) = match halves {
        true => with_halves(40, 64, 8, 2),
        false => clustered(40, 64, 8, 2),
    };
    let disk = Disk::default();
    let bytes = builder.to_bytes();
    disk.write(NAME, &mut |out| out.write_all(&bytes)).unwrap();
    disk.sync(NAME).unwrap();
    disk.sync_folder().unwrap();
    (disk, rows)
}

fn open(disk: &Disk) -> Store<Disk> {
    Store::open_to_change_in(disk.clone(), NAME).unwrap()
}

/// All that a snapshot holds, by what it means: GTIN, title and codes of every row that is left.
fn meaning(snapshot: &Snapshot) -> Vec<(u64, String, Vec<i8>)> {
    let base = snapshot.base().view();
    let added = snapshot.added().map(|added| added.view());
    let rows = base
        .rows()
        .zip(0..)
        .map(|(row, n)| (n, base.product(row.product), row));
    let more = added.iter().flat_map(|added| {
        let rows = added.rows().zip(base.row_count()..);
        rows.map(|(row, n)| (n, added.product(row.product), row))
    });
    let live = |n| snapshot.live().is_none_or(|live| live.contains(n));
    let mut all: Vec<_> = rows
        .chain(more)
        .filter(|(n, ..)| live(*n))
        .map(|(_, product, row)| {
            let product = product.unwrap();
            (
                product.gtin.value(),
                product.title.to_owned(),
                row.codes().collect(),
            )
        })
        .collect();
    all.sort();
    all
}

fn best(snapshot: &Snapshot, probe: &UnitEmbedding, k: usize) -> Hits {
    let mut hits = Hits::new();
    let request = Request::new(k);
    Searcher::new()
        .answer_in(snapshot, probe.as_slice(), &request, &mut hits)
        .unwrap();
    hits
}

#[test]
fn what_is_enrolled_is_found_at_once_and_by_those_who_open_later_and_after_compacting() {
    for halves in [false, true] {
        let (disk, rows) = shop(halves);
        let mut store = open(&disk);
        let new = [Random(1).unit(64), Random(2).unit(64)];
        let old = store.snapshot();
        store.enrol(&product(100), &new).unwrap();
        store.enrol(&product(3), &[Random(3).unit(64)]).unwrap();
        assert_eq!(
            best(&old, &new[0], 1).rows()[0].product,
            best(&old, &new[0], 1).products()[0].product
        );
        assert_eq!(meaning(&old).len(), 16, "a snapshot does not change");

        let check = |snapshot: &Snapshot| {
            let hits = best(snapshot, &new[1], 3);
            let found = snapshot.product(hits.products()[0].product).unwrap();
            assert_eq!(
                (found.gtin, found.title),
                (product(100).gtin, &*product(100).title)
            );
            assert!(hits.rows()[0].score > 0.99);
            let hits = best(snapshot, &Random(3).unit(64), 1);
            assert_eq!(
                snapshot.product(hits.products()[0].product).unwrap().gtin,
                product(3).gtin
            );
            let hits = best(snapshot, &rows[6], 2);
            assert_eq!(
                snapshot.product(hits.products()[0].product).unwrap().gtin,
                product(3).gtin
            );
            assert_eq!(meaning(snapshot).len(), 19);
        };
        check(&store.snapshot());
        check(&Store::open_in(disk.clone(), NAME).unwrap().snapshot());
        assert_eq!(
            best(&store.snapshot(), &new[0], 1).products()[0].product,
            ProductIndex(8)
        );
        let before = meaning(&store.snapshot());
        store.compact().unwrap();
        check(&store.snapshot());
        assert_eq!(meaning(&store.snapshot()), before);
        assert_eq!(disk.names(), [NAME]);
        store.snapshot().base().verify().unwrap();
        store.enrol(&product(101), &[Random(4).unit(64)]).unwrap();
        assert_eq!(
            meaning(&Store::open_in(disk, NAME).unwrap().snapshot()).len(),
            20
        );
    }
}

#[test]
fn what_is_removed_is_not_found_and_may_come_back() {
    let (disk, rows) = shop(false);
    let mut store = open(&disk);
    store.enrol(&product(3), &[Random(3).unit(64)]).unwrap();
    assert_eq!(store.remove(product(3).gtin).unwrap(), 3);
    assert_eq!(store.remove(product(3).gtin).unwrap(), 0);
    store.remove_rows(&[0]).unwrap();
    let gone = |snapshot: &Snapshot| {
        let hits = best(snapshot, &rows[6], 256);
        assert_eq!(hits.rows().len(), 13);
        assert!(
            hits.rows()
                .iter()
                .all(|hit| snapshot.product(hit.product).unwrap().gtin != product(3).gtin)
        );
    };
    gone(&store.snapshot());
    gone(&Store::open_in(disk.clone(), NAME).unwrap().snapshot());
    store
        .enrol(&product(3), std::slice::from_ref(&rows[6]))
        .unwrap();
    assert_eq!(best(&store.snapshot(), &rows[6], 1).rows()[0].row, 17);
    store.compact().unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.row_count(), 14);
    let hits = best(&snapshot, &rows[6], 1);
    assert_eq!(
        snapshot.product(hits.products()[0].product).unwrap().gtin,
        product(3).gtin
    );
}

#[test]
fn a_filter_counts_enrolled_rows_too() {
    let (disk, rows) = shop(false);
    let mut store = open(&disk);
    store
        .enrol(&product(100), std::slice::from_ref(&rows[0]))
        .unwrap();
    let snapshot = store.snapshot();
    let mut only = RowSet::of_snapshot(&snapshot, |_| false);
    only.insert(16);
    let request = Request {
        only: Some(&only),
        ..Request::new(5)
    };
    let mut hits = Hits::new();
    Searcher::new()
        .answer_in(&snapshot, rows[0].as_slice(), &request, &mut hits)
        .unwrap();
    assert_eq!(
        hits.rows().iter().map(|hit| hit.row).collect::<Vec<_>>(),
        [16]
    );
    let dairy = RowSet::of_snapshot(&snapshot, |product| product.category == "dairy");
    assert!(dairy.contains(16) && dairy.contains(2) && !dairy.contains(0));
}

#[test]
fn what_a_gallery_cannot_hold_is_refused_and_leaves_the_journal_as_it_was() {
    let (disk, rows) = shop(false);
    let mut store = open(&disk);
    store.enrol(&product(50), &rows[..1]).unwrap();
    let before = disk.read(JOURNAL).unwrap();
    let mut long = product(51);
    long.title = "x".repeat(5000);
    let refused = [
        store.enrol(&long, &rows[..1]),
        store.enrol(&product(51), &[]),
        store.enrol(&product(51), &[Random(1).unit(32)]),
        store.remove_rows(&[17]),
    ];
    for outcome in refused {
        assert_eq!(outcome.unwrap_err().code(), Code::GalleryInput);
    }
    assert_eq!(disk.read(JOURNAL).unwrap(), before);
    let mut reader = Store::open_in(disk, NAME).unwrap();
    assert_eq!(
        reader.enrol(&product(51), &rows[..1]).unwrap_err().code(),
        Code::GalleryBusy
    );
}

type Change = fn(&mut Store<Disk>) -> Result<(), skueye_models::Fault>;

/// The changes that the power cut is tried on.
fn steps() -> Vec<Change> {
    vec![
        |store| store.enrol(&product(100), &[Random(1).unit(64), Random(2).unit(64)]),
        |store| store.remove(product(2).gtin).map(drop),
        |store| store.enrol(&product(2), &[Random(5).unit(64)]),
        |store| store.compact(),
        |store| store.remove_rows(&[1, 2]),
        |store| store.enrol(&product(101), &[Random(6).unit(64)]),
        |store| store.compact(),
        |store| store.enrol(&product(102), &[Random(7).unit(64)]),
    ]
}

#[test]
fn the_power_may_be_cut_at_every_operation() {
    let mut cuts = 0;
    let (disk, _) = shop(true);
    for step in steps() {
        let before = meaning(&open(&disk).snapshot());
        let whole = disk.copy();
        whole.cut_before(None);
        step(&mut open(&whole)).unwrap();
        let (operations, after) = (whole.operations(), meaning(&open(&whole).snapshot()));
        for cut in 0..=operations {
            let mut fates = vec![
                Survival::Nothing,
                Survival::Everything,
                Survival::Torn,
                Survival::Zeros,
            ];
            fates.extend((0..40).map(|seed| Survival::Random(seed * 977 + cut)));
            let broken = disk.copy();
            broken.cut_before(Some(cut));
            let outcome = open(&broken).and_then_step(step);
            for survival in fates {
                let disk = broken.restart(survival);
                let mut store = open(&disk);
                let found = meaning(&store.snapshot());
                let wanted = if outcome.is_ok() {
                    vec![&after]
                } else {
                    vec![&before, &after]
                };
                assert!(
                    wanted.contains(&&found),
                    "cut before {cut} of {operations}, {survival:?}"
                );
                // Life goes on: the next change and the one after it survive as well.
                store.enrol(&product(200), &[Random(9).unit(64)]).unwrap();
                let again = open(&disk.restart(Survival::Nothing)).snapshot();
                assert_eq!(meaning(&again).len(), found.len() + 1);
                cuts += 1;
            }
        }
        step(&mut open(&disk)).unwrap();
    }
    assert!(cuts > 2_000, "{cuts} cuts were tried");
}

/// Lets a step fail without losing the store's type.
trait Step {
    fn and_then_step(
        self,
        step: fn(&mut Store<Disk>) -> Result<(), skueye_models::Fault>,
    ) -> Result<(), skueye_models::Fault>;
}

impl Step for Store<Disk> {
    fn and_then_step(
        mut self,
        step: fn(&mut Store<Disk>) -> Result<(), skueye_models::Fault>,
    ) -> Result<(), skueye_models::Fault> {
        step(&mut self)
    }
}

#[test]
fn a_change_that_failed_for_want_of_space_does_not_spoil_the_next() {
    let (disk, _) = shop(false);
    let mut store = open(&disk);
    store.enrol(&product(100), &[Random(1).unit(64)]).unwrap();
    for cut in 0..3 {
        disk.cut_before(Some(cut));
        assert!(store.enrol(&product(101), &[Random(2).unit(64)]).is_err());
        disk.cut_before(None);
        assert_eq!(meaning(&store.snapshot()).len(), 17 + cut as usize);
        store
            .enrol(&product(102), &[Random(3 + cut).unit(64)])
            .unwrap();
        let again = Store::open_in(disk.clone(), NAME).unwrap();
        assert_eq!(meaning(&again.snapshot()), meaning(&store.snapshot()));
        assert_eq!(again.torn_bytes(), 0);
    }
}

#[test]
fn a_journal_that_was_changed_is_refused_and_one_cut_short_loses_its_last_change_only() {
    let (disk, _) = shop(false);
    let mut store = open(&disk);
    let mut lengths = Vec::new();
    for number in 0..3 {
        store
            .enrol(&product(100 + number), &[Random(number).unit(64)])
            .unwrap();
        lengths.push(disk.read(JOURNAL).unwrap().unwrap().len());
    }
    let sound = disk.read(JOURNAL).unwrap().unwrap();
    let with = |bytes: &[u8]| {
        let disk = disk.copy();
        disk.change(JOURNAL, |journal| *journal = bytes.to_vec());
        Store::open_in(disk, NAME)
            .map(|store| (meaning(&store.snapshot()).len(), store.torn_bytes()))
    };
    for length in 0..sound.len() {
        let whole = lengths.iter().filter(|end| **end <= length).count();
        assert_eq!(
            with(&sound[..length]).unwrap().0,
            16 + whole,
            "cut to {length}"
        );
    }
    for at in 0..lengths[1] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        // Padding behind a record carries no meaning.
        if let Ok((rows, _)) = with(&bytes) {
            assert_eq!(rows, 19, "byte {at}");
        } else {
            let code = with(&bytes).unwrap_err().code();
            assert!(
                matches!(code, Code::GalleryJournalDamaged),
                "byte {at}: {code}"
            );
        }
    }
    let swapped = [
        &sound[..lengths[0]],
        &sound[lengths[1]..],
        &sound[lengths[0]..lengths[1]],
    ]
    .concat();
    let dropped = [&sound[..lengths[0]], &sound[lengths[1]..]].concat();
    let doubled = [&sound[..], &sound[lengths[1]..]].concat();
    for bytes in [swapped, dropped, doubled] {
        assert_eq!(
            with(&bytes).unwrap_err().code(),
            Code::GalleryJournalDamaged
        );
    }
}

#[test]
fn the_journal_of_another_gallery_is_refused() {
    let (disk, _) = shop(false);
    open(&disk)
        .enrol(&product(100), &[Random(1).unit(64)])
        .unwrap();
    let other = Disk::default();
    let bytes = clustered(41, 64, 8, 2).0.to_bytes();
    let journal = disk.read(JOURNAL).unwrap().unwrap();
    other.write(NAME, &mut |out| out.write_all(&bytes)).unwrap();
    other
        .write(JOURNAL, &mut |out| out.write_all(&journal))
        .unwrap();
    let fault = Store::open_in(other, NAME).unwrap_err();
    assert_eq!(fault.code(), Code::GalleryJournalForeign, "{fault}");
}

#[test]
fn on_a_real_disk_there_is_one_writer_and_readers_keep_what_they_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let (builder, rows) = clustered(42, 64, 8, 2);
    builder.write(&path).unwrap();
    let mut store = Store::open_to_change(&path).unwrap();
    let fault = Store::open_to_change(&path).unwrap_err();
    assert_eq!(fault.code(), Code::GalleryBusy);
    let reader = Store::open(&path).unwrap();
    store.enrol(&product(100), &rows[..1]).unwrap();
    store.remove(product(1).gtin).unwrap();
    let later = Store::open(&path).unwrap();
    store.compact().unwrap();
    assert_eq!(meaning(&reader.snapshot()).len(), 16);
    assert_eq!(meaning(&later.snapshot()), meaning(&store.snapshot()));
    assert_eq!(best(&later.snapshot(), &rows[0], 1).rows().len(), 1);
    drop(store);
    let link = folder.path().join("current.skg");
    std::os::unix::fs::symlink(NAME, &link).unwrap();
    let mut through = Store::open_to_change(&link).unwrap();
    through.enrol(&product(101), &rows[..1]).unwrap();
    assert!(
        folder.path().join(JOURNAL).exists(),
        "the journal lies beside the file, not the link"
    );
    assert_eq!(meaning(&Store::open(&path).unwrap().snapshot()).len(), 16);
}
