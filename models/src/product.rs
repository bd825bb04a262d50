//! What a gallery knows of a product.

use serde::{Deserialize, Serialize};

use crate::gtin::Gtin;

/// The longest title, in bytes, that any part of Skueye takes. Marketplaces stop at 80 to 200 characters; a cell beyond
/// this is a broken export (two columns run together, a quote that never closes), not a title.
pub const MAX_TITLE_BYTES: usize = 4096;

/// A product as the gallery's product table stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The number that the till knows it by.
    pub gtin: Gtin,
    /// The name that a person reads, at most [`MAX_TITLE_BYTES`].
    pub title: String,
    /// The category in the shop's own words; empty where unknown.
    pub category: String,
}
