//! Grouping, splitting and failures; the network is not used.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use skueye_models::Code;

use super::concepts::concepts;
use super::distinct::distinct;
use super::icons::{Icon, IconSet};
use super::makers::{MakersOptions, Role, characters, learnt_of, plan, roles};
use super::package::{run, verify};
use super::*;
use crate::data::Split;

const INFO: &str =
    r#"{"name":"Set","author":{"name":"A","url":"u"},"license":{"spdx":"MIT","url":"v"}}"#;

fn set(maker: &'static str, names: &[&str], aliases: &[(&str, &str)]) -> IconSet {
    let icon = |n: &&str| {
        (
            n.to_string(),
            serde_json::json!({"body": format!("<path id='{maker}{n}'/>")}),
        )
    };
    let icons: serde_json::Map<_, _> = names.iter().map(icon).collect();
    let alias = |(a, p): &(&str, &str)| (a.to_string(), serde_json::json!({"parent": p}));
    let aliases: serde_json::Map<_, _> = aliases.iter().map(alias).collect();
    let file = serde_json::json!({"icons": icons, "aliases": aliases, "width": 32, "height": 32});
    let metadata = serde_json::json!({"categories": {"Food & Drink": names}});
    let characters = serde_json::json!({"1f43b": "bear", "1f9d1-200d-1f373": "cook"});
    let texts = [file, metadata, characters].map(|text| text.to_string());
    IconSet::parse(maker, [&texts[0], &texts[1], &texts[2], INFO]).unwrap()
}

#[test]
fn names_of_one_thing_become_one_concept() {
    let sets = [
        set(
            "a",
            &[
                "bear",
                "woman-cook",
                "cook",
                "wave",
                "wave-medium-light",
                "family-man-boy",
                "light",
            ],
            &[],
        ),
        set(
            "b",
            &[
                "bear-face",
                "cook",
                "wave",
                "wave-dark-skin-tone",
                "family",
                "light",
            ],
            &[("bear", "bear-face")],
        ),
        set(
            "c",
            &[
                "bear",
                "man-cook",
                "wave-light",
                "wave",
                "wave-medium-light",
                "light",
            ],
            &[],
        ),
    ];
    let found = concepts(&sets, 2);
    let names: Vec<_> = found.iter().map(|c| c.name).collect();
    assert_eq!(names, ["bear", "cook", "family", "light", "wave"]);
    let own = |at: usize| {
        found[at]
            .drawings
            .iter()
            .map(|d| d.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(own(0), ["bear", "bear-face", "bear"]);
    assert_eq!(
        own(1),
        ["cook", "cook", "man-cook"],
        "the name that most makers know comes first"
    );
    assert_eq!(own(4), ["wave"; 3], "no skin tone stands for the whole");
    assert_eq!(found[0].category, "Food & Drink");
}

#[test]
fn a_drawing_that_occurs_twice_is_left_out() {
    let square = |x: u32| format!(r#"{{"body":"<rect x='{x}' width='16' height='16'/>"}}"#);
    let set = |maker, a, b| {
        let icons = format!(r#"{{"icons":{{"a":{},"b":{}}}}}"#, square(a), square(b));
        IconSet::parse(maker, [&icons, "{}", "{}", INFO]).unwrap()
    };
    let sets = [
        set("x", 0, 4),
        set("y", 0, 8),
        set("z", 2, 6),
        set("z", 12, 2),
    ];
    let found = distinct(concepts(&sets, 1), 1).unwrap();
    let kept = |at: usize| {
        found[at]
            .drawings
            .iter()
            .map(|d| d.maker)
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(0), [0, 2, 3], "the same within a concept");
    assert_eq!(kept(1), [0, 1, 2], "the same in another concept");
    assert_eq!(distinct(concepts(&sets, 1), 4).unwrap().len(), 0);
}

#[test]
fn turned_and_withdrawn_drawings_are_left_out() {
    let icons = r#"{"icons":{"left":{"body":"x"},"old":{"body":"y","hidden":true}},
        "aliases":{"right":{"parent":"left","hFlip":true},"west":{"parent":"left"},"older":{"parent":"old"}}}"#;
    let set = IconSet::parse("a", [icons, "{}", "{}", INFO]).unwrap();
    let known = |name| set.resolve(name);
    assert_eq!([known("left"), known("west")], [Some("left"); 2]);
    assert_eq!([known("right"), known("old"), known("older")], [None; 3]);
}

#[test]
fn no_concept_is_in_two_splits_and_unknown_ones_are_not_in_the_index() {
    let names: Vec<String> = (0..200).map(|i| format!("thing{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sets = ["a", "b", "c"].map(|maker| set(maker, &names, &[]));
    let concepts = concepts(&sets, 3);
    let options = MakersOptions::default();
    let mut splits: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let plan = plan(&concepts, options).unwrap();
    let mut queries = BTreeMap::new();
    for (row, drawing) in &plan {
        splits.entry(row.gtin).or_default().insert(row.split);
        if row.split == Split::Query {
            *queries.entry(drawing.maker).or_insert(0) += 1;
        }
        let number = drawing.name.strip_prefix("thing").unwrap();
        assert_eq!(row.title, format!("thing{number} food drink"));
    }
    let with = |wanted: &[Split]| {
        splits
            .values()
            .filter(|s| s.iter().copied().eq(wanted.iter().copied()))
            .count()
    };
    let counts = [
        &[Split::Train][..],
        &[Split::Val],
        &[Split::Index, Split::Query],
        &[Split::Query],
    ]
    .map(with);
    assert_eq!(counts, [120, 20, 51, 9]);
    assert_eq!(
        queries.values().collect::<Vec<_>>(),
        [&20; 3],
        "each maker asks as often"
    );
    let uuids: BTreeSet<_> = plan.iter().map(|(row, _)| &row.uuid).collect();
    assert_eq!(uuids.len(), plan.len());
    let names: Vec<&str> = concepts.iter().map(|concept| concept.name).collect();
    let other = roles(&names, MakersOptions { seed: 2, ..options });
    let first = |roles: &[(usize, Role)]| roles.iter().map(|r| r.0).collect::<Vec<_>>();
    assert_ne!(first(&roles(&names, options)), first(&other));
}

#[test]
fn a_drawing_becomes_a_picture_on_white() {
    let body = "<rect x='8' y='8' width='16' height='16' fill='#ff0000'/>".to_owned();
    let icon = Icon {
        body,
        left: 0.0,
        top: 0.0,
        width: 32.0,
        height: 32.0,
    };
    let jpeg = draw::draw(&icon, 64).unwrap();
    assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
    assert_eq!(
        draw::draw(&icon, 64).unwrap(),
        jpeg,
        "the same bytes each time"
    );
    assert_eq!(draw::draw(&icon, 0).unwrap_err().code(), Code::ImageSize);
    let broken = Icon {
        body: "<rect".into(),
        ..icon
    };
    assert_eq!(
        draw::draw(&broken, 64).unwrap_err().code(),
        Code::ImageDamaged
    );
}

#[test]
fn missing_and_failing_clients_and_other_files_have_their_numbers() {
    let missing = run(&mut Command::new("skueye-no-such-program"), "install it").unwrap_err();
    assert_eq!(missing.code(), Code::ToolMissing);
    let mut failing = Command::new("sh");
    let failed = run(failing.args(["-c", "echo E404 not found >&2; exit 1"]), "").unwrap_err();
    assert_eq!(failed.code(), Code::FetchFailed);
    assert!(failed.got().contains("E404 not found"), "{failed}");
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(
        verify(file.path(), &"0".repeat(64)).unwrap_err().code(),
        Code::FetchChecksum
    );
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    verify(file.path(), empty).unwrap();
    assert_eq!(
        lite_weights("resnet", file.path()).unwrap_err().code(),
        Code::Usage
    );
}

#[test]
fn emoji_that_were_trained_on_are_known_by_any_name_of_theirs() {
    assert_eq!(characters("0023-FE0F-20E3"), "23-20e3");
    let sets = [
        set("a", &["cook", "tree"], &[]),
        set("b", &["man-cook", "tree"], &[("cook", "man-cook")]),
    ];
    let concepts = concepts(&sets, 2);
    let learnt = |train| {
        let options = MakersOptions {
            train,
            val: 0.0,
            min_makers: 2,
            ..MakersOptions::default()
        };
        learnt_of(&sets, &concepts, options)
    };
    let cook = characters("1F9D1-200D-1F373");
    assert_eq!(learnt(1.0), BTreeSet::from([cook]), "a bear is in no set");
    assert_eq!(learnt(0.0), BTreeSet::new());
}

#[test]
fn emoji_ask_in_two_sizes_and_the_other_makers_answer() {
    use super::emoji::{EmojiOptions, Item, plan};
    let item = |i: usize| {
        let text = format!(
            r#"{{"name":"N{i}","category":"C","image":"{i:04}.png","has_img_apple":true,"has_img_google":true,
                "has_img_twitter":true,"has_img_facebook":{},"skin_variations":{{}}}}"#,
            i != 3
        );
        serde_json::from_str::<Item>(&text).unwrap()
    };
    let items: Vec<Item> = (0..41).map(item).filter(Item::has_all).collect();
    assert_eq!(items.len(), 40, "what a maker lacks is left out");
    let plan = plan(&items, EmojiOptions::default()).unwrap();
    for i in 0..items.len() {
        let of: Vec<_> = plan.iter().filter(|planned| planned.item == i).collect();
        let side = |split| of.iter().filter(move |planned| planned.row.split == split);
        let asking: Vec<_> = side(Split::Query).map(|p| (p.maker, p.size)).collect();
        assert_eq!(asking, [(asking[0].0, 64), (asking[0].0, 32)]);
        let answering: Vec<_> = side(Split::Index).map(|p| p.maker).collect();
        assert!([0, 3].contains(&answering.len()) && !answering.contains(&asking[0].0));
    }
    let known = plan.iter().filter(|p| p.row.split == Split::Index).count();
    assert_eq!(known, 34 * 3, "15 % of 40 are unknown");
    let names: std::collections::BTreeSet<_> = plan.iter().map(|p| &p.row.uuid).collect();
    assert_eq!(names.len(), plan.len());
}
