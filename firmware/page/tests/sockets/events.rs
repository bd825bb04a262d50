//! Many browsers at once.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use skueye_models::Verdict;
use skueye_page::{Display, Settings};

use super::support::Device;
use super::support::http::{connect, get, post, read_head};

/// A stream of events, and its next one.
pub struct Events(BufReader<TcpStream>);

impl Events {
    pub fn open(to: SocketAddr, headers: &str) -> Self {
        let mut stream = connect(to);
        let request = format!("GET /api/events HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        assert!(read_head(&mut reader).unwrap().starts_with("HTTP/1.1 200"));
        Self(reader)
    }

    /// The next view; `None` where the stream has ended.
    pub fn next(&mut self) -> Option<serde_json::Value> {
        loop {
            let mut line = String::new();
            match self.0.read_line(&mut line) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                read => read.expect("an event or an end"),
            };
            if let Some(json) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(json).unwrap());
            }
            // An end of the body, in chunked coding.
            if line == "0\r\n" {
                return None;
            }
        }
    }
}

#[test]
fn fifty_browsers_see_a_scan_at_once_and_cost_one_look() {
    let device = Device::start();
    let to = device.server.address();
    let mut browsers: Vec<Events> = (0..50).map(|_| Events::open(to, "")).collect();
    for browser in &mut browsers {
        assert_eq!(browser.next().unwrap()["recent"], serde_json::json!([]));
    }
    let (begin, looks) = (Instant::now(), device.station.views());
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    for browser in &mut browsers {
        while browser.next().unwrap()["recent"] == serde_json::json!([]) {}
    }
    // One look each tenth of a second, however many watch.
    let ticks = begin.elapsed().as_millis() as u64 / 100 + 2;
    assert!(device.station.views() - looks <= ticks);
}

#[test]
fn nobody_watching_costs_no_looks() {
    let device = Device::start();
    let to = device.server.address();
    let mut events = Events::open(to, "");
    events.next().unwrap();
    drop(events);
    let watchers = || {
        let text = String::from_utf8(get(to, "/metrics", "").body).unwrap();
        text.contains("skueye_page_watchers 0")
    };
    let begin = Instant::now();
    while !watchers() {
        // The server notices at the next event that it cannot deliver.
        device.station.set(|view| view.products += 1);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
    let looks = device.station.views();
    for _ in 0..50 {
        get(to, "/healthz", "");
    }
    assert!(device.station.views() <= looks + 1);
}

#[test]
fn events_end_with_their_session_and_with_the_server() {
    let mut device = Device::with(Settings {
        display: Display::Nobody,
        ..Settings::default()
    });
    let to = device.server.address();
    let cookie = format!("Cookie: {}\r\n", device.log_in());
    let mut events = Events::open(to, &cookie);
    events.next().unwrap();
    assert_eq!(post(to, "/api/logout", &cookie, "{}").status, 204);
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    while events.next().is_some() {}
    let cookie = format!("Cookie: {}\r\n", device.log_in());
    let mut events = Events::open(to, &cookie);
    events.next().unwrap();
    let begin = Instant::now();
    let next = Device::start();
    drop(std::mem::replace(&mut device.server, next.server));
    assert!(begin.elapsed() < Duration::from_secs(5));
    while events.next().is_some() {}
}
