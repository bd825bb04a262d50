//! Checks of the gallery that need a program from outside: Qdrant's client, and valgrind. Where one cannot be had, a line
//! says what was not checked.

use crate::machine;
use crate::packages;
use crate::steps::Step;
use crate::workspace::Workspace;

/// An exported gallery in Qdrant: `tests/reference/qdrant_export.py`, its packages fetched into `target/qdrant`.
pub fn in_qdrant(workspace: &Workspace) -> Option<Step> {
    let reference = workspace.root().join("tests/reference");
    let folder = workspace.made().join("qdrant");
    let found = packages::importable(&reference.join("qdrant_export.txt"), &folder, 256);
    if let Err(trouble) = found {
        println!("gallery in Qdrant: not checked, {trouble}");
        return None;
    }
    let programs = ["skueye", "skueye-bench"].map(|name| workspace.program(name));
    let step = workspace.step("gallery in Qdrant", "python3");
    Some(
        step.arg(reference.join("qdrant_export.py"))
            .args(programs)
            .env("PYTHONPATH", folder),
    )
}

/// Instructions per row of the search kernels, against those kept in `tests/bench/instructions.json`.
pub fn instructions(workspace: &Workspace) -> Option<Step> {
    if !cfg!(target_arch = "x86_64") || !machine::has_valgrind() {
        println!(
            "instruction counts: not checked, no valgrind on x86-64 (Debian: apt-get install valgrind)"
        );
        return None;
    }
    let script = workspace.root().join("tests/bench/instructions.py");
    let step = workspace.step("instruction counts", "python3").arg(script);
    Some(
        step.args(["--check", "--skueye"])
            .arg(workspace.program("skueye-bench")),
    )
}
