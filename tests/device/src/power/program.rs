//! The device's program, run here on what a disk held.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::layout::Layout;
use crate::native;
use crate::trouble::Trouble;

/// The program of this machine.
#[derive(Debug, Clone)]
pub struct Program(PathBuf);

impl Program {
    /// The one at `path`, or the one that is built here. The error says that it does not start.
    pub fn ready(layout: &Layout, path: Option<&Path>) -> Result<Self, Trouble> {
        let program = match path {
            Some(path) => Self(path.canonicalize().map_err(|e| Trouble::start(path, &e))?),
            None => {
                native::build(layout)?;
                Self(native::program(layout, "skueye").get_program().into())
            }
        };
        let started = program.call("--version", layout.root());
        let broken = |why| Trouble::new(why, "build it: cargo build --release -p skueye-agent");
        started.map_err(broken)?;
        Ok(program)
    }

    /// Calls it with `words` in `folder`. The error says what it said.
    pub fn call(&self, words: &str, folder: &Path) -> Result<Output, String> {
        let mut command = Command::new(&self.0);
        command.args(words.split(' ')).current_dir(folder);
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(output),
            false => Err(format!("skueye {words}: {}", said(&output))),
        }
    }

    /// The same with `--json`: what it answers, line by line.
    pub fn ask(&self, words: &str, folder: &Path) -> Result<Vec<Value>, String> {
        let output = self.call(&format!("{words} --json"), folder)?;
        let lines = output.stdout.split(|byte| *byte == b'\n');
        let values = lines.filter(|line| !line.is_empty()).map(|line| {
            let unreadable = |error| format!("skueye {words} does not answer JSON: {error}");
            serde_json::from_slice(line).map_err(unreadable)
        });
        values.collect()
    }
}

/// The last of what a program said.
pub fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(400);
    text.chars().skip(skip).collect()
}
