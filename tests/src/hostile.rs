//! Bytes that came from anywhere, given to everything that reads galleries, bundles and cables. Used by the fuzz targets
//! (`tests/fuzz`) and by the bounded runs of `tests/tests/gallery_attacks.rs` and `tests/tests/update_fuzz.rs`.

use std::io::{self, Cursor};

use skueye_gallery::storage::{Lock, Storage, WriteSeek};
use skueye_gallery::{
    Gallery, GalleryView, Give, Hits, ProductIndex, Request, Reranker, RowSet, Scan, Searcher,
    Store,
};
use skueye_models::{Code, Fault};
use skueye_update::cable::{Arrived, Decoder, Receiver};
use skueye_update::storage::fake::FakeStorage;
use skueye_update::{KeySet, UntrustedBundle};

/// Opens, reads, searches in every way, re-ranks and verifies the gallery `bytes`, as far as each step allows. Gives the
/// first fault. Panics only where the gallery's promises are broken.
pub fn gallery(bytes: &[u8]) -> Result<(), Fault> {
    let view = GalleryView::open(bytes)?;
    let probe: Vec<f32> = (0..view.dim())
        .map(|n| ((n * 37) % 64) as f32 - 31.5)
        .collect();
    let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
    let mut only = RowSet::all(&view);
    only.remove(0);
    for scan in [Scan::Exact, Scan::Pruned, Scan::Lists { probes: 2 }] {
        for (halves, only) in [(false, None), (true, Some(&only))] {
            let request = Request {
                k: 7,
                scan,
                give: Give::Both,
                halves,
                only,
            };
            searcher.answer(&view, &probe, &request, &mut hits)?;
            check(&view, &hits);
        }
    }
    Reranker::new(view.dim()).rerank(&view, &probe, hits.rows())?;
    let _ = view.product(ProductIndex(u32::MAX));
    let _ = view.extras(ProductIndex(u32::MAX));
    view.rows()
        .for_each(|row| assert_eq!(row.values().len(), view.dim()));
    view.products().for_each(drop);
    view.verify()
}

fn check(view: &GalleryView<'_>, hits: &Hits) {
    for hit in hits.rows().iter().chain(hits.products()) {
        assert!(hit.score.is_finite(), "a score is a number");
        assert!(hit.row < view.row_count() && hit.product.0 < view.product_count());
        let _ = view.product(hit.product);
        let _ = view.extras(hit.product);
    }
}

/// Opens the gallery `base` with a `journal` of any bytes, searches it and reads all that was enrolled.
pub fn journal(base: &[u8], journal: &[u8]) -> Result<(), Fault> {
    let files = Files {
        base: base.to_vec(),
        journal: journal.to_vec(),
    };
    let store = Store::open_in(files, "shop.skg")?;
    let snapshot = store.snapshot();
    let probe = vec![0.5; snapshot.base().view().dim()];
    let mut hits = Hits::new();
    Searcher::new().answer_in(&snapshot, &probe, &Request::new(5), &mut hits)?;
    for hit in hits.rows() {
        assert!(hit.row < snapshot.row_count() && hit.score.is_finite());
        snapshot.product(hit.product)?;
    }
    Ok(())
}

/// Reads any bytes as a bundle: what it claims, whether anybody vouches for it, and every payload as far as the claims lead.
/// Gives what it claims to hold. Panics where a bundle without a known key is taken.
pub fn bundle(bytes: &[u8]) -> Result<usize, Fault> {
    let parse = || UntrustedBundle::parse(Cursor::new(bytes));
    let (keys, mut read) = (KeySet::default(), 0);
    assert!(parse()?.verify(&keys).is_err(), "nobody signed it");
    let problems = parse()?.problems(&keys, |count| read += count);
    assert!(!problems.is_empty(), "nobody signed it");
    assert!(read <= bytes.len() as u64, "no byte is read twice");
    Ok(parse()?.claims()?.payloads.len())
}

/// Reads any text as the manifest of a bundle. Panics where a text is taken that is not the canonical one.
pub fn manifest(text: &[u8]) -> Result<(), Fault> {
    let mut file = b"\x89SKUEYE\n".to_vec();
    for number in [1, 0, text.len() as u32, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend(text);
    let claims = UntrustedBundle::parse(Cursor::new(file))?.claims()?;
    let again = serde_json::to_vec(&claims).expect("strings and whole numbers");
    assert!(again == text, "one manifest has one text");
    Ok(())
}

/// Gives a device any bytes over the cable. Gives how many frames were among them. Panics where more is spooled than came.
pub fn frames(bytes: &[u8]) -> Result<usize, Fault> {
    let disk = FakeStorage::new();
    let (mut decoder, mut receiver) = (Decoder::default(), Receiver::new(&disk)?);
    let mut frames = 0;
    for byte in bytes {
        let Some(frame) = decoder.push(*byte) else {
            continue;
        };
        frames += 1;
        if let Arrived::Whole(path) = receiver.take(frame)? {
            let length = skueye_update::Storage::length(&disk, &path)?;
            assert!(length.is_some_and(|length| length <= bytes.len() as u64));
            receiver.done(None)?;
        }
    }
    Ok(frames)
}

/// Two files that cannot be changed.
struct Files {
    base: Vec<u8>,
    journal: Vec<u8>,
}

fn refused() -> Fault {
    Fault::new(Code::Io, "no change", "one", "this is a test")
}

impl Storage for Files {
    fn open(&self, name: &str) -> Result<Gallery, Fault> {
        Gallery::from_bytes(self.base.clone(), name)
    }
    fn read(&self, _: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(Some(self.journal.clone()))
    }
    fn write(
        &self,
        _: &str,
        _: &mut dyn FnMut(&mut dyn WriteSeek) -> io::Result<()>,
    ) -> Result<(), Fault> {
        Err(refused())
    }
    fn append(&self, _: &str, _: &[u8]) -> Result<(), Fault> {
        Err(refused())
    }
    fn truncate(&self, _: &str, _: u64) -> Result<(), Fault> {
        Err(refused())
    }
    fn sync(&self, _: &str) -> Result<(), Fault> {
        Err(refused())
    }
    fn sync_folder(&self) -> Result<(), Fault> {
        Err(refused())
    }
    fn rename(&self, _: &str, _: &str) -> Result<(), Fault> {
        Err(refused())
    }
    fn remove(&self, _: &str) -> Result<(), Fault> {
        Err(refused())
    }
    fn lock(&self, _: &str) -> Result<Lock, Fault> {
        Err(refused())
    }
}
