//! The rules of the house that no compiler keeps: where unsafe code may be, which lints, which licence, which files.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use skueye_house::{Package, packages, root};

/// The crates that hold unsafe code, with the modules that do. Their roots deny it and these modules alone allow it.
const UNSAFE_MODULES: [(&str, &[&str]); 4] = [
    ("skueye-camera", &["mod kernel;"]),
    ("skueye-distributed", &["mod shim;"]),
    (
        "skueye-gallery",
        &[
            "mod avx2;",
            "mod avx512;",
            "mod dotprod;",
            "mod guard;",
            "mod neon;",
            "mod prefetch;",
        ],
    ),
    ("skueye-vision", &["mod dispatch;", "mod ffi;"]),
];

/// Everything at the top of the work tree.
const TOP: [&str; 16] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "docs",
    "firmware",
    "host-trainer",
    "models",
    "rust-toolchain.toml",
    "tests",
];

#[test]
fn unsafe_code_is_where_it_is_listed_and_nowhere_else() {
    for package in packages() {
        let listed = UNSAFE_MODULES
            .iter()
            .find(|(name, _)| *name == package.name);
        let wanted = match listed {
            Some(_) => "#![deny(unsafe_code)]",
            None => "#![forbid(unsafe_code)]",
        };
        for file in &package.roots {
            let text = fs::read_to_string(file).unwrap();
            assert!(text.contains(wanted), "{} lacks {wanted}", file.display());
        }
        let listed = listed.map_or(&[][..], |(_, modules)| modules);
        assert_eq!(what_allows_unsafe(&package), listed, "in {}", package.name);
    }
}

/// The line after each that allows unsafe code: the item it is allowed in, sorted.
fn what_allows_unsafe(package: &Package) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(&package.folder.join("src")) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let allowed = lines
            .windows(2)
            .filter(|pair| pair[0].contains("allow(unsafe_code)"));
        found.extend(allowed.map(|pair| pair[1].to_owned()));
    }
    found.sort();
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn every_crate_has_the_lints_and_the_licence_of_the_workspace() {
    for package in packages() {
        let manifest = fs::read_to_string(package.folder.join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} does not inherit the workspace's lints",
            package.name
        );
        assert_eq!(package.license, "MIT OR Apache-2.0", "{}", package.name);
    }
}

#[test]
fn the_top_folder_holds_what_it_should() {
    let root = root();
    if !root.join(".git").exists() {
        return; // an unpacked archive: what is ignored cannot be told apart
    }
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .expect("git starts");
    let listing = String::from_utf8(output.stdout).unwrap();
    let top: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.split('/').next())
        .collect();
    assert_eq!(top, BTreeSet::from(TOP));
}
