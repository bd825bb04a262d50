//! Outcomes to the till, as a barcode scanner would say them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use skueye_link::{
    AckSettings, AwaitAck, DuplicateWindow, Link, PseudoTerminal, Received, Receiver, SerialLink,
    Step, Template,
};
use skueye_models::{Code, Fault, Gtin};

use crate::config;

/// How often a port is looked at while an answer is awaited.
const POLL: Duration = Duration::from_millis(2);

/// What became of an outcome on the way to the till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// There was nothing to say, or no link.
    Nothing,
    /// The bytes were taken, and acknowledged where that is awaited.
    Sent,
    /// The same product was sent a moment ago.
    Duplicate,
    /// The port did not take the bytes, or the till did not acknowledge; a fault says which.
    Failed,
}

impl Sent {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Sent => "sent",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
        }
    }
}

/// Speaks to the till.
pub struct Scanner {
    link: Option<Box<dyn Link + Send>>,
    /// The path that a person or a till opens.
    path: Option<String>,
    template: Template,
    ack: Option<AckSettings>,
    duplicates: DuplicateWindow,
    log: Option<(File, PathBuf)>,
}

impl Scanner {
    /// Opens the port of `settings`, and `log` for a copy of every byte written. Errors: E701, E901.
    pub fn open(settings: &config::Link, log: Option<&Path>) -> Result<Self, Fault> {
        let (link, path): (Option<Box<dyn Link + Send>>, _) = match &settings.port {
            config::Port::Off => (None, None),
            config::Port::Pty => {
                let (terminal, path) = PseudoTerminal::open()?;
                (Some(Box::new(terminal)), Some(path))
            }
            config::Port::Serial { path, baud } => {
                let port = SerialLink::open(path, *baud)?;
                (Some(Box::new(port)), Some(path.clone()))
            }
        };
        let mut scanner = Self::with_link(settings, link);
        scanner.path = path;
        if let Some(log) = log {
            let file = File::create(log).map_err(|e| Fault::io("create", log, &e))?;
            scanner.log = Some((file, log.to_owned()));
        }
        Ok(scanner)
    }

    /// Speaks over `link` with everything but the port from `settings`.
    pub fn with_link(settings: &config::Link, link: Option<Box<dyn Link + Send>>) -> Self {
        Self {
            link,
            path: None,
            template: settings.template.clone(),
            ack: settings.ack,
            duplicates: DuplicateWindow::new(settings.duplicate_ms),
            log: None,
        }
    }

    /// The path at which a till listens, where there is one.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether the port still answers. Nothing is sent: a till would take it for a product. Errors: E702.
    pub fn check(&mut self) -> Result<(), Fault> {
        match &mut self.link {
            Some(link) => link.receive(&mut []).map(drop),
            None => Ok(()),
        }
    }

    /// Says `gtin`, recognised at `now` on the frames' clock.
    pub fn product(&mut self, gtin: Gtin, now: Duration) -> Result<Sent, Fault> {
        if self.link.is_none() {
            return Ok(Sent::Nothing);
        }
        if !self.duplicates.admit(gtin, now.as_millis() as u64) {
            return Ok(Sent::Duplicate);
        }
        let frame = self.template.encode(gtin);
        self.deliver(&frame)
    }

    /// Says that something was not recognised, where the settings want that said.
    pub fn no_read(&mut self) -> Result<Sent, Fault> {
        match self.template.encode_no_read() {
            Some(frame) if self.link.is_some() => self.deliver(&frame),
            _ => Ok(Sent::Nothing),
        }
    }

    fn deliver(&mut self, frame: &[u8]) -> Result<Sent, Fault> {
        self.write(frame)?;
        let Some(settings) = self.ack else {
            return Ok(Sent::Sent);
        };
        let start = Instant::now();
        let now_ms = || start.elapsed().as_millis() as u64;
        let mut waiting = AwaitAck::sent(settings, now_ms());
        let mut receiver = Receiver::default();
        loop {
            match self.next_step(&mut waiting, &mut receiver, now_ms())? {
                Step::Delivered => return Ok(Sent::Sent),
                Step::GaveUp(refusal) => return Err(refused(settings, refusal)),
                Step::Resend => self.write(frame)?,
                Step::Wait { .. } => std::thread::sleep(POLL),
            }
        }
    }

    /// What the till's bytes, or its silence, ask for.
    fn next_step(
        &mut self,
        waiting: &mut AwaitAck,
        receiver: &mut Receiver,
        now_ms: u64,
    ) -> Result<Step, Fault> {
        let mut bytes = [0; 64];
        let count = match &mut self.link {
            Some(link) => link.receive(&mut bytes)?,
            None => 0,
        };
        for byte in &bytes[..count] {
            match receiver.push(*byte) {
                Some(Received::Ack) => return Ok(waiting.on_ack()),
                Some(Received::Nak) => return Ok(waiting.on_nak(now_ms)),
                _ => {}
            }
        }
        Ok(waiting.on_time(now_ms))
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), Fault> {
        if let Some(link) = &mut self.link {
            link.send(frame)?;
        }
        if let Some((log, path)) = &mut self.log {
            log.write_all(frame)
                .map_err(|e| Fault::io("write", path, &e))?;
        }
        Ok(())
    }
}

fn refused(settings: AckSettings, refusal: skueye_link::ack::Refusal) -> Fault {
    let (tries, timeout) = (u32::from(settings.retries) + 1, settings.timeout_ms);
    Fault::new(
        Code::LinkWrite,
        format!("the till's ACK within {timeout} ms in one of {tries} tries"),
        format!("{refusal:?}"),
        "check the till; if it sends no ACK, set link.ack_timeout_ms = 0",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use skueye_link::fake::ScriptedLink;

    const MILK: &str = "4006381333931";

    fn scanner(text: &str, link: ScriptedLink) -> Scanner {
        let config = config::Config::parse(text, Path::new("")).unwrap();
        Scanner::with_link(&config.link, Some(Box::new(link)))
    }

    fn say(scanner: &mut Scanner, at_ms: u64) -> Result<Sent, Fault> {
        scanner.product(MILK.parse().unwrap(), Duration::from_millis(at_ms))
    }

    #[test]
    fn a_frame_is_sent_and_the_same_product_not_again_within_the_window() {
        let link = ScriptedLink::new()
            .expect(b"]E04006381333931\r\n", b"")
            .expect(b"]E04006381333931\r\n", b"");
        let text = "[link]\naim = \"linear\"\nterminator = \"CRLF\"\nduplicate_ms = 500";
        let mut scanner = scanner(text, link);
        assert_eq!(say(&mut scanner, 0), Ok(Sent::Sent));
        assert_eq!(say(&mut scanner, 499), Ok(Sent::Duplicate));
        assert_eq!(say(&mut scanner, 501), Ok(Sent::Sent));
        assert_eq!(scanner.no_read(), Ok(Sent::Nothing));
    }

    #[test]
    fn a_refused_frame_is_repeated_and_then_given_up() {
        let frame = b"4006381333931\r";
        let (nak, ack) = (&[0x15][..], &[0x06][..]);
        let text = "[link]\nack_timeout_ms = 60000\nack_retries = 1";
        let link = ScriptedLink::new().expect(frame, nak).expect(frame, ack);
        assert_eq!(say(&mut scanner(text, link), 0), Ok(Sent::Sent));
        let link = ScriptedLink::new().expect(frame, nak).expect(frame, nak);
        let fault = say(&mut scanner(text, link), 0).unwrap_err();
        assert_eq!(fault.code(), Code::LinkWrite);
    }

    #[test]
    fn an_item_that_is_not_recognised_is_said_where_that_is_wanted() {
        let link = ScriptedLink::new().expect(b"NOREAD\r", b"");
        assert_eq!(
            scanner("[link]\nno_read = \"NOREAD\"", link).no_read(),
            Ok(Sent::Sent)
        );
    }
}
