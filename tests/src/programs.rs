//! The programs as a person calls them: run, and asked to refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The program `name` that was built with the test that asks. Panics with the remedy where it was not built.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let built = own
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps")
        .join(name);
    let profile = match built.parent().and_then(Path::file_name) {
        Some(folder) if folder == "release" => "--release ",
        _ => "",
    };
    assert!(
        built.is_file(),
        "no {}: first run cargo build {profile}-p skueye-trainer -p skueye-agent",
        built.display()
    );
    built
}

/// What `name` did when called with `arguments` in `folder`.
pub fn call<S: AsRef<OsStr>>(name: &str, arguments: &[S], folder: &Path) -> Output {
    Command::new(program(name))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|e| panic!("{name} does not start: {e}"))
}

/// All that a program printed, for a message.
pub fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// The faults among the JSON lines that a program printed: each a line of its own, or the problems of a report.
pub fn faults(output: &Output) -> Vec<Value> {
    let all = printed(output);
    let objects = all
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let each = objects.flat_map(|object| match &object["problems"] {
        Value::Array(problems) => problems.clone(),
        _ => vec![object],
    });
    each.filter(|object| object["code"].is_string()).collect()
}

/// The files below `folder` with their contents.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(snapshot(&path));
        } else {
            let bytes = fs::read(&path).expect("a readable file");
            found.insert(path, bytes);
        }
    }
    found
}

/// The files that only one of two snapshots has, or that differ between them.
pub fn differing(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<PathBuf> {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let differs = |path: &&&PathBuf| before.get(**path) != after.get(**path);
    paths
        .iter()
        .filter(differs)
        .map(|path| (*path).clone())
        .collect()
}
