//! Sets whose program does not work, and a kernel that hangs, on a device with systemd and the service of its package.

use std::fs;

use super::{Play, faults, same, stick};
use crate::device::{Device, LONG, Parts};
use crate::maker::Maker;
use crate::system;
use crate::trouble::Trouble;

const WATCHDOG: &str = "firmware/agent/packaging/watchdog.conf";
const EVENTS: &str = "[events]\npath = \"/data/events.jsonl\"\n";

/// A new set's program dies at each start.
pub fn crashes(play: &Play) -> Result<(), Trouble> {
    returned_from(play, "#!/bin/sh\nexit 1\n")
}

/// A new set's program lives and does nothing: it takes over from a service that systemd watches, so the watchdog ends it the first
/// time; at the two starts that are left it never says that it is ready.
pub fn hangs(play: &Play) -> Result<(), Trouble> {
    returned_from(play, "#!/bin/sh\nexec sleep 1000000\n")
}

/// A set with this program is tried until its starts are used up; then the set before counts again, and sells.
fn returned_from(play: &Play, program: &str) -> Result<(), Trouble> {
    let goods = play.goods()?;
    let maker = stick::maker(play, &goods, "")?;
    let path = maker.path("program");
    fs::write(&path, program).map_err(|e| Trouble::disk(&path, &e))?;
    let bundle = maker.bundle("bad", "--gallery GALLERY --program program")?;
    let mut parts = parts(play, &maker)?;
    parts.image.copy(&bundle, "device/bad.skueye")?;
    let mut device = selling(play, &parts)?;
    device.must(
        "skueye update apply /device/bad.skueye --folder /data/update >/dev/null
        chown -R skueye:skueye /data/update",
    )?;
    device.fault("E806")?;
    device.ready()?;
    faults::sells(&mut device, 1)?;
    let restarts = device.must("systemctl show skueye --property NRestarts --value")?;
    same("starts by systemd", &restarts.trim(), &"3")
}

/// The kernel stands still. The board's watchdog, which systemd feeds as the example of the package asks it to, starts the board again.
pub fn kernel(play: &Play) -> Result<(), Trouble> {
    let goods = play.goods()?;
    let maker = stick::maker(play, &goods, "")?;
    let mut parts = parts(play, &maker)?;
    parts.image.copy(
        &play.layout.root().join(WATCHDOG),
        "etc/systemd/system.conf.d/watchdog.conf",
    )?;
    let mut device = selling(play, &parts)?;
    device.must(
        "modprobe i6300esb; until grep -qx active /sys/class/watchdog/watchdog0/state; do usleep 100000; done",
    )?;
    let hang = "echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger";
    device.machine.guest.begin(hang)?;
    device.machine.qmp.event("WATCHDOG")?;
    device.machine.guest.booted()?;
    device.connect(true)?;
    start(&mut device)?;
    device.ready()?;
    faults::sells(&mut device, 1)
}

/// A device with systemd, and the maker's disk.
fn parts(play: &Play, maker: &Maker) -> Result<Parts, Trouble> {
    let settings = format!("{}{EVENTS}", stick::UPDATES);
    let mut parts = Parts::plain(play.layout, maker.goods(), &settings)?;
    parts.disk = Some(maker.disk(96)?);
    parts.append = "systemd.log_target=console".into();
    system::add(&mut parts.image, play.layout)?;
    Ok(parts)
}

/// It works, and its first set is kept.
fn selling(play: &Play, parts: &Parts) -> Result<Device, Trouble> {
    let mut device = Device::boot(play.layout, &play.folder, parts)?;
    start(&mut device)?;
    stick::step(&mut device, "first", "committed")?;
    device.ready()?;
    faults::sells(&mut device, 1)?;
    Ok(device)
}

/// systemd starts the service, and says so when the program has said that it is ready.
fn start(device: &mut Device) -> Result<(), Trouble> {
    let script = "chown -R skueye:skueye /var/lib/skueye
        chgrp video /dev/video0; chgrp dialout /dev/ttyUSB0; chmod 660 /dev/video0 /dev/ttyUSB0
        touch /data/events.jsonl; chown skueye:skueye /data/events.jsonl
        (tail -n +1 -f /data/events.jsonl >/dev/virtio-ports/events 2>/dev/null &)
        systemctl start skueye || { systemctl status skueye; cat /run/skueye.out; exit 1; }";
    device.machine.guest.must(script, LONG).map(drop)
}
