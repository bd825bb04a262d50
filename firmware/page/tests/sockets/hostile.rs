//! Attackers: what is no HTTP, paths, sizes, slow and many clients, other hosts and sites, any bytes at all.

use std::io::{BufReader, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use skueye_page::refusals::Refusal;
use skueye_page::{Limits, Settings};

use super::support::Device;
use super::support::http::{connect, exchange, get, post, post_with, read};
use super::{code_of, is_ended};

fn with_limits(limits: Limits) -> Device {
    Device::with(Settings {
        limits,
        ..Settings::default()
    })
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
