//! The page's own files: messages in both languages, contrast of the colours, nothing from outside.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

fn read(name: &str) -> String {
    fs::read_to_string(assets().join(name)).unwrap()
}

fn scripts() -> Vec<(String, String)> {
    let entries = fs::read_dir(assets().join("js")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .map(|name| (name.clone(), read(&format!("js/{name}"))))
        .collect()
}

fn messages(language: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&read(&format!("messages/{language}.json"))).unwrap()
}

/// The keys that the page names in whole, and the beginnings of those that it makes up from a word of the device.
fn used() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut whole, mut begun) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |text: &str| {
        match text.split_once("${") {
            Some((begin, _)) => begun.insert(begin.to_owned()),
            None => whole.insert(text.to_owned()),
        };
    };
    for (_, script) in scripts() {
        for quote in ['"', '`'] {
            // Every text of two or more words with dots, which is what a key looks like.
            script
                .split(quote)
                .skip(1)
                .step_by(2)
                .filter(|text| is_key(text))
                .for_each(&mut add);
        }
    }
    let html = read("index.html");
    for attribute in ["data-text=\"", "data-label=\""] {
        let texts = html.split(attribute).skip(1);
        texts
            .filter_map(|rest| rest.split('"').next())
            .for_each(&mut add);
    }
    (whole, begun)
}

fn is_key(text: &str) -> bool {
    let (first, rest) = text.split_once('.').unwrap_or((text, ""));
    let letters = |part: &str| {
        part.chars()
            .all(|c| c.is_ascii_alphanumeric() || "._${}()-, ".contains(c))
    };
    let known = messages("en")
        .keys()
        .any(|key| key.split('.').next() == Some(first));
    known && !rest.is_empty() && letters(rest)
}

#[test]
fn both_languages_say_the_same_things() {
    let (english, german) = (messages("en"), messages("de"));
    let keys = |messages: &BTreeMap<String, String>| messages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&german));
    let places = |text: &str| -> BTreeSet<String> {
        let parts = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next());
        parts.map(str::to_owned).collect()
    };
    for (key, text) in &english {
        assert!(
            !text.trim().is_empty() && !german[key].trim().is_empty(),
            "{key}"
        );
        assert_eq!(places(text), places(&german[key]), "{key}");
    }
}

#[test]
fn no_message_is_missing_and_none_is_left_over() {
    let (whole, begun) = used();
    let english = messages("en");
    for key in &whole {
        assert!(english.contains_key(key), "no message for {key}");
    }
    for begin in &begun {
        assert!(
            english.keys().any(|key| key.starts_with(begin)),
            "no message for {begin}..."
        );
    }
    for key in english.keys() {
        let is_used = whole.contains(key) || begun.iter().any(|begin| key.starts_with(begin));
        assert!(is_used, "nothing says {key}");
    }
}

#[test]
fn every_word_of_the_device_has_a_message() {
    let english = messages("en");
    let words: [(&str, &[&str]); 6] = [
        (
            "stage",
            &[
                "starting", "learning", "empty", "moving", "looking", "decided", "asks",
            ],
        ),
        (
            "idle",
            &[
                "starting", "learning", "empty", "moving", "looking", "decided",
            ],
        ),
        ("verdict", &["accept", "ask", "reject"]),
        (
            "sent",
            &[
                "nothing",
                "sent",
                "pending",
                "duplicate",
                "failed",
                "disabled",
                "untriggered",
                "taken_back",
                "void",
            ],
        ),
        (
            "reason",
            &[
                "below_accept",
                "small_margin",
                "split_vote",
                "too_few_frames",
                "blurred",
                "unknown",
                "unreadable",
                "corrected",
            ],
        ),
        (
            "refused",
            &["blurred", "glare", "too_small", "too_large", "duplicate"],
        ),
    ];
    for (group, words) in words {
        for word in words {
            assert!(
                english.contains_key(&format!("{group}.{word}")),
                "{group}.{word}"
            );
        }
    }
}

#[test]
fn no_script_makes_markup_and_nothing_comes_from_outside() {
    for (name, script) in scripts() {
        for banned in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "http://",
            "https://",
        ] {
            // A namespace, which is no address.
            let allowed = name == "dom.js" && banned == "http://";
            assert!(allowed || !script.contains(banned), "{name} has {banned}");
        }
        let addresses: Vec<&str> = script
            .split('"')
            .filter(|text| text.starts_with("http"))
            .collect();
        assert!(
            addresses
                .iter()
                .all(|text| *text == "http://www.w3.org/2000/svg"),
            "{name}: {addresses:?}"
        );
    }
    let page = read("index.html") + &read("page.css");
    for banned in ["http", "style=", "onclick", "<style", "@import", "url("] {
        assert!(!page.contains(banned), "the page has {banned}");
    }
}

#[test]
fn every_file_is_embedded() {
    let table = fs::read_to_string(assets().join("../src/assets.rs")).unwrap();
    for (name, _) in scripts() {
        assert!(
            table.contains(&format!("\"js/{name}\"")),
            "{name} is not embedded"
        );
    }
}

/// Colours that lie on one another, with the least contrast: 4.5 for text, 3 for borders of controls and marks (WCAG 2.2,
/// 1.4.3 and 1.4.11).
const PAIRS: &[(&str, &str, f64)] = &[
    ("ink", "ground", 7.0),
    ("ink", "card", 7.0),
    ("quiet", "ground", 4.5),
    ("quiet", "card", 4.5),
    ("accent", "card", 4.5),
    ("accent", "ground", 4.5),
    ("accent", "accent-ground", 4.5),
    ("on-accent", "accent", 4.5),
    ("yes", "yes-ground", 4.5),
    ("yes", "card", 4.5),
    ("ask", "ask-ground", 4.5),
    ("ask", "card", 3.0),
    ("no", "no-ground", 4.5),
    ("no", "card", 4.5),
    ("line", "card", 3.0),
    ("line", "ground", 3.0),
];
/// Only sets apart what is told apart otherwise.
const DECORATION: &str = "hair";

#[test]
fn colours_are_far_enough_apart_in_both_schemes() {
    let css = read("page.css");
    let blocks: Vec<BTreeMap<&str, [f64; 3]>> = css.split(":root {").skip(1).map(colours).collect();
    assert_eq!(blocks.len(), 2, "light and dark");
    for (scheme, colours) in ["light", "dark"].iter().zip(&blocks) {
        for (upper, lower, least) in PAIRS {
            let ratio = contrast(colours[upper], colours[lower]);
            assert!(
                ratio >= *least,
                "{upper} on {lower} in {scheme}: {ratio:.2} < {least}"
            );
        }
        for name in colours.keys() {
            let checked = PAIRS
                .iter()
                .any(|(upper, lower, _)| upper == name || lower == name);
            assert!(checked || *name == DECORATION, "{name} is in no pair");
        }
    }
}

fn colours(block: &str) -> BTreeMap<&str, [f64; 3]> {
    let block = block.split('}').next().unwrap();
    let pairs = block
        .split(';')
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    pairs
        .map(|(name, hex)| (name, linear(hex.trim())))
        .collect()
}

fn linear(hex: &str) -> [f64; 3] {
    [0, 2, 4].map(|at| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        match value <= 0.04045 {
            true => value / 12.92,
            false => ((value + 0.055) / 1.055).powf(2.4),
        }
    })
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let light = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    let (a, b) = (light(a), light(b));
    a.max(b) / a.min(b)
}
