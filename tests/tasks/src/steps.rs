//! One step: a command with a title, its output passed through, its time taken; and the one-line trouble it may end in.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::forget_own_package;

/// What went wrong and what to do about it, in one line.
#[derive(Debug)]
pub struct Trouble {
    what: String,
    remedy: String,
}

impl Trouble {
    /// `what` went wrong, and the `remedy` that a person can apply.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

/// A command to run, not yet started.
pub struct Step {
    title: String,
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    folder: PathBuf,
}

impl Step {
    /// `program` without arguments, to be run in `folder`.
    pub fn new(title: impl Into<String>, program: impl Into<OsString>, folder: &Path) -> Self {
        Self {
            title: title.into(),
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            folder: folder.to_owned(),
        }
    }

    /// The same step with more arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        let more = arguments.into_iter().map(|a| a.as_ref().to_owned());
        self.arguments.extend(more);
        self
    }

    /// The same step with one more argument.
    pub fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.args([argument])
    }

    /// The same step with a variable in its environment.
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The same step with each of the variables.
    pub fn envs(self, variables: &[(&'static str, OsString)]) -> Self {
        variables
            .iter()
            .fold(self, |step, (name, value)| step.env(name, value))
    }

    /// The title it was given.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Runs the command to its end. A failure names the line that repeats it.
    pub fn run(&self) -> Result<(), Trouble> {
        println!("\n== {}", self.title);
        println!("   {}", self.words().join(" "));
        let began = Instant::now();
        let status = self.command().status();
        let seconds = seconds(began.elapsed());
        match status {
            Ok(status) if status.success() => {
                println!("   done in {seconds}");
                Ok(())
            }
            Ok(status) => Err(self.failed(&format!("failed ({}) after {seconds}", ended(status)))),
            Err(error) => Err(self.failed(&format!("could not start: {error}"))),
        }
    }

    /// Whether the command ends well, its output thrown away.
    pub fn succeeds(&self) -> bool {
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        forget_own_package(&mut command);
        command.args(&self.arguments).current_dir(&self.folder);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn failed(&self, how: &str) -> Trouble {
        Trouble::new(
            format!("{} {how}", self.title),
            format!(
                "repeat it alone with: cd {} && {}",
                quoted(self.folder.as_os_str()),
                self.line()
            ),
        )
    }

    /// The command as one would type it, with its variables.
    fn line(&self) -> String {
        let assigned = |(name, value): &(&str, OsString)| format!("{name}={}", quoted(value));
        let mut line: Vec<String> = self.variables.iter().map(assigned).collect();
        line.extend(self.words());
        line.join(" ")
    }

    /// Program and arguments; cargo by its plain name, whatever toolchain's it is.
    fn words(&self) -> Vec<String> {
        let program = match Path::new(&self.program).file_name() {
            Some(name) if name == "cargo" => name,
            _ => &self.program,
        };
        let arguments = self.arguments.iter().map(OsString::as_os_str);
        std::iter::once(program)
            .chain(arguments)
            .map(quoted)
            .collect()
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// Quoted for a POSIX shell where it must be.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A duration as a person reads it.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_the_command_to_repeat() {
        let step = Step::new("the check", "sh", Path::new("/"))
            .args(["-c", "exit 3"])
            .env("A", "it's");
        let text = step.run().unwrap_err().to_string();
        assert!(
            text.starts_with("the check failed (exit code 3) after "),
            "{text}"
        );
        assert!(
            text.ends_with(r"repeat it alone with: cd / && A='it'\''s' sh -c 'exit 3'"),
            "{text}"
        );
        assert!(!text.contains('\n'));
    }

    #[test]
    fn a_program_that_is_not_there_is_said_so() {
        let step = Step::new("the check", "/no/such/program", Path::new("/"));
        assert!(
            step.run()
                .unwrap_err()
                .to_string()
                .contains("could not start")
        );
    }
}
