//! The program as a service: what systemd, a technician and an auditor see of it. A real program, a real network, real signals; the
//! camera is a program in the place of GStreamer.

#[path = "kiosk/shop.rs"]
#[expect(dead_code, reason = "the kiosk's tests use the rest")]
mod shop;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use shop::Shop;

const WIDTH: usize = 160;
const HEIGHT: usize = 120;
const WAIT: Duration = Duration::from_secs(60);

/// Settings with everything that a service has.
const SETTINGS: &str = "[camera]\nsource = \"gstreamer\"\nstall_ms = 60000\n[link]\npty = false\n[page]\nlisten = \"off\"\n\
                        [log]\nfolder = \"log\"\n[status]\npath = \"run/status.json\"\n[decision]\nreject = 0.5\n";

fn skueye(shop: &Shop, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skueye"))
        .args(arguments)
        .current_dir(shop.folder())
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The last line.
fn json(output: &Output) -> Value {
    lines(output).pop().unwrap_or_default()
}

/// A program in the place of GStreamer that shows what the file `look` says: `red`, an empty stage, or nothing more.
const CAMERA: &str = "#!/bin/sh
printf 'YUV4MPEG2 W160 H120 F30:1 C420jpeg\\n'
while :; do
  for n in 0 1 2 3; do
    case $(cat look) in
      hang) exec sleep 1000 ;;
      red) cat red.$n ;;
      *) cat empty.$n ;;
    esac
    sleep 0.02
  done
done
";

/// One frame of the stage, with a red box where `item`.
fn frame(number: usize, item: bool) -> Vec<u8> {
    let mut picture = b"FRAME\n".to_vec();
    let inside = |x: usize, y: usize| item && (40..100).contains(&x) && (30..90).contains(&y);
    let noise = |x: usize, y: usize| ((x * 7 + y * 13 + number * 29) % 5) as u8;
    for y in 0..HEIGHT {
        let luma = |x| if inside(x, y) { 84 } else { 126 + noise(x, y) };
        picture.extend((0..WIDTH).map(luma));
    }
    for red in [91, 246] {
        for y in 0..HEIGHT / 2 {
            let chroma = |x| if inside(2 * x, 2 * y) { red } else { 128 };
            picture.extend((0..WIDTH / 2).map(chroma));
        }
    }
    picture
}

/// A running service.
struct Service {
    shop: Shop,
    child: Child,
    out: BufReader<ChildStdout>,
    notices: UnixDatagram,
}

impl Service {
    /// Before an empty stage.
    fn start(settings: &str) -> Self {
        let shop = Shop::new();
        shop.settings(settings);
        for number in 0..4 {
            fs::write(
                shop.folder().join(format!("empty.{number}")),
                frame(number, false),
            )
            .unwrap();
            fs::write(
                shop.folder().join(format!("red.{number}")),
                frame(number, true),
            )
            .unwrap();
        }
        let program = shop.folder().join("gst-launch-1.0");
        // Written by a program of its own: a file that is open for writing in any process cannot be started.
        fs::write(shop.folder().join("new"), CAMERA).unwrap();
        fs::set_permissions(shop.folder().join("new"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(shop.folder().join("new"), program).unwrap();
        let socket = shop.folder().join("notify");
        let notices = UnixDatagram::bind(&socket).unwrap();
        notices.set_read_timeout(Some(WAIT)).unwrap();
        let path = format!(
            "{}:{}",
            shop.folder().display(),
            std::env::var("PATH").unwrap()
        );
        let mut child = Command::new(env!("CARGO_BIN_EXE_skueye"))
            .args(["run", "--json"])
            .current_dir(shop.folder())
            .env("PATH", path)
            .env("NOTIFY_SOCKET", socket)
            .env("WATCHDOG_USEC", "300000")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self {
            shop,
            child,
            out,
            notices,
        }
    }

    fn look(&self, look: &str) {
        fs::write(self.shop.folder().join("look"), look).unwrap();
    }

    fn notice(&self) -> Option<String> {
        let mut bytes = [0; 4096];
        let length = self.notices.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// Notices until one holds `word`.
    fn hear(&self, word: &str) {
        while !self.notice().expect(word).lines().any(|line| line == word) {}
    }

    /// The next line of a kind.
    fn line(&mut self, kind: &str) -> Value {
        loop {
            let mut text = String::new();
            assert!(self.out.read_line(&mut text).unwrap() > 0, "no {kind} came");
            let line: Value = serde_json::from_str(&text).unwrap();
            if line["kind"] == kind {
                return line;
            }
        }
    }

    /// Presents red tea.
    fn present(&mut self) {
        self.look("red");
        let event = self.line("event");
        assert_eq!(event["title"], "Red tea 20 bags", "{event}");
        self.look("empty");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end: what it said on the standard error, and its folder.
    fn end(mut self) -> (String, Shop) {
        let mut errors = String::new();
        let mut said = self.child.stderr.take().unwrap();
        said.read_to_string(&mut errors).unwrap();
        assert!(self.child.wait().unwrap().success(), "{errors}");
        (errors, self.shop)
    }
}

#[test]
fn a_service_is_ready_with_its_first_frame_and_alive_only_while_frames_flow() {
    let service = Service::start(SETTINGS);
    service.hear("READY=1");
    for _ in 0..3 {
        service.hear("WATCHDOG=1");
    }
    let status = json(&skueye(&service.shop, &["status", "--json"]));
    let expected = (&Value::from(true), &Value::from(service.child.id()));
    assert_eq!((&status["ready"], &status["pid"]), expected, "{status}");
    service.look("hang");
    // What was on its way still counts; then the program lives on without being fed for.
    let is_silent = || (0..12).all(|_| !service.notice().unwrap().contains("WATCHDOG=1"));
    assert!(
        (0..20).any(|_| is_silent()),
        "it is fed for although no frame flows"
    );
    let status = skueye(&service.shop, &["status", "--json"]);
    assert_ne!(json(&status)["code"], "E913", "it still says how it is");
    service.signal("-KILL");
    let (mut child, shop) = (service.child, service.shop);
    child.wait().unwrap();
    let status = skueye(&shop, &["status", "--json"]);
    let told = (status.status.code(), json(&status)["code"].clone());
    assert_eq!(told, (Some(1), "E913".into()));
}

#[test]
fn a_service_that_is_told_to_end_closes_what_is_open() {
    let mut service = Service::start(SETTINGS);
    service.hear("READY=1");
    service.present();
    service.signal("-TERM");
    assert_eq!(service.line("summary")["presentations"], 1);
    service.hear("STOPPING=1");
    let (_, shop) = service.end();
    let report = json(&skueye(&shop, &["log", "report", "--json"]));
    let counts = (&report["presentations"], &report["accepted"]);
    assert_eq!(counts, (&1.into(), &1.into()));
    let verified = json(&skueye(&shop, &["log", "verify", "--json"]));
    assert_eq!(
        (&verified["sound"], &verified["starts"]),
        (&true.into(), &1.into())
    );
    let lines = lines(&skueye(&shop, &["log", "show", "--json"]));
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["file", "start", "event", "end"]);
    assert_eq!(lines[2]["thresholds"], lines[1]["thresholds"]);
    assert!(lines[2]["candidates"][0]["score"].as_f64().unwrap() > 0.5);
}

#[test]
fn settings_that_are_refused_at_the_start_give_way_to_the_last_good_ones() {
    let shop = Shop::new();
    shop.replay("frames", &[shop::RED]);
    shop.settings("[link]\npty = false\n");
    let run = ["run", "--replay", "frames", "--json"];
    let with = [&run[..], &["--last-good", "good.toml"]].concat();
    assert!(skueye(&shop, &with).status.success());
    shop.settings("[decision]\nmin_frams = 3\n");
    let refused = skueye(&shop, &run);
    let told = (refused.status.code(), json(&refused)["code"].clone());
    assert_eq!(told, (Some(2), "E102".into()));
    let run = skueye(&shop, &with);
    assert!(run.status.success(), "{run:?}");
    assert_eq!(json(&run)["accepted"], 1);
    let errors = String::from_utf8(run.stderr).unwrap();
    assert!(
        errors.contains("E105") && errors.contains("min_frams"),
        "{errors}"
    );
}

#[test]
fn a_support_bundle_holds_what_helps_and_no_secret() {
    let shop = Shop::new();
    shop.settings(
        "# the till's password = hunter2\n[link]\npty = false\n[log]\nfolder = \"log\"\n",
    );
    shop.replay("frames", &[shop::RED]);
    assert!(
        skueye(&shop, &["run", "--replay", "frames", "--page", "off"])
            .status
            .success()
    );
    let written = skueye(&shop, &["support-bundle", "help.tar.gz", "--json"]);
    assert!(written.status.success(), "{written:?}");
    let file = File::open(shop.folder().join("help.tar.gz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut parts = std::collections::BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (name, mut text) = (entry.path().unwrap().display().to_string(), String::new());
        entry.read_to_string(&mut text).unwrap();
        parts.insert(name, text);
    }
    let part = |name: &str| &parts[&format!("skueye-support/{name}")];
    assert!(parts.values().all(|text| !text.contains("hunter2")));
    let doctor: Value = serde_json::from_str(part("doctor.json")).unwrap();
    assert_eq!(doctor["healthy"], true);
    assert!(part("log.jsonl").contains("Red tea 20 bags"));
    assert!(part("machine.txt").contains("/proc/version"));
    assert!(part("settings.toml").contains("folder = \"log\""));
    assert!(!parts.keys().any(|name| name.contains("pictures")));
    // What is wrong with the settings is no reason for no help.
    fs::write(
        shop.folder().join("kiosk.toml"),
        "[decision]\nmin_frams = 3\n",
    )
    .unwrap();
    let written = json(&skueye(&shop, &["support-bundle", "help.tar.gz", "--json"]));
    assert!(
        written["parts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|part| part["name"] == "settings-problems.txt")
    );
}

#[test]
fn wiping_has_to_be_meant_and_leaves_the_products() {
    let shop = Shop::new();
    shop.settings(
        "[link]\npty = false\n[log]\nfolder = \"log\"\n[events]\npath = \"events.jsonl\"\n",
    );
    shop.replay("frames", &[shop::RED]);
    assert!(
        skueye(&shop, &["run", "--replay", "frames", "--page", "off"])
            .status
            .success()
    );
    fs::create_dir_all(shop.folder().join("enrolled/1")).unwrap();
    fs::write(shop.folder().join("enrolled/1/shot.jpg"), "a picture").unwrap();
    let asked = skueye(&shop, &["wipe", "--json"]);
    assert_eq!(
        (asked.status.code(), &json(&asked)["code"]),
        (Some(1), &"E914".into())
    );
    assert!(shop.folder().join("events.jsonl").exists());
    let wiped = json(&skueye(&shop, &["wipe", "--yes", "--json"]));
    assert_eq!(wiped["removed"], true);
    for gone in ["events.jsonl", "enrolled/1"] {
        assert!(!shop.folder().join(gone).exists(), "{gone}");
    }
    let report = json(&skueye(&shop, &["log", "report", "--json"]));
    assert_eq!(report["presentations"], 0);
    assert_eq!(
        json(&skueye(&shop, &["log", "verify", "--json"]))["sound"],
        true
    );
    assert!(
        skueye(&shop, &["gallery", "verify", "gallery.skg"])
            .status
            .success()
    );
}

#[test]
fn for_another_owner_everything_goes_that_the_first_one_put_in() {
    let shop = Shop::new();
    shop.settings("[update]\nfolder = \"update\"\n[link]\npty = false\n");
    let at = |name: &str| shop.folder().join(name);
    fs::create_dir(at("update")).unwrap();
    let own = [
        "gallery.skg.journal",
        "update/enrolled-0101.journal",
        "names.csv",
        "page-access.json",
        "good.toml",
    ];
    for name in own {
        fs::write(at(name), "x").unwrap();
    }
    let some = skueye(&shop, &["wipe", "--yes", "--enrolled"]);
    let said = String::from_utf8_lossy(&some.stdout).into_owned();
    assert!(some.status.success(), "{some:?}");
    assert!(
        said.contains("removing enrolled products: 1 files, 1 bytes in update/"),
        "{said}"
    );
    assert_eq!(
        own.map(|name| at(name).exists()),
        [false, false, true, true, true]
    );
    let all = skueye(
        &shop,
        &["wipe", "--yes", "--all", "--last-good", "good.toml"],
    );
    assert!(all.status.success(), "{all:?}");
    assert_eq!(own.map(|name| at(name).exists()), [false; 5]);
    assert!(at("gallery.skg").exists() && at("kiosk.toml").exists());
}

#[test]
fn settings_are_migrated_once_and_the_old_file_stays_beside_them() {
    let shop = Shop::new();
    let old = "# The shop's own.\n[enrol]\nnames = \"list.csv\" # from the till\n";
    let path = shop.settings(old);
    let old = fs::read_to_string(&path).unwrap();
    let checked = json(&skueye(&shop, &["config", "check", "kiosk.toml", "--json"]));
    assert_eq!(checked["valid"], true);
    assert_eq!(checked["warnings"][0]["code"], "E109");
    assert_eq!(checked["warnings"][0]["line"], 3);
    let dry = json(&skueye(
        &shop,
        &["config", "migrate", "kiosk.toml", "--dry-run", "--json"],
    ));
    assert_eq!(dry["changes"].as_array().unwrap().len(), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
    let done = json(&skueye(
        &shop,
        &["config", "migrate", "kiosk.toml", "--json"],
    ));
    assert_eq!(done["kept"], "kiosk.toml.before-1");
    assert_eq!(
        fs::read_to_string(shop.folder().join("kiosk.toml.before-1")).unwrap(),
        old
    );
    let new = fs::read_to_string(&path).unwrap();
    assert!(
        new.contains("version = 2\n")
            && new.contains("product_list = \"list.csv\" # from the till"),
        "{new}"
    );
    let checked = json(&skueye(&shop, &["config", "check", "kiosk.toml", "--json"]));
    assert_eq!(checked["warnings"].as_array().unwrap().len(), 0);
    let again = json(&skueye(
        &shop,
        &["config", "migrate", "kiosk.toml", "--json"],
    ));
    assert_eq!(again["changes"].as_array().unwrap().len(), 0);
    fs::write(&path, "[enrol]\nshots = 0\n").unwrap();
    let refused = skueye(&shop, &["config", "migrate", "kiosk.toml"]);
    assert!(!refused.status.success());
}
