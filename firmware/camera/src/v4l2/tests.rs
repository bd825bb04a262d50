use super::device::{Control, Format, FourCc};
use super::script::{ScriptedDevice, Step};
use super::*;
use crate::{Colour, PixelFormat};

fn settings() -> Settings {
    Settings {
        width: 640,
        height: 480,
        stall: Duration::from_millis(50),
        ..Settings::default()
    }
}

fn fill(sequence: u32) -> Step {
    let time = Duration::from_millis(100_000 + u64::from(sequence) * 33);
    Step::Fill(vec![sequence as u8; 640 * 480 * 2], sequence, Some(time))
}

fn started(script: Vec<Step>) -> V4l2Source<ScriptedDevice> {
    V4l2Source::start(ScriptedDevice::new(script), &settings()).unwrap()
}

fn next(source: &mut V4l2Source<ScriptedDevice>) -> Result<Frame, CameraError> {
    let mut frame = Frame::default();
    source.next_frame(&mut frame).map(|event| {
        assert_eq!(event, Event::Frame);
        frame
    })
}

fn loss(script: Vec<Step>) -> Loss {
    let mut source = started(script);
    loop {
        match next(&mut source) {
            Ok(_) => {}
            Err(CameraError::Lost { loss, path }) => {
                assert_eq!(path, Path::new("/dev/video0"));
                return loss;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn agreed(device: ScriptedDevice, settings: &Settings) -> Result<Agreed, CameraError> {
    V4l2Source::start(device, settings).map(|source| source.agreed)
}

#[test]
fn frames_carry_the_agreed_form_and_the_drivers_numbers_and_times() {
    let mut device = ScriptedDevice::new([fill(7), fill(8), fill(11)]);
    device.padding = 64;
    let mut source = V4l2Source::start(device, &settings()).unwrap();
    assert_eq!(
        source.describe(),
        "/dev/video0 Scripted, YUYV 640x480 at 30 frames/s"
    );
    let frames: Vec<Frame> = (0..3).map(|_| next(&mut source).unwrap()).collect();
    assert_eq!(
        frames
            .iter()
            .map(|frame| frame.sequence)
            .collect::<Vec<_>>(),
        [0, 1, 4]
    );
    let times: Vec<_> = frames
        .iter()
        .map(|frame| frame.timestamp.as_millis())
        .collect();
    assert_eq!(times, [0, 33, 132]);
    let Frame {
        format,
        width,
        height,
        stride,
        data,
        ..
    } = &frames[2];
    assert_eq!((*format, *width, *height), (PixelFormat::Yuyv, 640, 480));
    assert_eq!(*stride, 640 * 2 + 64, "the driver's bytes a row");
    assert_eq!((data.len(), data[0]), (640 * 480 * 2, 11));
}

#[test]
fn what_the_driver_gives_instead_is_taken_with_a_note_or_refused() {
    let mut wanted = Settings {
        width: 1920,
        height: 1080,
        ..settings()
    };
    let taken = agreed(ScriptedDevice::new([]), &wanted).unwrap();
    assert_eq!((taken.format.width, taken.format.height), (1280, 720));
    assert!(
        taken
            .to_string()
            .contains("1920x1080 at 30 frames/s was asked for"),
        "{taken}"
    );
    wanted.strict = true;
    let refused = agreed(ScriptedDevice::new([]), &wanted).unwrap_err();
    assert_eq!(refused.number(), 308);
    assert!(refused.to_string().contains("YUYV 1280x720"), "{refused}");
    let grey = Settings {
        pixels: Some(PixelFormat::Grey),
        ..settings()
    };
    assert_eq!(
        agreed(ScriptedDevice::new([]), &grey).unwrap().notes.len(),
        1
    );
    let exact = Settings {
        strict: true,
        ..settings()
    };
    assert_eq!(
        agreed(ScriptedDevice::new([]), &exact).unwrap().notes,
        [""; 0]
    );
}

#[test]
fn the_form_that_has_size_and_rate_wins() {
    let mut device = ScriptedDevice::new([]);
    device.rates.insert(*b"YUYV", 10);
    let taken = agreed(device, &settings()).unwrap();
    assert_eq!((taken.pixels, taken.fps), (PixelFormat::Jpeg, 30.0));
    assert_eq!(taken.bytes, None);
    // Where no form has it, the best of them is set again.
    let mut device = ScriptedDevice::new([]);
    device.rates = [(*b"YUYV", 20), (*b"MJPG", 15)].into();
    let taken = agreed(device, &settings()).unwrap();
    assert_eq!((taken.pixels, taken.fps), (PixelFormat::Yuyv, 20.0));
    assert_eq!(taken.notes.len(), 1);
}

#[test]
fn a_device_that_is_no_camera_or_speaks_in_other_forms_is_refused() {
    let mut device = ScriptedDevice::new([]);
    device.capabilities.captures = false;
    assert_eq!(agreed(device, &settings()).unwrap_err().number(), 307);
    let mut device = ScriptedDevice::new([]);
    device.formats = vec![FourCc(*b"H264"), FourCc(*b"BA81")];
    let refused = agreed(device, &settings()).unwrap_err();
    assert_eq!(refused.number(), 308);
    assert!(refused.got().contains("H264"), "{refused}");
    let mut device = ScriptedDevice::new([]);
    device.stated_stride = Some(640 * 2 - 2);
    let refused = agreed(device, &settings()).unwrap_err();
    assert!(refused.got().contains("1278 bytes a row"), "{refused}");
    for (code, number) in [(EBUSY, 307), (22, 308)] {
        let mut device = ScriptedDevice::new([]);
        device.refuses_format = Some(code);
        assert_eq!(agreed(device, &settings()).unwrap_err().number(), number);
    }
    let mut device = ScriptedDevice::new([]);
    device.room = 0;
    assert_eq!(agreed(device, &settings()).unwrap_err().number(), 307);
}

#[test]
fn a_driver_without_rows_lengths_packs_them() {
    let mut device = ScriptedDevice::new([]);
    device.stated_stride = Some(0);
    let taken = agreed(device, &settings()).unwrap();
    assert_eq!((taken.format.stride, taken.bytes), (1280, Some(1280 * 480)));
}

#[test]
fn exposure_and_focus_are_set_by_hand_and_read_back() {
    let mut device = ScriptedDevice::new([]);
    device.controls = [
        ("auto exposure", (0, 1)),
        ("exposure", (3, 2047)),
        ("auto focus", (0, 1)),
    ]
    .into();
    let wanted = Settings {
        exposure: Some(9000),
        focus: Some(30),
        ..settings()
    };
    let source = V4l2Source::start(device, &wanted).unwrap();
    let values =
        [Control::AutoExposure, Control::Exposure].map(|control| source.device.value(control));
    assert_eq!(values, [Some(0), Some(2047)]);
    let notes = &source.agreed.notes;
    assert!(
        notes[0].contains("exposure 2047, 9000 was asked for"),
        "{notes:?}"
    );
    assert!(notes[1].contains("focus 30 is not taken"), "{notes:?}");
    let strict = Settings {
        strict: true,
        ..wanted
    };
    assert_eq!(
        agreed(ScriptedDevice::new([]), &strict)
            .unwrap_err()
            .number(),
        308
    );
    // Left to the camera, both automatics are switched on again.
    let mut device = ScriptedDevice::new([]);
    device.controls = [("auto exposure", (0, 1)), ("auto focus", (0, 1))].into();
    let source = V4l2Source::start(device, &settings()).unwrap();
    let values =
        [Control::AutoExposure, Control::AutoFocus].map(|control| source.device.value(control));
    assert_eq!(values, [Some(1), Some(1)]);
}

#[test]
fn every_way_to_lose_the_camera_has_its_name() {
    assert_eq!(loss(vec![fill(0), Step::Fail(ENODEV)]), Loss::Unplugged);
    assert_eq!(
        loss(vec![fill(0), Step::Stall]),
        Loss::Stalled(Duration::from_millis(50))
    );
    let words = loss(vec![fill(0), Step::Fail(5)]);
    assert!(
        matches!(&words, Loss::Failed(words) if words.contains("Input/output")),
        "{words}"
    );
    let frozen = std::iter::once(fill(4))
        .chain((0..40).map(|_| fill(4)))
        .collect();
    assert_eq!(loss(frozen), Loss::Frozen(SAME_NUMBER));
}

#[test]
fn another_form_is_noticed_at_once_where_frames_shrink_and_soon_otherwise() {
    let small = Format {
        pixels: FourCc(*b"YUYV"),
        width: 320,
        height: 240,
        stride: 640,
        colour: Colour::default(),
    };
    let changed = Loss::FormatChanged {
        was: "YUYV 640x480".into(),
        now: "YUYV 320x240".into(),
    };
    let shrunk = Step::Fill(vec![0; 320 * 240 * 2], 1, None);
    assert_eq!(loss(vec![fill(0), Step::Change(small), shrunk]), changed);
    let large: Vec<Step> = (1..=ASK_EVERY).map(fill).collect();
    assert_eq!(loss([vec![Step::Change(small)], large].concat()), changed);
}

#[test]
fn a_short_frame_alone_is_delivered_as_it_is() {
    // The decoder refuses it with its number; the camera is not lost for it.
    let mut source = started(vec![fill(0), Step::Fill(vec![1; 100], 1, None), fill(2)]);
    let lengths: Vec<usize> = (0..3)
        .map(|_| next(&mut source).unwrap().data.len())
        .collect();
    assert_eq!(lengths, [640 * 480 * 2, 100, 640 * 480 * 2]);
}

#[test]
fn flagged_frames_are_counted_and_repeated_ones_passed_over() {
    let flag = Step::Flag(vec![1; 640 * 480 * 2], 1);
    let mut source = started(vec![
        fill(0),
        flag,
        fill(2),
        fill(2),
        Step::Nothing,
        fill(3),
    ]);
    assert_eq!(next(&mut source).unwrap().sequence, 0);
    let flagged = next(&mut source).unwrap_err();
    assert!(flagged.is_frame_only());
    assert_eq!((flagged.number(), source.flagged()), (309, 1));
    assert_eq!(next(&mut source).unwrap().sequence, 2);
    assert_eq!(next(&mut source).unwrap().sequence, 3);
    assert_eq!(source.device.left(), 0);
}

#[test]
fn numbers_wrap_begin_anew_or_are_missing_and_still_ascend() {
    for (numbers, expected) in [
        (vec![u32::MAX - 1, u32::MAX, 0, 1], vec![0, 1, 2, 3]),
        (vec![500, 501, 2, 3], vec![0, 1, 2, 3]),
        (vec![0, 0, 0, 0], vec![0, 1, 2, 3]),
    ] {
        let mut source = started(numbers.into_iter().map(fill).collect());
        let found: Vec<u64> = (0..4)
            .map(|_| next(&mut source).unwrap().sequence)
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn times_never_descend() {
    let at = |millis| {
        Step::Fill(
            vec![0; 640 * 480 * 2],
            millis as u32,
            Some(Duration::from_millis(millis)),
        )
    };
    let mut source = started(vec![at(100), at(140), at(120), at(180)]);
    let times: Vec<_> = (0..4)
        .map(|_| next(&mut source).unwrap().timestamp.as_millis())
        .collect();
    assert_eq!(times, [0, 40, 40, 80]);
}
