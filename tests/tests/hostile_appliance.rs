//! What a device at work has to bear: bytes on the page's port that are no requests, requests that want too much, cables that
//! rush, settings of any size. Each is refused or ignored, counted where that is worth a look, and the device goes on.
//!
//! The program must have been built: `cargo build --release -p skueye-agent`.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skueye_tests::device::{Device, PATIENCE, TITLE, contains, read_some, shop};
use skueye_tests::programs::{call, faults, printed};

/// The bytes of a settings file that is far too long.
const HUGE: u64 = 100 << 20;
/// What the program may hold, MiB: nothing that is sent to it makes it gather memory.
const MOST_MB: u64 = 400;

fn count(metrics: &str, reason: &str) -> u64 {
    let label = format!("skueye_page_refused_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&label));
    line.and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn metrics(device: &Device) -> String {
    let (status, body, _) = device.get("/metrics", "");
    assert_eq!(status, 200);
    String::from_utf8(body).expect("text")
}

#[test]
fn what_is_no_request_or_wants_too_much_is_refused_counted_and_forgotten() {
    let mut device = Device::start("");
    device.works();
    let host = device.address;
    let head = format!("Host: {host}\r\nConnection: close\r\n");
    let long = "a".repeat(200_000);
    let many: String = (0..5_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    let malformed = [
        "\0\u{1}\u{2}\u{3}".to_owned(),
        "GET\r\n\r\n".to_owned(),
        format!("GET / HTTP/9.9\r\n{head}\r\n"),
        format!("GET /{long} HTTP/1.1\r\n{head}\r\n"),
        format!("GET / HTTP/1.1\r\n{head}{many}\r\n"),
        format!("GET / HTTP/1.1\r\n{head}Cookie: {long}\r\n\r\n"),
        format!("POST /api/login HTTP/1.1\r\n{head}Content-Length: -1\r\n\r\n"),
        format!("POST /api/login HTTP/1.1\r\n{head}Content-Length: 9\r\nContent-Length: 8\r\n\r\n"),
        format!("POST /api/login HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ];
    for bytes in &malformed {
        let (status, ..) = device.say(bytes.as_bytes());
        let shown: String = bytes.chars().take(60).collect();
        assert!(
            status == 0 || (400..=505).contains(&status),
            "{status} for {shown:?}"
        );
    }
    let body = json!({"password": "x".repeat(1 << 20)});
    assert_eq!(device.post("/api/login", "", &body).0, 413);
    let endless = format!(
        "POST /api/login HTTP/1.1\r\n{head}X-Skueye: 1\r\nContent-Type: application/json\r\n\
         Content-Length: 999999999999\r\n\r\n{long}"
    );
    assert!(matches!(
        device.say(endless.as_bytes()).0,
        0 | 400 | 408 | 413
    ));
    let foreign = "GET /api/view HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(
        device.say(foreign.as_bytes()).0,
        421,
        "a name pointed at the device"
    );
    assert_eq!(device.post("/api/find", "", &json!({})).0, 405);
    assert_eq!(device.get("/api/log", "").0, 401);
    let told = metrics(&device);
    for reason in ["malformed", "size", "host", "request", "login"] {
        assert!(count(&told, reason) > 0, "{reason} in {told}");
    }
    device.works();
    assert!(device.peak_mb() < MOST_MB, "{} MiB", device.peak_mb());
}

#[test]
fn no_path_leaves_the_page() {
    let mut device = Device::start("");
    let session = device.log_in();
    let secret = fs::read(device.path("page-access.json")).expect("the access file");
    let tricks = [
        "/../kiosk.toml",
        "/../../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/kiosk.toml",
        "/..%2fkiosk.toml",
        "/..%5ckiosk.toml",
        "//etc/passwd",
        "/./kiosk.toml",
        "/page-access.json",
        "/js/../../page-access.json",
        "/photo/..%2f..%2fkiosk.toml",
        "/photo/%2e%2e%2fpage-access.json",
        "/photo/4006381333931%00.jpg",
        "/photo/../api/log",
        "/api/log?day=../../etc/passwd",
        "/api/log?day=2026-01-0%00",
        "/%c0%ae%c0%ae/kiosk.toml",
        "/index.html%00.js",
    ];
    for path in tricks {
        let (status, body, _) = device.get(path, &session);
        assert!((400..500).contains(&status), "{status} for {path}");
        for leak in [&b"root:"[..], b"[camera]", &secret] {
            assert!(!contains(&body, leak), "{path} gave a file");
        }
    }
    device.works();
}

#[test]
fn slow_and_many_clients_do_not_keep_others_out_nor_the_device_from_its_work() {
    let mut device = Device::start("");
    let head = format!("GET /api/view HTTP/1.1\r\nHost: {}\r\n", device.address);
    let mut slow: Vec<_> = (0..120).map(|_| device.connect()).collect();
    for (stream, byte) in slow.iter_mut().zip(head.bytes().cycle()) {
        stream.write_all(&[byte]).expect("a byte is taken");
    }
    // Some ask for everything and read nothing.
    let asks = format!("{head}\r\n").repeat(200);
    for stream in slow.iter_mut().take(10) {
        stream.set_nonblocking(true).expect("a socket");
        // It takes some of it and then, rightly, no more.
        if let Err(error) = stream.write_all(asks.as_bytes()) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    }
    let begin = Instant::now();
    assert_eq!(device.get("/healthz", "").0, 200);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "the page answers others"
    );
    device.works();
    drop(slow);
    // More than may be open: those that are too many are turned away, and afterwards there is room again.
    let crowd: Vec<_> = (0..400).map(|_| device.connect()).collect();
    device_turned_away(&crowd);
    drop(crowd);
    let begin = Instant::now();
    while device.get("/healthz", "").0 != 200 {
        assert!(begin.elapsed() < PATIENCE, "there is no room again");
    }
    assert!(count(&metrics(&device), "crowd") > 0);
    device.works();
    assert!(device.peak_mb() < MOST_MB, "{} MiB", device.peak_mb());
}

/// Waits until the device has hung up on one of them.
fn device_turned_away(crowd: &[std::net::TcpStream]) {
    let begin = Instant::now();
    loop {
        for mut stream in crowd {
            stream.set_nonblocking(true).expect("a socket");
            match stream.read(&mut [0; 512]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
        assert!(begin.elapsed() < PATIENCE, "nobody was turned away");
    }
}

#[test]
fn script_in_a_name_stays_text() {
    let mut device = Device::start("");
    device.works();
    let session = device.log_in();
    let begin = json!({"begin": {"gtin": "4006381333948", "title": "\"><svg onload=alert(3)>", "category": "</script>"}});
    let (status, body, _) = device.post("/api/enrol", &session, &begin);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert_eq!(device.post("/api/enrol", &session, &json!("cancel")).0, 200);
    for path in ["/api/view", "/api/find?text=script", "/api/log"] {
        let (status, body, head) = device.get(path, &session);
        assert_eq!(status, 200, "{path}");
        let told: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(
            told.to_string().contains("alert(1)"),
            "{path} tells the name: {told}"
        );
        let head = head.to_ascii_lowercase();
        for line in [
            "content-type: application/json",
            "x-content-type-options: nosniff",
            "default-src 'none'; script-src 'self'",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
    }
    let list = call(
        "skueye",
        &["gallery", "list", "gallery.skg"],
        &device.path(""),
    );
    assert!(
        printed(&list).contains(TITLE),
        "a terminal shows it as it is"
    );
}

#[test]
fn noise_on_the_cable_at_full_rate_is_ignored() {
    let mut device = Device::start("");
    let over = AtomicBool::new(false);
    let mut noise = device.till.try_clone().expect("a second end");
    std::thread::scope(|scope| {
        let over = &over;
        let rush = scope.spawn(move || {
            let (mut state, mut sent) = (1u64, 0);
            while !over.load(Ordering::Relaxed) {
                let bytes = [(); 64].map(|()| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (state >> 56) as u8
                });
                match noise.write(&bytes) {
                    Ok(count) => sent += count,
                    Err(_) => std::thread::yield_now(),
                }
            }
            sent
        });
        for _ in 0..3 {
            device.works();
        }
        over.store(true, Ordering::Relaxed);
        assert!(rush.join().expect("no panic") > 0);
    });
    let mut rest = Vec::new();
    read_some(&mut device.till, &mut rest);
    assert!(rest.is_empty(), "nothing was sold for noise: {rest:?}");
}

#[test]
fn settings_of_100_megabytes_are_refused_at_the_start_and_told_while_it_runs() {
    let folder = shop("");
    let huge = |path: &std::path::Path| {
        let file = File::create(path).expect("a file");
        file.set_len(HUGE).expect("a long file");
    };
    huge(&folder.path().join("kiosk.toml"));
    for words in [
        &["run", "--json"][..],
        &["config", "check", "kiosk.toml", "--json"],
    ] {
        let begin = Instant::now();
        let output = call("skueye", words, folder.path());
        assert!(!output.status.success());
        assert_eq!(faults(&output).len(), 1, "{}", printed(&output));
        assert!(begin.elapsed() < Duration::from_secs(10), "{words:?}");
    }
    let mut device = Device::start("");
    let session = device.log_in();
    huge(&device.path("kiosk.toml"));
    let (status, body, _) = device.get("/api/settings", &session);
    let problems: Vec<String> = serde_json::from_slice(&body).expect("a list");
    assert_eq!((status, problems.len()), (200, 1), "{problems:?}");
    device.works();
    assert!(device.peak_mb() < MOST_MB, "{} MiB", device.peak_mb());
}
