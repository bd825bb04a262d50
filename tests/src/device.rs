//! The real device program with its page, a camera whose picture the test chooses, and a till's end of the cable.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::programs::program;
use serde_json::{Value, json};
use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product};
use skueye_vision::RgbImage;
use skueye_vision::testing::{DIM, embed, write_tiny_model};
use tempfile::TempDir;

/// The colours of a box's left and right half.
pub type Look = [[u8; 3]; 2];

/// The look of the product called [`TITLE`].
pub const RED: Look = [[250, 10, 10]; 2];
/// The look of blue tea.
pub const BLUE: Look = [[10, 10, 250]; 2];

const ID: EmbeddingId = EmbeddingId([1; 16]);
const WIDTH: usize = 160;
const HEIGHT: usize = 120;
/// `O_NONBLOCK` and `O_NOCTTY` of Linux.
const TERMINAL: i32 = 0o4000 | 0o400;
/// Far more than anything here takes; a device that hangs is found all the same.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A product's name that a careless page would run.
pub const TITLE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>";
/// Plays the picture in `scene` again and again, as GStreamer would play a camera's.
const CAMERA: &str = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nprintf 'YUV4MPEG2 W160 H120 F25:1 Ip C420jpeg\\n'\n\
    while cat scene; do sleep 0.02; done\n";

/// A running device; it is ended when it is dropped.
pub struct Device {
    child: Child,
    lines: Receiver<Value>,
    /// Where the page is served.
    pub address: SocketAddr,
    /// The one-time code of the page.
    pub code: String,
    /// The till's end.
    pub till: File,
    folder: TempDir,
}

impl Device {
    /// Runs with a gallery of one red product. `settings` are added to those that it needs.
    pub fn start(settings: &str) -> Self {
        let folder = shop(settings);
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new(program("skueye"))
            .args(["run", "--json", "--page", "127.0.0.1:0"])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("skueye starts");
        let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
        let address = after(&mut told, "operator page on http://");
        let address = address.trim_end_matches('/').parse().expect("an address");
        let code = after(&mut told, "one-time code of the page: ");
        // Whoever writes there must not wait for us.
        std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            for line in lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let till = tills_end(&lines);
        let device = Self {
            child,
            lines,
            address,
            code,
            till,
            folder,
        };
        device.until_stage("empty");
        device
    }

    /// A file of the device's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes other settings; see [`set`].
    pub fn set(&self, settings: &str) {
        set(self.folder.path(), settings);
    }

    /// Clears the stage, and waits until the device has seen that.
    pub fn clear(&self) {
        self.show(None);
        self.until_stage("empty");
    }

    /// Connects the till to the device's next run: a terminal ends with its run.
    pub fn connect_till(&mut self) {
        self.till = tills_end(&self.lines);
    }

    /// The next line of a kind.
    pub fn next(&self, kind: &str) -> Value {
        wait(&self.lines, |line| line["kind"] == kind)
    }

    /// Sends a signal, by its name: `HUP`, `TERM`.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(kill.expect("kill starts").success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("a state")
    }

    /// Presents the red product and holds that it is recognised and told to the till, as on any other day.
    pub fn works(&mut self) {
        assert_eq!(self.child.try_wait().expect("a state"), None, "it lives");
        self.show(Some(RED));
        let event = self.event();
        assert_eq!(event["verdict"], "accept", "{event}");
        assert_eq!(event["title"], TITLE);
        assert_eq!(event["sent"], "sent", "{event}");
        self.hears(&format!("{}\r", gtin()));
        self.clear();
    }

    /// Puts a box before the camera, or takes it away.
    pub fn show(&self, look: Option<Look>) {
        show(self.folder.path(), look);
    }

    /// Waits for the event of a presentation.
    pub fn event(&self) -> Value {
        self.next("event")
    }

    /// Waits until the till has heard `text`.
    pub fn hears(&mut self, text: &str) {
        let (begin, mut heard) = (Instant::now(), Vec::new());
        while !contains(&heard, text.as_bytes()) {
            assert!(begin.elapsed() < PATIENCE, "the till heard {heard:?}");
            read_some(&mut self.till, &mut heard);
        }
    }

    /// Waits until the page says so of the stage.
    pub fn until_stage(&self, stage: &str) {
        let begin = Instant::now();
        loop {
            let view = self.get("/api/view", "").1;
            let view: Value = serde_json::from_slice(&view).expect("a view");
            if view["stage"] == stage {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "the stage is {}", view["stage"]);
        }
    }

    /// Status, body and head of an answer.
    pub fn get(&self, path: &str, headers: &str) -> (u16, Vec<u8>, String) {
        let host = self.address;
        let close = "Connection: close";
        self.say(
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{close}\r\n{headers}\r\n").as_bytes(),
        )
    }

    /// The same for a body of JSON, as the page sends it.
    pub fn post(&self, path: &str, headers: &str, body: &Value) -> (u16, Vec<u8>, String) {
        let (host, body) = (self.address, body.to_string());
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Skueye: 1\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.say(request.as_bytes())
    }

    /// What comes back for these bytes until the device hangs up; status 0 where that is no answer.
    pub fn say(&self, bytes: &[u8]) -> (u16, Vec<u8>, String) {
        let mut stream = self.connect();
        // A device that has heard enough may hang up before all is said.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer.windows(4).position(|at| at == b"\r\n\r\n");
        let end = end.map_or(answer.len(), |end| end + 4);
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or(0), answer[end..].to_vec(), head)
    }

    /// A connection to the page.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the page listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream
    }

    /// The header of a session, with which everything of the page is open.
    pub fn log_in(&self) -> String {
        let choice = json!({"code": self.code, "password": "correct horse battery staple"});
        let (status, body, head) = self.post("/api/setup", "", &choice);
        assert_eq!(status, 204, "{}", String::from_utf8_lossy(&body));
        let cookie = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie").then_some(value)
        });
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        format!("Cookie: {}\r\n", cookie.expect("a cookie").trim())
    }

    /// Of all that it ever held, mebibytes of memory.
    pub fn peak_mb(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.expect("a size") / 1024
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // It may be gone already; then the test has said so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of the red product.
pub fn gtin() -> Gtin {
    Gtin::from_body(400_638_133_393, 13).expect("a number")
}

/// A folder with model, gallery, settings and a camera. `settings` are added to those that it needs.
pub fn shop(settings: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("model")).expect("a folder");
    write_tiny_model(&at("model"), ID);
    let mut builder = GalleryBuilder::new(ID, DIM).expect("a builder");
    for (look, body, title) in [
        (RED, 400_638_133_393, TITLE),
        (BLUE, 400_638_133_395, "Blue tea"),
    ] {
        let product = builder.add_product(Product {
            gtin: Gtin::from_body(body, 13).expect("a number"),
            title: title.into(),
            category: "tea".into(),
        });
        let pixels = look[0].repeat(64 * 64);
        let picture = RgbImage::new(64, 64, pixels).expect("a picture");
        let row = embed(ID, &picture);
        builder
            .add_row(product.expect("a product"), &row)
            .expect("a row");
    }
    builder.write(at("gallery.skg")).expect("a gallery");
    set(folder.path(), settings);
    fs::write(at("gst-launch-1.0"), CAMERA).expect("a camera");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(at("gst-launch-1.0"), mode).expect("a program");
    show(folder.path(), None);
    folder
}

/// Writes the settings that it needs, and `settings`.
pub fn set(folder: &Path, settings: &str) {
    let own = "[camera]\nsource = \"gstreamer\"\nfrozen_frames = 0\n[decision]\nreject = 0.5\n";
    fs::write(folder.join("kiosk.toml"), format!("{own}{settings}")).expect("settings");
}

/// Puts a box before the camera, or takes it away.
fn show(folder: &Path, look: Option<Look>) {
    const STAGE: [u8; 3] = [120, 128, 128];
    let halves = look.map_or([STAGE; 2], |look| look.map(ycc));
    let inside = |x: usize, y: usize| (50..110).contains(&x) && (30..90).contains(&y);
    let mut frame = b"FRAME\n".to_vec();
    for (channel, scale) in [1, 2, 2].into_iter().enumerate() {
        for at in 0..WIDTH * HEIGHT / scale / scale {
            let width = WIDTH / scale;
            let (x, y) = (at % width * scale, at / width * scale);
            let colour = match inside(x, y) {
                true => halves[usize::from(x >= 80)],
                false => STAGE,
            };
            frame.push(colour[channel]);
        }
    }
    fs::write(folder.join("scene.new"), frame).expect("a picture");
    fs::rename(folder.join("scene.new"), folder.join("scene")).expect("a picture");
}

/// Full-range BT.601, as C420jpeg has it.
fn ycc(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(f32::from);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [y, 128.0 + 0.564 * (b - y), 128.0 + 0.713 * (r - y)].map(|value| value as u8)
}

/// The till's end of the terminal that the device tells of next.
fn tills_end(lines: &Receiver<Value>) -> File {
    let link = wait(lines, |line| line["kind"] == "link");
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(TERMINAL)
        .open(link["path"].as_str().expect("a path"))
        .expect("the till's end opens")
}

/// The rest of the line that holds `mark`.
fn after(told: &mut impl BufRead, mark: &str) -> String {
    let mut line = String::new();
    while told.read_line(&mut line).expect("text") > 0 {
        if let Some((_, rest)) = line.split_once(mark) {
            return rest.trim().to_owned();
        }
        line.clear();
    }
    panic!("the device never said {mark:?}");
}

fn wait(lines: &Receiver<Value>, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("a line in time");
        if is(&line) {
            return line;
        }
    }
}

/// Reads what is there.
pub fn read_some(till: &mut File, into: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    match till.read(&mut bytes) {
        Ok(count) => into.extend(&bytes[..count]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
        Err(error) => panic!("the cable broke: {error}"),
    }
}

/// Whether `part` stands in `bytes`.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|at| at == part)
}
