//! QEMU's machine protocol: one JSON object a line, answers to commands and events between them.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::trouble::Trouble;

/// How long an answer may take. Emulation on a loaded machine holds the lock that answers need for seconds at times.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection whose greeting is over.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    /// Events that nobody has asked for yet.
    events: Vec<Value>,
}

impl Qmp {
    /// Greets.
    pub fn new(stream: UnixStream) -> Result<Self, Trouble> {
        let timeout = stream.set_read_timeout(Some(PATIENCE));
        timeout.map_err(|e| broken(&e))?;
        let mut qmp = Self {
            reader: BufReader::new(stream),
            events: Vec::new(),
        };
        qmp.message()?;
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command; its answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Trouble> {
        let line = format!(
            "{}\n",
            json!({ "execute": command, "arguments": arguments })
        );
        let written = self.reader.get_mut().write_all(line.as_bytes());
        written.map_err(|e| broken(&e))?;
        loop {
            let message = self.message()?;
            if message.get("event").is_some() {
                self.events.push(message);
                continue;
            }
            return match message.get("return") {
                Some(value) => Ok(value.clone()),
                None => Err(Trouble::new(
                    format!(
                        "QEMU refused {command} {arguments}: {}",
                        message["error"]["desc"]
                    ),
                    "compare it with the QEMU of target/device",
                )),
            };
        }
    }

    /// Waits for an event of that name, which may have come already; its data.
    pub fn event(&mut self, name: &str) -> Result<Value, Trouble> {
        let is = |event: &Value| event["event"] == name;
        if let Some(at) = self.events.iter().position(is) {
            return Ok(self.events.remove(at)["data"].take());
        }
        loop {
            let mut message = self.message()?;
            if is(&message) {
                return Ok(message["data"].take());
            }
            self.events.push(message);
        }
    }

    fn message(&mut self) -> Result<Value, Trouble> {
        let mut line = String::new();
        self.reader.read_line(&mut line).map_err(|e| broken(&e))?;
        serde_json::from_str(&line).map_err(|error| broken(&error.into()))
    }
}

fn broken(error: &std::io::Error) -> Trouble {
    Trouble::disk(Path::new("QEMU's control socket"), error)
}
