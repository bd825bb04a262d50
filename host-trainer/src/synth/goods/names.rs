//! Invented brand names, composed from syllables: unlimited for our purpose, and nobody's mark on purpose.

use crate::synth::Vocabulary;
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
/// First and last syllables of the vocabulary that nothing is trained on: no name of it begins as one of the others does.
#[rustfmt::skip]
const UNSEEN_FIRST: [&str; 48] = [
    "abr", "ach", "agn", "alv", "amb", "ank", "arb", "asp", "bra", "bri", "cla", "cru", "dra", "dru", "ebb", "egn",
    "elk", "emb", "fio", "fju", "fra", "fri", "gla", "gri", "hjo", "hua", "ibe", "ign", "jas", "jul", "kla", "kri",
    "lju", "lua", "mjo", "oak", "okt", "oru", "pla", "pri", "sko", "sta", "swe", "tri", "ulv", "umb", "wha", "xen",
];
#[rustfmt::skip]
const UNSEEN_LAST: [&str; 30] = [
    "bo", "ck", "dle", "eth", "fjord", "gh", "hof", "io", "jak", "kko", "lund", "mpa", "nner", "oost", "pp", "qua",
    "rsk", "ss", "tt", "urg", "vver", "wick", "xo", "yard", "zko", "berg", "croft", "haven", "strom", "thal",
];
/// How many different names there are.
pub(crate) const COUNT: u64 = 48 * 30 * 30;

/// The name of brand `index`; different for different indices below [`COUNT`] of one seed.
pub(crate) fn brand(seed: u64, vocabulary: Vocabulary, index: u64) -> String {
    let (firsts, lasts) = match vocabulary {
        Vocabulary::Training => (&FIRST, &LAST),
        Vocabulary::Unseen => (&UNSEEN_FIRST, &UNSEEN_LAST),
    };
    let shift = stream(seed, Purpose::Names, 0, 0).bits() % COUNT;
    // 25,931 is prime and does not divide COUNT, so this permutes the names.
    let at = ((index % COUNT) * 25_931 + shift) % COUNT;
    let name = format!(
        "{}{}{}",
        firsts[(at % 48) as usize],
        SECOND[(at / 48 % 30) as usize],
        lasts[(at / (48 * 30)) as usize]
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
        let both = [Vocabulary::Training, Vocabulary::Unseen];
        let names: std::collections::HashSet<_> = both
            .into_iter()
            .flat_map(|vocabulary| (0..COUNT).map(move |i| brand(5, vocabulary, i)))
            .collect();
        assert_eq!(names.len() as u64, 2 * COUNT);
    }
}
