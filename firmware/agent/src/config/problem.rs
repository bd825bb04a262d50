//! One problem of a settings file.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use skueye_models::{Code, Fault};

/// What is wrong in which line, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The stable number.
    pub code: Code,
    /// The key, with its section, such as `camera.replay_fps`, or a section; empty for a syntax error.
    pub key: String,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub got: String,
    /// What a person can do.
    pub remedy: String,
}

impl Problem {
    /// One fault for all `problems`, of which there is at least one.
    pub(super) fn summary(problems: &[Self], path: &Path) -> Fault {
        let first = &problems[0];
        let others = problems.len() - 1;
        let got = match others {
            0 => first.place(),
            _ => format!("{}, and {others} more problems", first.place()),
        };
        let remedy = format!(
            "{}; `skueye config check {}` lists every problem",
            first.remedy,
            path.display()
        );
        Fault::new(first.code, &first.expected, got, remedy).at(path)
    }

    fn place(&self) -> String {
        let Self { line, key, got, .. } = self;
        match self.code {
            Code::SettingsSyntax => format!("line {line}: {got}"),
            Code::SettingsUnknownKey => format!("line {line}: {key}"),
            _ => format!("line {line}: {key} = {got}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, title, expected) = (self.code, self.code.title(), &self.expected);
        let (place, remedy) = (self.place(), &self.remedy);
        write!(
            f,
            "{code} {title}: {place}: expected {expected}; remedy: {remedy}"
        )
    }
}
