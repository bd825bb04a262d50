//! The rules of METHOD 1, title by title; every expectation was checked against Python's `re` and `str`.

use std::collections::HashSet;

use proptest::prelude::*;
use skueye_models::Code;

use super::*;

fn tokens(title: &str) -> Vec<String> {
    Tokens::default().of(title).map(str::to_owned).collect()
}

fn counted(titles: &[&str]) -> Counts {
    Counts::of(titles.iter().map(|t| Ok(t.to_string()))).unwrap()
}

#[test]
fn tricky_titles() {
    let table: &[(&str, &[&str])] = &[
        ("Apple iPhone 12", &["apple", "iphone", "12"]),
        (
            "Men's T-Shirt, size X-Large!",
            &["men's", "t-shirt", "size", "x-large"],
        ),
        ("1/2 inch 5.5\" (NEW)*", &["1/2", "inch", "5.5", "new"]),
        ("a|b || c_d", &["a|b", "||", "c_d"]),
        (
            "Camera w/ case, w/o strap",
            &["camera", "case", "o", "strap"],
        ),
        ("W/Charger WW// new/used", &["charger", "w/", "neused"]),
        ("- . w '", &["-", ".", "w", "'"]),
        (
            "rock&roll 50% $9.99 #1",
            &["rock", "roll", "50", "9.99", "1"],
        ),
        (
            "don\u{2019}t \u{201c}quote\u{201d} — dash",
            &["don", "t", "quote", "dash"],
        ),
        (
            "Nestlé ΟΔΟΣ İzmir STRASSE ß",
            &["nestlé", "οδος", "i", "zmir", "strasse", "ß"],
        ),
        ("cafe\u{301} हिन्दी", &["cafe", "ह", "न", "द"]),
        (
            "日本茶 500ml ½ ² Ⅷ ①",
            &["日本茶", "500ml", "½", "²", "ⅷ", "①"],
        ),
        ("ⓐ 🄰 👍 ™ ª", &["ª"]),
        (
            "tab\tnew\nline\u{a0}nbsp\u{3000}wide",
            &["tab", "new", "line", "nbsp", "wide"],
        ),
        ("", &[]),
        ("!!!", &[]),
    ];
    for (title, expected) in table {
        assert_eq!(tokens(title), *expected, "{title:?}");
    }
}

#[test]
fn stop_words_are_the_179_of_the_list() {
    let words: Vec<_> = stop_words::LIST.split_whitespace().collect();
    assert_eq!(
        (words.len(), words.iter().collect::<HashSet<_>>().len()),
        (179, 179)
    );
    assert!(stop_words::is_stop_word("you're") && !stop_words::is_stop_word("red"));
}

#[test]
fn a_token_is_kept_above_the_threshold_only_and_ordered_by_count_then_token() {
    let counts = counted(&[
        "red red tea the the the",
        "the red Tea - - - . . . w w w",
        "blue ant tea don't don't don't",
    ]);
    let vocabulary = Vocabulary::new(counts.clone(), 1).unwrap();
    assert_eq!(
        vocabulary.entries().collect::<Vec<_>>(),
        [("red", 3), ("tea", 3)]
    );
    let all: Vec<_> = Vocabulary::new(counts.clone(), 0)
        .unwrap()
        .entries()
        .map(|(t, _)| t.to_owned())
        .collect();
    assert_eq!(all, ["red", "tea", "ant", "blue"]);
    assert_eq!(
        Vocabulary::new(counts, 3).unwrap_err().code(),
        Code::MiningEmpty
    );
}

#[test]
fn targets_are_ascending_and_named_once() {
    let vocabulary = Vocabulary::new(counted(&["red red red tea tea cup"]), 0).unwrap();
    let mut tokens = Tokens::default();
    assert_eq!(
        vocabulary.targets("Tea, the x! CUP tea Red", &mut tokens),
        [0, 1, 2]
    );
    assert!(vocabulary.targets("unknown", &mut tokens).is_empty());
}

#[test]
fn counting_in_parts_gives_the_same_bytes() {
    let titles: Vec<String> = (0..10_000)
        .map(|i| format!("item {} of brand{}", i % 97, i % 13))
        .collect();
    let whole = Counts::of(titles.iter().cloned().map(Ok)).unwrap();
    let mut parts = Counts::default();
    for part in titles.chunks(777) {
        parts.merge(Counts::of(part.iter().cloned().map(Ok)).unwrap());
    }
    assert_eq!((whole.titles(), whole.count("item")), (10_000, 10_000));
    let text = |counts| Vocabulary::new(counts, 30).unwrap().to_text();
    assert_eq!(text(whole), text(parts));
}

#[test]
fn the_first_bad_row_ends_the_count() {
    let bad = || skueye_models::Fault::new(Code::DataRow, "", "", "");
    let titles = (0..20_000).map(|i| {
        if i == 9_000 {
            Err(bad())
        } else {
            Ok("x".to_owned())
        }
    });
    assert_eq!(Counts::of(titles).unwrap_err().code(), Code::DataRow);
}

#[test]
fn a_vocabulary_survives_its_file_and_notices_any_changed_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocabulary.tsv");
    let vocabulary = Vocabulary::new(counted(&["red tea é é", "red | tea"]), 0).unwrap();
    vocabulary.write(&path).unwrap();
    assert_eq!(Vocabulary::read(&path).unwrap(), vocabulary);
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert_eq!(
            Vocabulary::read(&path).unwrap_err().code(),
            Code::VocabularyDamaged,
            "byte {at}"
        );
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert_eq!(
            Vocabulary::read(&path).unwrap_err().code(),
            Code::VocabularyDamaged,
            "cut at {at}"
        );
    }
}

proptest! {
    #[test]
    fn any_title_gives_tokens_of_kept_characters(title in "\\PC{0,60}") {
        for token in tokens(&title) {
            prop_assert!(!token.is_empty() && !token.contains([' ', '\t', '\n', '"', ',']));
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused_without_a_panic(text in "[a-z0-9\t\n]{0,80}") {
        let _ = Vocabulary::parse(&text);
    }
}
