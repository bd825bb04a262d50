//! `skueye gallery export`
//!
//! Files that any program reads. `export.json` holds the counts and the embedding id; rows that were removed are left out.
//!
//! | format | files |
//! |---|---|
//! | npy | `rows.npy`, float32, one row per embedding; `rows.jsonl`, GTIN, title and category of each, line n for row n |
//! | parquet | `rows.parquet`: gtin, title, category, and embedding, a list of floats |
//!
//! `firmware/gallery/tools/push_to_qdrant.py` takes a folder of the first format to a Qdrant server: on the device there is
//! no network to push through, and no client is carried along.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use skueye_agent::recognise::open_gallery;
use skueye_gallery::{GalleryView, ProductRef, RowRef, Snapshot};
use skueye_models::{Code, EmbeddingId, Fault};

use super::{npy, parquet};
use crate::cli::print;

/// What to write, and where.
#[derive(Debug, Args)]
pub struct Export {
    /// The gallery file.
    file: PathBuf,
    /// A folder that does not exist yet.
    #[arg(long)]
    out: PathBuf,
    /// What to write it as.
    #[arg(long, value_enum, default_value_t = Format::Npy)]
    format: Format,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Files for other programs.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// NumPy's matrix and a text line per row.
    Npy,
    /// One Parquet table.
    Parquet,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Exported {
    rows: usize,
    dim: usize,
    embedding_id: EmbeddingId,
}

impl Export {
    pub fn run(self) -> Result<(), Fault> {
        let store = open_gallery(&self.file)?;
        let snapshot = store.snapshot();
        if self.out.exists() {
            let remedy = "name another folder, or remove that one";
            return Err(
                Fault::new(Code::Io, "a new folder", "one that exists", remedy).at(&self.out),
            );
        }
        // Written beside and renamed: a folder of this name is a whole export.
        let partial = self.out.with_extension("partial");
        let made = fs::create_dir_all(&partial).map_err(|e| Fault::io("create", &partial, &e));
        let outcome = made.and_then(|()| write(&snapshot, self.format, &partial));
        let outcome = outcome.and_then(|exported| {
            snapshot.intact()?;
            fs::rename(&partial, &self.out).map_err(|e| Fault::io("create", &self.out, &e))?;
            Ok(exported)
        });
        let exported = outcome.inspect_err(|_| {
            // Best effort: the first failure is the one to report.
            let _ = fs::remove_dir_all(&partial);
        })?;
        match self.json {
            true => print::json(&exported),
            false => print::line(&format!(
                "{} rows of {} values written",
                exported.rows, exported.dim
            )),
        }
    }
}

/// Writes the files.
fn write(snapshot: &Snapshot, format: Format, folder: &Path) -> Result<Exported, Fault> {
    let rows = Rows::of(snapshot);
    match format {
        Format::Npy => {
            file(&folder.join("rows.npy"), |out| write_matrix(&rows, out))?;
            file(&folder.join("rows.jsonl"), |out| write_lines(&rows, out))?;
        }
        Format::Parquet => {
            file(&folder.join("rows.parquet"), |out| {
                parquet::write(&rows, out).map_err(io::Error::other)
            })?;
        }
    }
    let exported = Exported {
        rows: rows.count(),
        dim: rows.dim(),
        embedding_id: snapshot.base().view().embedding_id(),
    };
    file(&folder.join("export.json"), |out| {
        Ok(serde_json::to_writer(out, &exported)?)
    })?;
    Ok(exported)
}

fn write_matrix(rows: &Rows<'_>, out: &mut impl Write) -> io::Result<()> {
    npy::write_head(out, "<f4", &format!("{}, {}", rows.count(), rows.dim()))?;
    for (_, row) in rows.iter() {
        for value in row.values() {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}

fn write_lines(rows: &Rows<'_>, out: &mut impl Write) -> io::Result<()> {
    for (view, row) in rows.iter() {
        serde_json::to_writer(&mut *out, &shown(view, row)?)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The rows of a snapshot that were not removed: those of the file, then those enrolled.
pub(super) struct Rows<'a> {
    snapshot: &'a Snapshot,
    views: Vec<GalleryView<'a>>,
}

impl<'a> Rows<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let added = snapshot.added().map(skueye_gallery::Gallery::view);
        Self {
            snapshot,
            views: std::iter::once(snapshot.base().view())
                .chain(added)
                .collect(),
        }
    }

    pub(super) fn dim(&self) -> usize {
        self.views[0].dim()
    }

    fn count(&self) -> usize {
        self.iter().count()
    }

    /// Each with the part of the gallery that it lies in.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&GalleryView<'a>, RowRef<'_>)> {
        // The numbers in the snapshot of each view's first row.
        let firsts = [0, self.views[0].row_count()];
        self.views
            .iter()
            .zip(firsts)
            .flat_map(move |(view, first)| {
                let live = self.snapshot.live();
                let live =
                    move |row: &RowRef<'_>| live.is_none_or(|live| live.contains(first + row.row));
                view.rows().filter(live).map(move |row| (view, row))
            })
    }
}

/// The product that a row shows.
pub(super) fn shown<'a>(view: &GalleryView<'a>, row: RowRef<'_>) -> io::Result<ProductRef<'a>> {
    view.product(row.product).map_err(io::Error::other)
}

fn file(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Fault> {
    let write = || {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        fill(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()
    };
    write().map_err(|error| Fault::io("write", path, &error))
}
