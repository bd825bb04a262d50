//! Finished cells on disk, so that an ablation that is stopped goes on where it was.
//!
//! ```text
//! OUT/plan.json                        what was asked for and the sizes derived from the budget
//! OUT/<set>/seed-<n>/cells/<cell>.json one finished cell: its settings' hash, its figures, how long it took
//! OUT/<set>/seed-<n>/…                 data, run folders, vectors: what later cells need
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use skueye_models::{Code, Fault};

use super::rows::SeedFigures;
use crate::files::write_json;

/// A finished cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// SHA-256 of everything that decides its figures.
    pub settings: String,
    /// What it reached.
    pub figures: SeedFigures,
    /// How long it took, over all runs that worked on it to its end.
    pub seconds: f64,
    /// What was chosen on the way: whitening, figures on validation.
    pub notes: serde_json::Value,
}

impl Cell {
    /// A cell whose settings and time `Site::cell` fills in.
    pub fn of(figures: SeedFigures, notes: serde_json::Value) -> Self {
        Self {
            settings: String::new(),
            figures,
            seconds: 0.0,
            notes,
        }
    }
}

/// The finished cells of one set and seed.
pub struct Cells {
    folder: PathBuf,
}

impl Cells {
    /// Those in `folder`, which need not exist yet.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The cell `name` where it is finished with these settings; one of other settings counts as not finished. Errors: E655
    /// for a file that is no cell, E901.
    pub fn get(&self, name: &str, settings: &str) -> Result<Option<Cell>, Fault> {
        let found: Option<Cell> = read_json(&self.path(name))?;
        Ok(found.filter(|cell| cell.settings == settings))
    }

    /// Keeps `cell`. Errors: E901.
    pub fn put(&self, name: &str, cell: &Cell) -> Result<(), Fault> {
        write_json(&self.path(name), cell)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

/// SHA-256 of `settings` as JSON, whose keys stand in the order of their fields.
pub fn settings_hash(settings: &impl Serialize) -> String {
    let text = serde_json::to_string(settings).expect("settings are plain values");
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a JSON file; `None` where there is none. Errors: E655 for one of another shape, E901.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Fault> {
    let bytes = match std::fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| Fault::io("read", path, &e))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| {
        Fault::new(
            Code::WorkFolder,
            "a file that an ablation wrote",
            e.to_string(),
            "remove the file: what it held is computed again",
        )
        .at(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_cell_comes_back_and_one_of_other_settings_does_not() {
        let root = tempfile::tempdir().unwrap();
        let cells = Cells::at(root.path().join("cells"));
        assert_eq!(cells.get("student", "one").unwrap(), None);
        let cell = Cell {
            settings: "one".into(),
            figures: SeedFigures::default(),
            seconds: 1.5,
            notes: serde_json::json!({ "ridge": 0.1 }),
        };
        cells.put("student", &cell).unwrap();
        assert_eq!(cells.get("student", "one").unwrap(), Some(cell));
        assert_eq!(cells.get("student", "two").unwrap(), None);
        std::fs::write(cells.path("student"), "{").unwrap();
        let fault = cells.get("student", "one").unwrap_err();
        assert_eq!(fault.code(), Code::WorkFolder);
    }
}
