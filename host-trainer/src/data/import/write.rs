//! The second look at a source: rows to tables, pictures to their places.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use skueye_models::product::MAX_TITLE_BYTES;
use skueye_models::{Code, Fault, Gtin};

use super::ImportReport;
use super::assign::Assign;
use super::census::Census;
use super::options::{ImportOptions, Placement};
use super::source::{Listing, Source};
use crate::data::hash::hex;
use crate::data::layout::{
    COLUMNS, DatasetInfo, IMAGES, ImageTruth, Look, PRESENTATIONS, PRODUCTS, Split,
};
use crate::data::place::{choose, place};
use crate::data::table_writer::TableWriter;
use crate::data::writer::DatasetWriter;
use crate::progress::Step;

/// Pictures that are placed side by side.
const BATCH: usize = 512;
/// Problems that are kept in full.
const KEPT_PROBLEMS: usize = 100;

/// An import under way.
pub(super) struct Import<'a> {
    source: &'a Source,
    census: &'a Census,
    writer: &'a DatasetWriter,
    tables: Vec<TableWriter>,
    truth: Option<[TableWriter; 2]>,
    placement: Option<Placement>,
    assign: Assign,
    /// Products that have a row in the ground truth.
    known: BTreeSet<Gtin>,
    report: ImportReport,
}

/// A listing with its split, and where its picture goes.
struct Placed {
    listing: Listing,
    split: Split,
    path: String,
}

impl<'a> Import<'a> {
    pub(super) fn new(
        options: &'a ImportOptions,
        source: &'a Source,
        census: &'a Census,
        writer: &'a DatasetWriter,
    ) -> Result<Self, Fault> {
        let tables = Split::ALL.map(|split| writer.table(&split.table(), &COLUMNS));
        let open = |(path, columns)| writer.table(Path::new(path), columns);
        let truth = census
            .has_products()
            .then(|| Ok([open(PRODUCTS)?, open(IMAGES)?]));
        let report = ImportReport {
            source: source.kind(),
            columns: source.columns(),
            pictures: options.placement.unwrap_or(Placement::HardLink),
            products: census.products_from(),
            categories: census.categories_from(),
            rows: BTreeMap::new(),
            skipped: 0,
            problems: Vec::new(),
        };
        Ok(Self {
            source,
            census,
            writer,
            tables: tables.into_iter().collect::<Result<_, _>>()?,
            truth: truth.transpose()?,
            placement: options.placement,
            assign: Assign::new(options),
            known: BTreeSet::new(),
            report,
        })
    }

    /// Writes all rows and tables.
    pub(super) fn run(mut self) -> Result<ImportReport, Fault> {
        let step = Step::new("import", 0);
        let mut listings = self.source.listings()?;
        loop {
            let batch: Vec<_> = listings.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            step.advance(batch.len() as u64);
            self.batch(batch)?;
        }
        self.finish()
    }

    fn batch(&mut self, batch: Vec<Result<Listing, Fault>>) -> Result<(), Fault> {
        let mut placed = Vec::new();
        for listing in batch {
            match listing.and_then(|listing| self.check(listing)) {
                Ok(listing) => placed.push(listing),
                Err(fault) if fault.code() == Code::Io => return Err(fault),
                Err(fault) => self.skip(fault),
            }
        }
        self.choose_placement(&placed)?;
        // Where no picture is there, none is placed.
        let (writer, placement) = (self.writer, self.placement.unwrap_or(Placement::Copy));
        let done: Vec<_> = placed
            .par_iter()
            .map(|placed| place(writer, &placed.listing.image, &placed.path, placement))
            .collect();
        for (placed, done) in placed.iter().zip(done) {
            match done {
                Ok(()) => self.row(placed)?,
                Err(fault) if fault.code() == Code::DataMissingFile => self.skip(fault),
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn skip(&mut self, fault: Fault) {
        self.report.skipped += 1;
        if self.report.problems.len() < KEPT_PROBLEMS {
            self.report.problems.push(fault);
        }
    }

    fn check(&mut self, listing: Listing) -> Result<Placed, Fault> {
        let bytes = listing.title.len();
        if bytes > MAX_TITLE_BYTES {
            let expected = format!(
                "at most {MAX_TITLE_BYTES} bytes for {}",
                listing.image.display()
            );
            let got = format!("{bytes} bytes");
            return Err(Fault::new(
                Code::TitleTooLong,
                expected,
                got,
                "shorten the title",
            ));
        }
        if listing.uuid.len() > 128 {
            let expected = "a name of at most 128 bytes";
            let got = format!("{} bytes", listing.uuid.len());
            return Err(Fault::new(Code::DataRow, expected, got, "shorten it").at(&listing.image));
        }
        let split = self.assign.split(&listing);
        let ending = listing.image.extension().and_then(|e| e.to_str());
        let ending = ending.map(str::to_ascii_lowercase).unwrap_or_default();
        let ending = match ending.as_str() {
            "png" => "png",
            _ => "jpg",
        };
        // Names of the source may hold anything, and come twice, so files are named by a hash.
        let key = format!("{}\0{}", listing.uuid, listing.image.display());
        let name = hex(&Sha256::digest(key)[..16]);
        let path = format!("Images/{}/{}/{name}.{ending}", split.folder(), &name[..2]);
        Ok(Placed {
            listing,
            split,
            path,
        })
    }

    /// Settles how pictures are placed, by the first that is there.
    fn choose_placement(&mut self, batch: &[Placed]) -> Result<(), Fault> {
        let there = batch.iter().find(|placed| placed.listing.image.is_file());
        if let (None, Some(first)) = (self.placement, there) {
            let placement = choose(self.writer, &first.listing.image)?;
            self.placement = Some(placement);
            self.report.pictures = placement;
        }
        Ok(())
    }

    fn row(&mut self, placed: &Placed) -> Result<(), Fault> {
        let Placed {
            listing,
            split,
            path,
        } = placed;
        let titled = split.has_titles();
        let title = if titled { listing.title.as_str() } else { "" };
        let category = |level: usize| {
            let number = self.census.category(level, &listing.categories[level]);
            number.filter(|_| titled)
        };
        let cells = (
            &listing.uuid,
            path,
            title,
            category(0),
            category(1),
            category(2),
        );
        self.tables[*split as usize].row(cells)?;
        *self.report.rows.entry(*split).or_default() += 1;
        let (Some([products, images]), Some(gtin)) =
            (&mut self.truth, self.census.product(&listing.product))
        else {
            return Ok(());
        };
        if self.known.insert(gtin) {
            let title = &listing.title;
            products.row((gtin, title, "", "", "", "", ""))?;
        }
        images.row(ImageTruth {
            uuid: listing.uuid.clone(),
            split: *split,
            gtin,
            look: Look::Listing,
        })
    }

    fn finish(self) -> Result<ImportReport, Fault> {
        for table in self.tables {
            table.finish()?;
        }
        if let Some(truth) = self.truth {
            truth.into_iter().try_for_each(TableWriter::finish)?;
            let (path, columns) = PRESENTATIONS;
            self.writer.table(Path::new(path), columns)?.finish()?;
        }
        let mut names = None;
        for (level, number, name) in self.census.numbered() {
            let table = match &mut names {
                Some(table) => table,
                None => {
                    let path = Path::new("metadata/categories.csv");
                    names.insert(self.writer.table(path, &["COLUMN", "NUMBER", "NAME"])?)
                }
            };
            table.row((COLUMNS[3 + level], number, name))?;
        }
        names.map_or(Ok(()), TableWriter::finish)?;
        Ok(self.report)
    }
}

/// The description of what was imported.
pub(super) fn info(options: &ImportOptions, report: &ImportReport, census: &Census) -> DatasetInfo {
    let name = options.source.file_stem().unwrap_or_default();
    DatasetInfo {
        name: name.to_string_lossy().into_owned(),
        synthetic: false,
        source: format!(
            "imported from {}; products: {}",
            report.source,
            census.products_from()
        ),
        licence: "as the source".into(),
        seed: Some(options.seed),
        images: Split::ALL
            .map(|split| (split, *report.rows.get(&split).unwrap_or(&0)))
            .into(),
        products: BTreeMap::new(),
        frames: 0,
    }
}
