//! Cameras that go and come back, and a driver that gives other pictures than it was asked for.

use serde_json::Value;

use super::{Play, faults, same};
use crate::device::{Device, Parts};
use crate::trouble::Trouble;

/// Frames stop, the driver's device is gone, and it is back.
pub fn unplugged(play: &Play) -> Result<(), Trouble> {
    let mut device = faults::device(play)?;
    device.must("sed -i 's/^stall_ms.*/stall_ms = 4000/' /device/kiosk.toml")?;
    device.run("")?;
    faults::sells(&mut device, 0)?;
    device.camera.silent(true);
    device.fault("E305")?;
    device.pull_camera()?;
    device.fault("E307")?;
    device.plug_camera()?;
    device.camera.silent(false);
    device.ready()?;
    faults::sells(&mut device, 1)
}

/// The device of vivid, the kernel's driver of a camera that is not there, and its lasting name, as udev gives one.
const VIVID: &str = "/dev/video9";
const NAME: &str = "/dev/kiosk";
/// Its stage is black and its only product a green box.
const GREEN: usize = 2;

/// vivid has no MJPEG and answers with something else, without an error; its rows of NV12 are longer than the picture is wide; and
/// it is taken from its driver while it streams.
pub fn vivid(play: &Play) -> Result<(), Trouble> {
    let parts = Parts::plain(play.layout, &play.goods()?, faults::TILL)?;
    let mut device = Device::boot(play.layout, &play.folder, &parts)?;
    device.must(&format!(
        "modprobe vivid n_devs=1 node_types=0x1 input_types=0x00 num_inputs=1 vid_cap_nr=9
        until [ -c {VIVID} ]; do usleep 20000; done
        sed -i 's/^width.*/width = 640/; s/^height.*/height = 480/' /device/kiosk.toml
        sed -i 's#^stall_ms.*#&\\ndevice = \"{NAME}\"\\nfrozen_frames = 0\\nformat = \"MJPEG\"#' /device/kiosk.toml"
    ))?;
    named(&mut device)?;
    device.start("")?;
    let camera = opened(&mut device)?;
    has(&camera, "MJPG 640x480 at 8 frames/s was asked for")?;
    device.ready()?;
    sells(&mut device)?;
    device
        .must("sed -i 's/^format.*/format = \"NV12\"/' /device/kiosk.toml; killall -HUP skueye")?;
    let camera = opened(&mut device)?;
    has(&camera, "NV12")?;
    device.ready()?;
    sells(&mut device)?;
    device.must(&format!(
        "rm {NAME}; echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind"
    ))?;
    device.fault("E305")?;
    device.must(&format!(
        "echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; until [ -c {VIVID} ]; do usleep 20000; done"
    ))?;
    named(&mut device)?;
    device.ready()?;
    sells(&mut device)
}

/// Gives the camera its name once it shows the empty stage: a new one shows a test picture.
fn named(device: &mut Device) -> Result<(), Trouble> {
    shows(device, false)?;
    device.must(&format!("ln -s {VIVID} {NAME}")).map(drop)
}

/// What the camera says of itself when it is opened next.
fn opened(device: &mut Device) -> Result<String, Trouble> {
    let line = device.line("an open camera", |line| line["kind"] == "camera")?;
    Ok(line["camera"].as_str().unwrap_or_default().to_owned())
}

fn shows(device: &mut Device, a_box: bool) -> Result<(), Trouble> {
    let square = u8::from(a_box);
    device
        .must(&format!(
            "v4l2-ctl -d {VIVID} -c test_pattern=5 -c osd_text_mode=2 -c show_square={square}"
        ))
        .map(drop)
}

fn sells(device: &mut Device) -> Result<(), Trouble> {
    let green = crate::plain::sold(GREEN)?;
    shows(device, true)?;
    let event = device.event("the green box")?;
    shows(device, false)?;
    device.empty()?;
    same(
        &format!("the answer of {event}"),
        &event["gtin"],
        &Value::from(green.gtin.as_str()),
    )?;
    faults::reads(device, &green.gtin)
}

fn has(camera: &str, words: &str) -> Result<(), Trouble> {
    match camera.contains(words) {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("of the camera the program says {camera:?}"),
            format!("right is that it says {words:?}"),
        )),
    }
}
