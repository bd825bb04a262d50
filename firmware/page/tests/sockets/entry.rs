//! Code, password, sessions, and what is to be had without.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use skueye_models::Verdict;
use skueye_page::fake::FakeStation;
use skueye_page::refusals::Refusal;
use skueye_page::{Access, Clock, Display, Settings, serve};

use super::code_of;
use super::events::Events;
use super::support::http::{Answer, get, post};
use super::support::{Device, PASSWORD};

/// A first visit with a wrong code.
fn guess(to: SocketAddr) -> Answer {
    let body = r#"{"code":"AAAA-AAAA","password":"seven apples"}"#;
    post(to, "/api/setup", "", body)
}

#[test]
fn the_code_opens_a_session_and_logging_out_ends_it() {
    let device = Device::start();
    let to = device.server.address();
    let wrong = guess(to);
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
    let statuses: Vec<u16> = (0..5).map(|_| guess(to).status).collect();
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
    let waiting = guess(to);
    assert_eq!(code_of(&waiting), "E716");
    assert!(waiting.header("retry-after").is_some());
    assert_eq!(device.server.refusals().count(Refusal::Wait), 3);
    assert_eq!(device.server.refusals().count(Refusal::Code), 3);
}

#[test]
fn guesses_at_the_same_time_are_no_more_than_guesses_in_turn() {
    let device = Device::start();
    let to = device.server.address();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(|| guess(to).status)).collect();
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
