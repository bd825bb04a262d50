//! The section `[link]`: who hears of what was recognised, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use skueye_link::{AckSettings, Aim, Template, TemplateText, Terminator, TriggerMode};
use ureq::http::Uri;

use super::reader::Section;

/// The way to the till. Every sink that is named gets every frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// A pseudo-terminal of this machine.
    pub pty: bool,
    /// A serial port.
    pub serial: Option<Serial>,
    /// The address at which tills connect over TCP.
    pub tcp: Option<SocketAddr>,
    /// Events as HTTP requests.
    pub webhook: Option<Webhook>,
    /// Events as messages to an MQTT broker.
    pub mqtt: Option<Mqtt>,
    /// How a frame is put together.
    pub template: Template,
    /// Waiting for the till's answer, where it gives one.
    pub ack: Option<AckSettings>,
    /// The same product is not sent again within this time; 0: every presentation is sent.
    pub duplicate_ms: u32,
    /// How long a frame waits for a port that is away or a till that is not connected.
    pub hold_ms: u32,
    /// When frames are sent.
    pub trigger: TriggerMode,
}

/// A serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// Its path.
    pub path: String,
    /// Bits a second.
    pub baud: u32,
}

/// Events as HTTP requests, kept until they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// An `http` address.
    pub url: String,
    /// The folder in which events wait.
    pub spool: PathBuf,
    /// How many events may wait; then the oldest are given up.
    pub keep: u32,
    /// How long a request may take in all.
    pub timeout_ms: u32,
}

/// Events as messages to an MQTT broker, kept until they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// The broker's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Where events are published.
    pub topic: String,
    /// User and password, where the broker wants them.
    pub login: Option<(String, String)>,
    /// The folder in which events wait.
    pub spool: PathBuf,
    /// How many events may wait; then the oldest are given up.
    pub keep: u32,
    /// How long handing one over may take in all.
    pub timeout_ms: u32,
}

impl Mqtt {
    /// The broker as reports name it.
    pub fn place(&self) -> String {
        format!("mqtt://{}:{}", self.host, self.port)
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            pty: true,
            serial: None,
            tcp: None,
            webhook: None,
            mqtt: None,
            template: Template::parse(&TemplateText::default())
                .expect("the default template has no conflict"),
            ack: None,
            duplicate_ms: 0,
            hold_ms: 5000,
            trigger: TriggerMode::Always,
        }
    }
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Link) {
    read_serial(&mut section, &mut into.serial);
    read_tcp(&mut section, &mut into.tcp);
    read_webhook(&mut section, folder, &mut into.webhook);
    read_mqtt(&mut section, folder, &mut into.mqtt);
    let others = [into.serial.is_some(), into.tcp.is_some()];
    into.pty = !others.contains(&true) && into.webhook.is_none() && into.mqtt.is_none();
    section.flag("pty", &mut into.pty);
    read_template(&mut section, &mut into.template);
    let (mut timeout_ms, mut retries) = (0, 2);
    section.integer("ack_timeout_ms", 0..=60_000, &mut timeout_ms);
    section.integer("ack_retries", 0..=20, &mut retries);
    into.ack = (timeout_ms > 0).then_some(AckSettings {
        timeout_ms,
        retries: retries as u8,
    });
    section.integer("duplicate_ms", 0..=600_000, &mut into.duplicate_ms);
    section.integer("hold_ms", 0..=600_000, &mut into.hold_ms);
    let parse = TriggerMode::parse;
    section.parsed("trigger", "always or till", &mut into.trigger, parse);
    section.finish();
}

fn read_serial(section: &mut Section<'_, '_>, into: &mut Option<Serial>) {
    let (mut path, mut baud) = (String::new(), 9600);
    section.text("serial", &mut path);
    section.integer("baud", 300..=4_000_000, &mut baud);
    *into = (!path.is_empty()).then_some(Serial { path, baud });
}

fn read_tcp(section: &mut Section<'_, '_>, into: &mut Option<SocketAddr>) {
    let expected = "an address of this device and a port, such as 192.168.1.20:9004";
    let parse = |text: &str| text.parse().ok().map(Some);
    section.parsed("tcp", expected, into, parse);
}

fn read_webhook(section: &mut Section<'_, '_>, folder: &Path, into: &mut Option<Webhook>) {
    let (mut url, mut spool) = (String::new(), String::from("spool"));
    let (mut keep, mut timeout_ms) = (10_000, 5_000);
    let expected = "an http address, such as http://192.168.1.5:8080/skueye (without TLS)";
    section.parsed("webhook", expected, &mut url, |text| {
        is_http(text).then(|| text.to_owned())
    });
    section.text("webhook_spool", &mut spool);
    section.integer("webhook_keep", 1..=250_000, &mut keep);
    section.integer("webhook_timeout_ms", 100..=60_000, &mut timeout_ms);
    *into = (!url.is_empty()).then(|| Webhook {
        url,
        spool: folder.join(spool),
        keep,
        timeout_ms,
    });
}

fn read_mqtt(section: &mut Section<'_, '_>, folder: &Path, into: &mut Option<Mqtt>) {
    let (mut broker, mut topic) = (None, String::from("skueye/events"));
    let (mut user, mut password) = (String::new(), String::new());
    let (mut spool, mut keep, mut timeout_ms) = (String::from("mqtt-spool"), 10_000, 5_000);
    let expected =
        "a broker's name or address and its port, such as 192.168.1.5:1883 (without TLS)";
    section.parsed("mqtt", expected, &mut broker, |text| {
        broker_of(text).map(Some)
    });
    let expected = "a topic of 1 to 200 bytes without + and #";
    section.parsed("mqtt_topic", expected, &mut topic, |text| {
        let fits = (1..=200).contains(&text.len()) && !text.contains(['+', '#', '\0']);
        fits.then(|| text.to_owned())
    });
    section.text("mqtt_user", &mut user);
    section.text("mqtt_password", &mut password);
    section.text("mqtt_spool", &mut spool);
    section.integer("mqtt_keep", 1..=250_000, &mut keep);
    section.integer("mqtt_timeout_ms", 100..=60_000, &mut timeout_ms);
    *into = broker.map(|(host, port)| Mqtt {
        host,
        port,
        topic,
        login: (!user.is_empty()).then_some((user, password)),
        spool: folder.join(spool),
        keep,
        timeout_ms,
    });
}

/// Host and port of `host:port`; an IPv6 address stands in brackets.
fn broker_of(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bare.or((!host.contains(':')).then_some(host))?;
    let sound = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    let fits = !host.is_empty() && host.chars().all(sound);
    let port = port.parse().ok().filter(|port| *port > 0)?;
    fits.then(|| (host.to_owned(), port))
}

/// Whether `text` is an address that requests can be sent to: `http`, with a host.
fn is_http(text: &str) -> bool {
    let parsed: Result<Uri, _> = text.parse();
    parsed.is_ok_and(|uri| {
        uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn read_template(section: &mut Section<'_, '_>, into: &mut Template) {
    let (mut prefix, mut suffix, mut no_read) = (String::new(), String::new(), String::new());
    let mut take_back = String::new();
    let (mut terminator, mut aim) = (Terminator::default(), Aim::default());
    section.text("prefix", &mut prefix);
    section.text("suffix", &mut suffix);
    section.text("no_read", &mut no_read);
    section.text("take_back", &mut take_back);
    let expected = "CR, LF, CRLF or TAB";
    section.parsed("terminator", expected, &mut terminator, Terminator::parse);
    section.parsed("aim", "off, linear or matrix", &mut aim, Aim::parse);
    let text = TemplateText {
        prefix: &prefix,
        aim,
        suffix: &suffix,
        terminator,
        no_read: &no_read,
        take_back: &take_back,
    };
    match Template::parse(&text) {
        Ok(template) => *into = template,
        Err(error) => section.refuse(error.field(), error.to_string(), "correct the value"),
    }
}
