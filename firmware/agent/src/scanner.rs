//! Outcomes to the till, as a barcode scanner would say them, over every sink of the settings at once.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use skueye_link::{Command, DuplicateWindow, Frame, PseudoTerminal, Reading, SerialLink, Template};
use skueye_models::{Fault, Gtin};

use crate::config;
use crate::sinks::about::About;
use crate::sinks::events::Post;
use crate::sinks::listen::{self, Hub};
use crate::sinks::mail::{Mail, Notice};
use crate::sinks::mqtt::Mqtt;
use crate::sinks::ticket::{State, Ticket};
use crate::sinks::till::{Manner, Opener, Port, Till};
use crate::sinks::webhook::Http;
use crate::sinks::{Job, Kind, Sink, events};

/// How long an outcome is waited for, of sinks that are expected to be done at once.
const PATIENCE: Duration = Duration::from_millis(500);

/// What became of an outcome on the way to the till. With several sinks the last of this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// There was nothing to say, or no link.
    #[default]
    Nothing,
    /// The same product was sent a moment ago.
    Duplicate,
    /// The till has not asked for it.
    Untriggered,
    /// The till has said that the scanner must be silent.
    Disabled,
    /// The bytes were taken, and acknowledged where that is awaited; an event for the webhook is kept.
    Sent,
    /// Not yet known; a `late` line follows ([`Notice::Late`]).
    Pending,
    /// The port did not take the bytes, or the till did not acknowledge; a fault says which.
    Failed,
}

impl Sent {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Duplicate => "duplicate",
            Self::Untriggered => "untriggered",
            Self::Disabled => "disabled",
            Self::Sent => "sent",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// Speaks to the till.
pub struct Scanner {
    sinks: Vec<Sink>,
    /// The paths and addresses that a person or a till opens.
    paths: Vec<String>,
    template: Template,
    duplicates: DuplicateWindow,
    hold: Duration,
    mail: Arc<Mail>,
}

impl Scanner {
    /// Opens the sinks of `settings`, and `log` for a copy of every byte written to tills. What cannot be opened now but may
    /// be later is told by a notice and by [`Scanner::check`]. Errors: E701 without a pseudo-terminal, E901.
    pub fn open(settings: &config::Link, log: Option<&Path>) -> Result<Self, Fault> {
        let mut scanner = Self::without_sinks(settings, log)?;
        let manner = manner(settings);
        if settings.pty {
            let (terminal, path) = PseudoTerminal::open()?;
            scanner.add_till(&path, manner, Some(Box::new(terminal)), None)?;
        }
        if let Some(serial) = &settings.serial {
            scanner.add_serial(serial, manner)?;
        }
        if let Some(address) = settings.tcp {
            scanner.add_listener(address, manner)?;
        }
        if let Some(webhook) = &settings.webhook {
            let config::Webhook {
                url, spool, keep, ..
            } = webhook;
            scanner.add_events(url, spool, *keep, Http::new(webhook))?;
        }
        if let Some(mqtt) = &settings.mqtt {
            scanner.add_events(&mqtt.place(), &mqtt.spool, mqtt.keep, Mqtt::new(mqtt))?;
        }
        Ok(scanner)
    }

    /// Speaks over `link` alone, with everything but the sinks from `settings`.
    pub fn with_link(settings: &config::Link, link: Option<Port>) -> Result<Self, Fault> {
        let mut scanner = Self::without_sinks(settings, None)?;
        if let Some(link) = link {
            scanner.add_till("a link", manner(settings), Some(link), None)?;
        }
        Ok(scanner)
    }

    fn without_sinks(settings: &config::Link, log: Option<&Path>) -> Result<Self, Fault> {
        Ok(Self {
            sinks: Vec::new(),
            paths: Vec::new(),
            template: settings.template.clone(),
            duplicates: DuplicateWindow::new(settings.duplicate_ms),
            hold: Duration::from_millis(settings.hold_ms.into()),
            mail: Arc::new(Mail::new(log)?),
        })
    }

    fn add_till(
        &mut self,
        path: &str,
        manner: Manner,
        port: Option<Port>,
        opener: Option<Opener>,
    ) -> Result<(), Fault> {
        self.add_till_at(State::new(path), manner, port, opener)
    }

    fn add_till_at(
        &mut self,
        state: Arc<State>,
        manner: Manner,
        port: Option<Port>,
        opener: Option<Opener>,
    ) -> Result<(), Fault> {
        self.paths.push(state.name().to_owned());
        let till = Till::new(manner, port, opener, &state, &self.mail);
        self.sinks
            .push(Sink::start(Kind::Frames, state, move |jobs| {
                till.serve(&jobs)
            })?);
        Ok(())
    }

    fn add_serial(&mut self, serial: &config::Serial, manner: Manner) -> Result<(), Fault> {
        let config::Serial { path, baud } = serial.clone();
        let state = State::new(&path);
        let mut open: Opener = Box::new(move || {
            let port = SerialLink::open(&path, baud)?;
            Ok(Box::new(port) as Port)
        });
        let port = self.now_or_later(&state, open());
        self.add_till_at(state, manner, port, Some(open))
    }

    fn add_listener(&mut self, address: std::net::SocketAddr, manner: Manner) -> Result<(), Fault> {
        let listener = listen::bind(address);
        let local = listener.as_ref().ok().and_then(|l| l.local_addr().ok());
        let state = State::new(local.unwrap_or(address).to_string());
        let listener = self.now_or_later(&state, listener);
        self.paths.push(state.name().to_owned());
        let hub = Hub::new(address, listener, manner, &state, &self.mail);
        self.sinks
            .push(Sink::start(Kind::Frames, state, move |jobs| {
                hub.serve(&jobs)
            })?);
        Ok(())
    }

    /// Events to whoever `post` reaches, from a spool of their own.
    fn add_events(
        &mut self,
        place: &str,
        spool: &Path,
        keep: u32,
        post: impl Post + 'static,
    ) -> Result<(), Fault> {
        let state = State::new(place);
        let folder = self.now_or_later(&state, events::folder(spool));
        let (mail, its) = (self.mail.clone(), state.clone());
        let sink = Sink::start(Kind::Events, state, move |jobs| match folder {
            Some((storage, _lock)) => events::serve(post, keep, storage, &jobs, &its, &mail),
            // Each says that it failed; the reason was told.
            None => jobs.iter().for_each(drop),
        });
        self.sinks.push(sink?);
        Ok(())
    }

    /// What was opened; where it was not, the reason is told and kept as the sink's trouble.
    fn now_or_later<T>(&self, state: &State, opened: Result<T, Fault>) -> Option<T> {
        match opened {
            Ok(opened) => Some(opened),
            Err(fault) => {
                state.set_trouble(Some(fault.clone()));
                self.mail.tell(Notice::Fault(fault));
                None
            }
        }
    }

    /// The first path or address at which a till listens, where there is one.
    pub fn path(&self) -> Option<&str> {
        self.paths.first().map(String::as_str)
    }

    /// All of them: pseudo-terminal, serial port, TCP address.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether every sink can do its work: ports are open, the address is listened on, events can be kept. Nothing is sent: a
    /// till would take it for a product. Errors: E701, E702, E707, E709, E901.
    pub fn check(&mut self) -> Result<(), Fault> {
        match self.sinks.iter().find_map(Sink::trouble) {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Says `gtin`, recognised at `now` on the frames' clock.
    pub fn product(&mut self, gtin: Gtin, now: Duration, about: &About) -> Result<Sent, Fault> {
        if self.sinks.is_empty() {
            return Ok(Sent::Nothing);
        }
        if !self.duplicates.admit(gtin, now.as_millis() as u64) {
            return Ok(Sent::Duplicate);
        }
        let frame = self.template.encode(gtin);
        self.say(Some(&frame), Reading::Product(gtin), about)
    }

    /// Says that `gtin`, which was said before, is to be forgotten: to tills where the settings have a text for that, and to
    /// those that take events. It may then be said again at once.
    pub fn take_back(&mut self, gtin: Gtin, about: &About) -> Result<Sent, Fault> {
        self.duplicates.forget(gtin);
        let frame = self.template.encode_taken_back(gtin);
        self.say(frame.as_ref(), Reading::TakenBack(gtin), about)
    }

    /// Says that something was not recognised, where the settings want that said.
    pub fn no_read(&mut self, about: &About) -> Result<Sent, Fault> {
        match self.template.encode_no_read() {
            Some(frame) => self.say(Some(&frame), Reading::NoRead, about),
            None => Ok(Sent::Nothing),
        }
    }

    /// What the sinks have to say, for whoever waits for it beside other things.
    pub fn mail(&self) -> Arc<Mail> {
        Arc::clone(&self.mail)
    }

    /// The oldest notice that nobody has seen. Look after every outcome, now and then in between, and after
    /// [`Scanner::close`].
    pub fn notice(&mut self) -> Option<Notice> {
        self.mail.notice()
    }

    /// The oldest command of a till that nobody has seen. What it means for sending is done already ([`skueye_link::Gate`]);
    /// a trigger may also be a reason to look again at what lies on the stage.
    pub fn command(&mut self) -> Option<Command> {
        self.mail.next_command()
    }

    /// Lets every sink finish what it has, for a second at most where a till is away, and for the time of a request where the
    /// webhook's receiver hangs; what it has not taken by then stays in the spool. Then looks for notices are worth while once
    /// more.
    pub fn close(&mut self) {
        self.mail.close();
        self.sinks.iter_mut().for_each(Sink::close);
        self.sinks.iter_mut().for_each(Sink::join);
        self.sinks.clear();
    }

    /// To every sink at once, then a short wait for what becomes of it. Without a frame tills hear nothing.
    fn say(
        &mut self,
        frame: Option<&Frame>,
        reading: Reading,
        about: &About,
    ) -> Result<Sent, Fault> {
        let hears = |sink: &&Sink| frame.is_some() || sink.takes_events();
        if !self.sinks.iter().any(|sink| hears(&sink)) {
            return Ok(Sent::Nothing);
        }
        let ticket = Arc::new(Ticket::new(reading.gtin(), self.hold < PATIENCE));
        let (deadline, time_ms) = (Instant::now() + self.hold, now_ms());
        for sink in self.sinks.iter().filter(hears) {
            sink.hand_over(&ticket, &self.mail, |share| Job {
                frame: frame.cloned().unwrap_or_default(),
                reading,
                about: about.clone(),
                time_ms,
                deadline,
                share,
            });
        }
        let (sent, mut faults) = ticket.wait(PATIENCE);
        let first = match sent {
            Sent::Failed if !faults.is_empty() => Some(faults.remove(0)),
            _ => None,
        };
        for fault in faults {
            self.mail.tell(Notice::Fault(fault));
        }
        first.map_or(Ok(sent), Err)
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.close();
    }
}

fn manner(settings: &config::Link) -> Manner {
    Manner {
        ack: settings.ack,
        trigger: settings.trigger,
    }
}

/// Milliseconds since 1970 by the device's clock; 0 where that is set before.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skueye_link::fake::ScriptedLink;
    use skueye_models::Code;

    const MILK: &str = "4006381333931";

    fn scanner(text: &str, link: ScriptedLink) -> Scanner {
        let config = config::Config::parse(text, Path::new("")).unwrap();
        Scanner::with_link(&config.link, Some(Box::new(link))).unwrap()
    }

    fn say(scanner: &mut Scanner, at_ms: u64) -> Result<Sent, Fault> {
        let at = Duration::from_millis(at_ms);
        scanner.product(MILK.parse().unwrap(), at, &About::default())
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
        assert_eq!(scanner.no_read(&About::default()), Ok(Sent::Nothing));
    }

    #[test]
    fn a_product_is_taken_back_where_the_till_knows_how_and_may_be_said_again() {
        let link = ScriptedLink::new()
            .expect(b"4006381333931\r", b"")
            .expect(b"VOID 4006381333931\r", b"")
            .expect(b"4006381333931\r", b"");
        let text = "[link]\nduplicate_ms = 60000\ntake_back = \"VOID \"";
        let mut knows = scanner(text, link);
        let (milk, about) = (MILK.parse().unwrap(), About::default());
        assert_eq!(say(&mut knows, 0), Ok(Sent::Sent));
        assert_eq!(knows.take_back(milk, &about), Ok(Sent::Sent));
        assert_eq!(say(&mut knows, 1), Ok(Sent::Sent));
        let mut plain = scanner("", ScriptedLink::new());
        assert_eq!(plain.take_back(milk, &about), Ok(Sent::Nothing));
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
            scanner("[link]\nno_read = \"NOREAD\"", link).no_read(&About::default()),
            Ok(Sent::Sent)
        );
    }

    #[test]
    fn commands_beside_the_answer_silence_the_scanner_and_are_told() {
        let frame = b"4006381333931\r";
        let link = ScriptedLink::new().expect(frame, b"\x06\x16D\r");
        let mut scanner = scanner("[link]\nack_timeout_ms = 60000", link);
        assert_eq!(say(&mut scanner, 0), Ok(Sent::Sent));
        assert_eq!(say(&mut scanner, 1), Ok(Sent::Disabled));
        assert_eq!(scanner.command(), Some(Command::Disable));
        assert_eq!(scanner.command(), None);
    }

    #[test]
    fn a_frame_that_the_port_did_not_take_is_told_and_not_sent_again() {
        let fault = Fault::new(Code::LinkWrite, "", "", "");
        let link = ScriptedLink::new()
            .expect_failing(b"4006381333931\r", fault.clone())
            .expect(b"4006381333931\r", b"");
        let mut scanner = scanner("", link);
        assert_eq!(say(&mut scanner, 0), Err(fault));
        assert_eq!(say(&mut scanner, 1), Ok(Sent::Sent));
    }
}
