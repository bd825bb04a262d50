//! A serial port: 8 data bits, no parity, 1 stop bit, no flow control, as scanners are delivered.

use std::format;
use std::string::ToString;

use serialport::TTYPort;
use skueye_models::{Code, Fault};

use crate::port::{Link, PSEUDO_TERMINAL_PIECE, Port, SERIAL_PIECE, WRITE_TIMEOUT};

/// An open serial port.
#[derive(Debug)]
pub struct SerialLink(Port);

impl SerialLink {
    /// Opens `path` (`/dev/ttyUSB0`, or the path of a pseudo-terminal) at `baud` bits a second, for this program
    /// alone. Errors: E701.
    pub fn open(path: &str, baud: u32) -> Result<Self, Fault> {
        let settings = serialport::new(path, baud).timeout(WRITE_TIMEOUT);
        let tty = TTYPort::open(&settings).map_err(|e| {
            Fault::new(
                Code::LinkOpen,
                format!("a serial port that takes {baud} baud"),
                e.to_string(),
                "check the path, the cable, that this user may use it (group dialout) and that no other program has it",
            )
            .at(path)
        })?;
        // A link such as those of /dev/serial/by-id may lead to a pseudo-terminal as well.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let piece = match real.starts_with("/dev/pts") {
            true => PSEUDO_TERMINAL_PIECE,
            false => SERIAL_PIECE,
        };
        let path = path.to_string();
        Ok(Self(Port { tty, path, piece }))
    }
}

impl Link for SerialLink {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.0.send(bytes)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        self.0.receive(into)
    }
}
