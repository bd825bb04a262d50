//! Standard output that a reader may close early.

use std::io::{ErrorKind, Write};

use serde::Serialize;
use skueye_models::{Code, Fault};
use skueye_vision::embed::Notice;

/// Writes `text` and a line end. A reader that has gone, such as `head`, ends the program quietly.
pub fn line(text: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Fault::io("write", "standard output", &error)),
    }
}

/// Writes `value` as one line of JSON.
pub fn json(value: &impl Serialize) -> Result<(), Fault> {
    let text = serde_json::to_string(value).map_err(|error| {
        let got = error.to_string();
        Fault::new(Code::Io, "a value that JSON can hold", got, "report this")
    })?;
    line(&text)
}

/// Shows how far an engine is, on the standard error. Gives back what went wrong.
pub fn progress(notice: Notice) -> Option<Fault> {
    match notice {
        Notice::Building {
            percent,
            seconds_left,
        } => {
            let left = seconds_left.map_or(String::new(), |s| format!(", about {s} s left"));
            eprintln!("building TensorRT's engine: {percent} %{left}");
            None
        }
        Notice::Ready => None,
        Notice::Trouble(fault) => Some(fault),
    }
}
