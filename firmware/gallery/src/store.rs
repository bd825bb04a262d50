//! A gallery that changes in the field: enrolling, removing, compacting.
//!
//! Beside the gallery file lies its [journal]. A change is appended to the journal and synced before it is
//! acknowledged. Compacting writes gallery and journal into a new file and renames it over the old one; the new file says
//! which file and how much of its journal it contains, so that a power cut between that rename and the removal of the
//! journal is told from a journal that belongs to another gallery. At every moment the disk holds the state before a
//! change or the one after it.
//!
//! There is one writer at a time ([`Code::GalleryBusy`]). Readers take [`Store::snapshot`]; those in other processes go
//! on with the files that they have open, and see changes when they [open](Store::open) again.

use std::path::Path;
use std::sync::Arc;

use skueye_models::{Code, Fault, Gtin, Product, UnitEmbedding};

use crate::builder::GalleryBuilder;
use crate::file::Gallery;
use crate::filter::RowSet;
use crate::format::{Kind, Origin};
use crate::journal::{self, Change, Journal, Owner, Position, StoredRow};
use crate::quantise::quantise;
use crate::snapshot::Snapshot;
use crate::storage::{Disk, Lock, Storage};
use crate::{GalleryView, half};

pub mod carried;

/// How often opening is tried anew when a writer compacts at the same time.
const TRIES: usize = 100;

/// A gallery with its journal.
#[derive(Debug)]
pub struct Store<S = Disk> {
    storage: S,
    place: Place,
    snapshot: Arc<Snapshot>,
    /// The rows and products that were enrolled, for as long as the file does not contain them.
    enrolled: Vec<(Product, StoredRow)>,
    live: Option<RowSet>,
    /// `None`: there is no journal, or one that the file contains already.
    position: Option<Position>,
    /// Bytes behind the position that belong to no change.
    torn: u64,
    lock: Option<Lock>,
}

/// Which files a store is made of.
#[derive(Debug, Clone)]
struct Place {
    gallery: String,
    journal: String,
    /// Whether the journal belongs to every gallery of the embedding id; see [`carried`].
    carried: bool,
}

impl Place {
    /// A gallery with the journal beside it.
    fn beside(gallery: &str) -> Self {
        Self {
            gallery: gallery.to_owned(),
            journal: journal_name(gallery),
            carried: false,
        }
    }

    fn owner(&self, base: &Gallery) -> Owner {
        let view = base.view();
        Owner {
            dim: view.header().dim,
            embedding_id: view.embedding_id(),
            base: match self.carried {
                true => carried::EVERY,
                false => base.identity(),
            },
        }
    }
}

impl Store<Disk> {
    /// Opens the gallery at `path` with its journal, for reading. Faults: those of [`Gallery::open`];
    /// [`Code::GalleryJournalDamaged`], [`Code::GalleryJournalForeign`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Fault> {
        let (disk, name) = place(path.as_ref())?;
        Self::open_in(disk, &name)
    }

    /// The same for changing it. [`Code::GalleryBusy`] while another process does that.
    pub fn open_to_change(path: impl AsRef<Path>) -> Result<Self, Fault> {
        let (disk, name) = place(path.as_ref())?;
        Self::open_to_change_in(disk, &name)
    }
}

/// Folder and name of a gallery, links followed: the journal lies beside the file, not beside the link.
fn place(path: &Path) -> Result<(Disk, String), Fault> {
    let real = path
        .canonicalize()
        .map_err(|e| Fault::io("open", path, &e))?;
    let name = real.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| {
        let error = std::io::Error::other("its name is not UTF-8");
        Fault::io("open", path, &error)
    })?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    Ok((Disk::new(folder), name.to_owned()))
}

impl<S: Storage> Store<S> {
    /// Opens the gallery `name` of `storage` for reading.
    pub fn open_in(storage: S, name: &str) -> Result<Self, Fault> {
        Self::open_at(storage, Place::beside(name))
    }

    fn open_at(storage: S, place: Place) -> Result<Self, Fault> {
        let (mut tries, name) = (0, place.gallery.as_str());
        loop {
            let base = Arc::new(storage.open(name)?);
            let journal = storage.read(&place.journal)?;
            let replayed = replay(&base, &place.owner(&base), journal.as_deref());
            // A file that was replaced while its journal was read makes both unfit for each other.
            tries += 1;
            if storage.open(name)?.identity() != base.identity() && tries < TRIES {
                continue;
            }
            let replayed = replayed.map_err(|fault| fault.at(name))?;
            return Self::assemble(storage, place, base, replayed);
        }
    }

    /// Opens the gallery `name` of `storage` for changing it.
    pub fn open_to_change_in(storage: S, name: &str) -> Result<Self, Fault> {
        let lock = storage.lock(name)?;
        let mut store = Self::open_in(storage, name)?;
        store.lock = Some(lock);
        Ok(store)
    }

    fn assemble(
        storage: S,
        place: Place,
        base: Arc<Gallery>,
        replayed: Replayed,
    ) -> Result<Self, Fault> {
        let mut store = Self {
            storage,
            place,
            snapshot: Snapshot::of(base),
            enrolled: Vec::new(),
            live: None,
            position: replayed.position,
            torn: replayed.torn,
            lock: None,
        };
        for change in replayed.changes {
            store.apply(change);
        }
        store.refresh()?;
        Ok(store)
    }

    /// The state after the last change.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// How many bytes of a change that was never finished the journal ends in.
    pub fn torn_bytes(&self) -> u64 {
        self.torn
    }

    /// How many changes the journal holds.
    pub fn changes(&self) -> u64 {
        self.position.map_or(0, |position| position.records)
    }

    /// Adds rows of `product`, whose title and category count only where its number is new. When this returns, they
    /// survive a power cut. [`Code::GalleryInput`] for what a gallery cannot hold.
    pub fn enrol(&mut self, product: &Product, rows: &[UnitEmbedding]) -> Result<(), Fault> {
        let change = Change::Enrol {
            product: product.clone(),
            rows: rows
                .iter()
                .map(|row| self.stored(row))
                .collect::<Result<_, _>>()?,
        };
        // What a builder refuses must not get into the journal.
        self.check(&change)?;
        self.commit(change)
    }

    /// Takes out all rows of the product numbered `gtin`; gives how many. Zero, and no change, where there are none.
    pub fn remove(&mut self, gtin: Gtin) -> Result<u32, Fault> {
        let rows = self.rows_of(gtin).count() as u32;
        if rows > 0 {
            self.commit(Change::RemoveProducts(vec![gtin.value()]))?;
        }
        Ok(rows)
    }

    /// Takes out single rows, by their numbers in the snapshot. [`Code::GalleryInput`] for a number that there is not.
    pub fn remove_rows(&mut self, rows: &[u32]) -> Result<(), Fault> {
        let count = self.snapshot.row_count();
        match rows.iter().find(|row| **row >= count) {
            Some(row) => Err(refused(format!("rows below {count}"), row.to_string())),
            None if rows.is_empty() => Ok(()),
            None if self.place.carried => {
                let marks = self.marks(rows);
                self.commit(Change::RemoveAlike(marks))
            }
            None => self.commit(Change::RemoveRows(rows.to_vec())),
        }
    }

    /// Writes all rows that are left into a new file in place of the old one, and begins an empty journal. Rows and
    /// products are numbered anew; products without a row are left out. Nothing is done where there is nothing to do.
    pub fn compact(&mut self) -> Result<(), Fault> {
        self.expect_lock()?;
        if self.changes() == 0 {
            return Ok(());
        }
        if self.place.carried {
            return Err(carried::no_compacting());
        }
        let mut builder = self.compacted()?;
        builder.set_origin(Origin {
            base: self.snapshot.base().identity(),
            journal: self.position.map_or(0, |position| position.bytes),
        });
        let temporary = format!(".{}.compact.partial", self.place.gallery);
        self.storage
            .write(&temporary, &mut |out| builder.write_to(out))?;
        self.storage.sync(&temporary)?;
        self.storage.rename(&temporary, &self.place.gallery)?;
        self.storage.sync_folder()?;
        self.forget_journal()?;
        self.snapshot = Snapshot::of(Arc::new(self.storage.open(&self.place.gallery)?));
        self.enrolled.clear();
        self.live = None;
        Ok(())
    }

    /// Removes a journal that the file contains.
    fn forget_journal(&mut self) -> Result<(), Fault> {
        self.position = None;
        self.torn = 0;
        self.storage.remove(&self.place.journal)?;
        self.storage.sync_folder()
    }

    /// Makes a change durable, then visible.
    fn commit(&mut self, change: Change) -> Result<(), Fault> {
        self.expect_lock()?;
        let owner = self.place.owner(self.snapshot.base());
        let name = self.place.journal.clone();
        if self.position.is_none() {
            let (head, position) = journal::head(&owner);
            self.storage.write(&name, &mut |out| out.write_all(&head))?;
            self.storage.sync(&name)?;
            self.storage.sync_folder()?;
            (self.position, self.torn) = (Some(position), 0);
        }
        let Some(position) = self.position else {
            return Ok(());
        };
        if self.torn > 0 {
            self.storage.truncate(&name, position.bytes)?;
            self.storage.sync(&name)?;
            self.torn = 0;
        }
        let (record, after) = journal::record(&change, owner.dim, position)?;
        // Until the sync returns, what was appended is not known to be there: it is cut off before the next change.
        self.torn = record.len() as u64;
        self.storage.append(&name, &record)?;
        self.storage.sync(&name)?;
        (self.position, self.torn) = (Some(after), 0);
        self.apply(change);
        self.refresh()
    }

    fn expect_lock(&self) -> Result<(), Fault> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(Fault::new(
                Code::GalleryBusy,
                "a gallery that was opened to be changed",
                "one opened for reading",
                "report this",
            )),
        }
    }

    /// The row in the form of the file.
    fn stored(&self, row: &UnitEmbedding) -> Result<StoredRow, Fault> {
        let view = self.snapshot.base().view();
        let values = row.as_slice();
        if values.len() != view.dim() {
            let expected = format!("embeddings of {} values", view.dim());
            return Err(refused(expected, values.len().to_string()));
        }
        let mut codes = vec![0; values.len()];
        let scale = quantise(values, &mut codes)
            .ok_or_else(|| refused("a unit vector", "one without direction".into()))?;
        let halves = self
            .keeps_halves()
            .then(|| half::bytes(values.iter().copied()));
        Ok(StoredRow {
            scale: scale as f32,
            codes,
            halves,
        })
    }

    /// Refuses what cannot be built into a gallery.
    fn check(&self, change: &Change) -> Result<(), Fault> {
        let Change::Enrol { product, rows } = change else {
            return Ok(());
        };
        if rows.is_empty() {
            return Err(refused("at least one row", "none".into()));
        }
        empty_builder(&self.snapshot.base().view())?.add_product(product.clone())?;
        let rows = u32::try_from(rows.len()).ok();
        let total = rows.and_then(|rows| self.snapshot.row_count().checked_add(rows));
        let total = total.ok_or_else(|| refused("fewer than 2^32 rows", "more".into()))?;
        match total {
            u32::MAX => Err(refused("fewer than 2^32 rows", "more".into())),
            _ => Ok(()),
        }
    }

    /// Changes what is in memory; the snapshot follows with [`Store::refresh`].
    fn apply(&mut self, change: Change) {
        match change {
            Change::Enrol { product, rows } => {
                let halves = self.keeps_halves();
                let rows = rows.into_iter().map(|row| row.fit(halves));
                let rows = rows.map(|row| (product.clone(), row));
                self.enrolled.extend(rows);
            }
            Change::RemoveProducts(gtins) => {
                let rows: Vec<u32> = gtins
                    .iter()
                    .flat_map(|gtin| self.rows_of_value(*gtin))
                    .collect();
                self.take_out(&rows);
            }
            Change::RemoveRows(rows) => self.take_out(&rows),
            Change::RemoveAlike(marks) => {
                let rows = self.alike(&marks);
                self.take_out(&rows);
            }
        }
    }

    /// Whether the gallery keeps its rows in FP16 too.
    fn keeps_halves(&self) -> bool {
        let view = self.snapshot.base().view();
        view.optional(Kind::F16Rows).is_some()
    }

    fn count(&self) -> u32 {
        self.snapshot.base().view().row_count() + self.enrolled.len() as u32
    }

    fn take_out(&mut self, rows: &[u32]) {
        let count = self.count();
        let live = self
            .live
            .get_or_insert_with(|| RowSet::of_count(count, true));
        live.grow(count);
        rows.iter().for_each(|row| live.remove(*row));
    }

    fn is_live(&self, row: u32) -> bool {
        self.live
            .as_ref()
            .is_none_or(|live| live.contains_or_new(row))
    }

    /// The rows that show `gtin` and are left.
    pub fn rows_of(&self, gtin: Gtin) -> impl Iterator<Item = u32> {
        self.rows_of_value(gtin.value()).into_iter()
    }

    fn rows_of_value(&self, gtin: u64) -> Vec<u32> {
        let view = self.snapshot.base().view();
        let product = view.find(gtin);
        let base = view.rows().filter(|row| Some(row.product) == product);
        let enrolled = self.enrolled.iter().zip(view.row_count()..);
        let enrolled = enrolled.filter(|((product, _), _)| product.gtin.value() == gtin);
        let rows = base.map(|row| row.row).chain(enrolled.map(|(_, row)| row));
        rows.filter(|row| self.is_live(*row)).collect()
    }

    /// Makes the snapshot that follows from what was enrolled and taken out.
    fn refresh(&mut self) -> Result<(), Fault> {
        let base = Arc::clone(self.snapshot.base());
        let count = self.count();
        if let Some(live) = &mut self.live {
            live.grow(count);
        }
        let added = match self.enrolled.is_empty() {
            true => None,
            false => {
                let mut builder = empty_builder(&base.view())?.with_sketches(false);
                add_all(&mut builder, self.enrolled.iter())?;
                Some(Gallery::from_bytes(
                    builder.to_bytes(),
                    &self.place.gallery,
                )?)
            }
        };
        self.snapshot = Snapshot::with(base, added, self.live.clone())?;
        Ok(())
    }

    /// A builder of everything that is left.
    fn compacted(&self) -> Result<GalleryBuilder, Fault> {
        let base = self.snapshot.base();
        let mut builder = empty_builder(&base.view())?;
        match base.view().info() {
            info if info.lists > 0 => builder = builder.with_lists(info.lists),
            info if info.sketches => builder = builder.with_sketches(true),
            _ => {}
        }
        builder.append_rows(&base.view(), |row| self.is_live(row))?;
        base.intact()?;
        let first = base.view().row_count();
        let enrolled = self.enrolled.iter().zip(first..);
        let left = enrolled.filter(|(_, row)| self.is_live(*row));
        add_all(&mut builder, left.map(|(enrolled, _)| enrolled))?;
        Ok(builder)
    }
}

/// An empty gallery like the one of `view`.
fn empty_builder(view: &GalleryView<'_>) -> Result<GalleryBuilder, Fault> {
    let builder = GalleryBuilder::new(view.embedding_id(), view.header().dim)?;
    Ok(match view.optional(Kind::F16Rows) {
        Some(_) => builder.with_halves(),
        None => builder,
    })
}

fn add_all<'a>(
    builder: &mut GalleryBuilder,
    enrolled: impl Iterator<Item = &'a (Product, StoredRow)>,
) -> Result<(), Fault> {
    for (product, row) in enrolled {
        let index = match builder.product_of(product.gtin) {
            Some(index) => index,
            None => builder.add_product(product.clone())?,
        };
        builder.add_stored(index, &row.codes, row.scale, row.halves.as_deref())?;
    }
    Ok(())
}

/// What is to be done to a gallery file.
struct Replayed {
    changes: Vec<Change>,
    position: Option<Position>,
    torn: u64,
}

/// The changes of a journal, if it is there and belongs to `base`.
fn replay(base: &Gallery, owner: &Owner, journal: Option<&[u8]>) -> Result<Replayed, Fault> {
    let nothing = Replayed {
        changes: Vec::new(),
        position: None,
        torn: 0,
    };
    let Some(journal) = journal.map(Journal::parse).transpose()?.flatten() else {
        return Ok(nothing);
    };
    if journal.owner == *owner {
        return Ok(Replayed {
            changes: journal.changes,
            position: Some(journal.position),
            torn: journal.torn,
        });
    }
    let contained = base.view().origin();
    let is_contained = contained.is_some_and(|origin| {
        origin.base == journal.owner.base && origin.journal == journal.position.bytes
    });
    if is_contained {
        return Ok(nothing);
    }
    Err(Fault::new(
        Code::GalleryJournalForeign,
        format!("the journal of {:?}", base.identity()),
        format!("that of {:?}", journal.owner.base),
        "put back the gallery that the journal was written for and compact it, or remove the journal and lose what was enrolled",
    ))
}

/// The name of the journal of the gallery `name`.
pub fn journal_name(name: &str) -> String {
    format!("{name}.journal")
}

fn refused(expected: impl Into<String>, got: String) -> Fault {
    Fault::new(
        Code::GalleryInput,
        expected,
        got,
        "correct what is to be enrolled",
    )
}
