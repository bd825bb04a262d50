//! What was enrolled beside the sets of a device, on one gallery after another.

use skueye_gallery::GalleryBuilder;
use skueye_gallery::store::carried::{journal_name, kept_aside};
use skueye_models::{EmbeddingId, Product};

use super::*;

const OLD: &str = "a/shop.skg";
const NEW: &str = "b/shop.skg";
const ID: EmbeddingId = EmbeddingId([5; 16]);

fn gallery(disk: &Disk, name: &str, products: std::ops::Range<u64>, halves: bool, id: EmbeddingId) {
    let builder = GalleryBuilder::new(id, 64).unwrap();
    let mut builder = if halves {
        builder.with_halves()
    } else {
        builder
    };
    for n in products {
        let index = builder.add_product(product(n)).unwrap();
        for row in 0..2 {
            let row = Random(1000 + n * 2 + row).unit(64);
            builder.add_row(index, &row).unwrap();
        }
    }
    let bytes = builder.to_bytes();
    disk.write(name, &mut |out| out.write_all(&bytes)).unwrap();
    disk.sync(name).unwrap();
    disk.sync_folder().unwrap();
}

fn changed(disk: &Disk, name: &str) -> Store<Disk> {
    Store::open_carried_to_change_in(disk.clone(), name).unwrap()
}

fn found(disk: &Disk, name: &str) -> Vec<(u64, String, Vec<i8>)> {
    let store = Store::open_carried_in(disk.clone(), name).unwrap();
    meaning(&store.snapshot())
}

fn numbers(rows: &[(u64, String, Vec<i8>)], of: &Product) -> usize {
    let gtin = of.gtin.value();
    rows.iter().filter(|(number, ..)| *number == gtin).count()
}

#[test]
fn enrolments_and_removals_count_on_the_next_gallery_and_again_on_the_one_before() {
    for halves in [(false, false), (true, false), (false, true)] {
        let disk = Disk::default();
        gallery(&disk, OLD, 0..4, halves.0, ID);
        // The next gallery has lost a product, has a new one in front, and numbers everything otherwise.
        gallery(&disk, NEW, 1..6, halves.1, ID);
        let mut store = changed(&disk, OLD);
        let shots = [Random(1).unit(64), Random(2).unit(64), Random(3).unit(64)];
        store.enrol(&product(100), &shots).unwrap();
        store.remove(product(2).gtin).unwrap();
        let bad_shot = store.snapshot().row_count() - 1;
        let of_three = store.rows_of(product(3).gtin).next().unwrap();
        store.remove_rows(&[bad_shot, of_three]).unwrap();
        drop(store);
        for name in [NEW, OLD] {
            let rows = found(&disk, name);
            let counts = [100, 1, 2, 3].map(|n| numbers(&rows, &product(n)));
            assert_eq!(counts, [2, 2, 0, 1], "{name}, FP16 {halves:?}");
        }
        let snapshot = changed(&disk, NEW).snapshot();
        let hits = best(&snapshot, &shots[0], 1);
        let nearest = snapshot.product(hits.products()[0].product).unwrap();
        assert_eq!(nearest.gtin, product(100).gtin);
        assert_eq!(numbers(&found(&disk, NEW), &product(5)), 2);
    }
}

#[test]
fn what_is_enrolled_during_a_trial_outlives_the_return() {
    let disk = Disk::default();
    gallery(&disk, OLD, 0..4, false, ID);
    gallery(&disk, NEW, 0..6, false, ID);
    let enrol = |name, n| {
        let row = [Random(n).unit(64)];
        changed(&disk, name).enrol(&product(n), &row).unwrap();
    };
    enrol(OLD, 100);
    enrol(NEW, 101);
    enrol(OLD, 102);
    let rows = found(&disk, OLD);
    assert_eq!(
        [100, 101, 102].map(|n| numbers(&rows, &product(n))),
        [1, 1, 1]
    );
    assert_eq!(found(&disk, NEW).len(), 12 + 3);
}

#[test]
fn another_embedding_id_leaves_what_was_enrolled_aside_and_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let other = EmbeddingId([6; 16]);
    let (old, new) = (folder.path().join(OLD), folder.path().join(NEW));
    for (path, id) in [(&old, ID), (&new, other)] {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let disk = Disk::default();
        gallery(&disk, "g", 0..2, false, id);
        std::fs::write(path, disk.read("g").unwrap().unwrap()).unwrap();
    }
    let shots = [Random(1).unit(64), Random(2).unit(64)];
    let mut store = Store::open_carried_to_change(folder.path(), OLD).unwrap();
    store.enrol(&product(100), &shots).unwrap();
    let busy = Store::open_carried_to_change(folder.path(), OLD).unwrap_err();
    assert_eq!(busy.code(), Code::GalleryBusy);
    drop(store);
    assert_eq!(kept_aside(folder.path(), ID).unwrap(), []);
    let aside = kept_aside(folder.path(), other).unwrap();
    assert_eq!(
        (aside.len(), &aside[0].name, aside[0].rows),
        (1, &journal_name(ID), 2)
    );
    let rows = |name| {
        let store = Store::open_carried(folder.path(), name).unwrap();
        store.snapshot().row_count()
    };
    assert_eq!((rows(NEW), rows(OLD)), (4, 6));
}

#[test]
fn a_gallery_of_a_set_is_not_compacted() {
    let disk = Disk::default();
    gallery(&disk, OLD, 0..4, false, ID);
    let mut store = changed(&disk, OLD);
    store.enrol(&product(100), &[Random(1).unit(64)]).unwrap();
    assert_eq!(store.compact().unwrap_err().code(), Code::GalleryInput);
    assert_eq!(found(&disk, OLD).len(), 9);
}
