//! The bytes of a journal (`.skg.journal`), version 1: what was changed in the field since its gallery was written.
//!
//! A head of 64 bytes, then records, each a change that is whole or did not happen; all numbers little-endian.
//!
//! | offset | bytes | head |
//! |---|---|---|
//! | 0 | 8 | magic `89 53 4B 4A 0D 0A 1A 0A` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | dimension |
//! | 16 | 16 | embedding id |
//! | 32 | 8 | length of the gallery file that the journal belongs to |
//! | 40 | 4 | CRC-32 of that file's header |
//! | 44 | 16 | zeros |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! | offset | bytes | record |
//! |---|---|---|
//! | 0 | 4 | `SKR1` |
//! | 4 | 4 | kind: 1 enrol, 2 remove products, 3 remove rows, 4 remove rows by what they hold |
//! | 8 | 4 | length of the content |
//! | 12 | 4 | CRC-32 of the content |
//! | 16 | 8 | number of the record, from 0 |
//! | 24 | 4 | CRC-32 of the record before (its first 28 bytes) or of the head (its first 60) |
//! | 28 | 4 | CRC-32 of the 28 bytes before |
//! | 32 | | content, then zeros to a multiple of 8 |
//!
//! Contents: **enrol** is GTIN u64, its digits u32, lengths of title and category u32 each, number of rows u32, whether
//! FP16 follows u32, then title, category, zeros to a multiple of 4, and per row a scale f32, `dimension` codes and, where
//! so stated, as many FP16 values. **Remove products** is a GTIN u64 each; **remove rows** a row number u32 each, as the
//! gallery and the enrolled rows before number them. **Remove rows by what they hold** is a GTIN u64, the bits of the scale u32
//! and the CRC-32 of the codes u32 each.
//!
//! A journal whose gallery has length 0 and checksum 0 belongs to every gallery of its embedding id
//! ([`carried`](crate::store::carried)); it has no change of kind 3, since another gallery numbers its rows otherwise.
//!
//! A record is written and synced before the next one is begun, so a power cut can tear the last one only: a record that
//! is not whole, with no whole one behind it, is left out. One that is not whole and has a successor is damage, as is a
//! chain of checksums that breaks.

use skueye_models::product::MAX_TITLE_BYTES;
use skueye_models::{Code, EmbeddingId, Fault, Gtin, Product};

use crate::file::Identity;
use crate::format::{u32_at, u64_at};
use crate::half;

pub(crate) const MAGIC: [u8; 8] = *b"\x89SKJ\r\n\x1a\n";
const VERSION: u32 = 1;
pub(crate) const HEAD: usize = 64;
const MARK: &[u8; 4] = b"SKR1";
const RECORD_HEAD: usize = 32;
const ENROL_HEAD: usize = 28;
/// The longest content that is read: some thousand rows.
const MAX_CONTENT: u32 = 64 << 20;

/// What a journal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) dim: u32,
    pub(crate) embedding_id: EmbeddingId,
    pub(crate) base: Identity,
}

/// A row as it is enrolled: codes, what they are multiplied with, and FP16 where the gallery keeps that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRow {
    pub(crate) scale: f32,
    pub(crate) codes: Vec<i8>,
    pub(crate) halves: Option<Vec<u8>>,
}

impl StoredRow {
    /// The row for a gallery that keeps FP16 or does not; where it was enrolled without, FP16 follows from the codes.
    pub(crate) fn fit(mut self, halves: bool) -> Self {
        self.halves = halves.then(|| {
            let values = self.codes.iter().map(|code| f32::from(*code) * self.scale);
            let made = || half::bytes(values);
            self.halves.take().unwrap_or_else(made)
        });
        self
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Rows that show a product, which may be new.
    Enrol {
        product: Product,
        rows: Vec<StoredRow>,
    },
    /// All rows of these products so far.
    RemoveProducts(Vec<u64>),
    /// These rows.
    RemoveRows(Vec<u32>),
    /// The rows so far that hold this.
    RemoveAlike(Vec<RowMark>),
}

/// What tells a row from the others of its product, whatever its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RowMark {
    pub(crate) gtin: u64,
    scale: u32,
    crc: u32,
}

impl RowMark {
    pub(crate) const BYTES: usize = 16;

    /// Of a row of the product numbered `gtin`.
    pub(crate) fn of(gtin: u64, scale: f32, codes: &[u8]) -> Self {
        let (scale, crc) = (scale.to_bits(), crc32fast::hash(codes));
        Self { gtin, scale, crc }
    }

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.gtin.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.scale.to_le_bytes());
        bytes[12..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (gtin, scale) = (u64_at(bytes, 0)?, u32_at(bytes, 8)?);
        let crc = u32_at(bytes, 12)?;
        Some(Self { gtin, scale, crc })
    }
}

/// Where a journal stands: what the next record has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Bytes up to the end of the last whole record.
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    crc: u32,
}

/// A journal that was read.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) owner: Owner,
    pub(crate) changes: Vec<Change>,
    pub(crate) position: Position,
    /// Bytes of a record that was never finished.
    pub(crate) torn: u64,
}

/// The head of a journal of `owner`, and where it stands.
pub(crate) fn head(owner: &Owner) -> (Vec<u8>, Position) {
    let mut head = Vec::with_capacity(HEAD);
    head.extend(MAGIC);
    head.extend(VERSION.to_le_bytes());
    head.extend(owner.dim.to_le_bytes());
    head.extend(owner.embedding_id.0);
    head.extend(owner.base.len.to_le_bytes());
    head.extend(owner.base.crc.to_le_bytes());
    head.resize(HEAD - 4, 0);
    let crc = crc32fast::hash(&head);
    head.extend(crc.to_le_bytes());
    let position = Position {
        bytes: HEAD as u64,
        records: 0,
        crc,
    };
    (head, position)
}

/// The record of `change` behind `position`, and where the journal stands then. [`Code::GalleryInput`] for one that is too
/// large.
pub(crate) fn record(
    change: &Change,
    dim: u32,
    position: Position,
) -> Result<(Vec<u8>, Position), Fault> {
    let (kind, content) = change.to_bytes(dim);
    if content.len() > MAX_CONTENT as usize {
        return Err(Fault::new(
            Code::GalleryInput,
            format!("a change of at most {MAX_CONTENT} bytes"),
            content.len().to_string(),
            "enrol fewer rows at a time",
        ));
    }
    let mut record = Vec::with_capacity(RECORD_HEAD + content.len() + 8);
    record.extend(MARK);
    record.extend(kind.to_le_bytes());
    record.extend((content.len() as u32).to_le_bytes());
    record.extend(crc32fast::hash(&content).to_le_bytes());
    record.extend(position.records.to_le_bytes());
    record.extend(position.crc.to_le_bytes());
    let crc = crc32fast::hash(&record);
    record.extend(crc.to_le_bytes());
    record.extend(content);
    record.resize(record.len().next_multiple_of(8), 0);
    let after = Position {
        bytes: position.bytes + record.len() as u64,
        records: position.records + 1,
        crc,
    };
    Ok((record, after))
}

impl Journal {
    /// Reads a journal; `None` for one whose head was never finished, which holds no change.
    /// [`Code::GalleryJournalDamaged`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let crc = bytes.get(..HEAD - 4).map(crc32fast::hash);
        let sound = crc.is_some() && u32_at(bytes, HEAD - 4) == crc;
        if !sound && bytes.len() <= HEAD {
            return Ok(None);
        }
        let (Some(crc), true, true) = (crc, sound, bytes.starts_with(&MAGIC)) else {
            return Err(damaged("the head of a journal", "other bytes"));
        };
        if u32_at(bytes, 8) != Some(VERSION) {
            let got = format!("{:?}", u32_at(bytes, 8));
            return Err(damaged(format!("journal version {VERSION}"), got));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[16..32]);
        let owner = Owner {
            dim: u32_at(bytes, 12).unwrap_or(0),
            embedding_id: EmbeddingId(id),
            base: Identity {
                len: u64_at(bytes, 32).unwrap_or(0),
                crc: u32_at(bytes, 40).unwrap_or(0),
            },
        };
        let mut journal = Self {
            owner,
            changes: Vec::new(),
            position: Position {
                bytes: HEAD as u64,
                records: 0,
                crc,
            },
            torn: 0,
        };
        journal.read_records(bytes)?;
        Ok(Some(journal))
    }

    fn read_records(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        loop {
            let rest = &bytes[self.position.bytes as usize..];
            if rest.is_empty() {
                return Ok(());
            }
            let Some(whole) = Whole::at(rest) else {
                if (8..rest.len())
                    .step_by(8)
                    .any(|at| Whole::at(&rest[at..]).is_some())
                {
                    let expected = format!("a whole record {}", self.position.records);
                    return Err(damaged(expected, "a damaged one before whole ones"));
                }
                self.torn = rest.len() as u64;
                return Ok(());
            };
            if (whole.number, whole.before) != (self.position.records, self.position.crc) {
                let expected = format!("record {}", self.position.records);
                return Err(damaged(expected, "one that does not follow the one before"));
            }
            let change = Change::parse(whole.kind, whole.content, self.owner.dim)?;
            self.changes.push(change);
            self.position = Position {
                bytes: self.position.bytes + whole.len as u64,
                records: self.position.records + 1,
                crc: whole.crc,
            };
        }
    }
}

/// A record whose checksums are right.
struct Whole<'a> {
    kind: u32,
    content: &'a [u8],
    number: u64,
    before: u32,
    crc: u32,
    len: usize,
}

impl<'a> Whole<'a> {
    /// The record at the start of `bytes`.
    fn at(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(MARK) {
            return None;
        }
        let crc = u32_at(bytes, 28)?;
        if crc32fast::hash(bytes.get(..28)?) != crc {
            return None;
        }
        let length = u32_at(bytes, 8).filter(|length| *length <= MAX_CONTENT)? as usize;
        let len = (RECORD_HEAD + length).next_multiple_of(8);
        let content = bytes.get(..len)?.get(RECORD_HEAD..RECORD_HEAD + length)?;
        (crc32fast::hash(content) == u32_at(bytes, 12)?).then_some(Self {
            kind: u32_at(bytes, 4)?,
            content,
            number: u64_at(bytes, 16)?,
            before: u32_at(bytes, 24)?,
            crc,
            len,
        })
    }
}

impl Change {
    fn to_bytes(&self, dim: u32) -> (u32, Vec<u8>) {
        match self {
            Self::Enrol { product, rows } => (1, enrolment(product, rows, dim)),
            Self::RemoveProducts(gtins) => {
                let bytes = gtins.iter().flat_map(|gtin| gtin.to_le_bytes());
                (2, bytes.collect())
            }
            Self::RemoveRows(rows) => (3, rows.iter().flat_map(|r| r.to_le_bytes()).collect()),
            Self::RemoveAlike(marks) => (4, marks.iter().flat_map(|m| m.to_bytes()).collect()),
        }
    }

    fn parse(kind: u32, content: &[u8], dim: u32) -> Result<Self, Fault> {
        let wrong = || damaged(format!("a change of kind {kind}"), "content that is none");
        match kind {
            1 => parse_enrolment(content, dim as usize).ok_or_else(wrong),
            2 if content.len().is_multiple_of(8) => {
                let gtins = content.as_chunks().0.iter();
                Ok(Self::RemoveProducts(
                    gtins.map(|b| u64::from_le_bytes(*b)).collect(),
                ))
            }
            3 if content.len().is_multiple_of(4) => {
                let rows = content.as_chunks().0.iter();
                Ok(Self::RemoveRows(
                    rows.map(|b| u32::from_le_bytes(*b)).collect(),
                ))
            }
            4 if content.len().is_multiple_of(RowMark::BYTES) => {
                let marks = content.as_chunks().0.iter().map(RowMark::parse);
                let marks: Option<Vec<_>> = marks.collect();
                marks.map(Self::RemoveAlike).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

fn enrolment(product: &Product, rows: &[StoredRow], dim: u32) -> Vec<u8> {
    let halves = rows.iter().any(|row| row.halves.is_some());
    let mut bytes = Vec::new();
    bytes.extend(product.gtin.value().to_le_bytes());
    bytes.extend(u32::from(product.gtin.digits()).to_le_bytes());
    bytes.extend((product.title.len() as u32).to_le_bytes());
    bytes.extend((product.category.len() as u32).to_le_bytes());
    bytes.extend((rows.len() as u32).to_le_bytes());
    bytes.extend(u32::from(halves).to_le_bytes());
    bytes.extend(product.title.as_bytes());
    bytes.extend(product.category.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    for row in rows {
        bytes.extend(row.scale.to_le_bytes());
        bytes.extend(row.codes.iter().map(|code| code.cast_unsigned()));
        if halves {
            let none = vec![0; 2 * dim as usize];
            bytes.extend(row.halves.as_ref().unwrap_or(&none));
        }
    }
    bytes
}

fn parse_enrolment(content: &[u8], dim: usize) -> Option<Change> {
    let count = |at| Some(u32_at(content, at)? as usize);
    let (title, category, rows) = (count(12)?, count(16)?, count(20)?);
    if title.max(category) > MAX_TITLE_BYTES {
        return None;
    }
    let digits = u8::try_from(u32_at(content, 8)?).ok()?;
    let text = |from: usize, len: usize| {
        let bytes = content.get(from..from + len)?;
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    };
    let product = Product {
        gtin: Gtin::from_parts(u64_at(content, 0)?, digits).ok()?,
        title: text(ENROL_HEAD, title)?,
        category: text(ENROL_HEAD + title, category)?,
    };
    let halves = match u32_at(content, 24)? {
        0 => 0,
        1 => 2 * dim,
        _ => return None,
    };
    let first = (ENROL_HEAD + title + category).next_multiple_of(4);
    let stored = content.get(first..)?;
    let each = 4 + dim + halves;
    if dim == 0 || stored.len() != rows.checked_mul(each)? {
        return None;
    }
    let rows: Option<Vec<StoredRow>> = stored
        .chunks_exact(each)
        .map(|r| parse_row(r, dim))
        .collect();
    Some(Change::Enrol {
        product,
        rows: rows?,
    })
}

/// A row whose values are such as a builder writes.
fn parse_row(bytes: &[u8], dim: usize) -> Option<StoredRow> {
    let scale = f32::from_bits(u32_at(bytes, 0)?);
    let (codes, halves) = bytes.get(4..)?.split_at_checked(dim)?;
    let codes: Vec<i8> = codes.iter().map(|byte| byte.cast_signed()).collect();
    (scale.is_finite() && scale > 0.0 && !codes.contains(&i8::MIN)).then(|| StoredRow {
        scale,
        codes,
        halves: (!halves.is_empty()).then(|| halves.to_vec()),
    })
}

fn damaged(expected: impl Into<String>, got: impl Into<String>) -> Fault {
    Fault::new(
        Code::GalleryJournalDamaged,
        expected,
        got,
        "keep a copy of the journal, remove it, and enrol again what was enrolled since the gallery was installed",
    )
}
