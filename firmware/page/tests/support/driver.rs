//! A real Chromium, told by the WebDriver protocol (W3C) what to do. The protocol is JSON over HTTP on this machine, and the
//! few commands that are needed fit on a page: a client library would bring more crates than the page itself has.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::http;

/// How long a browser may take for anything: a test that waits for more has failed.
const PATIENCE: u32 = 10_000;
/// How often an element is looked for that is drawn anew meanwhile.
const ATTEMPTS: u32 = 20;
const DOWN: &str = "pointerDown";
const UP: &str = "pointerUp";
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What a browser is like.
pub struct Wish<'a> {
    pub width: u32,
    pub height: u32,
    pub language: &'a str,
    pub dark: bool,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            width: 1920,
            height: 1080,
            language: "en",
            dark: false,
        }
    }
}

/// A browser with a profile of its own.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Panics where chromedriver or Chromium does not start: `cargo ci` installs both.
    pub fn open(url: &str, wish: Wish<'_>) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts (Debian: chromium-driver)");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let mut ports = lines.map_while(Result::ok).filter_map(|line| port(&line));
        let port = ports.next().expect("chromedriver says its port");
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            address: ([127, 0, 0, 1], port).into(),
            session: String::new(),
            _profile: profile,
        };
        let wanted = capabilities(browser._profile.path(), wish.language);
        let session = browser.command("POST", "/session", &wanted);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser.resize(&wish);
        browser.post("/url", &json!({ "url": url }));
        browser
    }

    /// Another size of the screen, another scheme.
    pub fn resize(&self, wish: &Wish<'_>) {
        let scheme = if wish.dark { "dark" } else { "light" };
        let metrics = json!({ "width": wish.width, "height": wish.height, "deviceScaleFactor": 1, "mobile": wish.width < 800 });
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.cdp(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [feature] }),
        );
    }

    /// The value of a JavaScript expression.
    pub fn value(&self, expression: &str) -> Value {
        let call = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.cdp("Runtime.evaluate", &call);
        assert!(
            result.get("exceptionDetails").is_none(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression holds; a failure shows what is on the page.
    pub fn until(&self, expression: &str) {
        let wait = format!(
            "new Promise((done) => {{ const end = Date.now() + {PATIENCE}; const look = () => {{ let holds = false; \
             try {{ holds = ({expression}); }} catch {{}} if (holds) return done(true); \
             if (Date.now() > end) return done(false); setTimeout(look, 20); }}; look(); }})"
        );
        let holds = self.value(&wait) == json!(true);
        assert!(holds, "never: {expression}\n{}", self.text("body"));
    }

    /// Waits until an element is there that shows `text`.
    pub fn sees(&self, css: &str, text: &str) {
        let (css, text) = (json!(css), json!(text));
        self.until(&format!(
            "[...document.querySelectorAll({css})].some((e) => e.textContent.includes({text}))"
        ));
    }

    pub fn text(&self, css: &str) -> String {
        let css = json!(css);
        let text = self.value(&format!("document.querySelector({css})?.innerText ?? ''"));
        text.as_str().unwrap_or_default().to_owned()
    }

    pub fn click(&self, css: &str) {
        self.on(css, |id| (format!("/element/{id}/click"), json!({})));
    }

    /// Types into a field.
    pub fn fill(&self, css: &str, text: &str) {
        self.on(css, |id| {
            (format!("/element/{id}/value"), json!({ "text": text }))
        });
    }

    /// Presses keys, one after the other and `pause` milliseconds apart, wherever the focus is.
    pub fn press(&self, keys: &str, pause: u32) {
        let key = |key: char| {
            let key = key.to_string();
            let wait = json!({ "type": "pause", "duration": pause });
            [
                json!({ "type": "keyDown", "value": key }),
                json!({ "type": "keyUp", "value": key }),
                wait,
            ]
        };
        let actions: Vec<Value> = keys.chars().flat_map(key).collect();
        self.perform(&json!({ "type": "key", "id": "keyboard", "actions": actions }));
    }

    /// Touches the middle of an element with a finger.
    pub fn touch(&self, css: &str) {
        self.point(css, "touch", &[DOWN, UP]);
    }

    /// The mouse's button goes down on the middle of an element and stays down.
    pub fn press_on(&self, css: &str) {
        self.point(css, "mouse", &[DOWN]);
    }

    /// The mouse's button goes up.
    pub fn let_go(&self) {
        self.perform(&pointer("mouse", vec![json!({ "type": UP, "button": 0 })]));
    }

    fn point(&self, css: &str, kind: &str, then: &[&str]) {
        self.on(css, |id| {
            let mut actions = vec![
                json!({ "type": "pointerMove", "duration": 0, "origin": { ELEMENT: id }, "x": 0, "y": 0 }),
            ];
            actions.extend(
                then.iter()
                    .map(|action| json!({ "type": action, "button": 0 })),
            );
            let body = json!({ "actions": [pointer(kind, actions)] });
            ("/actions".to_owned(), body)
        });
    }

    /// Errors that the browser's console shows, such as breaches of the content policy. Answers of the device that are
    /// refusals are no errors of the page.
    pub fn errors(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().into_iter().flatten();
        let severe =
            entries.filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network");
        severe.map(Value::to_string).collect()
    }

    /// Keeps a picture of what is on the screen under `target/tmp/page/`, for people to look at: half as wide and high.
    pub fn picture(&self, name: &str) {
        let size = self.value("[innerWidth, innerHeight]");
        let scale = if size[0].as_u64() > Some(800) {
            0.5
        } else {
            1.0
        };
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": scale });
        let shot = self.cdp(
            "Page.captureScreenshot",
            &json!({ "format": "png", "clip": clip }),
        );
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            shot["data"].as_str().unwrap(),
        );
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name).with_extension("png"), bytes.unwrap()).unwrap();
    }

    /// Does what `command` makes of an element's name: a path and a body. What was found may have been drawn anew before the
    /// command reaches it; a person's hand finds the new one as well.
    fn on(&self, css: &str, command: impl Fn(&str) -> (String, Value)) {
        let css_text = json!(css);
        for _ in 0..ATTEMPTS {
            self.until(&format!("document.querySelector({css_text})"));
            let (status, element) = self.exchange(
                "POST",
                &format!("{}/element", self.session),
                &json!({ "using": "css selector", "value": css }),
            );
            if status == 404 {
                continue;
            }
            let (path, body) = command(element[ELEMENT].as_str().expect("an element's name"));
            let (status, value) = self.exchange("POST", &format!("{}{path}", self.session), &body);
            match (status, value["error"].as_str()) {
                (200, _) => return,
                (_, Some("stale element reference")) => {}
                _ => panic!("{css} {path} {body}: {value}"),
            }
        }
        panic!("{css} is drawn anew all the time");
    }

    fn perform(&self, source: &Value) {
        self.post("/actions", &json!({ "actions": [source] }));
    }

    fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        self.command("POST", &format!("{}{command}", self.session), body)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, value) = self.exchange(method, path, body);
        assert_eq!(status, 200, "{path} {body}: {value}");
        value
    }

    /// The driver's answer, whatever it is: its status and its value.
    fn exchange(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (body, address) = (body.to_string(), self.address);
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = http::exchange(address, request.as_bytes()).unwrap();
        (answer.status, answer.json()["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium as well, which the driver started.
        if !self.session.is_empty() {
            let request = format!(
                "DELETE {} HTTP/1.1\r\nHost: {}\r\n\r\n",
                self.session, self.address
            );
            let _ = http::exchange(self.address, request.as_bytes());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn pointer(kind: &str, actions: Vec<Value>) -> Value {
    json!({ "type": "pointer", "id": kind, "parameters": { "pointerType": kind }, "actions": actions })
}

fn port(line: &str) -> Option<u16> {
    let number = line.split("successfully on port ").nth(1)?;
    number.trim_end_matches('.').parse().ok()
}

fn capabilities(profile: &std::path::Path, language: &str) -> Value {
    let arguments = [
        "--headless".into(),
        "--no-sandbox".into(),
        "--disable-gpu".into(),
        "--disable-quic".into(),
        "--disable-dev-shm-usage".into(),
        "--no-first-run".into(),
        "--disable-background-networking".into(),
        "--disable-component-update".into(),
        "--disable-sync".into(),
        "--hide-scrollbars".into(),
        format!("--lang={language}"),
        format!("--user-data-dir={}", profile.display()),
    ];
    let options = json!({ "args": arguments, "prefs": { "intl.accept_languages": language } });
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}
