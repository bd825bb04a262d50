//! The workspace as `cargo metadata` tells it. What is held against it is in `tests/house/tests/`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("skueye-house lies in tests/house")
        .to_owned()
}

/// A crate of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The folder of its `Cargo.toml`.
    pub folder: PathBuf,
    /// Its licence expression.
    pub license: String,
    /// The other crates of this workspace that it names as dependencies of any kind, sorted. (A crate names itself where its
    /// tests want one of its features.)
    pub arrows: Vec<String>,
    /// The root files of its library and programs.
    pub roots: Vec<PathBuf>,
}

/// Every crate of the workspace, sorted by name. Panics where cargo does not answer: there is nothing to test then.
pub fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut packages: Vec<Package> = list(&metadata["packages"]).map(package).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    packages
}

fn package(value: &Value) -> Package {
    let manifest = PathBuf::from(text(&value["manifest_path"]));
    Package {
        name: text(&value["name"]),
        folder: manifest.parent().unwrap_or(Path::new("/")).to_owned(),
        license: text(&value["license"]),
        arrows: arrows(value),
        roots: list(&value["targets"])
            .filter(|target| list(&target["kind"]).any(|kind| kind == "lib" || kind == "bin"))
            .map(|target| PathBuf::from(text(&target["src_path"])))
            .collect(),
    }
}

fn arrows(package: &Value) -> Vec<String> {
    let mut names: Vec<String> = list(&package["dependencies"])
        .map(|dependency| text(&dependency["name"]))
        .filter(|name| name.starts_with("skueye-") && *name != text(&package["name"]))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
