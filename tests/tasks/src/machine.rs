//! What the machine must have, asked before any work: each answer that is missing is one line with its remedy.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::Trouble;

/// A C++ compiler that finds its standard library: `$CXX` or `c++`, as the build of the training engine chooses it.
pub fn cpp_compiler() -> Result<(), Trouble> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| OsString::from("c++"));
    let compiles = compile(&compiler, "#include <vector>\n").unwrap_or(false);
    compiles.then_some(()).ok_or_else(|| {
        Trouble::new(
            format!(
                "no C++ compiler ({} does not compile)",
                compiler.to_string_lossy()
            ),
            "install g++ (Debian: apt-get install g++)",
        )
    })
}

fn compile(compiler: &OsString, source: &str) -> std::io::Result<bool> {
    let mut child = Command::new(compiler)
        .args(["-fsyntax-only", "-x", "c++", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(source.as_bytes())?;
    }
    Ok(child.wait()?.success())
}

/// Python 3 with pip, which fetches packages.
pub fn python_with_pip() -> Result<(), Trouble> {
    if !answers("python3", &["-c", "import sys"]) {
        return Err(Trouble::new(
            "no python3",
            "install Python 3 with pip (Debian: apt-get install python3-pip)",
        ));
    }
    if !answers("python3", &["-m", "pip", "--version"]) {
        return Err(Trouble::new(
            "python3 has no pip",
            "install it (Debian: apt-get install python3-pip)",
        ));
    }
    Ok(())
}

/// Whether valgrind is here, which counts instructions.
pub fn has_valgrind() -> bool {
    answers("valgrind", &["--version"])
}

/// npm, which fetches the drawings of the makers' data set.
pub fn npm() -> Result<(), Trouble> {
    if answers("npm", &["--version"]) {
        return Ok(());
    }
    Err(Trouble::new(
        "no npm, which fetches the makers' data set",
        "install it (Debian: apt-get install npm), or use --data synth",
    ))
}

/// At least `needed` MiB free on the file system of `folder`, which exists. Where the system does not tell, none is
/// taken for missing: what is written later reports a full disk by itself.
pub fn free_space(folder: &Path, needed: u64, what_for: &str) -> Result<(), Trouble> {
    match free_mib(folder) {
        Some(free) if free < needed => Err(Trouble::new(
            format!(
                "{free} MiB free in {} where {what_for} needs {needed} MiB",
                folder.display()
            ),
            format!(
                "free {} MiB, or keep the work tree on a larger disk",
                needed - free
            ),
        )),
        _ => Ok(()),
    }
}

fn free_mib(folder: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    available_kib(&String::from_utf8_lossy(&output.stdout)).map(|kib| kib / 1024)
}

/// The fourth column of the second line (POSIX `df -P`).
fn available_kib(table: &str) -> Option<u64> {
    table
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()
}

/// Whether this process may install Debian's packages.
pub fn may_install() -> bool {
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|user| user.stdout == b"0\n");
    is_root && answers("apt-get", &["--version"])
}

/// Whether `program` starts and ends well.
pub fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_is_read_in_its_posix_form() {
        let table =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100 40 60 40% /\n";
        assert_eq!(available_kib(table), Some(60));
        assert_eq!(available_kib("df: /x: no such file\n"), None);
    }

    #[test]
    fn missing_space_is_one_line_that_says_how_much() {
        let trouble = free_space(Path::new("/"), u64::MAX / 2, "libtorch").unwrap_err();
        let text = trouble.to_string();
        assert!(
            text.contains("libtorch needs") && text.contains("free "),
            "{text}"
        );
        assert!(!text.contains('\n'));
        assert!(free_space(Path::new("/"), 0, "nothing").is_ok());
    }
}
