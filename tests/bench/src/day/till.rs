//! A till on a pseudo-terminal: it reads, acknowledges, now and then refuses, and its cable is pulled and plugged.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use skueye_link::{Link, PseudoTerminal, Reading, Template, TemplateText};

use super::camera::locked;
use super::ledger::Ledger;

const ACK: u8 = 0x06;
const NAK: u8 = 0x15;
/// Of so many readings one is refused, and must be sent again.
const REFUSED: u64 = 97;
/// Between two looks at the cable.
const LOOK: Duration = Duration::from_millis(1);

/// What happens to the cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cable {
    Pull,
    Plug,
}

/// The till's end of the cable. The device's end has the same path after each plugging, as a rule of udev would give it.
pub struct Till {
    path: PathBuf,
    cable: Option<PseudoTerminal>,
    template: Template,
    ledger: Arc<Mutex<Ledger>>,
    heard: Vec<u8>,
    readings: u64,
}

impl Till {
    /// Plugged in at `path`.
    pub fn new(path: &Path, ledger: Arc<Mutex<Ledger>>) -> Result<Self> {
        let till = Self {
            path: path.to_owned(),
            cable: None,
            template: Template::parse(&TemplateText::default())?,
            ledger,
            heard: Vec::with_capacity(256),
            readings: 0,
        };
        till.plugged()
    }

    /// Works until nobody gives orders any more.
    pub fn work(mut self, orders: &Receiver<Cable>) -> Result<()> {
        loop {
            match orders.recv_timeout(LOOK) {
                Ok(Cable::Pull) => self.pull(),
                Ok(Cable::Plug) => {
                    self = self.plugged()?;
                    locked(&self.ledger).cable(true);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.listen();
        }
        self.listen();
        Ok(())
    }

    fn pull(&mut self) {
        self.cable = None;
        locked(&self.ledger).cable(false);
        self.heard.clear();
        // Where it is gone already there is nothing to remove.
        let _ = fs::remove_file(&self.path);
    }

    fn plugged(mut self) -> Result<Self> {
        let (terminal, path) = PseudoTerminal::open()?;
        let name = self.path.display().to_string();
        let _ = fs::remove_file(&self.path);
        symlink(path, &self.path).context(name)?;
        self.cable = Some(terminal);
        Ok(self)
    }

    fn listen(&mut self) {
        let mut bytes = [0; 64];
        loop {
            let Some(cable) = &mut self.cable else { return };
            let count = cable.receive(&mut bytes).unwrap_or(0);
            if count == 0 {
                return;
            }
            for byte in &bytes[..count] {
                self.heard.push(*byte);
                if *byte == b'\r' {
                    self.answer();
                }
            }
        }
    }

    fn answer(&mut self) {
        let reading = self.template.decode(&self.heard);
        self.heard.clear();
        let Some(Reading::Product(gtin)) = reading else {
            return self.say(NAK);
        };
        self.readings += 1;
        if self.readings.is_multiple_of(REFUSED) {
            return self.say(NAK);
        }
        // Noted before it is acknowledged: the device may speak of it at once.
        locked(&self.ledger).read(gtin);
        self.say(ACK);
    }

    fn say(&mut self, answer: u8) {
        if let Some(cable) = &mut self.cable {
            // A pulled cable takes nothing; the device waits in vain and says so.
            let _ = cable.send(&[answer]);
        }
    }
}

impl Drop for Till {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
