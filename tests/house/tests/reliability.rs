//! `docs/reliability.md` promises nothing that no test shows: every test and command that it names is there.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use skueye_house::root;

/// What stands in backquotes in the rows of the page's tables.
fn names(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

/// The functions that follow a `#[test]`, in all sources below `folder`.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => tests(&path, found),
            false if path.extension().is_some_and(|end| end == "rs") => {
                let text = fs::read_to_string(&path).unwrap();
                let after = text.split("#[test]").skip(1);
                let functions = after.filter_map(|rest| rest.split_once("fn "));
                let name = |(_, rest): (&str, &str)| rest.split('(').next().map(str::to_owned);
                found.extend(functions.filter_map(name));
            }
            false => {}
        }
    }
}

/// Commands that the page may name: aliases of cargo, subcommands of `skueye-bench`, scenarios of the virtual device.
fn is_command(name: &str) -> bool {
    let text = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    match name.split(' ').collect::<Vec<_>>()[..] {
        ["cargo", alias] => text(".cargo/config.toml").contains(&format!("{alias} =")),
        ["cargo", "device-vm", scenario] => {
            text("tests/device/src/scenarios/mod.rs").contains(&format!("name: \"{scenario}\""))
        }
        ["skueye-bench", command] => root()
            .join(format!("tests/bench/src/{command}.rs"))
            .exists(),
        _ => false,
    }
}

#[test]
fn every_promise_names_a_test_or_a_command_that_there_is() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let mut known = BTreeSet::new();
    for folder in ["firmware", "tests"] {
        tests(&root().join(folder), &mut known);
    }
    let named = names(&page);
    assert!(named.len() > 40, "the page's tables name {}", named.len());
    let missing: Vec<&String> = named
        .iter()
        .filter(|name| !known.contains(*name) && !is_command(name))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn every_promise_says_what_happens_what_shows_it_and_how_often() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with('|'));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(
            cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()),
            "{row}"
        );
    }
}
