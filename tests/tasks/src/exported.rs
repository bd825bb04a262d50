//! Every network's exported file before the runtimes that take it: `tests/reference/check_onnx.py`.

use std::fs;
use std::path::PathBuf;

use crate::machine;
use crate::packages;
use crate::steps::{Step, Trouble};
use crate::workspace::Workspace;

/// What the check needs, and what it does without where it cannot be had.
const NEEDED: &str = "check_onnx.txt";
const TENSORRT: &str = "tensorrt.txt";

/// The library of ONNX Runtime out of its Python package, fetched into `target/exported`: what the tests of the
/// device's runtimes open.
pub fn onnxruntime(workspace: &Workspace) -> Result<PathBuf, Trouble> {
    let (reference, folder) = places(workspace);
    let python = folder.join("python");
    packages::importable(&reference.join(NEEDED), &python, 512)?;
    let libraries = python.join("onnxruntime/capi");
    let entries = fs::read_dir(&libraries).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path());
    let is_it = |path: &PathBuf| path.to_string_lossy().contains("/libonnxruntime.so");
    paths.find(is_it).ok_or_else(|| {
        Trouble::new(
            format!("{} holds no libonnxruntime.so", libraries.display()),
            "take a version of the package that has one",
        )
    })
}

/// TensorRT-RTX, fetched into `target/exported`, where the device's tests look for it. Where it cannot be had it says so.
pub fn tensorrt(workspace: &Workspace) {
    let (reference, folder) = places(workspace);
    let found = packages::importable(&reference.join(TENSORRT), &folder.join("tensorrt"), 1024);
    if let Err(trouble) = found {
        println!("TensorRT-RTX left out, {trouble}");
    }
}

/// Where the lists of packages are, and where their content goes.
fn places(workspace: &Workspace) -> (PathBuf, PathBuf) {
    let reference = workspace.root().join("tests/reference");
    (reference, workspace.made().join("exported"))
}

/// The step that checks, with its packages fetched into `target/exported`.
pub fn check(workspace: &Workspace) -> Result<Step, Trouble> {
    machine::python_with_pip()?;
    let (reference, folder) = places(workspace);
    let [python, tensorrt] = ["python", "tensorrt"].map(|name| folder.join(name));
    packages::importable(&reference.join(NEEDED), &python, 512)?;
    self::tensorrt(workspace);
    let path = std::env::join_paths([python, tensorrt]).unwrap_or_default();
    Ok(workspace
        .step("exported networks", "python3")
        .arg(reference.join("check_onnx.py"))
        .arg(workspace.program("skueye-train"))
        .env("PYTHONPATH", path))
}
