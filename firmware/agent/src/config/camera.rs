//! The section `[camera]`.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use skueye_camera::PixelFormat;
use skueye_vision::MAX_SIDE;

use super::reader::Section;
use crate::camera::{Camera, Kind};

/// The names of the forms of pixels that may be asked for; `auto` is none of them.
const PIXELS: [(&str, PixelFormat); 4] = [
    ("YUYV", PixelFormat::Yuyv),
    ("NV12", PixelFormat::Nv12),
    ("MJPEG", PixelFormat::Jpeg),
    ("GREY", PixelFormat::Grey),
];

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Camera) {
    let expected = "v4l2, gstreamer or replay";
    section.parsed("source", expected, &mut into.kind, Kind::parse);
    read_replay(&mut section, folder, into);
    read_device(&mut section, folder, into);
    read_controls(&mut section, into);
    section.text("pipeline", &mut into.pipeline);
    if into.kind == Kind::Gstreamer && into.pipeline.trim().is_empty() {
        let remedy = "write it as for gst-launch-1.0, without the sink";
        section.refuse("pipeline", "a pipeline".into(), remedy);
    }
    let mut stall_ms = into.v4l2.stall.as_millis() as u32;
    section.integer("stall_ms", 50..=60_000, &mut stall_ms);
    into.v4l2.stall = Duration::from_millis(stall_ms.into());
    section.integer("frozen_frames", 0..=1_000_000, &mut into.frozen_frames);
    section.finish();
}

fn read_replay(section: &mut Section<'_, '_>, folder: &Path, into: &mut Camera) {
    let mut path = String::new();
    section.text("replay", &mut path);
    into.replay = (!path.is_empty()).then(|| folder.join(path));
    let mut fps = into.replay_fps.get();
    section.integer("replay_fps", 1..=240, &mut fps);
    into.replay_fps = NonZeroU32::new(fps).unwrap_or(into.replay_fps);
    let mut speed = 0.0;
    section.number("replay_speed", 0.0..=1000.0, &mut speed);
    into.pace.speed = (speed > 0.0).then_some(speed);
    section.flag("replay_again", &mut into.pace.again);
}

fn read_device(section: &mut Section<'_, '_>, folder: &Path, into: &mut Camera) {
    let wanted = &mut into.v4l2;
    let mut device = wanted.device.to_string_lossy().into_owned();
    section.text("device", &mut device);
    if device.is_empty() {
        section.refuse(
            "device",
            "a path".into(),
            "name a device, such as /dev/video0",
        );
    }
    wanted.device = folder.join(device);
    let parse = |name: &str| match name {
        "auto" => Some(None),
        name => {
            let found = PIXELS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, pixels)| Some(*pixels))
        }
    };
    let expected = "auto, YUYV, NV12, MJPEG or GREY";
    section.parsed("format", expected, &mut wanted.pixels, parse);
    section.integer("width", 16..=MAX_SIDE, &mut wanted.width);
    section.integer("height", 16..=MAX_SIDE, &mut wanted.height);
    section.integer("fps", 1..=1000, &mut wanted.fps);
    section.flag("strict", &mut wanted.strict);
}

fn read_controls(section: &mut Section<'_, '_>, into: &mut Camera) {
    for (key, value) in [
        ("exposure", &mut into.v4l2.exposure),
        ("focus", &mut into.v4l2.focus),
    ] {
        let mut steps = 0;
        section.integer(key, 0..=1_000_000, &mut steps);
        *value = section.has(key).then_some(steps as i32);
    }
}
