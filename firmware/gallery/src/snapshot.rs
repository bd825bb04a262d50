//! One state of a gallery that changes: a file, what was added to it since, and what was taken out.
//!
//! Rows that were added are numbered behind those of the file, products that are new behind the file's products. A
//! snapshot never changes; who holds one searches one state.

use std::collections::HashMap;
use std::sync::Arc;

use skueye_models::{Fault, Gtin};

use crate::extras::Extras;
use crate::file::Gallery;
use crate::filter::RowSet;
use crate::view::{ProductIndex, ProductRef};

/// A state of a gallery. Cheap to clone through its `Arc`.
#[derive(Debug)]
pub struct Snapshot {
    base: Arc<Gallery>,
    added: Option<Added>,
    /// Rows that were not taken out; `None`: all.
    live: Option<RowSet>,
}

/// Rows that were added, as a small gallery in memory.
#[derive(Debug)]
pub(crate) struct Added {
    gallery: Gallery,
    /// Of each of its products, the number that the product has in the snapshot.
    products: Vec<ProductIndex>,
}

impl Snapshot {
    /// The state of a gallery to which nothing was done.
    pub fn of(base: Arc<Gallery>) -> Arc<Self> {
        Arc::new(Self {
            base,
            added: None,
            live: None,
        })
    }

    /// The state of `base` with the rows of `added`, of which those in `live` (of both) are left.
    pub(crate) fn with(
        base: Arc<Gallery>,
        added: Option<Gallery>,
        live: Option<RowSet>,
    ) -> Result<Arc<Self>, Fault> {
        let added = added.map(|gallery| {
            let products = numbers(&base, &gallery)?;
            Ok(Added { gallery, products })
        });
        Ok(Arc::new(Self {
            base,
            added: added.transpose()?,
            live,
        }))
    }

    /// The file below.
    pub fn base(&self) -> &Arc<Gallery> {
        &self.base
    }

    /// The small gallery of what was added, if anything was.
    pub fn added(&self) -> Option<&Gallery> {
        self.added.as_ref().map(|added| &added.gallery)
    }

    /// Which rows are left, of those of the file and those added; `None`: all.
    pub fn live(&self) -> Option<&RowSet> {
        self.live.as_ref()
    }

    /// Number of rows, those that were taken out included.
    pub fn row_count(&self) -> u32 {
        let added = self.added().map_or(0, |added| added.view().row_count());
        self.base.view().row_count() + added
    }

    /// The product at `index`. Faults as [`crate::GalleryView::product`].
    pub fn product(&self, index: ProductIndex) -> Result<ProductRef<'_>, Fault> {
        let Some(added) = &self.added else {
            return self.base.view().product(index);
        };
        match added.products.iter().position(|number| *number == index) {
            Some(at) => added.gallery.view().product(ProductIndex(at as u32)),
            None => self.base.view().product(index),
        }
    }

    /// The extras of the product at `index`: those of the file below, as what is added has none.
    pub fn extras(&self, index: ProductIndex) -> Extras<'_> {
        self.base.view().extras(index)
    }

    /// The number in the snapshot of a product of the rows that were added; unknown ones stay what they are.
    pub(crate) fn added_product(&self, index: ProductIndex) -> ProductIndex {
        let numbers = self.added.as_ref().map(|added| &added.products);
        let number = numbers.and_then(|numbers| numbers.get(index.0 as usize));
        number.copied().unwrap_or(index)
    }

    /// Refuses a base that was cut short; see [`Gallery::intact`].
    pub fn intact(&self) -> Result<(), Fault> {
        self.base.intact()
    }
}

/// The numbers that the products of `added` have in a snapshot on `base`.
fn numbers(base: &Gallery, added: &Gallery) -> Result<Vec<ProductIndex>, Fault> {
    let wanted: Vec<Gtin> = added
        .view()
        .products()
        .map(|product| product.map(|(_, product)| product.gtin))
        .collect::<Result<_, _>>()?;
    let mut places: HashMap<u64, Option<ProductIndex>> =
        wanted.iter().map(|gtin| (gtin.value(), None)).collect();
    for product in base.view().products() {
        let (index, product) = product.map_err(|fault| fault.at(base.path()))?;
        if let Some(place) = places.get_mut(&product.gtin.value()) {
            place.get_or_insert(index);
        }
    }
    let mut next = base.view().product_count();
    let number = |gtin: &Gtin| {
        let known = places.get(&gtin.value()).copied().flatten();
        known.unwrap_or_else(|| {
            next = next.saturating_add(1);
            ProductIndex(next - 1)
        })
    };
    Ok(wanted.iter().map(number).collect())
}
