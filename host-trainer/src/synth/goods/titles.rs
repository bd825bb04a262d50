//! Titles as sellers write them: right words most of the time, in any order, with all that people do to words.

use super::catalogue::Unit;
use super::product::{Product, Size, title_case};
use crate::synth::rng::Rng;

#[rustfmt::skip]
const CONDITIONS: [&str; 20] = [
    "new", "NEW", "sealed", "brand new", "free shipping", "fast dispatch", "genuine", "unopened", "best before 12/2027",
    "original packaging", "bulk buy", "job lot", "w/ receipt", "sale", "top quality", "exp 06/2027", "free p&p", "rare",
    "imported", "great gift",
];
#[rustfmt::skip]
const ABBREVIATIONS: [(&str, &str); 20] = [
    ("chocolate", "choc"), ("organic", "org"), ("strawberry", "strawb"), ("tablets", "tabs"), ("capsules", "caps"),
    ("original", "orig"), ("premium", "prem"), ("vegetable", "veg"), ("vitamin", "vit"), ("battery", "batt"),
    ("batteries", "batts"), ("professional", "pro"), ("concentrate", "conc"), ("raspberry", "rasp"),
    ("peppermint", "p'mint"), ("without", "w/o"), ("shampoo", "shamp"), ("conditioner", "cond"), ("classic", "cls"),
    ("dishwasher", "dishw."),
];

/// A part of a title; `keep` is the probability that the seller writes it at all.
struct Part {
    text: String,
    keep: f32,
}

/// A title for one listing of `product`.
pub(crate) fn noisy_title(product: &Product, rng: &mut Rng) -> String {
    let mut parts = parts(product, rng);
    parts.retain(|part| rng.chance(part.keep));
    let mut texts: Vec<String> = parts.into_iter().map(|part| part.text).collect();
    reorder(&mut texts, rng);
    add_remarks(&mut texts, product, rng);
    let separator = if rng.chance(0.15) {
        *rng.pick(&[", ", " - ", " | ", " / "])
    } else {
        " "
    };
    let title = abbreviate(&texts.join(separator), rng);
    let title = if rng.chance(0.12) {
        mistype(&title, rng)
    } else {
        title
    };
    letter_case(title, rng)
}

fn parts(product: &Product, rng: &mut Rng) -> Vec<Part> {
    let line = &product.line;
    let part = |text: String, keep| Part { text, keep };
    let mut parts = vec![part(line.brand.clone(), 0.97)];
    parts.extend(line.series.map(|s| part(s.to_owned(), 0.75)));
    parts.push(part(product.flavour.name.to_owned(), 0.95));
    parts.push(part(title_case(line.noun), 0.96));
    parts.extend(line.claim.map(|c| part(title_case(c), 0.6)));
    parts.push(part(size_text(product.size, rng), 0.88));
    parts
}

/// Sellers put the brand first, mostly; a quarter put the rest as it comes to mind.
fn reorder(texts: &mut [String], rng: &mut Rng) {
    match rng.below(8) {
        0 => rng.shuffle(texts),
        1 | 2 if texts.len() > 2 => rng.shuffle(&mut texts[1..]),
        3 if texts.len() > 2 => texts.rotate_left(1),
        _ => {}
    }
}

fn add_remarks(texts: &mut Vec<String>, product: &Product, rng: &mut Rng) {
    if rng.chance(0.18) {
        texts.push(product.line.shape.word().to_owned());
    }
    if rng.chance(0.08) {
        texts.push(product.line.group().to_owned());
    }
    if rng.chance(0.30) {
        let at = if rng.chance(0.3) { 0 } else { texts.len() };
        texts.insert(at, (*rng.pick(&CONDITIONS)).to_owned());
    }
    if rng.chance(0.07) {
        texts.push(format!("{}x", 2 + rng.below(5)));
    }
}

/// The size in one of the ways people write it; now and then in the next larger unit or in ounces.
fn size_text(size: Size, rng: &mut Rng) -> String {
    let Size { amount, unit } = size;
    let number = |value: f32| ((value * 100.0).round() / 100.0).to_string();
    let (amount, unit) = match (unit, rng.below(10)) {
        (Unit::Millilitre, 0) if amount >= 250.0 => (number(amount / 1000.0), "l"),
        (Unit::Gram, 0) if amount >= 250.0 => (number(amount / 1000.0), "kg"),
        (Unit::Gram, 1) => (number((amount / 2.835).round() / 10.0), "oz"),
        (Unit::Millilitre, 1) => (number((amount / 2.957).round() / 10.0), "fl oz"),
        (Unit::Gram, 2) => (number(amount), "gr"),
        (Unit::Millilitre, 2) => (number(amount), "mL"),
        (Unit::Litre, 0) => (number(amount), "ltr"),
        (Unit::Pieces, pick) => return pieces(&number(amount), pick),
        (Unit::Bags, 0) => (number(amount), "teabags"),
        _ => (number(amount), unit.short()),
    };
    let gap = if rng.chance(0.5) { " " } else { "" };
    format!("{amount}{gap}{unit}")
}

fn pieces(amount: &str, pick: usize) -> String {
    match pick {
        0 | 1 => format!("{amount} pack"),
        2 => format!("pack of {amount}"),
        3 => format!("x{amount}"),
        4 => format!("{amount}ct"),
        5 => format!("{amount}pcs"),
        _ => format!("{amount} pcs"),
    }
}

fn abbreviate(title: &str, rng: &mut Rng) -> String {
    let shorten = |word: &str, rng: &mut Rng| {
        let lower = word.to_lowercase();
        let found = ABBREVIATIONS.iter().find(|(long, _)| *long == lower);
        match found {
            Some((_, short)) if rng.chance(0.2) => (*short).to_owned(),
            _ => word.to_owned(),
        }
    };
    title
        .split(' ')
        .map(|word| shorten(word, rng))
        .collect::<Vec<_>>()
        .join(" ")
}

/// One typing error in one word of at least five letters.
fn mistype(title: &str, rng: &mut Rng) -> String {
    let mut words: Vec<String> = title.split(' ').map(str::to_owned).collect();
    let long = |w: &String| w.len() >= 5 && w.bytes().all(|b| b.is_ascii_alphabetic());
    let places: Vec<usize> = (0..words.len()).filter(|&i| long(&words[i])).collect();
    if places.is_empty() {
        return title.to_owned();
    }
    let word = &mut words[*rng.pick(&places)];
    let mut letters: Vec<char> = word.chars().collect();
    let at = 1 + rng.below(letters.len() - 2);
    match rng.below(4) {
        0 => letters.swap(at, at + 1),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters[at] = neighbour(letters[at]),
    }
    *word = letters.into_iter().collect();
    words.join(" ")
}

/// The key to the right on a keyboard.
fn neighbour(letter: char) -> char {
    const KEYS: &str = "qwertyuiopasdfghjklzxcvbnmq";
    let mut keys = KEYS
        .chars()
        .skip_while(|&key| key != letter.to_ascii_lowercase());
    keys.nth(1).unwrap_or(letter)
}

fn letter_case(title: String, rng: &mut Rng) -> String {
    match rng.below(100) {
        0..20 => title.to_lowercase(),
        20..32 => title.to_uppercase(),
        32..42 => {
            let (first, rest) = title.split_once(' ').unwrap_or((&title, ""));
            format!("{} {rest}", first.to_uppercase())
                .trim_end()
                .to_owned()
        }
        _ => title,
    }
}
