//! Products that the device cannot tell apart by themselves, found when a gallery is built: the operator should hear of them
//! before a customer does.
//!
//! A device accepts an answer whose score lies a margin above that of the second product. Two products of which a row of one
//! has a cosine above `1 - margin` to a row of the other break that even for a picture that is the first row itself. Of rows
//! of one product beyond `NEAREST` (64) in one place, neighbours may be missed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_models::{Fault, Gtin};

use crate::evaluate::float_ranking;
use crate::files::write_file;
use crate::vectors::UnitVectors;

/// Every row is compared with every other; beyond this many rows that takes hours, and nothing is looked for.
pub const MOST_ROWS: usize = 200_000;
/// Nearest rows of each row that are looked at.
const NEAREST: usize = 64;

/// A product of the gallery as it is compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Its number.
    pub gtin: Gtin,
    /// Its name.
    pub title: String,
    /// Its line; empty without one.
    pub line: String,
    /// The margin that an answer with it needs.
    pub margin: f32,
}

/// Two products that look alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookAlike {
    /// Both numbers, ascending.
    pub gtins: [Gtin; 2],
    /// Both names.
    pub titles: [String; 2],
    /// Cosine of their nearest rows.
    pub cosine: f32,
    /// The largest cosine that the margin of either allows.
    pub allowed: f32,
    /// Whether they are of one product line.
    pub siblings: bool,
}

/// All pairs, the worst by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookAlikes {
    /// How many pairs there are.
    pub pairs: usize,
    /// How many products are in one of them.
    pub products: usize,
    /// Products of the gallery.
    pub of: usize,
    /// The pairs with the largest cosines, those first.
    pub worst: Vec<LookAlike>,
}

impl LookAlikes {
    /// Of `rows`, each a picture of the product of `products` that `shown` names; lists the `most` worst. Errors: E626.
    pub fn find(
        rows: &UnitVectors,
        shown: &[usize],
        products: &[Compared],
        most: usize,
    ) -> Result<Self, Fault> {
        let mut pairs: BTreeMap<(usize, usize), f32> = BTreeMap::new();
        let rankings = float_ranking(rows, rows, NEAREST)?;
        for (row, ranking) in rankings.iter().enumerate() {
            for hit in ranking {
                let (a, b) = (shown[row], shown[hit.row]);
                if a != b && hit.score > allowed(&products[a], &products[b]) {
                    let cosine = pairs.entry((a.min(b), a.max(b))).or_insert(hit.score);
                    *cosine = cosine.max(hit.score);
                }
            }
        }
        let mut in_one: Vec<usize> = pairs.keys().flat_map(|&(a, b)| [a, b]).collect();
        in_one.sort_unstable();
        in_one.dedup();
        let mut worst: Vec<_> = pairs.iter().collect();
        worst.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
        let named = |(&(a, b), &cosine): (&(usize, usize), &f32)| {
            let mut pair = [&products[a], &products[b]];
            pair.sort_by_key(|product| product.gtin);
            LookAlike {
                gtins: pair.map(|product| product.gtin),
                titles: pair.map(|product| product.title.clone()),
                cosine,
                allowed: allowed(pair[0], pair[1]),
                siblings: !pair[0].line.is_empty() && pair[0].line == pair[1].line,
            }
        };
        Ok(Self {
            pairs: pairs.len(),
            products: in_one.len(),
            of: products.len(),
            worst: worst.into_iter().take(most).map(named).collect(),
        })
    }

    /// Writes them beside the gallery at `gallery`, as `NAME.look-alikes.json`. Errors: E901.
    pub fn write(&self, gallery: &Path) -> Result<PathBuf, Fault> {
        let path = gallery.with_extension("look-alikes.json");
        let mut text = serde_json::to_string_pretty(self).expect("plain values");
        text.push('\n');
        write_file(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The first `most` of the worst as a table, a pair a line.
    pub fn table(&self, most: usize) -> String {
        let (pairs, products, of) = (self.pairs, self.products, self.of);
        let mut text = format!("{pairs} pairs of look-alikes among {products} of {of} products\n");
        for pair in self.worst.iter().take(most) {
            let [a, b] = &pair.titles;
            let siblings = if pair.siblings { ", siblings" } else { "" };
            text += &format!(
                "  {:.4} (allowed {:.4}{siblings})  {} {a}  |  {} {b}\n",
                pair.cosine, pair.allowed, pair.gtins[0], pair.gtins[1]
            );
        }
        text
    }
}

/// The largest cosine of two rows with which a picture of one product can still be accepted.
fn allowed(a: &Compared, b: &Compared) -> f32 {
    1.0 - a.margin.max(b.margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Vectors;

    fn compared(number: u64, line: &str, margin: f32) -> Compared {
        Compared {
            gtin: Gtin::from_body(200_000_000_000 + number, 13).unwrap(),
            title: format!("P{number}"),
            line: line.into(),
            margin,
        }
    }

    #[test]
    fn pairs_within_the_margin_are_found_once_by_their_nearest_rows() {
        // Products 0 and 1 are near by one row each, 2 lies apart, 3 is near 2 only by its own large margin.
        let angles = [0.0f32, 0.5, 0.52, 1.2, 2.0, 2.4];
        let shown = [0, 0, 1, 1, 2, 3];
        let values = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let rows = Vectors::new(2, values).unwrap().normalised().unwrap();
        let products = [
            compared(5, "tea", 0.05),
            compared(3, "tea", 0.05),
            compared(2, "", 0.05),
            compared(1, "", 0.10),
        ];
        let found = LookAlikes::find(&rows, &shown, &products, 1).unwrap();
        assert_eq!((found.pairs, found.products, found.of), (2, 4, 4));
        let worst = &found.worst[..];
        assert_eq!(worst.len(), 1, "as many as asked for");
        assert_eq!(worst[0].titles, ["P3", "P5"], "by number");
        assert!((worst[0].cosine - 0.02f32.cos()).abs() < 1e-6 && worst[0].siblings);
        let tight = products.clone().map(|product| Compared {
            margin: 0.0001,
            ..product
        });
        let none = LookAlikes::find(&rows, &shown, &tight, 9).unwrap();
        assert_eq!((none.pairs, none.worst.len()), (0, 0));
    }
}
