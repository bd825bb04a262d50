//! What was enrolled in the field, carried over every update of the gallery.
//!
//! A gallery of a signed set is never changed, and the next update replaces it. So the changes of such a device lie beside
//! the sets, in one journal for each embedding id (`enrolled-ID.journal`), which belongs to no gallery file and counts on
//! whichever gallery of that id is in use: after an update, during a trial, and after the return to the set before. An
//! update touches no journal, so no power cut of an update can cost an enrolment. A journal of another embedding id is left
//! where it is until a set of that id is in use again; [`kept_aside`] tells of it.
//!
//! Rows are taken out by what they hold, not by number, since each gallery numbers its own. A product that was taken out
//! stays out of later galleries too, until it is enrolled again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use skueye_models::{Code, EmbeddingId, Fault};

use super::{Place, Store};
use crate::file::Identity;
use crate::journal::{Change, Journal, RowMark};
use crate::storage::{Disk, Storage};

/// In the head of a journal that belongs to every gallery of its embedding id.
pub(super) const EVERY: Identity = Identity { len: 0, crc: 0 };
const BEGIN: &str = "enrolled-";
const END: &str = ".journal";

/// The name of the journal for galleries of `id`.
pub fn journal_name(id: EmbeddingId) -> String {
    format!("{BEGIN}{id}{END}")
}

/// Changes that wait for a gallery of their embedding id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The journal's name.
    pub name: String,
    /// Rows that were enrolled.
    pub rows: usize,
}

/// The journals in `folder` that hold changes for another embedding id than `in_use`, by name. A journal that is damaged
/// counts with no rows. Errors: E901.
pub fn kept_aside(folder: &Path, in_use: EmbeddingId) -> Result<Vec<Aside>, Fault> {
    let (mut found, own) = (Vec::new(), journal_name(in_use));
    for name in journals(folder)? {
        if name == own {
            continue;
        }
        let bytes = Disk::new(folder).read(&name)?.unwrap_or_default();
        let Some(rows) = rows(&bytes) else { continue };
        found.push(Aside { name, rows });
    }
    Ok(found)
}

/// The names of all journals in `folder`, in order. Errors: E901.
pub fn journals(folder: &Path) -> Result<Vec<String>, Fault> {
    let failed = |e: std::io::Error| Fault::io("list", folder, &e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with(BEGIN) && name.ends_with(END) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Rows that a journal enrols; `None` where it holds no change.
fn rows(journal: &[u8]) -> Option<usize> {
    let changes = match Journal::parse(journal) {
        Ok(journal) => journal?.changes,
        Err(_) => return Some(0),
    };
    let rows = changes.iter().map(|change| match change {
        Change::Enrol { rows, .. } => rows.len(),
        _ => 0,
    });
    (!changes.is_empty()).then(|| rows.sum())
}

impl Store<Disk> {
    /// Opens a gallery of a set below `folder` (`gallery` is its path from there) with what was enrolled on the device, for
    /// reading. Faults: those of [`Store::open`].
    pub fn open_carried(folder: &Path, gallery: &str) -> Result<Self, Fault> {
        Self::open_carried_in(Disk::new(folder), gallery)
    }

    /// The same for changing it. [`Code::GalleryBusy`] while another process does that.
    pub fn open_carried_to_change(folder: &Path, gallery: &str) -> Result<Self, Fault> {
        Self::open_carried_to_change_in(Disk::new(folder), gallery)
    }
}

impl<S: Storage> Store<S> {
    /// As [`Store::open_carried`], in `storage`.
    pub fn open_carried_in(storage: S, gallery: &str) -> Result<Self, Fault> {
        let place = place(&storage, gallery)?;
        Self::open_at(storage, place)
    }

    /// As [`Store::open_carried_to_change`], in `storage`.
    pub fn open_carried_to_change_in(storage: S, gallery: &str) -> Result<Self, Fault> {
        let place = place(&storage, gallery)?;
        let lock = storage.lock(&place.journal)?;
        let mut store = Self::open_at(storage, place)?;
        store.lock = Some(lock);
        Ok(store)
    }

    /// What the rows of these numbers hold.
    pub(super) fn marks(&self, rows: &[u32]) -> Vec<RowMark> {
        let rows: HashSet<u32> = rows.iter().copied().collect();
        let marked = self.marked(|row, _| rows.contains(&row));
        marked.map(|(_, mark)| mark).collect()
    }

    /// The rows that hold one of these.
    pub(super) fn alike(&self, marks: &[RowMark]) -> Vec<u32> {
        let products: HashSet<u64> = marks.iter().map(|mark| mark.gtin).collect();
        let marks: HashSet<&RowMark> = marks.iter().collect();
        let marked = self.marked(|_, gtin| products.contains(&gtin));
        let alike = marked.filter(|(_, mark)| marks.contains(mark));
        alike.map(|(row, _)| row).collect()
    }

    /// The rows that are `wanted`, by number and GTIN, with what they hold.
    fn marked(&self, wanted: impl Fn(u32, u64) -> bool) -> impl Iterator<Item = (u32, RowMark)> {
        let view = self.snapshot.base().view();
        let base = view.rows().filter_map(move |row| {
            let gtin = view.product(row.product).ok()?.gtin.value();
            Some((row.row, gtin, row.scale, Cow::Borrowed(row.bytes())))
        });
        let enrolled = self.enrolled.iter().zip(view.row_count()..);
        let enrolled = enrolled.map(|((product, row), number)| {
            let codes = row.codes.iter().map(|code| code.cast_unsigned());
            let codes = Cow::Owned(codes.collect::<Vec<u8>>());
            (number, product.gtin.value(), row.scale, codes)
        });
        let all = base.chain(enrolled);
        let wanted = all.filter(move |(row, gtin, ..)| wanted(*row, *gtin));
        wanted.map(|(row, gtin, scale, codes)| (row, RowMark::of(gtin, scale, &codes)))
    }
}

fn place(storage: &impl Storage, gallery: &str) -> Result<Place, Fault> {
    let id = storage.open(gallery)?.view().embedding_id();
    Ok(Place {
        gallery: gallery.to_owned(),
        journal: journal_name(id),
        carried: true,
    })
}

pub(super) fn no_compacting() -> Fault {
    Fault::new(
        Code::GalleryInput,
        "a gallery that may be changed",
        "one of a signed set, beside which the changes stay",
        "leave it: what was enrolled counts as it is, and is carried over every update",
    )
}
