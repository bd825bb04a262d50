//! What `skueye run` does with the sets of an update folder, with real programs, a real network and real deaths.
//!
//! The program must have been built: `cargo build --release -p skueye-agent`.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use minisign::KeyPair;
use serde_json::Value;
use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product};
use skueye_tests::programs::{call, printed, program};
use skueye_update::{Draft, KeySet, Kind, Role, Source, bundle};
use skueye_vision::RgbImage;
use skueye_vision::testing::{DIM, embed, png_bytes, write_tiny_model};
use tempfile::TempDir;

const ID: EmbeddingId = EmbeddingId([1; 16]);
const OTHER_ID: EmbeddingId = EmbeddingId([2; 16]);
const RED: [u8; 3] = [250, 10, 10];
const BLUE: [u8; 3] = [10, 10, 250];
/// A device whose own files are those that it was made with.
const OWN: &str = "[camera]\nreplay = \"shots\"\n[decision]\nreject = 0.5\n[update]\nfolder = \"device\"\nhealth_seconds = 20\n";

fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_unencrypted_keypair().unwrap())
}

struct Shop(TempDir);

impl Shop {
    /// A device that runs with a set "one": a shop that knows red tea.
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        let keys = KeySet::default().trust(Role::Release, &key().pk.to_base64());
        fs::write(shop.path("keys.json"), keys.unwrap().to_text()).unwrap();
        shop.good("update trust keys.json --folder device");
        shop.replay("shots", &[RED, BLUE]);
        shop.settings(OWN);
        shop.install("one", shop.set("one", ID));
        let lines = shop.run();
        assert_eq!(steps(&lines), ["one tried", "one committed"]);
        assert_eq!(titles(&lines), ["Red tea of one", "-"]);
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn settings(&self, text: &str) {
        fs::write(self.path("kiosk.toml"), text).unwrap();
    }

    fn good(&self, words: &str) -> Value {
        let words: Vec<&str> = words.split_whitespace().chain(["--json"]).collect();
        let output = call("skueye", &words, self.0.path());
        assert!(output.status.success(), "{words:?}: {}", printed(&output));
        let last = output
            .stdout
            .split(|b| *b == b'\n')
            .rfind(|l| !l.is_empty());
        serde_json::from_slice(last.unwrap_or(b"null")).unwrap()
    }

    /// The files of a set: a model and a gallery in which red tea is called after the release.
    fn set(&self, release: &str, id: EmbeddingId) -> Vec<(String, Kind, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_model(folder.path(), id);
        let mut files = Vec::new();
        for name in ["golden.png", "model.f16.onnx", "model.json", "model.onnx"] {
            let bytes = fs::read(folder.path().join(name)).unwrap();
            files.push((name.to_owned(), Kind::Model, bytes));
        }
        files.push(("gallery.skg".into(), Kind::Gallery, gallery(release, id)));
        files
    }

    /// Makes a signed bundle of the files, stages it and lets it be tried from the next start on.
    fn install(&self, release: &str, files: Vec<(String, Kind, Vec<u8>)>) {
        self.stage(release, files);
        self.good("update apply --folder device");
    }

    fn stage(&self, release: &str, files: Vec<(String, Kind, Vec<u8>)>) {
        let id = match files.iter().any(|(.., bytes)| contains(bytes, &OTHER_ID)) {
            true => OTHER_ID,
            false => ID,
        };
        let draft = Draft {
            release: release.into(),
            embedding_id: Some(id),
            ..Draft::default()
        };
        let source = |(name, kind, bytes)| Source {
            name,
            kind,
            content: Cursor::new(bytes),
            delta: None,
        };
        let sources = files.into_iter().map(source).collect();
        let mut out = File::create(self.path("set.skueye")).unwrap();
        let sign = |text: &[u8]| {
            let signed = minisign::sign(None, &key().sk, text, Some("test"), None);
            Ok(signed.unwrap().to_string())
        };
        bundle::write(&mut out, draft, &[], sources, sign).unwrap();
        self.good("update stage set.skueye --folder device");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program("skueye"));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(["run", "--json"])
            .env("PATH", format!("{}:{path}", self.0.path().display()))
            .current_dir(self.0.path());
        command
    }

    fn output(&self) -> Output {
        self.command().output().unwrap()
    }

    /// A run to the end of its replay.
    fn run(&self) -> Vec<Value> {
        let output = self.output();
        assert!(output.status.success(), "{}", printed(&output));
        let lines = output.stdout.split(|b| *b == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    fn status(&self) -> Value {
        self.good("update status --folder device")
    }

    fn last_of_history(&self) -> (String, String) {
        let history = self.good("update history --folder device");
        let last = history.as_array().unwrap().last().unwrap();
        let of = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
        (format!("{} {}", of("step"), of("release")), of("reason"))
    }

    /// A program on the device's `PATH`.
    fn script(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// A camera whose picture is a quiet stage with a little noise.
    fn camera(&self) {
        let frame = |grey: u8| [&b"FRAME\n"[..], &[grey; 16 * 16 * 3 / 2]].concat();
        fs::write(self.path("frames"), [frame(128), frame(129)].concat()).unwrap();
        let text =
            "printf 'YUV4MPEG2 W16 H16 F30:1 C420\\n'\nwhile cat frames; do sleep 0.02; done";
        self.script("gst-launch-1.0", text);
    }

    /// An empty stage, then for each colour a box that lies there for a while.
    fn replay(&self, name: &str, boxes: &[[u8; 3]]) {
        fs::create_dir(self.path(name)).unwrap();
        let mut places = vec![None; 4];
        for colour in boxes {
            places.extend([Some(*colour); 9]);
            places.extend([None; 3]);
        }
        for (sequence, place) in (0u32..).zip(places) {
            let frame = stage(sequence, place);
            let path = self.path(name).join(format!("{sequence:05}.png"));
            fs::write(path, png_bytes(&frame)).unwrap();
        }
    }
}

fn contains(bytes: &[u8], id: &EmbeddingId) -> bool {
    let text = id.to_string();
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// One product, which a box of plain red shows.
fn gallery(release: &str, id: EmbeddingId) -> Vec<u8> {
    let mut builder = GalleryBuilder::new(id, DIM).unwrap();
    let tea = Product {
        gtin: Gtin::from_body(400_638_133_393, 13).unwrap(),
        title: format!("Red tea of {release}"),
        category: "tea".into(),
    };
    let tea = builder.add_product(tea).unwrap();
    builder.add_row(tea, &embed(id, &plain(RED))).unwrap();
    builder.to_bytes()
}

fn plain(colour: [u8; 3]) -> RgbImage {
    RgbImage::new(64, 64, colour.repeat(64 * 64)).unwrap()
}

/// Grey with noise, and a box.
fn stage(sequence: u32, place: Option<[u8; 3]>) -> RgbImage {
    let mut image = RgbImage::black(160, 120).unwrap();
    let mut state = sequence.wrapping_mul(2_654_435_761) | 1;
    for (at, pixel) in image.data_mut().chunks_exact_mut(3).enumerate() {
        for value in pixel.iter_mut() {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value = 124 + (state % 9) as u8;
        }
        let is_box = (40..100).contains(&(at % 160)) && (30..90).contains(&(at / 160));
        if let Some(colour) = place.filter(|_| is_box) {
            pixel.copy_from_slice(&colour);
        }
    }
    image
}

fn of_kind<'v>(lines: &'v [Value], kind: &'v str) -> impl Iterator<Item = &'v Value> {
    lines.iter().filter(move |line| line["kind"] == kind)
}

/// What happened to sets.
fn steps(lines: &[Value]) -> Vec<String> {
    let told = of_kind(lines, "set").map(|line| {
        let of = |key: &str| line[key].as_str().unwrap_or_default();
        format!("{} {}", of("release"), of("step"))
    });
    told.collect()
}

/// The titles of what was accepted, and `-` for all other outcomes.
fn titles(lines: &[Value]) -> Vec<&str> {
    let told = of_kind(lines, "event").map(|line| line["title"].as_str().unwrap_or("-"));
    told.collect()
}

/// The number of the first fault.
fn fault(lines: &[Value]) -> &str {
    let fault = of_kind(lines, "fault").next();
    fault
        .and_then(|line| line["fault"]["code"].as_str())
        .unwrap_or("-")
}

#[test]
fn a_good_set_is_kept_and_a_bad_model_returns_while_the_device_goes_on_scanning() {
    let shop = Shop::new();
    shop.install("two", shop.set("two", ID));
    let lines = shop.run();
    assert_eq!(steps(&lines), ["two tried", "two committed"]);
    assert_eq!(titles(&lines), ["Red tea of two", "-"]);
    assert_eq!(shop.status()["starts_left"], Value::Null);

    let mut bad = shop.set("bad", ID);
    let manifest = bad
        .iter_mut()
        .find(|(name, ..)| name == "model.json")
        .unwrap();
    let mut json: Value = serde_json::from_slice(&manifest.2).unwrap();
    let golden = json["self_test"]["embedding"].as_array_mut().unwrap();
    golden.reverse();
    manifest.2 = serde_json::to_vec(&json).unwrap();
    shop.install("bad", bad);
    let lines = shop.run();
    assert_eq!(steps(&lines), ["bad tried", "bad returned", "two in_use"]);
    assert_eq!(titles(&lines), ["Red tea of two", "-"]);
    let (step, reason) = shop.last_of_history();
    assert_eq!(step, "returned bad");
    assert!(reason.contains("self-test"), "{reason}");
    assert_eq!(steps(&shop.run()), ["two in_use"]);
}

#[test]
fn a_set_that_makes_the_program_die_returns_after_three_starts() {
    let shop = Shop::new();
    shop.script("gst-launch-1.0", "kill -9 $PPID");
    let deadly = b"[camera]\nsource = \"gstreamer\"\n".to_vec();
    shop.install(
        "deadly",
        vec![("kiosk.toml".into(), Kind::Settings, deadly)],
    );
    for left in [2, 1, 0] {
        let died = shop.output().status;
        assert_eq!(died.signal(), Some(9), "{left}");
        assert_eq!(shop.status()["starts_left"], left);
    }
    let lines = shop.run();
    assert_eq!(
        (fault(&lines), steps(&lines)),
        ("E806", vec!["one in_use".into()])
    );
    assert_eq!(titles(&lines), ["Red tea of one", "-"]);
}

#[test]
fn a_set_that_hangs_ends_the_program_and_returns_after_three_starts() {
    let shop = Shop::new();
    shop.settings(&OWN.replace("health_seconds = 20", "health_seconds = 1"));
    // A pipe that nobody writes to: whoever opens it waits for ever.
    let pipe = Command::new("mkfifo").arg(shop.path("pipe.y4m")).status();
    assert!(pipe.unwrap().success());
    let hanging = b"[camera]\nreplay = \"pipe.y4m\"\n".to_vec();
    shop.install(
        "hanging",
        vec![("kiosk.toml".into(), Kind::Settings, hanging)],
    );
    for _ in 0..3 {
        let output = shop.output();
        assert!(!output.status.success());
        assert!(printed(&output).contains("E812"), "{}", printed(&output));
    }
    assert_eq!(steps(&shop.run()), ["one in_use"]);
}

impl Shop {
    /// A set with a program that notes that it was started, and then does `then`.
    fn with_program(&self, release: &str, then: &str) {
        let mut set = self.set(release, ID);
        let text = format!("#!/bin/sh\necho {release} >> started\n{then}\n");
        set.push(("skueye".into(), Kind::Program, text.into_bytes()));
        self.install(release, set);
    }

    fn started(&self) -> String {
        fs::read_to_string(self.path("started")).unwrap_or_default()
    }
}

#[test]
fn a_set_brings_its_program_and_the_launcher_returns_from_one_that_dies() {
    let shop = Shop::new();
    let real = format!("exec {} \"$@\"", program("skueye").display());
    shop.with_program("two", &real);
    let lines = shop.run();
    assert_eq!(steps(&lines), ["two tried", "two committed"]);
    assert_eq!(titles(&lines), ["Red tea of two", "-"]);
    assert_eq!(shop.started(), "two\n", "one start, handed over once");
    assert_eq!(steps(&shop.run()), ["two in_use"]);
    assert_eq!(shop.started(), "two\ntwo\n");

    // A set without a program keeps the one before; its bytes are the same, so nothing is started anew.
    let gallery = gallery("three", ID);
    shop.install(
        "three",
        vec![("gallery.skg".into(), Kind::Gallery, gallery)],
    );
    assert_eq!(steps(&shop.run()), ["three tried", "three committed"]);
    assert_eq!(shop.started(), "two\n".repeat(3));

    shop.with_program("dies", "exit 7");
    for left in [2, 1, 0] {
        assert_eq!(shop.output().status.code(), Some(7));
        assert_eq!(shop.status()["starts_left"], left);
    }
    let lines = shop.run();
    assert_eq!(
        (fault(&lines), titles(&lines)),
        ("E806", vec!["Red tea of three", "-"])
    );
    assert!(
        shop.started().ends_with("dies\ntwo\n"),
        "{}",
        shop.started()
    );
}

#[test]
fn a_program_of_another_machine_and_one_whose_set_is_bad_return_at_once() {
    let shop = Shop::new();
    let mut set = shop.set("foreign", ID);
    set.push((
        "skueye".into(),
        Kind::Program,
        b"\x7fELF of nowhere".to_vec(),
    ));
    shop.install("foreign", set);
    let lines = shop.run();
    assert_eq!(
        steps(&lines),
        ["foreign tried", "foreign returned", "one in_use"]
    );
    assert_eq!(shop.last_of_history().0, "returned foreign");
    // The new program finds that its settings are wrong, and gives the device back to the old one.
    let real = format!("exec {} \"$@\"", program("skueye").display());
    let text = format!("#!/bin/sh\necho new >> started\n{real}\n");
    shop.install(
        "wrong",
        vec![
            ("skueye".into(), Kind::Program, text.into_bytes()),
            (
                "kiosk.toml".into(),
                Kind::Settings,
                b"[camera]\nsuorce = 1\n".to_vec(),
            ),
        ],
    );
    let lines = shop.run();
    assert_eq!(
        steps(&lines),
        ["wrong tried", "wrong returned", "one in_use"]
    );
    assert_eq!(titles(&lines), ["Red tea of one", "-"]);
    assert_eq!(shop.started(), "new\n");
}

#[test]
fn a_camera_that_has_frozen_and_settings_that_are_wrong_return_by_number() {
    let shop = Shop::new();
    shop.camera();
    let frame = [&b"FRAME\n"[..], &[128; 16 * 16 * 3 / 2]].concat();
    fs::write(shop.path("frames"), [&frame[..], &frame].concat()).unwrap();
    for (text, code) in [
        ("[camera]\nsource = \"gstreamer\"\n", "E305"),
        ("[camera]\nsuorce = \"gstreamer\"\n", "E102"),
        ("[link]\nserial = \"/no/such/port\"\n", "E701"),
    ] {
        let settings = text.as_bytes().to_vec();
        shop.install(
            "wrong",
            vec![("kiosk.toml".into(), Kind::Settings, settings)],
        );
        let lines = shop.run();
        let returned = of_kind(&lines, "set").find(|line| line["step"] == "returned");
        assert_eq!(returned.unwrap()["why"]["code"], code, "{text}");
        assert_eq!(titles(&lines), ["Red tea of one", "-"]);
    }
}

#[test]
fn a_commit_marks_the_system_and_a_system_that_cannot_be_marked_returns() {
    let shop = Shop::new();
    shop.script(
        "bootctl-of-test",
        "test \"$1\" = slot && echo B || echo good >> marked",
    );
    let tools = |tool: &str| {
        format!("{OWN}mark_good = \"{tool} good\"\nactive_slot = \"bootctl-of-test slot\"\n")
    };
    shop.settings(&tools("no-such-tool"));
    shop.install("two", shop.set("two", ID));
    let lines = shop.run();
    assert_eq!(steps(&lines), ["two tried", "two returned", "one in_use"]);
    assert!(shop.last_of_history().1.contains("E813"));
    shop.settings(&tools("bootctl-of-test"));
    shop.install("two", shop.set("two", ID));
    assert_eq!(steps(&shop.run()), ["two tried", "two committed"]);
    let told = (shop.last_of_history().0, shop.last_of_history().1);
    assert_eq!(told, ("committed two".into(), "system slot B".into()));
    assert_eq!(fs::read_to_string(shop.path("marked")).unwrap(), "good\n");
}

#[test]
fn what_was_enrolled_is_recognised_and_carried_over_updates() {
    let shop = Shop::new();
    fs::write(shop.path("blue.png"), png_bytes(&plain(BLUE))).unwrap();
    let gtin = Gtin::from_body(400_638_133_395, 13).unwrap();
    let words =
        format!("gallery enrol device/a/gallery.skg blue.png --gtin {gtin} --title Blue-tea");
    shop.good(&words);
    assert_eq!(titles(&shop.run()), ["Red tea of one", "Blue-tea"]);

    shop.install(
        "two",
        vec![("gallery.skg".into(), Kind::Gallery, gallery("two", ID))],
    );
    assert_eq!(titles(&shop.run()), ["Red tea of two", "Blue-tea"]);

    // A model of another embedding: what was enrolled is kept aside, and that is said.
    shop.install("other", shop.set("other", OTHER_ID));
    let lines = shop.run();
    assert_eq!(
        (fault(&lines), titles(&lines)),
        ("E814", vec!["Red tea of other", "-"])
    );
    shop.good("update rollback --folder device");
    assert_eq!(titles(&shop.run()), ["Red tea of two", "Blue-tea"]);
}

/// Killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_staged_set_is_tried_by_the_running_device_as_soon_as_the_stage_is_quiet() {
    let shop = Shop::new();
    shop.camera();
    let quiet = OWN.replace("replay = \"shots\"", "source = \"gstreamer\"");
    shop.settings(&format!("{quiet}quiet_seconds = 0\n"));
    let mut device = Running(shop.command().stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(device.0.stdout.take().unwrap()).lines();
    let mut told = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut next = |kind: &str| told.find(|line| line["kind"] == kind).unwrap();
    assert_eq!(next("set")["step"], "in_use");
    next("camera");
    shop.stage("two", shop.set("two", ID));
    assert_eq!(next("set")["step"], "tried");
    let kept = next("set");
    assert_eq!(
        (&kept["release"], &kept["step"]),
        (&"two".into(), &"committed".into())
    );
    next("camera");
}

#[test]
fn a_device_without_any_set_runs_with_its_own_files() {
    let shop = Shop(tempfile::tempdir().unwrap());
    shop.replay("shots", &[RED]);
    shop.settings(OWN);
    fs::create_dir(shop.path("model")).unwrap();
    write_tiny_model(&shop.path("model"), ID);
    fs::write(shop.path("gallery.skg"), gallery("old", ID)).unwrap();
    let lines = shop.run();
    assert_eq!(steps(&lines), [""; 0]);
    assert_eq!(titles(&lines), ["Red tea of old"]);
    assert!(Path::new(&shop.path("device")).is_dir());
}
