//! Data of others, brought into the layout of a data set: a CSV or Parquet manifest, a folder per class, or a folder of
//! eProduct's layout.
//!
//! The source is read twice: once for the products and categories there are, once for the rows. Memory grows with the
//! products and categories, not with the rows.

mod assign;
mod census;
mod columns;
mod options;
mod source;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use skueye_models::{Code, Fault};

use super::layout::Split;
use super::writer::DatasetWriter;
use census::Census;
pub use columns::Columns;
pub use options::{ImportOptions, Placement};
use source::Source;
use write::Import;

/// What an import made of its source, and what it chose.
#[derive(Debug, Serialize)]
pub struct ImportReport {
    /// What the source was taken for.
    pub source: &'static str,
    /// For each of our columns the one of the source that fills it.
    pub columns: BTreeMap<&'static str, String>,
    /// Whether pictures are hard links, symbolic links or copies.
    pub pictures: Placement,
    /// Where products come from.
    pub products: String,
    /// Where category numbers come from, by level.
    pub categories: Vec<String>,
    /// Rows written, by split.
    pub rows: BTreeMap<Split, u64>,
    /// Rows left out, and the first hundred reasons.
    pub skipped: u64,
    /// Why rows were left out.
    pub problems: Vec<Fault>,
}

/// Writes what `options.source` holds as a data set at `options.out`.
///
/// Errors: E510 where `out` holds something, E516 where the source is none of what can be imported, E502 where a column
/// is missing, E506 where more than the stated share of rows cannot be used, E901.
pub fn import(options: &ImportOptions) -> Result<ImportReport, Fault> {
    let source = Source::open(options)?;
    let writer = DatasetWriter::create(&options.out)?;
    let census = Census::take(&source)?;
    let import = Import::new(options, &source, &census, &writer)?;
    let report = import.run()?;
    let written: u64 = report.rows.values().sum();
    let share = report.skipped as f64 / (report.skipped + written).max(1) as f64;
    if written == 0 || share > options.max_bad {
        return Err(too_many_bad(&report, options));
    }
    writer.finish_tables(&write::info(options, &report, &census))?;
    Ok(report)
}

fn too_many_bad(report: &ImportReport, options: &ImportOptions) -> Fault {
    let expected = format!(
        "at most {} % of the rows to be unusable",
        options.max_bad * 100.0
    );
    let first = report.problems.first().map(ToString::to_string);
    let written: u64 = report.rows.values().sum();
    let got = format!(
        "{} of {}; the first: {}",
        report.skipped,
        report.skipped + written,
        first.unwrap_or_default()
    );
    let remedy = "mend the source, or allow more with --max-bad";
    Fault::new(Code::DataTooManyBad, expected, got, remedy).at(&options.source)
}
