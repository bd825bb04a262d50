//! `skueye gallery remove`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use skueye_agent::recognise::open_gallery_to_change;
use skueye_gallery::Store;
use skueye_models::{Code, Fault, Gtin};

use crate::cli::print;

/// What to take out.
#[derive(Debug, Args)]
pub struct Remove {
    /// The gallery file.
    file: PathBuf,
    /// The product whose rows all go.
    #[arg(long, required_unless_present = "rows")]
    gtin: Option<String>,
    /// Single rows, by number.
    #[arg(long, value_delimiter = ',', conflicts_with = "gtin")]
    rows: Vec<u32>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// How many rows went.
#[derive(Debug, Serialize)]
struct Removed {
    rows: usize,
}

impl Remove {
    pub fn run(self) -> Result<(), Fault> {
        let mut store = open_gallery_to_change(&self.file)?;
        let rows = match &self.gtin {
            Some(gtin) => self.product(&mut store, gtin.parse()?)?,
            None => {
                let removed = store.remove_rows(&self.rows);
                removed.map_err(|fault| fault.at(&self.file))?;
                self.rows.len()
            }
        };
        match self.json {
            true => print::json(&Removed { rows }),
            false => print::line(&format!("{rows} rows removed")),
        }
    }

    fn product(&self, store: &mut Store, gtin: Gtin) -> Result<usize, Fault> {
        match store.remove(gtin)? {
            0 => Err(Fault::new(
                Code::GalleryInput,
                "a product of the gallery",
                format!("{gtin}, of which it has no row"),
                "look the number up with skueye gallery list",
            )
            .at(&self.file)),
            rows => Ok(rows as usize),
        }
    }
}
