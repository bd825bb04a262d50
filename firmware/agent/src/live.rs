//! The gallery of a run, which changes while the run goes on: what is enrolled at the device is found from the next
//! presentation on.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use skueye_gallery::{Snapshot, Store};
use skueye_models::{Fault, Product, UnitEmbedding};

use crate::recognise::{open_gallery, open_gallery_to_change};

/// A gallery and its newest state. Whoever searches holds a state and takes the next when it suits.
#[derive(Debug)]
pub struct LiveGallery {
    path: PathBuf,
    current: Mutex<Arc<Snapshot>>,
    version: AtomicU64,
    products: AtomicU32,
}

impl LiveGallery {
    /// The gallery at `path` with what was enrolled. Errors: those of [`open_gallery`].
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let snapshot = open_gallery(path)?.snapshot();
        Ok(Self {
            path: path.to_owned(),
            products: AtomicU32::new(count(&snapshot)),
            current: Mutex::new(snapshot),
            version: AtomicU64::new(0),
        })
    }

    /// The newest state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let current = self.current.lock();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Products, those without a row left included.
    pub fn product_count(&self) -> u32 {
        self.products.load(Ordering::Relaxed)
    }

    /// Grows with every change of this run.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Adds rows of a product; they are on the disk when this returns. Gives their numbers. Errors: E204, E209 while another
    /// program changes the gallery, E901.
    pub fn enrol(&self, product: &Product, rows: &[UnitEmbedding]) -> Result<Range<u32>, Fault> {
        self.change(|store| {
            let first = store.snapshot().row_count();
            store.enrol(product, rows)?;
            Ok(first..store.snapshot().row_count())
        })
    }

    /// Takes rows out again. Errors as [`Self::enrol`].
    pub fn remove_rows(&self, rows: Range<u32>) -> Result<(), Fault> {
        self.change(|store| store.remove_rows(&rows.collect::<Vec<_>>()))
    }

    fn change<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut store = open_gallery_to_change(&self.path)?;
        let done = work(&mut store).map_err(|fault| fault.at(&self.path))?;
        let snapshot = store.snapshot();
        self.products.store(count(&snapshot), Ordering::Relaxed);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
        self.version.fetch_add(1, Ordering::Release);
        Ok(done)
    }
}

/// Products of the file, and those that were added and are new.
fn count(snapshot: &Snapshot) -> u32 {
    let base = snapshot.base().view();
    let added = snapshot.added().map(|added| added.view());
    let new = added.iter().flat_map(|view| view.products());
    let new = new.filter(|product| {
        let gtin = product.as_ref().map(|(_, product)| product.gtin.value());
        gtin.is_ok_and(|gtin| base.find(gtin).is_none())
    });
    base.product_count() + new.count() as u32
}
