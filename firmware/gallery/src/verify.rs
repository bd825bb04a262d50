//! The costly check of a gallery: reads every byte once.

use skueye_models::Fault;
use skueye_models::product::MAX_TITLE_BYTES;

use crate::format::{ALIGN, CATEGORY_RECORD, Kind, damaged, entries};
use crate::view::{GalleryView, RowRef};

impl GalleryView<'_> {
    /// Proves the content: checksums of all sections and zeros between them, every row a unit vector of an existing
    /// product, every product and category readable. The first fault found is returned; all are
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
        let squares: i32 = row.codes().map(|code| i32::from(code).pow(2)).sum();
        let norm = f64::from(squares).sqrt() * f64::from(row.scale);
        if (norm - 1.0).abs() > rounding(self.dim(), row.scale) {
            return Err(fault("a norm of 1", norm.to_string()));
        }
        Ok(())
    }
}

/// The largest value of a unit vector is at most 1; a little more for rounding.
const MAX_SCALE: f32 = 1.0001 / 127.0;

/// How far the norm of a unit vector can move when each of `dim` values moves by half a `scale`.
fn rounding(dim: usize, scale: f32) -> f64 {
    (dim as f64).sqrt() * f64::from(scale) * 0.5 + 1e-3
}
