//! `skueye gallery compact`

use serde::Serialize;
use skueye_agent::recognise::open_gallery_to_change;
use skueye_models::Fault;

use super::Target;
use crate::cli::print;

/// What was done.
#[derive(Debug, Serialize)]
struct Compacted {
    changes: u64,
    rows: u32,
    products: u32,
}

pub fn run(target: &Target) -> Result<(), Fault> {
    let mut store = open_gallery_to_change(&target.file)?;
    let changes = store.changes();
    store.compact()?;
    let info = store.snapshot().base().view().info();
    let compacted = Compacted {
        changes,
        rows: info.rows,
        products: info.products,
    };
    match target.json {
        true => print::json(&compacted),
        false => print::line(&match changes {
            0 => "nothing to do: no changes since the file was written".to_owned(),
            _ => format!(
                "{changes} changes written into the file: {} rows of {} products",
                info.rows, info.products
            ),
        }),
    }
}
