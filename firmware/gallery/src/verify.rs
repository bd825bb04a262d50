//! The costly check of a gallery: reads every byte once.

use skueye_models::Fault;
use skueye_models::product::MAX_TITLE_BYTES;

use crate::filter::RowSet;
use crate::format::{ALIGN, CATEGORY_RECORD, Kind, LIST_RECORD, damaged, entries};
use crate::half;
use crate::lists::List;
use crate::sketch::Sketches;
use crate::sketch::coarse::{self, BLOCK};
use crate::view::{GalleryView, ProductIndex, RowRef};

impl GalleryView<'_> {
    /// Proves the content: checksums of all sections and zeros between them, every row a unit vector of an existing
    /// product, every product and category readable, sketches and FP16 rows those of the rows. The first fault found is returned; all are
    /// [`skueye_models::Code::GalleryDamaged`].
    pub fn verify(&self) -> Result<(), Fault> {
        self.verify_checksums()?;
        self.rows().try_for_each(|row| self.verify_row(row))?;
        for product in self.products() {
            let (index, product) = product?;
            if product.title.len().max(product.category.len()) > MAX_TITLE_BYTES {
                let got = format!("a longer one at product {}", index.0);
                return Err(damaged(format!("titles of {MAX_TITLE_BYTES} bytes"), got));
            }
        }
        self.verify_extras()?;
        self.verify_sketches()?;
        self.verify_lists()?;
        let categories = self.section(Kind::Categories).len() / CATEGORY_RECORD;
        for category in 0..categories {
            self.category(category).ok_or_else(|| {
                damaged(format!("category {category}"), "one that cannot be read")
            })?;
        }
        Ok(())
    }

    fn verify_checksums(&self) -> Result<(), Fault> {
        for entry in entries(self.bytes()) {
            // `open` proved that every section, known or not, lies inside the file.
            let (start, length) = (entry.offset as usize, entry.length as usize);
            let padding = length.next_multiple_of(ALIGN) - length;
            let (content, rest) = self.bytes()[start..].split_at(length);
            if crc32fast::hash(content) != entry.crc {
                let expected = format!("the checksum of section {}", entry.kind);
                return Err(damaged(expected, "another one"));
            }
            if rest[..padding].iter().any(|byte| *byte != 0) {
                let expected = format!("zeros behind section {}", entry.kind);
                return Err(damaged(expected, "other bytes"));
            }
        }
        Ok(())
    }

    fn verify_extras(&self) -> Result<(), Fault> {
        if self.optional(Kind::ProductExtras).is_none() {
            return Ok(());
        }
        let sound = |index: &u32| {
            let extras = self.read_extras(ProductIndex(*index));
            extras.is_some_and(|extras| extras.are_valid())
        };
        match (0..self.product_count()).find(|index| !sound(index)) {
            Some(index) => {
                let expected = format!("thresholds in order and a picture for product {index}");
                Err(damaged(expected, "others"))
            }
            None => Ok(()),
        }
    }

    /// Every row lies at one position, with the sketches that follow from its codes.
    fn verify_sketches(&self) -> Result<(), Fault> {
        let Some(sketches) = Sketches::of(self) else {
            return Ok(());
        };
        if self.section(Kind::SketchHead) != sketches.head.to_bytes() {
            return Err(damaged("a sketch head in range", "another one"));
        }
        let mut seen = RowSet::of_count(self.row_count(), false);
        let mut block = vec![0; coarse::block_len(self.dim())];
        for (n, stored) in sketches.coarse.chunks_exact(block.len()).enumerate() {
            block.fill(0);
            for r in 0..BLOCK {
                let position = (n * BLOCK + r) as u32;
                let row = sketches.row(position).and_then(|row| self.row(row));
                let codes: Vec<i8> = match row {
                    Some(row) => row.codes().collect(),
                    None => vec![0; self.dim()],
                };
                coarse::encode(&codes, &mut block, r);
                if let Some(row) = row {
                    let fault = || damaged(format!("row {} sketched once", row.row), "otherwise");
                    if seen.contains(row.row) || !sketches.has_fine(position, &codes, self.header())
                    {
                        return Err(fault());
                    }
                    seen.insert(row.row);
                }
            }
            if block != stored {
                return Err(damaged(format!("the sketches of block {n}"), "others"));
            }
        }
        match (0..self.row_count()).find(|row| !seen.contains(*row)) {
            Some(row) => Err(damaged(format!("row {row} sketched"), "it missing")),
            None => Ok(()),
        }
    }

    /// The lists lie one after the other, fill all blocks, and have centroids with a scale.
    fn verify_lists(&self) -> Result<(), Fault> {
        let records = self.section(Kind::Lists);
        let blocks = self.section(Kind::Coarse).len() / coarse::block_len(self.dim());
        let mut end = 0u64;
        for number in 0..records.len() / LIST_RECORD {
            let list = List::read(records, number).filter(|list| {
                let fits = u64::from(list.first_block) == end && list.scale > 0.0;
                end += u64::from(list.blocks);
                fits && end <= blocks as u64
            });
            list.ok_or_else(|| {
                let expected = format!("list {number} behind the one before, with a scale");
                damaged(expected, "another place or scale")
            })?;
        }
        match end == blocks as u64 || records.is_empty() {
            true => Ok(()),
            false => Err(damaged(
                format!("lists of {blocks} blocks"),
                end.to_string(),
            )),
        }
    }

    fn verify_row(&self, row: RowRef<'_>) -> Result<(), Fault> {
        let fault =
            |expected: &str, got: String| damaged(expected, format!("{got} at row {}", row.row));
        if row.product.0 >= self.product_count() {
            let expected = format!("a product below {}", self.product_count());
            return Err(fault(&expected, row.product.0.to_string()));
        }
        if !(row.scale > 0.0 && row.scale <= MAX_SCALE) {
            let expected = format!("a scale above 0 and at most {MAX_SCALE}");
            return Err(fault(&expected, row.scale.to_string()));
        }
        if row.codes().any(|code| code == i8::MIN) {
            return Err(fault("codes in +-127", "-128".into()));
        }
        if !self.halves_fit(row) {
            return Err(fault("FP16 values near the codes", "others".into()));
        }
        let squares: i32 = row.codes().map(|code| i32::from(code).pow(2)).sum();
        let norm = f64::from(squares).sqrt() * f64::from(row.scale);
        if (norm - 1.0).abs() > rounding(self.dim(), row.scale) {
            return Err(fault("a norm of 1", norm.to_string()));
        }
        Ok(())
    }
}

impl GalleryView<'_> {
    /// Whether a row's FP16 values are those that its codes were rounded from.
    fn halves_fit(&self, row: RowRef<'_>) -> bool {
        let Some(halves) = self.optional(Kind::F16Rows) else {
            return true;
        };
        let len = 2 * self.dim();
        let halves = halves.get(row.row as usize * len..).unwrap_or(&[]);
        let halves = halves
            .as_chunks()
            .0
            .iter()
            .map(|b| half::to_f32(u16::from_le_bytes(*b)));
        let fits = |(half, value): (f32, f32)| (half - value).abs() <= 0.51 * row.scale + 1e-3;
        halves.len() >= self.dim() && halves.zip(row.values()).all(fits)
    }
}

/// The largest value of a unit vector is at most 1; a little more for rounding.
const MAX_SCALE: f32 = 1.0001 / 127.0;

/// How far the norm of a unit vector can move when each of `dim` values moves by half a `scale`.
fn rounding(dim: usize, scale: f32) -> f64 {
    (dim as f64).sqrt() * f64::from(scale) * 0.5 + 1e-3
}
