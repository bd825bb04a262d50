//! The page's files, what programs ask, and a device that fails.

use std::sync::Arc;
use std::time::Duration;

use skueye_models::{Code, Verdict};
use skueye_page::fake::{FakeStation, camera_gone};
use skueye_page::refusals::Refusal;
use skueye_page::station::Health;
use skueye_page::{Limits, Settings, serve};

use super::code_of;
use super::support::Device;
use super::support::http::{get, post};

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
    fn take_back(&self, _: u32) -> Result<(), skueye_models::Fault> {
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
