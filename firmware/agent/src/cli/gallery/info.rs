//! `skueye gallery info`

use serde::Serialize;
use skueye_agent::recognise::open_gallery;
use skueye_gallery::{GalleryInfo, Store};
use skueye_models::Fault;

use super::Target;
use crate::cli::print;

/// The file, and what its journal changes.
#[derive(Debug, Serialize)]
pub struct Info {
    #[serde(flatten)]
    pub file: GalleryInfo,
    pub journal: JournalInfo,
}

/// What was changed since the file was written.
#[derive(Debug, Serialize)]
pub struct JournalInfo {
    pub changes: u64,
    pub rows_enrolled: u32,
    pub rows_removed: u32,
    /// Bytes of a change that a power cut stopped.
    pub torn_bytes: u64,
}

impl Info {
    pub fn of(store: &Store) -> Self {
        let snapshot = store.snapshot();
        let file = snapshot.base().view().info();
        let live = snapshot.live();
        let removed = (0..snapshot.row_count())
            .filter(|row| live.is_some_and(|live| !live.contains(*row)))
            .count();
        Self {
            journal: JournalInfo {
                changes: store.changes(),
                rows_enrolled: snapshot.row_count() - file.rows,
                rows_removed: removed as u32,
                torn_bytes: store.torn_bytes(),
            },
            file,
        }
    }

    pub fn text(&self) -> String {
        let GalleryInfo {
            rows,
            products,
            categories,
            dim,
            bytes,
            embedding_id,
            ..
        } = &self.file;
        let extras = [
            (self.file.sketches, "sketches"),
            (self.file.halves, "FP16 rows"),
            (self.file.lists > 0, "lists"),
        ];
        let extras: Vec<&str> = extras.iter().filter(|e| e.0).map(|e| e.1).collect();
        let mut text = format!(
            "{products} products, {rows} rows of {dim} values, {categories} categories, {bytes} bytes\n\
             embedding id {embedding_id}"
        );
        if !extras.is_empty() {
            text += &format!("\nwith {}", extras.join(", "));
        }
        let journal = &self.journal;
        if journal.changes > 0 {
            text += &format!(
                "\njournal: {} changes, {} rows enrolled, {} rows removed",
                journal.changes, journal.rows_enrolled, journal.rows_removed
            );
        }
        if journal.torn_bytes > 0 {
            text += &format!(
                "\njournal: a change of {} bytes was never finished and is left out",
                journal.torn_bytes
            );
        }
        text
    }
}

pub fn run(target: &Target) -> Result<(), Fault> {
    let info = Info::of(&open_gallery(&target.file)?);
    match target.json {
        true => print::json(&info),
        false => print::line(&info.text()),
    }
}
