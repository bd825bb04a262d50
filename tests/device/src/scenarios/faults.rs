//! Cables, cameras and disks that fail while the device works.

use serde_json::Value;

use super::{Play, same};
use crate::device::{Device, LONG, Parts, disk};
use crate::plain;
use crate::trouble::Trouble;

pub const TILL: &str = "[link]\nserial = \"/dev/ttyUSB0\"\nhold_ms = 120000\n";

pub fn device(play: &Play) -> Result<Device, Trouble> {
    let parts = Parts::plain(play.layout, &play.goods()?, TILL)?;
    Device::boot(play.layout, &play.folder, &parts)
}

/// Presents a product that is sold, which the till must read.
pub fn sells(device: &mut Device, number: usize) -> Result<(), Trouble> {
    let item = plain::sold(number)?;
    device.present(&item)?;
    reads(device, &item.gtin)
}

pub fn reads(device: &mut Device, gtin: &str) -> Result<(), Trouble> {
    let read = device
        .till
        .wait("the till", LONG, |line| Some(line.to_owned()))?;
    same("what the till read", &read.as_str(), &gtin)
}

/// The till's cable is pulled out, a product is presented, the cable comes back: the till reads the product, once.
pub fn serial(play: &Play) -> Result<(), Trouble> {
    let mut device = device(play)?;
    device.run("")?;
    sells(&mut device, 0)?;
    device.machine.pull("till")?;
    device.must("while [ -c /dev/ttyUSB0 ]; do usleep 50000; done")?;
    let item = plain::sold(1)?;
    let event = device.present(&item)?;
    same("what became of it", &event["sent"], &Value::from("pending"))?;
    device
        .machine
        .plug("usb-serial", "till", ("chardev", "till"))?;
    reads(&mut device, &item.gtin)?;
    sells(&mut device, 2)?;
    same(
        "what the till read besides",
        &device.till.waiting(),
        &Vec::new(),
    )
}

/// The camera's picture freezes, then the camera delivers nothing at all; each is told, and recovered from.
pub fn frozen(play: &Play) -> Result<(), Trouble> {
    let mut device = device(play)?;
    device
        .must("sed -i 's/^stall_ms.*/stall_ms = 4000\\nfrozen_frames = 12/' /device/kiosk.toml")?;
    device.run("")?;
    sells(&mut device, 0)?;
    device.camera.noise(false);
    device.fault("E305")?;
    device.camera.noise(true);
    device.ready()?;
    sells(&mut device, 1)?;
    device.camera.silent(true);
    device.fault("E305")?;
    device.camera.silent(false);
    device.ready()?;
    sells(&mut device, 2)
}

/// The disk with the decision log is full: told, and the till goes on reading; with space again the log goes on.
pub fn full(play: &Play) -> Result<(), Trouble> {
    let mut device = on_a_disk(play)?;
    device.run("")?;
    sells(&mut device, 0)?;
    let lines = logged(&mut device)?;
    device.must("dd if=/dev/zero of=/data/full bs=64k >/dev/null 2>&1; dd if=/dev/zero of=/data/full2 bs=512 2>/dev/null; df /data >/dev/null")?;
    for number in 1..6 {
        sells(&mut device, number)?;
    }
    device.must("rm /data/full /data/full2")?;
    sells(&mut device, 6)?;
    device.end()?;
    let more = logged(&mut device)?;
    same("the log went on", &(more > lines), &true)
}

/// Lines of the decision log, which must be whole.
fn logged(device: &mut Device) -> Result<usize, Trouble> {
    device.must("skueye log verify --config /device/kiosk.toml >/dev/null")?;
    let text = device.must("cat /data/log/*.jsonl | wc -l")?;
    Ok(text.trim().parse().unwrap_or_default())
}

/// Disk and root can only be read: the device recognises all the same.
pub fn read_only(play: &Play) -> Result<(), Trouble> {
    let mut device = on_a_disk(play)?;
    device.must(
        "set -e; for folder in /data /; do mount -o remount,ro $folder; done
        for folder in /data /; do ! touch $folder/file 2>/dev/null; done",
    )?;
    device.run("")?;
    sells(&mut device, 0)?;
    let told = device.must("skueye status --config /device/kiosk.toml")?;
    same("the log's fault is told", &told.contains("E9"), &true)?;
    sells(&mut device, 1)
}

fn on_a_disk(play: &Play) -> Result<Device, Trouble> {
    let mut parts = Parts::plain(play.layout, &play.goods()?, TILL)?;
    let path = play.folder.join("disk.img");
    disk(play.layout, &path, 16, None)?;
    parts.disk = Some(path);
    Device::boot(play.layout, &play.folder, &parts)
}
