//! Invented brand names, composed from syllables: unlimited for our purpose, and nobody's mark on purpose.

use crate::synth::rng::{Purpose, stream};

/// Three letters each, and two letters each, so that no two compositions read the same.
#[rustfmt::skip]
const FIRST: [&str; 48] = [
    "bel", "bor", "cal", "cor", "dal", "del", "dor", "fal", "fen", "gal", "gor", "hal", "hel", "jor", "kal", "kel",
    "kor", "lam", "len", "lor", "mal", "mer", "mir", "mon", "nal", "nor", "ner", "pal", "pel", "por", "quo", "ren",
    "rov", "sal", "sel", "sil", "sor", "tam", "tor", "tul", "val", "vel", "vir", "vor", "wen", "yor", "zan", "zel",
];
#[rustfmt::skip]
const SECOND: [&str; 30] = [
    "va", "vo", "vi", "ka", "ko", "ki", "da", "do", "di", "na", "no", "ni", "la", "lo", "li", "ra", "ro", "ri", "sa",
    "so", "si", "ta", "to", "ti", "ma", "mo", "mi", "be", "bo", "zu",
];
#[rustfmt::skip]
const LAST: [&str; 30] = [
    "ra", "no", "lis", "ndo", "rix", "via", "ster", "mont", "quil", "dora", "nthe", "lta", "zzo", "rno", "bury",
    "well", "field", "vik", "sen", "dal", "rth", "nza", "ria", "lux", "gard", "x", "n", "mar", "que", "fin",
];
/// How many different names there are.
pub(crate) const COUNT: u64 = 48 * 30 * 30;

/// The name of brand `index`; different for different indices below [`COUNT`] of one seed.
pub(crate) fn brand(seed: u64, index: u64) -> String {
    let shift = stream(seed, Purpose::Names, 0, 0).bits() % COUNT;
    // 25,931 is prime and does not divide COUNT, so this permutes the names.
    let at = ((index % COUNT) * 25_931 + shift) % COUNT;
    let name = format!(
        "{}{}{}",
        FIRST[(at % 48) as usize],
        SECOND[(at / 48 % 30) as usize],
        LAST[(at / (48 * 30)) as usize]
    );
    capitalised(&name)
}

/// `text` with its first letter in upper case.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_are_unique_until_the_syllables_run_out() {
        let names: std::collections::HashSet<_> = (0..COUNT).map(|i| brand(5, i)).collect();
        assert_eq!(names.len() as u64, COUNT);
    }
}
