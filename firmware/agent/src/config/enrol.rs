//! The section `[enrol]`.

use std::path::{Path, PathBuf};

use super::parse::read_path;
use super::reader::Section;

/// How products are enrolled at the device, and what is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrol {
    /// How many shots are enough.
    pub enough: u32,
    /// How many there may be.
    pub most: u32,
    /// A shot that is less sharp is refused.
    pub min_sharpness: f32,
    /// A shot with a larger share of burnt-out pixels is refused.
    pub max_glare: f32,
    /// The smallest longer side of an item, as a share of the picture's height.
    pub min_side: f32,
    /// A shot whose cosine with one before is larger shows the same again.
    pub duplicate: f32,
    /// Where the shots' pictures are kept for the next training and as photos on the page; `None`: nowhere.
    pub pictures: Option<PathBuf>,
    /// Where people's corrections are kept.
    pub feedback: PathBuf,
    /// The shop's list of products, which names what is enrolled by number.
    pub product_list: Option<PathBuf>,
}

impl Default for Enrol {
    fn default() -> Self {
        Self {
            enough: 3,
            most: 8,
            min_sharpness: 5.0,
            max_glare: 0.1,
            min_side: 0.1,
            duplicate: 0.995,
            pictures: Some("enrolled".into()),
            feedback: "feedback.jsonl".into(),
            product_list: Some("names.csv".into()),
        }
    }
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Enrol) {
    section.integer("shots", 1..=16, &mut into.enough);
    section.integer("most_shots", 1..=16, &mut into.most);
    section.number("min_sharpness", 0.0..=100_000.0, &mut into.min_sharpness);
    section.number("max_glare", 0.0..=1.0, &mut into.max_glare);
    section.number("min_side", 0.0..=1.0, &mut into.min_side);
    section.number("duplicate", 0.0..=1.0, &mut into.duplicate);
    let mut pictures = String::from("enrolled");
    section.text("pictures", &mut pictures);
    into.pictures = (!pictures.is_empty()).then(|| folder.join(pictures));
    let mut list = String::from("names.csv");
    section.text("product_list", &mut list);
    into.product_list = (!list.is_empty()).then(|| folder.join(list));
    read_path(&mut section, "feedback", folder, &mut into.feedback);
    if into.most < into.enough {
        let expected = format!("at least shots, which is {}", into.enough);
        section.refuse("most_shots", expected, "raise most_shots or lower shots");
    }
    section.finish();
}
