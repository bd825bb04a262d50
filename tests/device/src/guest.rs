//! A shell in the guest: a script goes over a serial port of virtio, its exit code and output come back.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::trouble::Trouble;

/// How long a booting guest may take to its first word, on a loaded machine.
const BOOT: Duration = Duration::from_secs(180);
/// What the guest says when its shell is there.
const READY: &str = "skueye-guest";

/// The shell of a running guest.
#[derive(Debug)]
pub struct Guest(BufReader<UnixStream>);

/// How a script ended.
#[derive(Debug)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// What it said on standard output and standard error.
    pub text: String,
}

impl Guest {
    /// The shell behind `stream`, before it has booted.
    pub fn new(stream: UnixStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// Waits until it has booted, also again after a restart.
    pub fn booted(&mut self) -> Result<(), Trouble> {
        self.patience(BOOT)?;
        loop {
            let mut line = String::new();
            let count = self
                .0
                .read_line(&mut line)
                .map_err(|e| silent("its boot", &e))?;
            match line.trim() {
                READY => return Ok(()),
                _ if count == 0 => return Err(gone("its boot")),
                // The end of an answer from before the restart.
                _ => {}
            }
        }
    }

    /// Runs a script of the shell, to its end. What it leaves running must have its output elsewhere.
    pub fn run(&mut self, script: &str, limit: Duration) -> Result<Output, Trouble> {
        self.begin(script)?;
        self.patience(limit)?;
        let mut line = String::new();
        let count = self
            .0
            .read_line(&mut line)
            .map_err(|e| silent(script, &e))?;
        if count == 0 {
            return Err(gone(script));
        }
        let mut numbers = line.split_whitespace().map(str::parse);
        let (Some(Ok(code)), Some(Ok(length))) = (numbers.next(), numbers.next()) else {
            return Err(Trouble::new(
                format!("the guest answered {line:?} to {script:?}"),
                "look at its console",
            ));
        };
        let length: i32 = length;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.0
            .read_exact(&mut bytes)
            .map_err(|e| silent(script, &e))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Output { code, text })
    }

    /// Runs a script that must end well; its output.
    pub fn must(&mut self, script: &str, limit: Duration) -> Result<String, Trouble> {
        let output = self.run(script, limit)?;
        match output.code {
            0 => Ok(output.text),
            code => Err(Trouble::new(
                format!("in the guest {script:?} ended with {code}"),
                format!("it said {}", output.text.trim()),
            )),
        }
    }

    /// Sends a script and does not wait, such as one that restarts the guest.
    pub fn begin(&mut self, script: &str) -> Result<(), Trouble> {
        let line = format!("{}\n", STANDARD.encode(script));
        let written = self.0.get_mut().write_all(line.as_bytes());
        written.map_err(|e| silent(script, &e))
    }

    fn patience(&self, limit: Duration) -> Result<(), Trouble> {
        let set = self.0.get_ref().set_read_timeout(Some(limit));
        set.map_err(|e| Trouble::disk(Path::new("the guest's socket"), &e))
    }
}

fn silent(script: &str, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("the guest does not answer to {script:?} ({error})"),
        "look at its console",
    )
}

fn gone(script: &str) -> Trouble {
    Trouble::new(
        format!("the guest ended at {script:?}"),
        "look at its console",
    )
}
