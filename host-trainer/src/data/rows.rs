//! One metadata table, parsed and checked row by row.

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use csv::StringRecord;
use skueye_models::product::MAX_TITLE_BYTES;
use skueye_models::{Code, Fault};

use super::layout::COLUMNS;

/// One checked row of a metadata table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingRow {
    /// The picture's name, not empty.
    pub uuid: String,
    /// The picture's file. It lies below the root; whether it exists is not known.
    pub image: PathBuf,
    /// The title, at most [`MAX_TITLE_BYTES`]; empty for index and queries.
    pub title: String,
    /// Meta, second-level and leaf category; `None` where a cell is empty.
    pub categories: [Option<u32>; 3],
    /// The line of the table that the row begins on, from 1.
    pub line: u64,
}

impl ListingRow {
    /// The bytes of the picture's file. Errors: E505 where it is missing, E901.
    pub fn read_picture(&self) -> Result<Vec<u8>, Fault> {
        fs::read(&self.image).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Fault::new(
                Code::DataMissingFile,
                format!("the picture of row {}", self.uuid),
                "no such file",
                "copy the picture there, or remove the row",
            )
            .at(&self.image),
            _ => Fault::io("read", &self.image, &e),
        })
    }
}

/// The rows of one table, read as they are asked for. Ends after the first item that is not about its row alone.
pub struct Rows {
    table: csv::Reader<File>,
    path: PathBuf,
    root: PathBuf,
    /// Where each of [`COLUMNS`] stands in this table.
    columns: [Option<usize>; 6],
    record: StringRecord,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Begun,
    SomeRead,
    Ended,
}

impl Iterator for Rows {
    type Item = Result<ListingRow, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        match self.table.read_record(&mut self.record) {
            Ok(true) => {
                self.state = State::SomeRead;
                Some(self.parse())
            }
            Ok(false) => {
                let empty = self.state == State::Begun;
                self.state = State::Ended;
                empty.then(|| Err(no_rows(&self.path)))
            }
            Err(e) => {
                // The reader gets past a row that is malformed, but not past a disk that fails.
                let lasting = e.is_io_error();
                self.state = if lasting {
                    State::Ended
                } else {
                    State::SomeRead
                };
                Some(Err(csv_fault(&self.path, &e)))
            }
        }
    }
}

impl Rows {
    pub(super) fn new(
        file: File,
        path: PathBuf,
        root: PathBuf,
        needed: &[&str],
    ) -> Result<Self, Fault> {
        let mut table = csv::Reader::from_reader(file);
        let columns = locate(&mut table, &path, needed)?;
        let (record, state) = (StringRecord::new(), State::Begun);
        Ok(Self {
            table,
            path,
            root,
            columns,
            record,
            state,
        })
    }

    fn parse(&self) -> Result<ListingRow, Fault> {
        let line = self.record.position().map_or(0, csv::Position::line);
        let cell = |i: usize| {
            self.columns[i]
                .and_then(|at| self.record.get(at))
                .unwrap_or("")
        };
        let (uuid, title) = (cell(0), cell(2));
        if uuid.is_empty() || uuid.len() > 128 {
            return Err(bad_row(
                &self.path,
                line,
                "a name of 1 to 128 bytes",
                format!("{} bytes", uuid.len()),
            ));
        }
        if title.len() > MAX_TITLE_BYTES {
            return Err(too_long(&self.path, line, title.len()));
        }
        let image = picture_below(&self.root, cell(1)).ok_or_else(|| {
            bad_row(
                &self.path,
                line,
                "a relative path inside the data folder",
                short(cell(1)),
            )
        })?;
        let mut categories = [None; 3];
        for (category, column) in categories.iter_mut().zip(3..) {
            *category = self.category(cell(column), line)?;
        }
        Ok(ListingRow {
            uuid: uuid.into(),
            image,
            title: title.into(),
            categories,
            line,
        })
    }

    fn category(&self, cell: &str, line: u64) -> Result<Option<u32>, Fault> {
        if cell.is_empty() {
            return Ok(None);
        }
        let number = cell
            .parse()
            .map_err(|_| bad_row(&self.path, line, "a category number", short(cell)))?;
        Ok(Some(number))
    }
}

/// The file that `cell` names: relative to the root, or to its `Images` folder where the cell leaves that out. `None`
/// for whatever could leave the root.
fn picture_below(root: &Path, cell: &str) -> Option<PathBuf> {
    let path = Path::new(cell);
    let inside = path
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if cell.is_empty() || !inside || cell.contains('\0') {
        return None;
    }
    let full = path.starts_with("Images") || path.starts_with("./Images");
    Some(if full {
        root.join(path)
    } else {
        root.join("Images").join(path)
    })
}

/// Where the first six of [`COLUMNS`] stand, after proving that `needed` are there.
pub(super) fn locate(
    table: &mut csv::Reader<File>,
    path: &Path,
    needed: &[&str],
) -> Result<[Option<usize>; 6], Fault> {
    let header = table.headers().map_err(|e| csv_fault(path, &e))?;
    if let Some(missing) = needed
        .iter()
        .find(|name| !header.iter().any(|h| h == **name))
    {
        let found = short(&header.iter().collect::<Vec<_>>().join(","));
        let remedy = "name the column as expected; the order does not matter";
        return Err(
            Fault::new(Code::DataColumn, format!("column {missing}"), found, remedy).at(path),
        );
    }
    Ok(COLUMNS.map(|name| header.iter().position(|h| h == name)))
}

pub(super) fn csv_fault(path: &Path, error: &csv::Error) -> Fault {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Io(e) => Fault::io("read", path, e),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => bad_row(
            path,
            line,
            &format!("{expected_len} cells"),
            format!("{len} cells"),
        ),
        csv::ErrorKind::Utf8 { .. } => bad_row(path, line, "UTF-8 text", "other bytes".into()),
        _ => bad_row(
            path,
            line,
            "a row that fits its columns",
            short(&error.to_string()),
        ),
    }
}

fn bad_row(path: &Path, line: u64, expected: &str, got: String) -> Fault {
    let remedy = "mend or remove that row";
    Fault::new(
        Code::DataRow,
        format!("{expected} on line {line}"),
        got,
        remedy,
    )
    .at(path)
}

fn too_long(path: &Path, line: u64, bytes: usize) -> Fault {
    let remedy =
        "shorten the title; if it holds several rows, a quotation mark before it is not closed";
    let expected = format!("at most {MAX_TITLE_BYTES} bytes on line {line}");
    Fault::new(
        Code::TitleTooLong,
        expected,
        format!("{bytes} bytes"),
        remedy,
    )
    .at(path)
}

fn no_rows(path: &Path) -> Fault {
    let remedy = "put rows into the table, or name another data folder";
    Fault::new(
        Code::DataEmpty,
        "at least one row",
        "a table without rows",
        remedy,
    )
    .at(path)
}

/// Text from a file as it may stand in a message: quoted and cut.
pub(super) fn short(text: &str) -> String {
    let cut: String = text.chars().take(120).collect();
    format!("{cut:?}{}", if cut.len() < text.len() { " …" } else { "" })
}
