//! `skueye capture` and the cameras behind it, from the command line.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A folder with settings, and a folder of programs that goes before all others on `PATH`.
struct Place(tempfile::TempDir);

impl Place {
    fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kiosk.toml"), settings).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A stand-in for GStreamer that notes its arguments.
    fn gstreamer(&self, script: &str) {
        let bin = self.path().join("bin");
        let text = format!("#!/bin/sh\nfor word; do echo \"$word\"; done > arguments\n{script}");
        fs::write(bin.join("new"), text).unwrap();
        fs::set_permissions(bin.join("new"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(bin.join("new"), bin.join("gst-launch-1.0")).unwrap();
    }

    fn skueye(&self, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(env!("CARGO_BIN_EXE_skueye"))
            .args(arguments)
            .current_dir(self.path())
            .env(
                "PATH",
                format!("{}:{path}", self.path().join("bin").display()),
            )
            .output()
            .unwrap()
    }

    /// The lines of JSON, and the exit code.
    fn lines(&self, arguments: &[&str]) -> (Vec<Value>, i32) {
        let output = self.skueye(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (lines.collect(), output.status.code().unwrap())
    }
}

/// Two frames of 16 x 16 in one grey each.
const VIDEO: &str = "printf 'YUV4MPEG2 W16 H16 F30:1 Ip C420\\n'\n\
    for grey in 'z' '@'; do printf 'FRAME\\n'; head -c 256 /dev/zero | tr '\\0' \"$grey\"; \
    head -c 128 /dev/zero | tr '\\0' '\\200'; done\n";

#[test]
fn a_pipelines_frames_are_written_and_can_be_replayed() {
    let place = Place::new(
        "[camera]\nsource = \"gstreamer\"\npipeline = \"videotestsrc ! 'video/x-raw, width=16'\"\n",
    );
    place.gstreamer(&format!("{VIDEO}exec sleep 100\n"));
    let (lines, code) = place.lines(&["capture", "out", "--frames", "2", "--json"]);
    assert_eq!(code, 0, "{lines:?}");
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["camera", "frame", "frame", "summary"]);
    assert_eq!(lines[0]["camera"], "gst-launch-1.0 16x16");
    let arguments = fs::read_to_string(place.path().join("arguments")).unwrap();
    let expected = "-q\nvideotestsrc\n!\nvideo/x-raw, width=16\n!\ny4menc\n!\nfdsink\nfd=1\n";
    assert_eq!(arguments, expected);
    // 'z' is 122: (122 - 16) * 255 / 219.
    let bytes = fs::read(place.path().join("out/frame-000000.png")).unwrap();
    assert_eq!(skueye_vision::decode(&bytes).unwrap().data()[..3], [123; 3]);
    let (lines, _) = place.lines(&[
        "capture", "again", "--replay", "out", "--frames", "9", "--json",
    ]);
    assert_eq!(lines.last().unwrap()["frames"], 2);
    let (lines, code) = place.lines(&["capture", "out", "--json"]);
    assert_eq!(
        (lines[1]["code"].as_str(), code),
        (Some("E901"), 1),
        "never over another file"
    );
}

#[test]
fn a_pipeline_that_fails_is_told_with_its_own_words() {
    let place = Place::new("[camera]\nsource = \"gstreamer\"\n");
    place.gstreamer("echo 'ERROR: no element nvarguscamerasrc' >&2; exit 1\n");
    let (lines, code) = place.lines(&["capture", "out", "--json"]);
    assert_eq!((lines[0]["code"].as_str(), code), (Some("E307"), 1));
    let got = lines[0]["got"].as_str().unwrap();
    assert!(got.contains("no element nvarguscamerasrc"), "{got}");
    let (lines, code) = place.lines(&["doctor", "--json"]);
    assert_eq!(code, 1);
    assert_eq!(lines[0]["camera"]["source"], "gstreamer");
    let faults = lines[0]["faults"].as_array().unwrap();
    assert!(
        faults.iter().any(|fault| fault["code"] == "E307"),
        "{faults:?}"
    );
}

#[test]
fn a_video_is_captured_from_and_a_cut_one_told() {
    let place = Place::new("[camera]\nreplay = \"a.y4m\"\n");
    let mut video = b"YUV4MPEG2 W2 H2 F25:1\nFRAME\nabcdUVFRAME\nefghuv".to_vec();
    fs::write(place.path().join("a.y4m"), &video).unwrap();
    let (lines, code) = place.lines(&["capture", "out", "--skip", "1", "--frames", "5", "--json"]);
    assert_eq!((lines.len(), code), (2, 0), "{lines:?}");
    assert_eq!(
        (&lines[0]["time_ms"], &lines[0]["width"]),
        (&Value::from(40), &Value::from(2))
    );
    video.pop();
    fs::write(place.path().join("a.y4m"), &video).unwrap();
    let (lines, code) = place.lines(&["capture", "cut", "--frames", "5", "--json"]);
    assert_eq!((lines[1]["code"].as_str(), code), (Some("E310"), 1));
}

#[test]
fn a_frame_that_cannot_be_decoded_costs_only_itself() {
    let place = Place::new("");
    let frames = place.path().join("frames");
    fs::create_dir(&frames).unwrap();
    fs::write(frames.join("1.jpg"), b"\xff\xd8\xff\xe0 broken").unwrap();
    let (lines, code) = place.lines(&["capture", "out", "--replay", "frames", "--json"]);
    assert_eq!(
        (lines[0]["fault"]["code"].as_str(), code),
        (Some("E301"), 1)
    );
    assert_eq!(
        (&lines[1]["frames"], &lines[1]["dropped"]),
        (&Value::from(0), &Value::from(1))
    );
    let (lines, code) = place.lines(&["capture", "out", "--json"]);
    assert_eq!(
        (lines[0]["code"].as_str(), code),
        (Some("E104"), 2),
        "neither camera nor replay"
    );
}
