//! Product lines and their members: same brand, shape and layout; other flavour or other size.

use skueye_models::Gtin;

use super::catalogue::{METAS, Unit, category_ids};
use super::flavours::Flavour;
use super::names::{self, capitalised};
use crate::synth::Vocabulary;
use crate::synth::rng::{Purpose, Rng, stream};

/// Lines of one brand follow one another.
pub(crate) const LINES_PER_BRAND: u64 = 2;
const SERIES: [&str; 24] = [
    "Classic", "Gold", "Select", "Pure", "Fresh", "Original", "Premium", "Daily", "Nature",
    "Royal", "Urban", "Alpine", "Sunrise", "Velvet", "Vital", "Active", "Home", "Studio",
    "Vintage", "Prime", "Bio", "Ultra", "Mini", "Family",
];

/// The form of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Box,
    Can,
    Bottle,
    Pouch,
    /// A carton with a ridged roof. This and those below are of the vocabulary that nothing is trained on.
    Gable,
    Tub,
    Jar,
    Tube,
}

impl Shape {
    /// The word for it, as titles and ground truth have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Shape::Box => "box",
            Shape::Can => "can",
            Shape::Bottle => "bottle",
            Shape::Pouch => "pouch",
            Shape::Gable => "gable-top carton",
            Shape::Tub => "tub",
            Shape::Jar => "jar",
            Shape::Tube => "tube",
        }
    }

    /// What goods that come in this form come in, in `vocabulary`.
    fn of(self, vocabulary: Vocabulary) -> Self {
        match (vocabulary, self) {
            (Vocabulary::Training, shape) => shape,
            (Vocabulary::Unseen, Shape::Box) => Shape::Gable,
            (Vocabulary::Unseen, Shape::Can) => Shape::Tub,
            (Vocabulary::Unseen, Shape::Bottle) => Shape::Jar,
            (Vocabulary::Unseen, Shape::Pouch) => Shape::Tube,
            (Vocabulary::Unseen, shape) => shape,
        }
    }
}

/// An amount with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Size {
    pub(crate) amount: f32,
    pub(crate) unit: Unit,
}

impl Size {
    /// As printed on the label: `500 ml`, `1.5 L`, `24 pcs`.
    pub(crate) fn label(self) -> String {
        format!("{} {}", self.amount, self.unit.short())
    }
}

impl Unit {
    /// The usual abbreviation.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Unit::Gram => "g",
            Unit::Kilogram => "kg",
            Unit::Millilitre => "ml",
            Unit::Litre => "L",
            Unit::Ounce => "oz",
            Unit::FluidOunce => "fl oz",
            Unit::Pieces => "pcs",
            Unit::Bags => "bags",
        }
    }
}

/// What all members of a line share. Derived from seed and index alone.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) index: u64,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) brand_index: u64,
    pub(crate) brand: String,
    pub(crate) series: Option<&'static str>,
    pub(crate) noun: &'static str,
    pub(crate) claim: Option<&'static str>,
    pub(crate) shape: Shape,
    pub(crate) categories: [u32; 3],
    /// Members that a data set takes; one more can be asked for as a stranger of the same family.
    pub(crate) members: usize,
    group: &'static str,
    flavours: Vec<Flavour>,
    sizes: [Size; 2],
    size_only_member: bool,
}

impl Line {
    /// Line `index` of `seed` in `vocabulary`.
    pub(crate) fn new(seed: u64, vocabulary: Vocabulary, index: u64) -> Self {
        let brand_index = index / LINES_PER_BRAND;
        let meta_index = stream(seed, Purpose::Line, brand_index, 1).below(METAS.len());
        let meta = &METAS[meta_index];
        let mut rng = stream(seed, Purpose::Line, index, 0);
        let group_index = rng.below(meta.groups.len());
        let group = &meta.groups[group_index];
        let noun_index = rng.below(group.nouns.len());
        let mut flavours = meta.flavours.to_vec();
        rng.shuffle(&mut flavours);
        Self {
            index,
            vocabulary,
            brand_index,
            brand: names::brand(seed, vocabulary, brand_index),
            series: rng.chance(0.6).then(|| *rng.pick(&SERIES)),
            noun: group.nouns[noun_index],
            claim: rng.chance(0.6).then(|| *rng.pick(meta.claims)),
            shape: rng.pick(group.shapes).of(vocabulary),
            categories: category_ids(meta_index, group_index, noun_index),
            members: 3 + rng.below(4),
            group: group.name,
            flavours,
            sizes: two_sizes(&mut rng, group.sizes),
            size_only_member: rng.chance(0.6),
        }
    }

    /// The second-level category in words.
    pub(crate) fn group(&self) -> &'static str {
        self.group
    }

    /// Flavour and size of `member`, up to and including one beyond [`Self::members`]. The second member of most lines
    /// is the first in another size; all others differ in flavour.
    fn member(&self, member: usize) -> (Flavour, Size) {
        match (member, self.size_only_member) {
            (1, true) => (self.flavours[0], self.sizes[1]),
            (m, true) if m > 1 => (self.flavours[m - 1], self.sizes[0]),
            (m, _) => (self.flavours[m], self.sizes[0]),
        }
    }
}

/// Two different sizes of one unit where the table has them.
fn two_sizes(rng: &mut Rng, table: &[(f32, Unit)]) -> [Size; 2] {
    let first = *rng.pick(table);
    let others: Vec<_> = table
        .iter()
        .filter(|s| s.1 == first.1 && s.0 != first.0)
        .collect();
    let second = match others.is_empty() {
        true => (first.0 * 2.0, first.1),
        false => **rng.pick(&others),
    };
    [first, second].map(|(amount, unit)| Size { amount, unit })
}

/// One product with its identity.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) line: Line,
    pub(crate) flavour: Flavour,
    pub(crate) size: Size,
    pub(crate) gtin: Gtin,
}

impl Product {
    /// Member `member` of line `line`, the `serial`-th product of the data set.
    pub(crate) fn new(
        seed: u64,
        vocabulary: Vocabulary,
        line: u64,
        member: usize,
        serial: u64,
    ) -> Self {
        let line = Line::new(seed, vocabulary, line);
        let (flavour, size) = line.member(member);
        let gtin = gtin(seed, serial);
        Self {
            line,
            flavour,
            size,
            gtin,
        }
    }

    /// The name without noise: brand, series, flavour, goods, claim, size.
    pub(crate) fn title(&self) -> String {
        let line = &self.line;
        let words = [
            line.brand.clone(),
            line.series.unwrap_or_default().to_owned(),
            self.flavour.name.to_owned(),
            title_case(line.noun),
            line.claim.map(title_case).unwrap_or_default(),
            self.size.label(),
        ];
        words
            .into_iter()
            .filter(|w| !w.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The line in words: brand, series, goods, and its number, since one brand may sell the same goods in two lines.
    pub(crate) fn line_name(&self) -> String {
        let series = self
            .line
            .series
            .map(|s| format!(" {s}"))
            .unwrap_or_default();
        format!(
            "{}{series} {} {}",
            self.line.brand, self.line.noun, self.line.index
        )
    }
}

/// Every word with a capital.
pub(crate) fn title_case(text: &str) -> String {
    text.split(' ')
        .map(capitalised)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A GTIN-13 of the range for restricted circulation (first digit 2, GS1 General Specifications 2.1), unique per serial.
pub(crate) fn gtin(seed: u64, serial: u64) -> Gtin {
    const RANGE: u64 = 100_000_000_000;
    let shift = stream(seed, Purpose::Names, 1, 0).bits() % RANGE;
    // The factor is odd and no multiple of 5, so it permutes the range.
    let body = (u128::from(serial) * 61_803_398_877 + u128::from(shift)) % u128::from(RANGE);
    Gtin::from_body(2 * RANGE + body as u64, 13).expect("12 digits make a GTIN-13")
}
