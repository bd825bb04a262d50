use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A stand-in for GStreamer: stricter than it, for it dies, hangs or lies in the middle of what it does.
struct StandIn {
    folder: tempfile::TempDir,
}

const HEAD: &str = "printf 'YUV4MPEG2 W4 H2 F30:1 C420\\n'\n";
const FRAME: &str = "printf 'FRAME\\nabcdefghUUVV'\n";

impl StandIn {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gst");
        // Written under another name: a file that is still open for writing cannot be started.
        let text = format!("#!/bin/sh\n{script}");
        fs::write(folder.path().join("new"), text).unwrap();
        fs::set_permissions(folder.path().join("new"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(folder.path().join("new"), path).unwrap();
        Self { folder }
    }

    fn settings(&self, patience: Duration) -> ProgramSettings {
        // Started by the shell, so that another thread's fork cannot hold the script open for writing.
        let script = self.folder.path().join("gst");
        ProgramSettings {
            command: vec!["/bin/sh".into(), script.to_string_lossy().into_owned()],
            start: patience,
            stall: patience,
        }
    }

    fn start(&self) -> Result<Program, CameraError> {
        Program::start(&self.settings(Duration::from_secs(20)))
    }

    /// The frames, and how the source was lost.
    fn all(&self) -> (Vec<Frame>, CameraError) {
        let mut program = self.start().unwrap();
        let mut frames = Vec::new();
        loop {
            let mut frame = Frame::default();
            match program.next_frame(&mut frame) {
                Ok(event) => assert_eq!(event, Event::Frame),
                Err(error) => return (frames, error),
            }
            frames.push(frame);
        }
    }
}

fn loss(error: CameraError) -> Loss {
    match error {
        CameraError::Lost { loss, .. } => loss,
        other => panic!("{other}"),
    }
}

#[test]
fn frames_arrive_in_order_until_the_program_ends() {
    let (frames, error) = StandIn::new(&format!("{HEAD}{FRAME}{FRAME}{FRAME}")).all();
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|frame| frame.data == b"abcdefghUUVV"));
    assert!(
        frames
            .windows(2)
            .all(|w| w[0].sequence + 1 == w[1].sequence)
    );
    assert!(frames.windows(2).all(|w| w[0].timestamp <= w[1].timestamp));
    assert!(matches!(loss(error), Loss::Ended(words) if words.contains("exit status: 0")));
}

#[test]
fn a_program_that_dies_is_lost_with_its_last_words() {
    let dies =
        "echo 'ERROR: from element nvarguscamerasrc: no camera' >&2\necho 'Freeing' >&2\nexit 7\n";
    let (frames, error) = StandIn::new(&format!("{HEAD}{FRAME}{dies}")).all();
    assert_eq!(frames.len(), 1);
    let words = loss(error).to_string();
    assert!(
        words.contains("exit status: 7") && words.contains("no camera"),
        "{words}"
    );
    let at_once = StandIn::new(dies).start().unwrap_err();
    assert_eq!(at_once.number(), 307);
    assert!(at_once.got().contains("no camera"), "{at_once}");
}

#[test]
fn a_program_that_falls_silent_is_stalled_and_ended() {
    let stand_in = StandIn::new(&format!("{HEAD}{FRAME}exec sleep 1000\n"));
    let settings = ProgramSettings {
        stall: Duration::from_millis(30),
        ..stand_in.settings(Duration::from_secs(20))
    };
    let mut program = Program::start(&settings).unwrap();
    let mut frame = Frame::default();
    assert_eq!(program.next_frame(&mut frame), Ok(Event::Frame));
    let lost = loss(program.next_frame(&mut frame).unwrap_err());
    assert_eq!(lost, Loss::Stalled(Duration::from_millis(30)));
    let silent = StandIn::new("exec sleep 1000\n");
    let error = Program::start(&silent.settings(Duration::from_millis(30))).unwrap_err();
    assert_eq!(error.number(), 307);
}

#[test]
fn a_short_frame_is_an_end_and_garbage_is_garbage() {
    let (frames, error) = StandIn::new(&format!("{HEAD}{FRAME}printf 'FRAME\\nabc'\n")).all();
    assert_eq!(frames.len(), 1);
    assert!(
        matches!(loss(error), Loss::Ended(words) if words.contains("3 of a frame's 12")
        || words.contains("exit status: 0"))
    );
    let (frames, error) = StandIn::new(&format!(
        "{HEAD}{FRAME}printf 'Setting pipeline\\n'\nexec sleep 1000\n"
    ))
    .all();
    assert_eq!(frames.len(), 1);
    assert!(matches!(loss(error), Loss::Garbled(words) if words.contains("Setting")));
    let error = StandIn::new("head -c 100000 /dev/zero\nexec sleep 1000\n")
        .start()
        .unwrap_err();
    assert_eq!(error.number(), 307);
    let huge = StandIn::new("printf 'YUV4MPEG2 W99999999 H99999999\\n'\nexec sleep 1000\n");
    assert!(huge.start().unwrap_err().got().contains("99999999"));
}

#[test]
fn a_program_that_talks_without_end_does_not_hang() {
    let talks = "head -c 3000000 /dev/zero | tr '\\0' x >&2\n";
    let (frames, _) = StandIn::new(&format!("{HEAD}{talks}{FRAME}{talks}{FRAME}")).all();
    assert_eq!(frames.len(), 2);
}

#[test]
fn a_program_that_is_not_there_has_its_own_number() {
    let settings = ProgramSettings {
        command: vec!["skueye-no-such-program".into()],
        ..StandIn::new("").settings(Duration::from_secs(1))
    };
    assert_eq!(Program::start(&settings).unwrap_err().number(), 902);
}

#[test]
fn a_pipeline_is_split_as_a_shell_splits_it() {
    let settings = ProgramSettings::gstreamer(
        "nvarguscamerasrc sensor-id=0 !  'video/x-raw(memory:NVMM), width=1280' ! nvvidconv",
        Duration::from_secs(2),
    );
    let expected = [
        "gst-launch-1.0",
        "-q",
        "nvarguscamerasrc",
        "sensor-id=0",
        "!",
        "video/x-raw(memory:NVMM), width=1280",
        "!",
        "nvvidconv",
        "!",
        "y4menc",
        "!",
        "fdsink",
        "fd=1",
    ];
    assert_eq!(settings.command, expected);
    assert_eq!(words("a '' \"b c\"d"), ["a", "", "b cd"]);
}
