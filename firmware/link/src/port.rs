//! The seam to whatever carries the bytes to the till.

use core::time::Duration;
use std::boxed::Box;
use std::format;
use std::io::{self, Read, Write};
use std::string::String;
use std::time::Instant;

use serialport::{SerialPort, TTYPort};
use skueye_models::{Code, Fault};

/// How long a port may refuse to take bytes before the frame counts as not sent.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// A way to the till.
pub trait Link {
    /// Hands over the bytes of one frame. Errors: E702 when the port does not take all of them in time; the till may
    /// then have seen a part.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault>;

    /// Takes what has arrived, without waiting: the count of bytes put into `into`, 0 when there are none. Errors:
    /// E702 when the port is gone.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault>;
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        (**self).send(bytes)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        (**self).receive(into)
    }
}

/// A terminal of the system with the path that faults name.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) tty: TTYPort,
    pub(crate) path: String,
    /// How many bytes are written at once. The system blocks a write for which it has room in part, whatever the
    /// timeout, so no write may be larger than the room that "writable" promises: one byte for a pseudo-terminal, and
    /// one full-speed USB packet for the drivers of real ports.
    pub(crate) piece: usize,
}

/// See [`Port::piece`].
pub(crate) const PSEUDO_TERMINAL_PIECE: usize = 1;
pub(crate) const SERIAL_PIECE: usize = 64;

impl Link for Port {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let begin = Instant::now();
        for piece in bytes.chunks(self.piece) {
            let written = match begin.elapsed() < WRITE_TIMEOUT {
                true => self.tty.write_all(piece),
                false => Err(io::ErrorKind::TimedOut.into()),
            };
            written.map_err(|e| {
                let expected = format!("all {} bytes within {WRITE_TIMEOUT:?}", bytes.len());
                self.gone(expected, &e)
            })?;
        }
        Ok(())
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let waiting = self
            .tty
            .bytes_to_read()
            .map_err(|e| self.gone("an open port".into(), &e))?;
        let most = into.len().min(waiting as usize);
        if most == 0 {
            return Ok(0);
        }
        self.tty
            .read(&mut into[..most])
            .map_err(|e| self.gone("the bytes that have arrived".into(), &e))
    }
}

impl Port {
    fn gone(&self, expected: String, error: &dyn core::fmt::Display) -> Fault {
        Fault::new(
            Code::LinkWrite,
            expected,
            format!("{error}"),
            "check the cable and that the till has its port open",
        )
        .at(&self.path)
    }
}
