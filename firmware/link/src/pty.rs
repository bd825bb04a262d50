//! A pseudo-terminal in place of a serial port: any program can open the other end and read what a till would read.

use std::string::{String, ToString};

use serialport::{SerialPort, TTYPort};
use skueye_models::{Code, Fault};

use crate::port::{Link, PSEUDO_TERMINAL_PIECE, Port, WRITE_TIMEOUT};

/// Our end of a pseudo-terminal.
#[derive(Debug)]
pub struct PseudoTerminal {
    ours: Port,
    /// Held open so that readers may come and go; without it, our end would fail whenever nobody reads. Never call
    /// `set_exclusive` on it: with either value it takes a lock that keeps readers out.
    _theirs: TTYPort,
}

impl PseudoTerminal {
    /// Opens a pair and answers our end and the path of the other. Nothing is echoed or translated. Some kilobytes
    /// are kept while nobody reads; after that, sending fails with E702. Errors: E701.
    pub fn open() -> Result<(Self, String), Fault> {
        let (mut tty, theirs) = TTYPort::pair().map_err(|e| refused(&e))?;
        tty.set_timeout(WRITE_TIMEOUT).map_err(|e| refused(&e))?;
        let path = theirs
            .name()
            .ok_or_else(|| refused(&"a pair without a name"))?;
        let ours = Port {
            tty,
            path: path.clone(),
            piece: PSEUDO_TERMINAL_PIECE,
        };
        let terminal = Self {
            ours,
            _theirs: theirs,
        };
        Ok((terminal, path))
    }
}

impl Link for PseudoTerminal {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.ours.send(bytes)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        self.ours.receive(into)
    }
}

fn refused(error: &dyn core::fmt::Display) -> Fault {
    Fault::new(
        Code::LinkOpen,
        "a pseudo-terminal",
        error.to_string(),
        "check that /dev/pts is mounted and that the system has pseudo-terminals left",
    )
}
