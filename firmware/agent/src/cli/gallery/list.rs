//! `skueye gallery list`

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use skueye_agent::recognise::open_gallery;
use skueye_agent::report::printable;
use skueye_gallery::{GalleryView, Snapshot};
use skueye_models::{Fault, Product};

use super::Target;
use crate::cli::print;

/// A product and how many rows show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    #[serde(flatten)]
    pub product: Product,
    pub rows: u32,
}

/// The products of a snapshot by number, those included of which every row was removed.
pub fn products(snapshot: &Snapshot, path: &Path) -> Result<BTreeMap<u64, Listed>, Fault> {
    let mut listed = BTreeMap::new();
    let mut first = 0;
    let added = snapshot.added().map(skueye_gallery::Gallery::view);
    for view in std::iter::once(snapshot.base().view()).chain(added) {
        let live = |row: u32| {
            snapshot
                .live()
                .is_none_or(|live| live.contains(first + row))
        };
        count(&view, live, &mut listed).map_err(|fault| fault.at(path))?;
        first += view.row_count();
    }
    snapshot.intact()?;
    Ok(listed)
}

fn count(
    view: &GalleryView<'_>,
    live: impl Fn(u32) -> bool,
    listed: &mut BTreeMap<u64, Listed>,
) -> Result<(), Fault> {
    let mut rows = vec![0u32; view.product_count() as usize];
    for row in view.rows().filter(|row| live(row.row)) {
        if let Some(count) = rows.get_mut(row.product.0 as usize) {
            *count += 1;
        }
    }
    for (product, rows) in view.products().zip(rows) {
        let product = product?.1.to_product();
        let entry = listed.entry(product.gtin.value());
        entry.or_insert(Listed { product, rows: 0 }).rows += rows;
    }
    Ok(())
}

pub fn run(target: &Target) -> Result<(), Fault> {
    let store = open_gallery(&target.file)?;
    for listed in products(&store.snapshot(), &target.file)?.values() {
        let Listed { product, rows } = listed;
        match target.json {
            true => print::json(listed)?,
            false => print::line(&format!(
                "{:<14}  {}  [{}]  {rows}",
                product.gtin,
                printable(&product.title),
                printable(&product.category)
            ))?,
        }
    }
    Ok(())
}
