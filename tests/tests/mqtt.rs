//! Events to an MQTT broker: a strict one of our own, and a real one where it is named by the variable `MOSQUITTO`:
//! `MOSQUITTO=/usr/sbin/mosquitto cargo test --release -p skueye-tests --test mqtt -- --ignored`.
#![forbid(unsafe_code)]

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use skueye_agent::Config;
use skueye_agent::scanner::{Scanner, Sent};
use skueye_agent::sinks::about::About;
use skueye_agent::sinks::mail::Notice;
use skueye_models::{Code, Gtin};

const PATIENCE: Duration = Duration::from_secs(20);

fn open(broker: SocketAddr, spool: &Path) -> Scanner {
    let text = format!(
        "[link]\nmqtt = \"{broker}\"\nmqtt_topic = \"shop/sold\"\nmqtt_spool = {spool:?}\nmqtt_timeout_ms = 500"
    );
    let config = Config::parse(&text, Path::new("")).unwrap();
    Scanner::open(&config.link, None).unwrap()
}

fn product(number: u64) -> Gtin {
    Gtin::from_body(number, 13).unwrap()
}

fn say(scanner: &mut Scanner, number: u64) {
    let about = About::person(number as u32, "Tea", Some(0.5));
    let said = scanner.product(product(number), Duration::from_secs(number), &about);
    assert_eq!(said, Ok(Sent::Sent));
}

/// Waits for what is told of the broker.
fn told(scanner: &mut Scanner) -> Code {
    let begin = Instant::now();
    loop {
        if let Some(Notice::Fault(fault)) = scanner.notice() {
            return fault.code();
        }
        assert!(begin.elapsed() < PATIENCE, "nothing is told");
        std::thread::yield_now();
    }
}

/// A message as a broker gets it.
#[derive(Debug, PartialEq)]
struct Message {
    topic: String,
    body: Value,
}

/// What the broker of ours does with a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Takes and acknowledges it.
    Takes,
    /// Takes it; the connection ends before the acknowledgement.
    Dies,
    /// Says nothing.
    Hangs,
    /// Refuses the connection.
    Refuses,
}

/// Serves connections, the first ones in these manners, and tells of every message that it took.
fn broker(manners: &'static [Manner]) -> (SocketAddr, Receiver<Message>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, messages) = channel();
    std::thread::spawn(move || {
        let manners = manners
            .iter()
            .copied()
            .chain(std::iter::repeat(Manner::Takes));
        let mut held = Vec::new();
        for (stream, manner) in listener.incoming().zip(manners) {
            let stream = stream.unwrap();
            if let Some(message) = serve(&stream, manner)
                && tell.send(message).is_err()
            {
                return;
            }
            // A connection that hangs stays open.
            held.extend((manner == Manner::Hangs).then_some(stream));
        }
    });
    (address, messages)
}

/// One connection: CONNECT, PUBLISH with QoS 1, DISCONNECT, and nothing else (MQTT 3.1.1).
fn serve(mut stream: &TcpStream, manner: Manner) -> Option<Message> {
    let mut reader = BufReader::new(stream);
    let (kind, connect) = packet(&mut reader);
    assert_eq!((kind, &connect[..7]), (0x10, &b"\0\x04MQTT\x04"[..]));
    assert_eq!(connect[7] & 2, 2, "a clean session");
    let accepted = u8::from(manner == Manner::Refuses) * 5;
    stream.write_all(&[0x20, 2, 0, accepted]).unwrap();
    if manner == Manner::Refuses {
        return None;
    }
    let (kind, publish) = packet(&mut reader);
    assert_eq!(
        kind, 0x32,
        "a message with QoS 1, not kept by the broker, not marked as a repetition"
    );
    let length = usize::from(u16::from_be_bytes([publish[0], publish[1]]));
    let (topic, rest) = publish[2..].split_at(length);
    let message = Message {
        topic: String::from_utf8(topic.to_vec()).unwrap(),
        body: serde_json::from_slice(&rest[2..]).unwrap(),
    };
    match manner {
        Manner::Hangs => return None,
        Manner::Dies => return Some(message),
        _ => stream.write_all(&[0x40, 2, rest[0], rest[1]]).unwrap(),
    }
    assert_eq!(packet(&mut reader), (0xe0, Vec::new()), "an orderly end");
    Some(message)
}

/// The first byte and the content of a packet.
fn packet(reader: &mut impl Read) -> (u8, Vec<u8>) {
    let mut byte = || {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        byte[0]
    };
    let (kind, mut length, mut shift) = (byte(), 0usize, 0);
    loop {
        let part = byte();
        length |= usize::from(part & 0x7f) << shift;
        shift += 7;
        if part & 0x80 == 0 {
            break;
        }
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content).unwrap();
    (kind, content)
}

#[test]
fn an_event_is_handed_over_until_the_broker_acknowledges_it() {
    let folder = tempfile::tempdir().unwrap();
    let (address, messages) = broker(&[Manner::Refuses, Manner::Hangs, Manner::Dies]);
    let mut scanner = open(address, folder.path());
    say(&mut scanner, 1);
    say(&mut scanner, 2);
    assert_eq!(told(&mut scanner), Code::WebhookRefused);
    let next = || messages.recv_timeout(PATIENCE).unwrap();
    let (unheard, again, second) = (next(), next(), next());
    assert_eq!(unheard, again, "the same event with the same key");
    assert_eq!(again.topic, "shop/sold");
    assert_eq!(again.body["gtin"], product(1).to_string());
    assert_eq!(second.body["gtin"], product(2).to_string());
    assert_eq!(second.body["presentation"], 2);
    scanner.close();
    assert!(messages.try_recv().is_err(), "nothing more");
}

/// A real broker; it is ended when it is dropped.
struct Mosquitto(Child);

impl Mosquitto {
    fn start(address: SocketAddr, folder: &Path) -> Self {
        let program = std::env::var("MOSQUITTO").expect("MOSQUITTO names the broker's program");
        let settings = folder.join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\n",
            address.port()
        );
        std::fs::write(&settings, text).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(settings)
            .stderr(Stdio::null())
            .spawn()
            .expect("the broker starts");
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begin.elapsed() < PATIENCE, "the broker listens");
            std::thread::yield_now();
        }
        Self(child)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The bodies of the next messages.
fn next(connection: &mut Connection, count: usize) -> Vec<Value> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let event = connection
            .recv_timeout(PATIENCE)
            .expect("a message in time");
        if let Event::Incoming(Packet::Publish(publish)) = event.expect("a connection") {
            bodies.push(serde_json::from_slice(&publish.payload).unwrap());
        }
    }
    bodies
}

fn subscribe(address: SocketAddr) -> (Client, Connection) {
    let options = MqttOptions::new("till", address.ip().to_string(), address.port());
    let (client, mut connection) = Client::new(options, 10);
    client.subscribe("shop/#", QoS::AtLeastOnce).unwrap();
    loop {
        let event = connection
            .recv_timeout(PATIENCE)
            .expect("an answer in time");
        if let Event::Incoming(Packet::SubAck(_)) = event.expect("a connection") {
            return (client, connection);
        }
    }
}

#[test]
#[ignore = "needs a broker: MOSQUITTO=/usr/sbin/mosquitto"]
fn a_real_broker_that_goes_away_gets_every_event_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut scanner = open(address, &folder.path().join("spool"));
    let broker = Mosquitto::start(address, folder.path());
    let (_till, mut messages) = subscribe(address);
    (1..=3).for_each(|number| say(&mut scanner, number));
    let mut bodies = next(&mut messages, 3);
    drop((broker, messages));
    (4..=6).for_each(|number| say(&mut scanner, number));
    assert_eq!(told(&mut scanner), Code::WebhookRefused);
    // A restart of the device in between.
    drop(scanner);
    let _broker = Mosquitto::start(address, folder.path());
    let (_till, mut messages) = subscribe(address);
    let _scanner = open(address, &folder.path().join("spool"));
    bodies.extend(next(&mut messages, 3));
    let products: Vec<_> = bodies.iter().map(|body| body["gtin"].clone()).collect();
    assert_eq!(
        products,
        [1, 2, 3, 4, 5, 6].map(|number| product(number).to_string())
    );
    assert_eq!(bodies[0]["title"], "Tea");
}
