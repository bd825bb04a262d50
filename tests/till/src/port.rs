//! The ways to a device. Each can be closed and opened again, as when a cable is pulled.

use skueye_link::{Link, PseudoTerminal, SerialLink, TcpLink};
use skueye_models::Fault;

/// Where the device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A serial port, or the path of the device's pseudo-terminal.
    Serial {
        /// Its path.
        path: String,
        /// Bits a second.
        baud: u32,
    },
    /// The address of `link.tcp`.
    Tcp(String),
    /// A pseudo-terminal of our own, whose path is the device's serial port. Closed and opened, it has another path.
    Own,
}

/// A way to a device, open or not.
pub struct Port {
    place: Place,
    open: Option<Box<dyn Link + Send>>,
    path: String,
}

impl Port {
    /// Closed.
    pub fn new(place: Place) -> Self {
        let path = match &place {
            Place::Serial { path, .. } => path.clone(),
            Place::Tcp(address) => address.clone(),
            Place::Own => String::new(),
        };
        Self {
            place,
            open: None,
            path,
        }
    }

    /// Opens it. Errors: E701.
    pub fn open(&mut self) -> Result<(), Fault> {
        self.open = Some(match &self.place {
            Place::Serial { path, baud } => Box::new(SerialLink::open(path, *baud)?),
            Place::Tcp(address) => Box::new(TcpLink::connect(address)?),
            Place::Own => {
                let (terminal, path) = PseudoTerminal::open()?;
                self.path = path;
                Box::new(terminal)
            }
        });
        Ok(())
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The path or address, for a person.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Of a closed port nothing comes, and what is sent is lost; a port that fails is closed.
impl Link for Port {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let sent = self.open.as_mut().map_or(Ok(()), |open| open.send(bytes));
        if sent.is_err() {
            self.close();
        }
        sent
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let got = self.open.as_mut().map_or(Ok(0), |open| open.receive(into));
        if got.is_err() {
            self.close();
        }
        got
    }
}
