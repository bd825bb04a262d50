//! Sets side by side: nothing of one is taken for something of another.

use std::fs;
use std::path::Path;

use skueye_models::{Code, Gtin};

use super::layout::uuid;
use super::*;
use crate::evaluate::ValidationSet;

/// A data set of three pictures a split, of products from `first` on, in the categories 1 to 3.
fn set(root: &Path, name: &str, first: u64) {
    let writer = DatasetWriter::create(root).unwrap();
    let mut products = Vec::new();
    let mut images = Vec::new();
    for (at, split) in Split::ALL.into_iter().enumerate() {
        for place in 0..3u32 {
            let ordinal = at as u64 * 3 + u64::from(place);
            let gtin = Gtin::from_body(first + ordinal, 13).unwrap();
            products.push(ProductRow {
                gtin,
                title: format!("{name} {ordinal}"),
                brand: String::new(),
                flavour: String::new(),
                size: String::new(),
                shape: String::new(),
                line: String::new(),
            });
            let row = ImageRow {
                uuid: uuid(name, 1, ordinal),
                split,
                gtin,
                title: format!("{name}, \"number\" {ordinal}"),
                categories: [place + 1, 1, 0],
                look: match (name, place) {
                    ("real", _) => Look::Drawing,
                    (_, 0) => Look::Kiosk,
                    _ => Look::Listing,
                },
            };
            let bytes = format!("{name} {ordinal}");
            writer.write_image(&row, bytes.as_bytes()).unwrap();
            images.push(row);
        }
    }
    let info = DatasetInfo {
        name: name.into(),
        synthetic: name == "drawn",
        source: format!("made for {name}"),
        licence: format!("licence of {name}"),
        seed: Some(1),
        images: Default::default(),
        products: Default::default(),
        frames: 0,
    };
    writer.write_text("NOTICE", "whose it is\n").unwrap();
    writer.finish(info, &products, &images, &[]).unwrap();
}

fn rows(dataset: &Dataset, split: Split) -> Vec<ListingRow> {
    let rows = dataset.rows(split).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_row_of_every_set_is_there_with_its_own_picture_and_category() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.path().join(name));
    set(&a, "drawn", 290_000_000_000);
    set(&b, "real", 280_000_000_000);
    let shares = join(&[a.clone(), b.clone()], &out).unwrap();
    assert_eq!(Share::read(&out).unwrap(), shares);
    let [drawn, real] = &shares[..] else {
        panic!("{shares:?}");
    };
    assert_eq!((drawn.share_of_training, drawn.synthetic), (0.5, true));
    assert_eq!(
        (real.licence.as_str(), real.images[&Split::Query]),
        ("licence of real", 3)
    );

    let joined = Dataset::open(&out).unwrap();
    for split in Split::ALL {
        let found = rows(&joined, split);
        let sources = [&a, &b]
            .map(|root| rows(&Dataset::open(root).unwrap(), split))
            .concat();
        assert_eq!(found.len(), 6);
        for (row, source) in found.iter().zip(&sources) {
            assert_eq!((&row.uuid, &row.title), (&source.uuid, &source.title));
            assert_eq!(row.read_picture().unwrap(), source.read_picture().unwrap());
        }
        if split.has_titles() {
            let mut meta: Vec<_> = found.iter().map(|row| row.categories[0].unwrap()).collect();
            meta.sort_unstable();
            assert_eq!(
                meta,
                [1, 2, 3, 5, 6, 7],
                "the same number in train and val, none shared"
            );
        }
    }
    assert_eq!(joined.products().unwrap().unwrap().len(), 24);
    assert_eq!(joined.image_truth().unwrap().unwrap().len(), 24);
    let info = joined.info().unwrap();
    assert_eq!(
        (info.name.as_str(), info.synthetic),
        ("drawn + real", false)
    );
    assert_eq!(
        (info.images[&Split::Train], info.products[&Split::Train]),
        (6, 6)
    );
    assert!(out.join("NOTICE.1-drawn").is_file() && out.join("NOTICE.2-real").is_file());
    let sound = validate(&out, &|_| Ok(()), &ValidateOptions::default()).unwrap();
    assert!(sound.is_clean(), "{:?}", sound.problems);
}

#[test]
fn both_halves_of_a_joined_set_are_chosen_with() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.path().join(name));
    set(&a, "drawn", 290_000_000_000);
    set(&b, "real", 280_000_000_000);
    let probes = |root: &Path| {
        let set = ValidationSet::load(&Dataset::open(root).unwrap()).unwrap();
        (set.probes.len(), set.rows.len())
    };
    assert_eq!(probes(&a), (1, 2), "the camera asks");
    assert_eq!(probes(&b), (3, 0), "one drawing of each product asks");
    join(&[a, b], &out).unwrap();
    assert_eq!(probes(&out), (4, 2));
}

#[test]
fn sets_that_share_names_are_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.path().join(name));
    set(&a, "drawn", 290_000_000_000);
    set(&b, "real", 290_000_000_011);
    let fault = join(&[a.clone(), b.clone()], &out).unwrap_err();
    assert_eq!(fault.code(), Code::DataConflict, "{fault}");
    assert!(!out.exists(), "one product twice");
    let fault = join(&[a.clone(), a], &out).unwrap_err();
    assert_eq!(fault.code(), Code::DataConflict, "{fault}");
    assert!(fs::read_dir(&b).is_ok() && !out.exists());
}
