//! Data sets on disk: the eProduct layout (METHOD 5) with ground truth beside it, written whole or not at all.

pub mod classes;
pub mod hash;
mod header;
pub mod import;
mod join;
pub mod layout;
mod parquet_sheet;
pub mod picture_paths;
mod place;
mod problems;
pub mod reader;
pub mod rows;
pub mod scale;
pub mod sheet;
mod spill;
mod table_writer;
pub mod validate;
pub mod writer;

#[cfg(test)]
mod join_tests;
#[cfg(test)]
mod parquet_tests;
#[cfg(test)]
mod tests;

pub use classes::{Classes, Level};
pub use hash::DataHash;
pub use import::{ImportOptions, import};
pub use join::{Share, join};
pub use layout::{DatasetInfo, ImageRow, ImageTruth, Look, PresentationRow, ProductRow, Split};
pub use picture_paths::PicturePaths;
pub use problems::Report;
pub use reader::Dataset;
pub use rows::{ListingRow, Row, Rows, Table};
pub(crate) use sheet::csv_fault;
pub use sheet::{Place, Sheet};
pub use table_writer::TableWriter;
pub use validate::{ValidateOptions, validate};
pub use writer::DatasetWriter;
