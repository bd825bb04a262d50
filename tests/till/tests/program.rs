//! The program as a technician starts it, with a terminal in place of the device.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use skueye_link::{Link, PseudoTerminal};

/// The program at work.
struct Program {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_skueye-till"))
            .args(arguments)
            .arg("--json")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn kind(&mut self, kind: &str) -> Value {
        let line = self.line();
        assert_eq!(line["kind"], kind, "{line}");
        line
    }

    fn say(&mut self, words: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{words}").unwrap();
    }

    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn receive(link: &mut impl Link, count: usize) -> Vec<u8> {
    let (mut read, mut filled, begin) = (vec![0; count], 0, Instant::now());
    while filled < count {
        filled += link.receive(&mut read[filled..]).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(20), "{filled} bytes");
        std::thread::yield_now();
    }
    read
}

#[test]
fn frames_are_checked_and_answered_as_told() {
    let (mut device, path) = PseudoTerminal::open().unwrap();
    let arguments = ["--serial", &path, "--answer", "nak:1", "--frames", "3"];
    let mut till = Program::start(&[&arguments[..], &["--aim", "linear"]].concat());
    assert_eq!(till.kind("open")["path"], path);
    for (frame, answer) in [
        (&b"]E04006381333931\r"[..], 0x15),
        (b"]E04006381333931\r", 0x06),
        (b"]E04006381333932\r", 0x06),
    ] {
        device.send(frame).unwrap();
        assert_eq!(receive(&mut device, 1), [answer]);
    }
    let first = till.kind("frame");
    assert_eq!(
        (&first["gtin"], &first["answer"]),
        (&"4006381333931".into(), &"nak".into())
    );
    assert_eq!(
        first["hex"],
        "5D 45 30 34 30 30 36 33 38 31 33 33 33 39 33 31 0D"
    );
    assert_eq!(till.kind("frame")["answer"], "ack");
    let wrong = till.kind("frame");
    assert!(wrong["problem"].as_str().unwrap().contains("check digit"));
    assert_eq!(till.end(), Some(1));
}

#[test]
fn commands_that_are_typed_reach_the_device() {
    let (mut device, path) = PseudoTerminal::open().unwrap();
    let mut till = Program::start(&["--serial", &path]);
    till.kind("open");
    till.say("disable");
    assert_eq!(receive(&mut device, 3), b"\x16D\r");
    till.say("trigger");
    assert_eq!(receive(&mut device, 3), b"\x16T\r");
    till.say("answer garbage:1");
    till.say("make coffee");
    assert!(
        till.kind("trouble")["text"]
            .as_str()
            .unwrap()
            .contains("make")
    );
    device.send(b"96385074\r").unwrap();
    assert_eq!(till.kind("frame")["answer"], "garbage");
    assert_eq!(receive(&mut device, 3)[..2], [0x00, 0xff]);
    till.say("close");
    till.kind("closed");
    till.say("enable");
    assert_eq!(till.kind("trouble")["text"], "the port is closed");
    till.say("open");
    till.kind("open");
    till.say("quit");
    assert_eq!(till.end(), Some(0));
}

#[test]
fn a_terminal_of_its_own_takes_the_devices_frames() {
    let mut till = Program::start(&["--pty"]);
    let path = till.kind("open")["path"].as_str().unwrap().to_owned();
    let mut device = skueye_link::SerialLink::open(&path, 9600).unwrap();
    device.send(b"96385074\r").unwrap();
    assert_eq!(receive(&mut device, 1), [0x06]);
    assert_eq!(till.kind("frame")["gtin"], "96385074");
    till.say("quit");
    assert_eq!(till.end(), Some(0));
}

#[test]
fn events_are_received_and_a_key_that_comes_again_is_known() {
    let mut till = Program::start(&["--http", "127.0.0.1:0", "--reply", "503:1", "--frames", "3"]);
    let address = till.kind("open")["path"].as_str().unwrap().to_owned();
    let address = address.strip_prefix("http://").unwrap();
    let post = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "POST /sold HTTP/1.1\r\nIdempotency-Key: a-1\r\nContent-Length: 14\r\n\r\n{\"key\":\"a-1\"} ";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(post().starts_with("HTTP/1.1 503 "));
    assert!(post().starts_with("HTTP/1.1 200 "));
    assert!(post().starts_with("HTTP/1.1 200 "));
    let events = [till.kind("event"), till.kind("event"), till.kind("event")];
    let again = events
        .each_ref()
        .map(|event| event["again"].as_bool().unwrap());
    assert_eq!(again, [false, false, true]);
    assert_eq!(events[0]["body"]["key"], "a-1");
    assert_eq!(till.end(), Some(0));
}

#[test]
fn a_till_without_a_device_says_how_to_name_one() {
    let mut till = Program::start(&[]);
    assert_eq!(till.kind("fault")["fault"]["code"], "E104");
    assert_eq!(till.end(), Some(1));
}
