//! A table on disk, CSV or Parquet, as rows of text cells: read row by row, never held in memory as a whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault};

use super::parquet_sheet::ParquetSheet;
use super::rows::short;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// An open table. `advance` goes to the next row; `cell` reads the chosen columns of it.
pub struct Sheet {
    path: PathBuf,
    headers: Vec<String>,
    columns: Vec<Option<usize>>,
    source: Source,
    state: State,
}

enum Source {
    Csv {
        reader: csv::Reader<File>,
        record: csv::StringRecord,
        bytes: u64,
    },
    Parquet(Box<ParquetSheet>),
}

#[derive(PartialEq)]
enum State {
    Begun,
    SomeRead,
    Ended,
}

/// Where a row stands, for messages: `line 6` of a CSV, `row 5` of a Parquet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `line` or `row`.
    pub unit: &'static str,
    /// Counted from 1.
    pub number: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.unit, self.number)
    }
}

impl Sheet {
    /// Opens the table at `path`: Parquet where the name ends in `.parquet`, tab-separated text for `.tsv`, else CSV.
    /// Errors: E503 where it is none, E901.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|e| Fault::io("open", path, &e))?;
        let bytes = file
            .metadata()
            .map_err(|e| Fault::io("open", path, &e))?
            .len();
        let ending = path.extension().map(|e| e.to_ascii_lowercase());
        let (headers, source) = match ending.as_deref().and_then(|e| e.to_str()) {
            Some("parquet") => {
                let sheet = ParquetSheet::open(file).map_err(|got| bad_parquet(path, got))?;
                (sheet.headers(), Source::Parquet(Box::new(sheet)))
            }
            ending => {
                let mut reader = csv::ReaderBuilder::new()
                    .delimiter(if ending == Some("tsv") { b'\t' } else { b',' })
                    .buffer_capacity(BUFFER)
                    .from_reader(file);
                let header = reader.headers().map_err(|e| csv_fault(path, &e))?;
                let names = header.iter().map(str::to_owned).collect();
                let record = csv::StringRecord::new();
                let source = Source::Csv {
                    reader,
                    record,
                    bytes,
                };
                (names, source)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            columns: Vec::new(),
            headers,
            source,
            state: State::Begun,
        })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all columns.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Chooses columns: [`Self::cell`] then counts in the order of `names`. Of these the first `needed` must be there,
    /// the others read as empty where they are not. Errors: E502; E503 for a column of a type that holds no text.
    pub fn select(&mut self, names: &[&str], needed: usize) -> Result<(), Fault> {
        let find = |name: &str| self.headers.iter().position(|header| header == name);
        if let Some(missing) = names[..needed].iter().find(|name| find(name).is_none()) {
            let found = short(&self.headers.join(","));
            let remedy = "name the column as expected; the order does not matter";
            let expected = format!("column {missing}");
            return Err(Fault::new(Code::DataColumn, expected, found, remedy).at(&self.path));
        }
        self.columns = names.iter().map(|name| find(name)).collect();
        match &mut self.source {
            Source::Csv { .. } => Ok(()),
            Source::Parquet(sheet) => sheet
                .select(&self.columns)
                .map_err(|got| bad_parquet(&self.path, got)),
        }
    }

    /// Goes to the next row; `None` at the end. After an error about one row alone the next row may be asked for; after
    /// any other error comes the end. Errors: E501 for a table without rows, E503, E901.
    pub fn advance(&mut self) -> Option<Result<(), Fault>> {
        if self.state == State::Ended {
            return None;
        }
        let (more, lasting) = match &mut self.source {
            Source::Csv { reader, record, .. } => match reader.read_record(record) {
                Ok(more) => (Ok(more), false),
                // The reader gets past a row that is malformed, but not past a disk that fails.
                Err(e) => (Err(csv_fault(&self.path, &e)), e.is_io_error()),
            },
            Source::Parquet(sheet) => {
                let more = sheet.advance();
                (more.map_err(|got| bad_parquet(&self.path, got)), true)
            }
        };
        let empty = self.state == State::Begun;
        self.state = match more {
            Ok(true) => State::SomeRead,
            Err(_) if !lasting => State::SomeRead,
            _ => State::Ended,
        };
        match more {
            Ok(true) => Some(Ok(())),
            Ok(false) => empty.then(|| Err(no_rows(&self.path))),
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The text of chosen column `column` in this row; empty where the cell is, or the column is not there.
    pub fn cell(&self, column: usize) -> &str {
        let Some(Some(at)) = self.columns.get(column) else {
            return "";
        };
        match &self.source {
            Source::Csv { record, .. } => record.get(*at).unwrap_or(""),
            Source::Parquet(sheet) => sheet.cell(column),
        }
    }

    /// Where this row stands.
    pub fn place(&self) -> Place {
        match &self.source {
            Source::Csv { record, .. } => Place {
                unit: "line",
                number: record.position().map_or(0, csv::Position::line),
            },
            Source::Parquet(sheet) => Place {
                unit: "row",
                number: sheet.row(),
            },
        }
    }

    /// How far reading has come, and how far it goes, in the same unit: bytes of a CSV, rows of a Parquet file.
    pub fn progress(&self) -> (u64, u64) {
        match &self.source {
            Source::Csv { reader, bytes, .. } => (reader.position().byte(), *bytes),
            Source::Parquet(sheet) => (sheet.row(), sheet.rows()),
        }
    }
}

pub(crate) fn csv_fault(path: &Path, error: &csv::Error) -> Fault {
    let number = error.position().map_or(0, csv::Position::line);
    let place = Place {
        unit: "line",
        number,
    };
    match error.kind() {
        csv::ErrorKind::Io(e) => Fault::io("read", path, e),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => bad_row(
            path,
            place,
            &format!("{expected_len} cells"),
            format!("{len} cells"),
        ),
        csv::ErrorKind::Utf8 { .. } => bad_row(path, place, "UTF-8 text", "other bytes".into()),
        _ => bad_row(
            path,
            place,
            "a row that fits its columns",
            short(&error.to_string()),
        ),
    }
}

pub(super) fn bad_row(path: &Path, place: Place, expected: &str, got: String) -> Fault {
    let remedy = "mend or remove that row";
    let expected = format!("{expected} on {place}");
    Fault::new(Code::DataRow, expected, got, remedy).at(path)
}

fn bad_parquet(path: &Path, got: String) -> Fault {
    let expected = "a Parquet file with flat columns of text or whole numbers";
    let remedy = "write the table again, as Parquet or as CSV";
    Fault::new(Code::DataRow, expected, short(&got), remedy).at(path)
}

fn no_rows(path: &Path) -> Fault {
    let remedy = "put rows into the table, or name another data folder";
    let expected = "at least one row";
    Fault::new(Code::DataEmpty, expected, "a table without rows", remedy).at(path)
}
