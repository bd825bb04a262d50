//! Products to show.

use skueye_models::Gtin;

use crate::station::ProductLine;

/// A product the fake knows.
#[derive(Debug, Clone)]
pub struct Product {
    /// Number, title, category.
    pub line: ProductLine,
    /// Whether there is a photo.
    pub photo: bool,
}

impl Product {
    /// A product with the GTIN-13 of `body`, which has at most 12 digits.
    pub fn new(body: u64, title: &str, category: &str, photo: bool) -> Self {
        let gtin = Gtin::from_body(body, 13).unwrap_or_else(|fault| panic!("{fault}"));
        let line = ProductLine {
            gtin,
            title: title.into(),
            category: category.into(),
        };
        Self { line, photo }
    }
}

/// Made-up products of a corner shop, some of which look much the same; the last has a title that attacks.
pub fn shelf() -> Vec<Product> {
    [
        ("Morning Oats Crunch 500 g", "Breakfast", true),
        ("Morning Oats Honey 500 g", "Breakfast", true),
        ("Morning Oats Cocoa 375 g", "Breakfast", true),
        ("Morning Oats Berries 375 g", "Breakfast", false),
        ("Alpine Milk Chocolate 100 g", "Sweets", true),
        ("Dark Chocolate 70 % 100 g", "Sweets", true),
        ("Earl Grey Tea, 25 bags", "Drinks", true),
        ("Sparkling Water Lemon 0,75 l", "Drinks", true),
        (
            "<img src=x onerror=\"document.title='owned'\"><b>Bold</b>",
            "Attack",
            false,
        ),
    ]
    .iter()
    .zip(400_638_133_393..)
    .map(|(&(title, category, photo), body)| Product::new(body, title, category, photo))
    .collect()
}
