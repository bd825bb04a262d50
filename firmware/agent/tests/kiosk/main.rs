//! The kiosk from a folder of frames to the till, with a real network, a real gallery and real terminals.

mod desk;
mod shop;
#[path = "../../../vision/tests/tensorrt/standin.rs"]
mod standin;
mod tensorrt;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use skueye_agent::desk::Desk;
use skueye_agent::moment::Activity;
use skueye_agent::pipeline;
use skueye_agent::report::{Format, Reporter};
use skueye_agent::{Config, Policy};
use skueye_camera::ReplayFolder;
use skueye_link::{Link, PseudoTerminal, SerialLink};

use shop::{BLUE, GREEN, HALF, MAGENTA, RED, Shop};

/// The presentations of one session, and what each must become: verdict and the product's title.
const SESSION: [(shop::Look, &str, Option<&str>); 6] = [
    (RED, "accept", Some("Red tea 20 bags")),
    (RED, "accept", Some("Red tea 20 bags")),
    (MAGENTA, "reject", None),
    (GREEN, "accept", Some("Green tea 20 bags")),
    (HALF, "ask", None),
    (BLUE, "accept", Some("Blue tea 20 bags")),
];

fn skueye(shop: &Shop, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skueye"))
        .args(arguments)
        .current_dir(shop.folder())
        .output()
        .unwrap()
}

fn lines(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_kind<'v>(lines: &'v [Value], kind: &str) -> Vec<&'v Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// Compares the events with [`SESSION`].
fn check_session(lines: &[Value]) {
    let events = of_kind(lines, "event");
    let told: Vec<_> = events
        .iter()
        .map(|e| (e["verdict"].as_str().unwrap(), e["title"].as_str()))
        .collect();
    let expected: Vec<_> = SESSION
        .iter()
        .map(|(_, verdict, title)| (*verdict, *title))
        .collect();
    assert_eq!(told, expected);
    for (number, event) in (1..).zip(events) {
        assert_eq!(event["presentation"], number);
        assert!(event["first_frame"].as_u64() <= event["last_frame"].as_u64());
        assert_eq!(event["reason"].is_null(), event["verdict"] == "accept");
        assert_eq!(event["gtin"].is_null(), event["verdict"] != "accept");
        assert!(event["latency_ms"]["embed"].as_f64().unwrap() > 0.0);
    }
}

fn scanned(shop: &Shop) -> String {
    let answers = SESSION.iter().filter_map(|(_, _, title)| *title);
    answers
        .map(|title| format!("{}\r", shop.gtin(title)))
        .collect()
}

#[test]
fn one_event_per_presentation_and_the_till_reads_the_accepted_ones() {
    let shop = Shop::new();
    shop.replay("frames", &SESSION.map(|(look, ..)| look));
    let (mut till, path) = PseudoTerminal::open().unwrap();
    shop.settings(&format!("[link]\nserial = {path:?}\n"));
    let output = skueye(
        &shop,
        &[
            "run",
            "--replay",
            "frames",
            "--json",
            "--link-log",
            "sent.bin",
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output.stdout);
    check_session(&lines);
    let summary = of_kind(&lines, "summary")[0];
    let counts = ["presentations", "accepted", "asked", "rejected", "sent"];
    assert_eq!(
        counts.map(|name| summary[name].as_u64().unwrap()),
        [6, 4, 1, 1, 4]
    );
    assert_eq!(summary["frames"], shop.frames("frames"));
    assert!(summary["latency_ms"]["total"].as_f64().unwrap() > 0.0);
    let log = std::fs::read(shop.folder().join("sent.bin")).unwrap();
    assert_eq!(std::str::from_utf8(&log).unwrap(), scanned(&shop));
    // A busy system may hand the bytes over later than they were written.
    let (mut bytes, mut count, begin) = ([0; 1024], 0, Instant::now());
    while count < log.len() && begin.elapsed() < Duration::from_secs(20) {
        count += till.receive(&mut bytes[count..]).unwrap();
        std::thread::yield_now();
    }
    assert_eq!(log, &bytes[..count]);
}

/// Collects lines; when the link's path is written, a till opens it that acknowledges every frame.
#[derive(Default)]
struct Till {
    text: Vec<u8>,
    till: Option<std::thread::JoinHandle<String>>,
}

impl Write for Till {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend(bytes);
        if self.till.is_none() {
            let path = lines(&self.text)[0]["path"].as_str().unwrap().to_owned();
            let port = SerialLink::open(&path, 9600).unwrap();
            self.till = Some(std::thread::spawn(move || read_and_acknowledge(port)));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the till read when the scanner is gone.
fn read_and_acknowledge(mut port: SerialLink) -> String {
    let (mut read, mut bytes) = (String::new(), [0; 64]);
    while let Ok(count) = port.receive(&mut bytes) {
        for byte in &bytes[..count] {
            read.push(char::from(*byte));
            if *byte == b'\r' && port.send(&[0x06]).is_err() {
                return read;
            }
        }
        std::thread::yield_now();
    }
    read
}

#[test]
fn a_pseudo_terminal_carries_the_answers_and_the_acknowledgements() {
    let shop = Shop::new();
    shop.replay("frames", &SESSION.map(|(look, ..)| look));
    let path = shop.settings("[link]\npty = true\nack_timeout_ms = 20000\n");
    let config = Config::load(&path).unwrap();
    let replay = shop.folder().join("frames");
    let source = ReplayFolder::open(replay, config.camera.replay_fps).unwrap();
    let mut till = Till::default();
    let output = pipeline::Output {
        observer: &mut Reporter::new(&mut till, Format::Json),
        link_log: None,
        activity: &Activity::default(),
        desk: &Desk::new(&config, &path),
    };
    let summary = skueye_agent::run(&config, source, Policy::EveryFrame, output).unwrap();
    assert_eq!((summary.sent, summary.link_failures), (4, 0));
    check_session(&lines(&till.text));
    assert_eq!(till.till.unwrap().join().unwrap(), scanned(&shop));
}

#[test]
fn a_port_that_is_not_there_stops_nothing_and_every_frame_is_accounted_for() {
    let shop = Shop::new();
    shop.replay("frames", &SESSION.map(|(look, ..)| look));
    shop.settings("[link]\nserial = \"no-such-port\"\nhold_ms = 0\n");
    let output = skueye(&shop, &["run", "--replay", "frames", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output.stdout);
    check_session(&lines);
    let of_code = |code: &str| {
        let faults = of_kind(&lines, "fault");
        let of_code = faults.iter().filter(|line| line["fault"]["code"] == code);
        of_code.count()
    };
    assert_eq!((of_code("E701"), of_code("E704")), (1, 4));
    let summary = of_kind(&lines, "summary")[0];
    assert_eq!(
        (&summary["sent"], &summary["link_failures"]),
        (&0.into(), &4.into())
    );
}

#[test]
fn a_second_run_tells_the_same() {
    let shop = Shop::new();
    shop.replay("frames", &[RED, MAGENTA, HALF]);
    shop.settings("[link]\npty = false\n");
    let run = || {
        let output = skueye(&shop, &["run", "--replay", "frames", "--json"]);
        let mut lines = lines(&output.stdout);
        for line in &mut lines {
            line["latency_ms"] = Value::Null;
        }
        lines
    };
    assert_eq!(run(), run());
}

#[test]
fn a_damaged_frame_is_told_and_loses_no_presentation() {
    let shop = Shop::new();
    shop.replay("frames", &[RED, GREEN]);
    shop.damage("frames", 6);
    shop.settings("[link]\npty = false\n[events]\npath = \"events.jsonl\"\n");
    let output = skueye(&shop, &["run", "--replay", "frames", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let events = lines(&std::fs::read(shop.folder().join("events.jsonl")).unwrap());
    let faults = of_kind(&events, "fault");
    assert_eq!((faults.len(), &faults[0]["frame"]), (1, &Value::from(6)));
    assert_eq!(faults[0]["fault"]["code"], "E301");
    let verdicts: Vec<_> = of_kind(&events, "event")
        .iter()
        .map(|e| e["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["accept", "accept"]);
    let printed = lines(&output.stdout);
    assert_eq!(printed.len(), 1, "only the summary is printed");
    assert_eq!(printed[0]["frames_damaged"], 1);
}

#[test]
fn one_picture_is_answered() {
    let shop = Shop::new();
    shop.settings("");
    shop.picture("blue.png", BLUE);
    shop.picture("magenta.png", MAGENTA);
    let answer = |file| lines(&skueye(&shop, &["recognise", file, "--json"]).stdout).remove(0);
    let blue = answer("blue.png");
    assert_eq!(blue["verdict"], "accept");
    assert_eq!(blue["candidates"][0]["title"], "Blue tea 20 bags");
    assert_eq!(answer("magenta.png")["verdict"], "reject");
}

#[test]
fn galleries_are_described_listed_and_verified() {
    let shop = Shop::new();
    let info = skueye(&shop, &["gallery", "info", "gallery.skg", "--json"]);
    assert_eq!(lines(&info.stdout)[0]["products"], 3);
    let list = lines(&skueye(&shop, &["gallery", "list", "gallery.skg", "--json"]).stdout);
    assert_eq!(list.len(), 3);
    assert_eq!(list[0]["title"], "Red tea 20 bags");
    assert!(
        skueye(&shop, &["gallery", "verify", "gallery.skg"])
            .status
            .success()
    );
    let path = shop.folder().join("gallery.skg");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let refused = skueye(&shop, &["gallery", "verify", "gallery.skg", "--json"]);
    assert_eq!(fault_of(&refused), (Some(1), "E201".into()));
}

/// Exit code and number of the one JSON object that a failed command prints.
fn fault_of(output: &Output) -> (Option<i32>, String) {
    let printed = lines(&output.stdout);
    assert_eq!(printed.len(), 1, "{output:?}");
    for part in ["expected", "got", "remedy"] {
        assert!(
            printed[0][part]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    (
        output.status.code(),
        printed[0]["code"].as_str().unwrap().into(),
    )
}

#[test]
fn a_model_and_a_gallery_of_different_ids_are_refused_with_both() {
    let shop = Shop::new();
    shop.settings("");
    shop.other_model();
    shop.picture("blue.png", BLUE);
    let refused = skueye(&shop, &["recognise", "blue.png", "--json"]);
    assert_eq!(fault_of(&refused), (Some(1), "E203".into()));
    let text = String::from_utf8(refused.stdout).unwrap();
    assert!(
        text.contains(&"01".repeat(16)) && text.contains(&"02".repeat(16)),
        "{text}"
    );
    let doctor = skueye(&shop, &["doctor", "--json"]);
    let findings = &lines(&doctor.stdout)[0];
    assert_eq!(
        (doctor.status.code(), &findings["healthy"]),
        (Some(1), &Value::from(false))
    );
    assert_eq!(findings["faults"][0]["code"], "E203");
}

#[test]
fn doctor_finds_a_healthy_kiosk_healthy() {
    let shop = Shop::new();
    shop.settings("");
    let findings = lines(&skueye(&shop, &["doctor", "--json"]).stdout).remove(0);
    assert_eq!(findings["healthy"], true);
    // Whichever runtimes this machine has, one is chosen, and tract is always among them.
    let runtimes = findings["backends"].as_array().unwrap();
    let chosen: Vec<_> = runtimes
        .iter()
        .filter(|found| found["chosen"] == true)
        .collect();
    assert_eq!(chosen.len(), 1, "{findings}");
    assert_eq!(findings["model"]["backend"], chosen[0]["name"]);
    assert!(
        runtimes
            .iter()
            .any(|found| found["name"] == "tract" && found["found"] == true)
    );
    assert!(findings["model"]["self_test_cosine"].as_f64().unwrap() > 0.999);
    assert!(skueye(&shop, &["doctor"]).status.success());
}

#[test]
fn bad_input_has_numbers_and_exit_codes() {
    let shop = Shop::new();
    shop.settings("");
    std::fs::create_dir(shop.folder().join("empty")).unwrap();
    let run = skueye(&shop, &["run", "--replay", "empty", "--json"]);
    assert_eq!(fault_of(&run), (Some(1), "E306".into()));
    shop.picture("cut.png", RED);
    cut(&shop.folder().join("cut.png"));
    let recognise = skueye(&shop, &["recognise", "cut.png", "--json"]);
    assert_eq!(fault_of(&recognise), (Some(1), "E301".into()));
    let missing = skueye(&shop, &["recognise", "missing.png", "--json"]);
    assert_eq!(fault_of(&missing), (Some(1), "E901".into()));
    let usage = skueye(&shop, &["recognize", "cut.png", "--json"]);
    assert_eq!(fault_of(&usage), (Some(2), "E104".into()));
    shop.settings("[camera]\nreplay_fsp = 3\n[decision]\nmin_frames = 0\n");
    let settings = skueye(&shop, &["doctor", "--json"]);
    assert_eq!(fault_of(&settings), (Some(2), "E102".into()));
    let check = skueye(&shop, &["config", "check", "kiosk.toml", "--json"]);
    assert_eq!(check.status.code(), Some(2));
    assert_eq!(
        lines(&check.stdout)[0]["problems"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}
