//! `docs/errors.md` lists every error number there is, with its title, what it means and what to do.
#![forbid(unsafe_code)]

use std::fs;

use skueye_house::root;
use skueye_models::Code;

struct Row {
    number: String,
    title: String,
    explained: bool,
}

fn rows(page: &str) -> Vec<Row> {
    page.lines()
        .filter(|line| line.starts_with("| E"))
        .map(row)
        .collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    Row {
        number: cells[0].to_owned(),
        title: cells.get(1).copied().unwrap_or_default().to_owned(),
        explained: cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()),
    }
}

#[test]
fn the_page_lists_every_error_number_in_order_and_no_other() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let listed: Vec<String> = rows(&page)
        .iter()
        .map(|row| format!("{} {}", row.number, row.title))
        .collect();
    let known: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("{code} {}", code.title()))
        .collect();
    let only_in = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|line| !b.contains(line)).cloned().collect()
    };
    assert_eq!(
        only_in(&known, &listed),
        [""; 0],
        "docs/errors.md lacks them"
    );
    assert_eq!(
        only_in(&listed, &known),
        [""; 0],
        "models/src/fault.rs lacks them"
    );
    assert!(
        listed == known,
        "docs/errors.md is not in the order of the numbers"
    );
}

#[test]
fn every_error_is_explained_with_its_remedy() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    for row in rows(&page) {
        assert!(row.explained, "{} lacks its meaning or remedy", row.number);
    }
}
