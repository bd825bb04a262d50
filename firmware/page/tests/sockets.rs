//! The page over real sockets: what a browser gets, and what attackers get.
#![forbid(unsafe_code)]

mod support;

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use skueye_models::{Code, Verdict};
use skueye_page::fake::{FakeStation, camera_gone};
use skueye_page::refusals::Refusal;
use skueye_page::station::Health;
use skueye_page::{Access, Clock, Display, Limits, Settings, serve};
use support::http::{Answer, connect, exchange, get, post, post_with, read, read_head};
use support::{Device, PASSWORD};

fn code_of(answer: &Answer) -> String {
    answer.json()["fault"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn with_limits(limits: Limits) -> Device {
    Device::with(Settings {
        limits,
        ..Settings::default()
    })
}

/// Reads until the other side ends, which it must.
fn is_ended(stream: &mut std::net::TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn page_and_assets_are_there_with_their_headers_and_are_not_sent_twice() {
    let device = Device::start();
    let to = device.server.address();
    for path in [
        "/",
        "/page.css",
        "/icon.svg",
        "/js/main.js",
        "/js/words.js",
        "/messages/de.json",
    ] {
        let answer = get(to, path, "");
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let tag = answer.header("etag").unwrap();
        let again = get(to, path, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
}

#[test]
fn no_path_leads_out_of_the_page() {
    let device = Device::start();
    let to = device.server.address();
    for path in [
        "/../Cargo.toml",
        "/js/../../Cargo.toml",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/js/main.js%00.png",
        "//etc/passwd",
        "/js/",
        "/js/MAIN.js",
        "/\\..\\..\\etc",
        "/photo/../../etc/passwd",
        "/api",
    ] {
        let answer = get(to, path, "");
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("root:"));
    }
    let photo = get(to, "/photo/..%2f..%2fetc%2fpasswd", "");
    assert_eq!((photo.status, code_of(&photo)), (422, "E509".into()));
}

#[test]
fn what_is_no_http_is_refused_and_counted() {
    let device = Device::start();
    let to = device.server.address();
    let many = "X: y\r\n".repeat(100);
    let long = format!("X: {}\r\n", "y".repeat(64 * 1024));
    let path = "a".repeat(70_000);
    for bytes in [
        "\0\0\0\0\r\n\r\n".into(),
        "GET\r\n\r\n".into(),
        "GET / HTTP/9.9\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nHost localhost\r\n\r\n".into(),
        format!("GET / HTTP/1.1\r\nHost: {to}\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {to}\r\n{long}\r\n"),
        format!("GET /{path} HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("POST /api/login HTTP/1.1\r\nHost: {to}\r\nContent-Length: x\r\n\r\n"),
        format!(
            "POST /api/login HTTP/1.1\r\nHost: {to}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"
        ),
    ] {
        match exchange(to, bytes.as_bytes()) {
            Ok(answer) => assert!(
                (400..=505).contains(&answer.status),
                "{bytes:.40}: {}",
                answer.status
            ),
            Err(error) => assert!(
                error.kind() != std::io::ErrorKind::WouldBlock,
                "{bytes:.40}"
            ),
        }
    }
    assert!(device.server.refusals().count(Refusal::Malformed) >= 5);
    assert_eq!(get(to, "/healthz", "").status, 200);
}

#[test]
fn bodies_are_bounded_and_must_be_what_is_asked_for() {
    let device = Device::start();
    let to = device.server.address();
    let large = format!("{{\"password\":\"{}\"}}", "a".repeat(20_000));
    let answer = post(to, "/api/login", "", &large);
    assert_eq!((answer.status, code_of(&answer)), (413, "E718".into()));
    for body in [
        "",
        "{",
        "[]",
        "{\"password\":1}",
        "{\"password\":\"a\",\"more\":1}",
        "\u{0}",
    ] {
        let answer = post(to, "/api/login", "", body);
        assert_eq!(
            (answer.status, code_of(&answer)),
            (400, "E718".into()),
            "{body:?}"
        );
    }
    let deep = "[".repeat(10_000);
    assert_eq!(post(to, "/api/login", "", &deep).status, 400);
    assert_eq!(device.server.refusals().count(Refusal::Size), 1);
}

#[test]
fn slow_clients_are_let_go() {
    let short = Duration::from_millis(150);
    let limits = Limits {
        head: short,
        body: short,
        write: short,
        ..Limits::default()
    };
    let device = with_limits(limits);
    let to = device.server.address();
    let mut in_the_head = connect(to);
    in_the_head
        .write_all(b"GET / HTTP/1.1\r\nHost: local")
        .unwrap();
    assert!(is_ended(&mut in_the_head));
    let mut silent = connect(to);
    assert!(is_ended(&mut silent));
    let mut between_requests = connect(to);
    between_requests
        .write_all(format!("GET /healthz HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes())
        .unwrap();
    assert!(is_ended(&mut between_requests));
    let half = format!(
        "POST /api/login HTTP/1.1\r\nHost: {to}\r\nX-Skueye: 1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{"
    );
    let mut in_the_body = connect(to);
    in_the_body.write_all(half.as_bytes()).unwrap();
    let answer = read(&mut BufReader::new(&in_the_body)).unwrap();
    assert_eq!(answer.status, 408);
    assert!(device.server.refusals().count(Refusal::Slow) >= 2);
}

#[test]
fn a_client_that_reads_nothing_is_let_go() {
    let write = Duration::from_millis(150);
    let device = with_limits(Limits {
        write,
        ..Limits::default()
    });
    let to = device.server.address();
    // Far more answers than the system's buffers hold.
    let request = format!("GET /js/scan.js HTTP/1.1\r\nHost: {to}\r\n\r\n").repeat(2000);
    let mut greedy = connect(to);
    let mut sent = 0;
    while sent < request.len() {
        match greedy.write(&request.as_bytes()[sent..]) {
            Ok(more) => sent += more,
            Err(_) => break,
        }
    }
    let begin = Instant::now();
    while device.server.refusals().count(Refusal::Slow) == 0 {
        assert!(begin.elapsed() < Duration::from_secs(10), "never let go");
        std::thread::yield_now();
    }
}

#[test]
fn connections_are_bounded() {
    let limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    let device = with_limits(limits);
    let to = device.server.address();
    let open: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = connect(to);
            let request = format!("GET /healthz HTTP/1.1\r\nHost: {to}\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            assert_eq!(read(&mut BufReader::new(&stream)).unwrap().status, 200);
            stream
        })
        .collect();
    assert!(is_ended(&mut connect(to)));
    assert_eq!(device.server.refusals().count(Refusal::Crowd), 1);
    for mut stream in open {
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(is_ended(&mut stream));
    }
    assert_eq!(get(to, "/healthz", "").status, 200);
}

#[test]
fn other_hosts_names_get_nothing() {
    let names = vec!["till-3.shop.example".to_owned()];
    let device = Device::with(Settings {
        names,
        ..Settings::default()
    });
    let to = device.server.address();
    let ask = |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n");
        exchange(to, request.as_bytes()).unwrap().status
    };
    for ours in [
        "Host: localhost:1",
        "Host: 127.0.0.1",
        "Host: [::1]:8080",
        "Host: TILL-3.shop.example",
    ] {
        assert_eq!(ask(ours, "/api/state"), 200, "{ours}");
    }
    for foreign in [
        "Host: evil.example",
        "Host: 127.0.0.1.evil.example",
        "Host: user@localhost",
        "Host: ",
        "X-Host: localhost",
        "Host: localhost\r\nHost: evil.example",
    ] {
        assert!(matches!(ask(foreign, "/api/state"), 400 | 421), "{foreign}");
    }
    assert_eq!(ask("Host: localhost", "http://evil.example/api/state"), 421);
    assert!(device.server.refusals().count(Refusal::Host) >= 4);
}

#[test]
fn other_sites_can_neither_change_nor_show_anything() {
    let device = Device::start();
    let to = device.server.address();
    let cookie = device.log_in();
    let cookie = format!("Cookie: {cookie}\r\n");
    let json = "Content-Type: application/json\r\n";
    let body = "\"cancel\"";
    for (headers, status) in [
        (format!("{cookie}{json}"), 403),
        (
            format!("{cookie}{json}X-Skueye: 1\r\nOrigin: http://evil.example\r\n"),
            403,
        ),
        (
            format!("{cookie}{json}X-Skueye: 1\r\nOrigin: null\r\n"),
            403,
        ),
        (
            format!("{cookie}{json}X-Skueye: 1\r\nSec-Fetch-Site: cross-site\r\n"),
            403,
        ),
        (
            format!(
                "{cookie}{json}X-Skueye: 1\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
            ),
            403,
        ),
        (
            format!("{cookie}X-Skueye: 1\r\nContent-Type: text/plain\r\n"),
            415,
        ),
        (
            format!(
                "{cookie}{json}X-Skueye: 1\r\nOrigin: http://{to}\r\nSec-Fetch-Site: same-origin\r\n"
            ),
            409,
        ),
    ] {
        let answer = post_with(to, "/api/enrol", &headers, body);
        assert_eq!(answer.status, status, "{headers}");
    }
    let shown = get(
        to,
        "/preview.jpg",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
    );
    assert_eq!(shown.status, 403);
    let followed = get(
        to,
        "/",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
    );
    assert_eq!(followed.status, 200);
    assert!(
        get(to, "/api/state", "")
            .header("access-control-allow-origin")
            .is_none()
    );
    assert_eq!(device.server.refusals().count(Refusal::Origin), 6);
}

#[test]
fn the_code_opens_a_session_and_logging_out_ends_it() {
    let device = Device::start();
    let to = device.server.address();
    let wrong = post(
        to,
        "/api/setup",
        "",
        r#"{"code":"AAAA-AAAA","password":"seven apples"}"#,
    );
    assert_eq!((wrong.status, code_of(&wrong)), (403, "E715".into()));
    let easy = format!(r#"{{"code":"{}","password":"123456"}}"#, device.code);
    assert_eq!(post(to, "/api/setup", "", &easy).status, 422);
    let right = format!(r#"{{"code":"{}","password":"{PASSWORD}"}}"#, device.code);
    let set_up = post(to, "/api/setup", "", &right);
    assert_eq!(set_up.status, 204);
    let cookie = set_up.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = format!("Cookie: a=b; {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(get(to, "/api/log", &cookie).status, 200);
    assert_eq!(get(to, "/api/state", &cookie).json()["logged_in"], true);
    assert_eq!(post(to, "/api/setup", "", &right).status, 409);
    assert_eq!(post(to, "/api/logout", &cookie, "{}").status, 204);
    let after = get(to, "/api/log", &cookie);
    assert_eq!((after.status, code_of(&after)), (401, "E717".into()));
}

#[test]
fn guessing_is_slowed_down_across_connections() {
    let device = Device::start();
    let to = device.server.address();
    let guess = || {
        post(
            to,
            "/api/setup",
            "",
            r#"{"code":"AAAA-AAAA","password":"seven apples"}"#,
        )
    };
    let statuses: Vec<u16> = (0..5).map(|_| guess().status).collect();
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
    let waiting = guess();
    assert_eq!(code_of(&waiting), "E716");
    assert!(waiting.header("retry-after").is_some());
    assert_eq!(device.server.refusals().count(Refusal::Wait), 3);
    assert_eq!(device.server.refusals().count(Refusal::Code), 3);
}

#[test]
fn guesses_at_the_same_time_are_no_more_than_guesses_in_turn() {
    let device = Device::start();
    let to = device.server.address();
    let guess = || {
        post(
            to,
            "/api/setup",
            "",
            r#"{"code":"AAAA-AAAA","password":"seven apples"}"#,
        )
        .status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(guess)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 3);
}

#[test]
fn without_a_login_the_display_is_there_and_the_rest_is_not() {
    let device = Device::start();
    let to = device.server.address();
    device.log_in();
    let number = device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    for path in [
        "/api/view",
        "/preview.jpg",
        "/photo/4006381333979.jpg",
        "/readyz",
        "/metrics",
        "/healthz",
    ] {
        assert_eq!(get(to, path, "").status, 200, "{path}");
    }
    for path in [
        "/api/log",
        "/api/find?text=a",
        "/api/health",
        "/api/settings",
    ] {
        assert_eq!(get(to, path, "").status, 401, "{path}");
    }
    assert_eq!(post(to, "/api/enrol", "", "\"save\"").status, 401);
    let body = format!(r#"{{"number":{number},"answer":"not_this"}}"#);
    assert_eq!(post(to, "/api/answer", "", &body).status, 204);
    assert_eq!(post(to, "/api/answer", "", &body).status, 204);
    let over = post(
        to,
        "/api/answer",
        "",
        r#"{"number":77,"answer":"not_this"}"#,
    );
    assert_eq!((over.status, code_of(&over)), (409, "E711".into()));
}

#[test]
fn where_the_display_is_for_nobody_everything_needs_a_login() {
    let device = Device::with(Settings {
        display: Display::Nobody,
        ..Settings::default()
    });
    let to = device.server.address();
    let cookie = format!("Cookie: {}\r\n", device.log_in());
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    for path in [
        "/api/view",
        "/api/events",
        "/preview.jpg",
        "/photo/4006381333979.jpg",
    ] {
        assert_eq!(get(to, path, "").status, 401, "{path}");
    }
    let body = r#"{"number":1,"answer":"not_this"}"#;
    assert_eq!(post(to, "/api/answer", "", body).status, 401);
    assert_eq!(get(to, "/api/view", &cookie).status, 200);
    assert_eq!(post(to, "/api/answer", &cookie, body).status, 204);
}

#[test]
fn log_and_search_take_what_they_should() {
    let device = Device::start();
    let to = device.server.address();
    let cookie = format!("Cookie: {}\r\n", device.log_in());
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    let found = get(to, "/api/find?text=earl%20grey", &cookie).json();
    assert_eq!(found[0]["title"], "Earl Grey Tea, 25 bags");
    assert_eq!(
        get(to, "/api/log?day=2026-03-14", &cookie).json()["presentations"][0]["number"],
        1
    );
    for day in ["x", "2026-3-14", "..%2f..%2fetc", "2026-03-14%00", ""] {
        assert_eq!(
            get(to, &format!("/api/log?day={day}"), &cookie).status,
            400,
            "{day}"
        );
    }
}

#[test]
fn ready_names_the_parts_that_fail() {
    let device = Device::start();
    let to = device.server.address();
    let camera = Some(camera_gone());
    device.station.set_health(Health {
        camera,
        ..Health::default()
    });
    let answer = get(to, "/readyz", "");
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json(),
        serde_json::json!({ "ready": false, "failed": { "camera": "E305" } })
    );
    assert_eq!(get(to, "/healthz", "").status, 200);
}

#[test]
fn metrics_are_the_devices_and_the_pages() {
    let device = Device::start();
    let to = device.server.address();
    get(to, "/nothing", "");
    let answer = get(to, "/metrics", "");
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "skueye_presentations_total 0",
        "skueye_page_refused_total{reason=\"request\"} 1",
        "skueye_page_watchers 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

/// A stream of events, and its next one.
struct Events(BufReader<std::net::TcpStream>);

impl Events {
    fn open(to: SocketAddr, headers: &str) -> Self {
        let mut stream = connect(to);
        let request = format!("GET /api/events HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        assert!(read_head(&mut reader).unwrap().starts_with("HTTP/1.1 200"));
        Self(reader)
    }

    /// The next view; `None` where the stream has ended.
    fn next(&mut self) -> Option<serde_json::Value> {
        use std::io::BufRead;
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

/// A clock that is put forward by hand.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn a_session_that_is_not_used_ends_and_its_events_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand::default());
    let path = folder.path().join("access.json");
    let (access, code) = Access::with_clock(path, clock.clone()).unwrap();
    let token = access.set_up(true, &code.unwrap().to_string(), PASSWORD);
    let cookie = format!("Cookie: skueye={}\r\n", token.unwrap());
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        display: Display::Nobody,
        ..Settings::default()
    };
    let server = serve(settings, FakeStation::new(Vec::new()), Arc::new(access)).unwrap();
    let to = server.address();
    let mut events = Events::open(to, &cookie);
    events.next().unwrap();
    clock.0.store(8 * 3600, Ordering::Relaxed);
    assert_eq!(get(to, "/api/log", &cookie).status, 200);
    clock.0.store(16 * 3600 + 1, Ordering::Relaxed);
    let answer = get(to, "/api/log", &cookie);
    assert_eq!((answer.status, code_of(&answer)), (401, "E717".into()));
    while events.next().is_some() {}
}

#[test]
fn a_reset_on_the_console_ends_sessions_of_a_page_that_runs() {
    let device = Device::start();
    let to = device.server.address();
    let cookie = format!("Cookie: {}\r\n", device.log_in());
    assert_eq!(get(to, "/api/log", &cookie).status, 200);
    let new = Access::reset(device.folder.path().join("access.json")).unwrap();
    assert_eq!(get(to, "/api/state", "").json()["set_up"], false);
    assert_eq!(get(to, "/api/log", &cookie).status, 401);
    let body = format!(r#"{{"code":"{new}","password":"eight apples"}}"#);
    assert_eq!(post(to, "/api/setup", "", &body).status, 204);
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let device = Device::start();
    let settings = Settings {
        listen: device.server.address(),
        ..Settings::default()
    };
    let refused = serve(
        settings,
        FakeStation::new(Vec::new()),
        device.access.clone(),
    );
    assert_eq!(refused.map(|_| ()).unwrap_err().code(), Code::PageListen);
}

/// A device of which one part hangs.
struct Hanging(std::sync::Mutex<()>);

impl skueye_page::Station for Hanging {
    fn view(&self) -> skueye_page::station::View {
        let _waits = self.0.lock();
        Default::default()
    }
    fn preview(&self) -> Option<Arc<[u8]>> {
        None
    }
    fn photo(&self, _: skueye_models::Gtin) -> Option<Arc<[u8]>> {
        None
    }
    fn answer(&self, _: u32, _: skueye_page::station::Answer) -> Result<(), skueye_models::Fault> {
        Ok(())
    }
    fn enrol(
        &self,
        _: skueye_page::station::EnrolStep,
    ) -> Result<Option<skueye_page::station::Enrolment>, skueye_models::Fault> {
        panic!("a part that fails")
    }
    fn find(&self, _: &str, _: usize) -> Vec<skueye_page::station::ProductLine> {
        Vec::new()
    }
    fn log(
        &self,
        _: Option<&str>,
        _: usize,
    ) -> Result<skueye_page::station::DayLog, skueye_models::Fault> {
        Ok(Default::default())
    }
    fn health(&self) -> Health {
        Health::default()
    }
    fn metrics(&self) -> String {
        String::new()
    }
    fn settings_problems(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn a_device_that_hangs_or_panics_does_not_take_the_page_along() {
    let device = Device::start();
    let station = Arc::new(Hanging(std::sync::Mutex::new(())));
    let hung = station.0.lock().unwrap();
    let limits = Limits {
        answer: Duration::from_millis(100),
        ..Limits::default()
    };
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        limits,
        ..Settings::default()
    };
    let server = serve(settings, station.clone(), device.access.clone()).unwrap();
    let to = server.address();
    let cookie = format!("Cookie: {}\r\n", device.log_in());
    let answer = get(to, "/api/view", "");
    assert_eq!((answer.status, code_of(&answer)), (503, "E719".into()));
    let answer = post(to, "/api/enrol", &cookie, "\"shot\"");
    assert_eq!((answer.status, code_of(&answer)), (503, "E719".into()));
    assert_eq!(get(to, "/readyz", "").status, 200);
    assert!(server.refusals().count(Refusal::Busy) >= 2);
    drop(hung);
    assert_eq!(get(to, "/api/view", "").status, 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_bytes_come_the_page_lives(bytes in prop::collection::vec(any::<u8>(), 0..600), as_head in any::<bool>()) {
        let device = fuzzed();
        let to = device.server.address();
        let mut stream = connect(to);
        if as_head {
            let _ = stream.write_all(format!("POST /api/login HTTP/1.1\r\nHost: {to}\r\nX-Skueye: 1\r\n").as_bytes());
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        prop_assert!(is_ended(&mut stream));
        prop_assert_eq!(get(to, "/healthz", "").status, 200);
    }

    #[test]
    fn whatever_json_comes_is_answered(body in "\\PC{0,200}", path in "(login|setup|answer|enrol|logout)") {
        let to = fuzzed().server.address();
        let answer = post(to, &format!("/api/{path}"), "", &body);
        prop_assert!(matches!(answer.status, 204 | 400 | 401), "{}", answer.status);
    }
}

fn fuzzed() -> &'static Device {
    static DEVICE: std::sync::OnceLock<Device> = std::sync::OnceLock::new();
    DEVICE.get_or_init(Device::start)
}
