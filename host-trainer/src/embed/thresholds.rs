//! Thresholds of single products, from a table.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use skueye_models::{Fault, Gtin};

use crate::data::{Sheet, csv_fault};

/// The columns, by name; an empty cell leaves what all products have.
const COLUMNS: [&str; 4] = ["GTIN", "ACCEPT", "REJECT", "MARGIN"];

/// What one product has in place of the model's thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct ProductThresholds {
    /// The product.
    pub gtin: Gtin,
    /// From this score on it is accepted.
    pub accept: Option<f32>,
    /// Below it, it is rejected.
    pub reject: Option<f32>,
    /// The least distance to the second product.
    pub margin: Option<f32>,
}

/// Reads a CSV table with the columns `GTIN`, `ACCEPT`, `REJECT`, `MARGIN`. Errors: E502, E503 with the line, E901.
pub fn read_thresholds(path: &Path) -> Result<Vec<ProductThresholds>, Fault> {
    Sheet::open(path)?.select(&COLUMNS, COLUMNS.len())?;
    let file = File::open(path).map_err(|e| Fault::io("open", path, &e))?;
    let rows = csv::Reader::from_reader(file).into_deserialize();
    rows.map(|row| row.map_err(|e| csv_fault(path, &e)))
        .collect()
}
