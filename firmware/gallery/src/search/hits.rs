//! The best few of many, in memory of a fixed size.

use serde::Serialize;

use crate::view::ProductIndex;

/// The most hits that a search can give.
pub const MAX_K: usize = 256;

/// A row that answers a probe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hit {
    /// Its number in the gallery.
    pub row: u32,
    /// The product it shows; exists in the gallery.
    pub product: ProductIndex,
    /// The cosine with the probe, to the rounding of int8.
    pub score: f32,
}

/// The result of a search: the best rows, and the best products, each by its best row. Made once and used again.
#[derive(Debug, Clone)]
pub struct Hits {
    rows: Best,
    products: Best,
}

impl Default for Hits {
    fn default() -> Self {
        Self::new()
    }
}

impl Hits {
    /// Empty, with room for [`MAX_K`] of each.
    pub fn new() -> Self {
        Self {
            rows: Best::new(),
            products: Best::new(),
        }
    }

    /// The best rows, the best first; of equal scores the lower row number first.
    pub fn rows(&self) -> &[Hit] {
        &self.rows.hits
    }

    /// The best products, each by its best row, in the same order.
    pub fn products(&self) -> &[Hit] {
        &self.products.hits
    }

    /// Empties both lists and sets how many hits they take, of a gallery with `products` products.
    pub(super) fn clear(&mut self, k: usize, products: u32) {
        self.rows.clear(k);
        self.products.clear(k.min(products.max(1) as usize));
    }

    /// The score that a row must exceed to change anything.
    pub(super) fn weakest(&self) -> f32 {
        self.rows.weakest().min(self.products.weakest())
    }

    /// Takes a hit in; hits come in ascending order of row number.
    pub(super) fn offer(&mut self, hit: Hit) {
        self.rows.offer(hit);
        self.products.offer_once_per_product(hit);
    }
}

/// At most `k` hits, in descending order of score.
#[derive(Debug, Clone)]
struct Best {
    k: usize,
    hits: Vec<Hit>,
}

impl Best {
    fn new() -> Self {
        Self {
            k: 0,
            hits: Vec::with_capacity(MAX_K),
        }
    }

    fn clear(&mut self, k: usize) {
        self.k = k;
        self.hits.clear();
    }

    fn weakest(&self) -> f32 {
        match self.hits.last() {
            Some(last) if self.hits.len() >= self.k => last.score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// A hit of an equal score stays behind those that came earlier, whose row numbers are lower.
    fn offer(&mut self, hit: Hit) {
        if hit.score > self.weakest() {
            self.hits.truncate(self.k - 1);
            let at = self.hits.partition_point(|other| other.score >= hit.score);
            self.hits.insert(at, hit);
        }
    }

    fn offer_once_per_product(&mut self, hit: Hit) {
        let known = self
            .hits
            .iter()
            .position(|other| other.product == hit.product);
        match known {
            Some(at) if self.hits[at].score >= hit.score => return,
            Some(at) => drop(self.hits.remove(at)),
            None => {}
        }
        self.offer(hit);
    }
}
