//! Updates by a USB stick.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Play, faults, same};
use crate::device::{Device, LONG, Parts, disk};
use crate::maker::Maker;
use crate::plain::{self, Goods};
use crate::trouble::Trouble;

/// Settings of a device that looks for sets, and tries one as soon as the stage is quiet.
pub const UPDATES: &str = "[link]\nserial = \"/dev/ttyUSB0\"\n[update]\nfolder = \"/data/update\"\nquiet_seconds = 1\nhealth_frames = 5\nhealth_seconds = 120\n";
const WATCH: &str = "(skueye update watch --folder /data/update --mount /run/stick --hardware kiosk --json >/tmp/watch.log 2>&1 &) ";

/// A device whose first set, on trial, is from before it sold the first product, and whoever makes updates for it.
pub fn device<'m>(play: &'m Play, goods: &'m Goods) -> Result<(Device, Maker<'m>), Trouble> {
    let maker = maker(play, goods, "")?;
    let mut device = boot(play, &maker)?;
    device.run("")?;
    Ok((device, maker))
}

/// The maker of updates for a device whose first set is made with these words.
pub fn maker<'m>(play: &'m Play, goods: &'m Goods, words: &str) -> Result<Maker<'m>, Trouble> {
    let maker = Maker::new(play.layout, goods, &play.folder)?;
    maker.gallery_before()?;
    let words = format!("--model MODEL --gallery disk/gallery.skg {words}");
    maker.bundle("first", &words)?;
    maker.device("update apply first.skueye --folder disk/update")?;
    Ok(maker)
}

/// A device with the maker's disk.
pub fn boot(play: &Play, maker: &Maker) -> Result<Device, Trouble> {
    let mut parts = Parts::plain(play.layout, maker.goods(), UPDATES)?;
    parts.disk = Some(maker.disk(96)?);
    Device::boot(play.layout, &play.folder, &parts)
}

/// A new gallery comes on a stick that is divided; what was unknown before is sold after it.
pub fn update(play: &Play) -> Result<(), Trouble> {
    let goods = play.goods()?;
    let (mut device, maker) = device(play, &goods)?;
    let bundle = maker.bundle("spring", "--gallery GALLERY --hardware kiosk")?;
    let stick = maker.divided(&maker.stick("stick", &[bundle])?)?;
    let before = device.present(&plain::sold(0)?)?;
    same(
        "the verdict before the update",
        &before["verdict"],
        &"reject".into(),
    )?;
    watch(&mut device)?;
    device.machine.insert("stick", &stick, None)?;
    is_staged(&told(&mut device, 1)?, "spring")?;
    device.machine.eject("stick")?;
    step(&mut device, "spring", "committed")?;
    device.ready()?;
    faults::sells(&mut device, 0)
}

/// A stick that is pulled out while it is read, and plugged in again: nothing of the first time, all of the second.
pub fn pulled(play: &Play) -> Result<(), Trouble> {
    let goods = play.goods()?;
    let (mut device, maker) = device(play, &goods)?;
    plain::gallery(&maker.path("large.skg"), 0..plain::SOLD, 5000)?;
    let bundle = maker.bundle("spring", "--gallery large.skg")?;
    let stick = maker.stick("stick", &[bundle])?;
    watch(&mut device)?;
    // A slow stick, so that there is a middle.
    device.machine.insert("stick", &stick, Some(200_000))?;
    device.machine.has_read("stick", 600_000)?;
    device.machine.eject("stick")?;
    let refused = told(&mut device, 1)?;
    same("a fault is told", &refused["code"].is_string(), &true)?;
    let staged = &status(&mut device)?["staged"];
    same("what is staged of half a bundle", staged, &Value::Null)?;
    device.machine.insert("stick", &stick, None)?;
    is_staged(&told(&mut device, 2)?, "spring")?;
    step(&mut device, "spring", "committed")?;
    device.ready()?;
    faults::sells(&mut device, 0)
}

/// A bundle comes over a serial cable, which is out in the middle for a while.
pub fn cable(play: &Play) -> Result<(), Trouble> {
    let goods = play.goods()?;
    let (mut device, maker) = device(play, &goods)?;
    plain::gallery(&maker.path("large.skg"), 0..plain::SOLD, 1500)?;
    let bundle = maker.bundle("spring", "--gallery large.skg")?;
    let port = device.machine.terminal("cable")?;
    let machine = &mut device.machine;
    machine.plug("usb-serial", "cable", ("chardev", "cable"))?;
    device.must(
        "until [ -c /dev/ttyUSB1 ]; do usleep 50000; done
        (skueye update receive /dev/ttyUSB1 --folder /data/update --once --json >/tmp/receive.log 2>&1 &) ",
    )?;
    let push = maker.push(&port, &bundle)?;
    let spooled = "until [ $(cat /data/update/incoming/* 2>/dev/null | wc -c) -ge 100000 ]; do usleep 20000; done";
    device.must(spooled)?;
    // The kernel disconnects the adapter: QEMU 10.0 crashes at times when one is pulled out while bytes come for it.
    device.must(
        "readlink -f /sys/class/tty/ttyUSB1/device/../.. >/tmp/adapter
        echo 0 >$(cat /tmp/adapter)/authorized; while [ -c /dev/ttyUSB1 ]; do usleep 50000; done",
    )?;
    let staged = &status(&mut device)?["staged"];
    same("what is staged of half a bundle", staged, &Value::Null)?;
    device.must(spooled)?;
    device.must("echo 1 >$(cat /tmp/adapter)/authorized")?;
    push.done().map_err(|trouble| {
        let told = "cat /tmp/receive.log; ls -l /dev/ttyUSB* /data/update/incoming";
        let told = device.must(told).unwrap_or_default();
        Trouble::new(trouble.to_string(), format!("on the device: {told}"))
    })?;
    step(&mut device, "spring", "committed")?;
    device.ready()?;
    faults::sells(&mut device, 0)
}

/// Sticks that a device must not take, each refused by its number; and one that it must, behind them all.
pub fn hostile(play: &Play) -> Result<(), Trouble> {
    let goods = play.goods()?;
    let maker = maker(play, &goods, "--security-epoch 3")?;
    plain::gallery(&maker.path("large.skg"), 0..plain::SOLD, 1500)?;
    let good = maker.bundle("good", "--gallery large.skg --security-epoch 5")?;
    let mut device = boot(play, &maker)?;
    device.run("")?;
    let sticks = sticks(&maker, &good)?;
    watch(&mut device)?;
    for (number, (name, image, code)) in sticks.iter().enumerate() {
        device.machine.insert("stick", image, None)?;
        is_refused(&told(&mut device, number + 1)?, name, code)?;
        device.machine.eject("stick")?;
    }
    let stick = maker.stick("good", &[good])?;
    device.machine.insert("stick", &stick, None)?;
    is_staged(&told(&mut device, sticks.len() + 1)?, "good")
}

/// A product is enrolled from what the camera shows, the power goes the moment the command has answered, and the till reads the
/// product after the next start.
pub fn enrol(play: &Play) -> Result<(), Trouble> {
    let mut parts = Parts::plain(play.layout, &play.goods()?, faults::TILL)?;
    let path = play.folder.join("disk.img");
    disk(play.layout, &path, 32, None)?;
    parts.disk = Some(path);
    let item = plain::stranger()?;
    let mut device = Device::boot(play.layout, &play.folder, &parts)?;
    device.camera.play(item.comes.clone());
    device.must(&format!(
        "skueye capture --config /device/kiosk.toml /tmp/shots --frames 12
        skueye gallery enrol /data/gallery.skg --config /device/kiosk.toml --gtin {} --title new $(ls /tmp/shots/* | tail -n 2)",
        item.gtin
    ))?;
    device.machine.kill();
    let mut device = Device::boot(play.layout, &play.folder, &parts)?;
    device.run("")?;
    device.present(&item)?;
    faults::reads(&mut device, &item.gtin)
}

fn sticks(
    maker: &Maker,
    good: &Path,
) -> Result<Vec<(&'static str, PathBuf, &'static str)>, Trouble> {
    let old = maker.bundle("old", "--gallery GALLERY --security-epoch 2")?;
    let oven = maker.bundle(
        "oven",
        "--gallery GALLERY --hardware oven --security-epoch 5",
    )?;
    let stranger = "--gallery GALLERY --security-epoch 5 --key stranger.key --no-passphrase";
    let stranger = maker.bundle("stranger", stranger)?;
    let cut = maker.path("cut.skueye");
    let bytes = fs::read(good).map_err(|e| Trouble::disk(good, &e))?;
    let mut changed = bytes.clone();
    let last = changed.len() - 1000;
    changed[last] ^= 1;
    let turned = maker.path("turned.skueye");
    write(&cut, &bytes[..bytes.len() - 1])?;
    write(&turned, &changed)?;
    Ok(vec![
        ("empty", maker.stick("empty", &[])?, "E810"),
        (
            "two",
            maker.stick("two", &[good.to_owned(), old.clone()])?,
            "E810",
        ),
        ("link", link(maker)?, "E810"),
        ("old", maker.stick("old", &[old])?, "E804"),
        ("oven", maker.stick("oven", &[oven])?, "E803"),
        ("stranger", maker.stick("stranger", &[stranger])?, "E802"),
        ("cut", maker.stick("cut", &[cut])?, "E801"),
        ("turned", maker.stick("turned", &[turned])?, "E801"),
        ("noise", noise(maker)?, "E811"),
        ("no end", endless(maker, good)?, "E901"),
    ])
}

/// An ext4 stick whose bundle is a link to a file of the device.
fn link(maker: &Maker) -> Result<PathBuf, Trouble> {
    let folder = maker.path("linked");
    fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
    let link = folder.join("a.skueye");
    std::os::unix::fs::symlink("/device/kiosk.toml", &link)
        .map_err(|e| Trouble::disk(&link, &e))?;
    let image = maker.path("link.img");
    maker.ext4(&image, &folder)?;
    Ok(image)
}

/// No file system at all.
fn noise(maker: &Maker) -> Result<PathBuf, Trouble> {
    let image = maker.path("noise.img");
    let mut state = 2022_u64;
    let bytes: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect();
    write(&image, &bytes)?;
    Ok(image)
}

/// A stick whose bundle's chain of clusters is broken: the table of the file system says that its second cluster is free.
fn endless(maker: &Maker, good: &Path) -> Result<PathBuf, Trouble> {
    let image = maker.stick("endless", &[good.to_owned()])?;
    let mut bytes = fs::read(&image).map_err(|e| Trouble::disk(&image, &e))?;
    let word = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    // Sectors before the tables, how many tables, and the sectors of one (Microsoft's FAT specification, section 3.1).
    let (reserved, tables, sectors) = (word(14), usize::from(bytes[16]), word(22));
    for table in 0..tables {
        let at = (reserved + table * sectors) * 512;
        // The entries 0 and 1 are not clusters; the bundle is the only file and begins at 2.
        bytes[at + 6..at + sectors * 512].fill(0);
    }
    write(&image, &bytes)?;
    Ok(image)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    fs::write(path, bytes).map_err(|e| Trouble::disk(path, &e))
}

fn is_staged(told: &Value, release: &str) -> Result<(), Trouble> {
    match told["set"]["release"] == release {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("the watch for sticks tells {told}"),
            format!("right is that {release} is staged"),
        )),
    }
}

fn is_refused(told: &Value, name: &str, code: &str) -> Result<(), Trouble> {
    match told["code"] == code {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("of the stick {name} the watch tells {told}"),
            format!("right is {code}"),
        )),
    }
}

/// Starts to wait for sticks.
fn watch(device: &mut Device) -> Result<(), Trouble> {
    device
        .must(&format!("mkdir -p /run/stick; {WATCH}"))
        .map(drop)
}

/// The line of that number which the watch for sticks has told.
fn told(device: &mut Device, number: usize) -> Result<Value, Trouble> {
    let script = format!(
        "until [ $(wc -l </tmp/watch.log) -ge {number} ]; do usleep 100000; pidof skueye >/dev/null || exit 1; done
        sed -n {number}p /tmp/watch.log"
    );
    let line = device.machine.guest.must(&script, LONG)?;
    serde_json::from_str(&line).map_err(|_| {
        Trouble::new(
            format!("the watch for sticks told {line:?}"),
            "right is a JSON object",
        )
    })
}

fn status(device: &mut Device) -> Result<Value, Trouble> {
    let text = device.must("skueye update status --folder /data/update --json")?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// Waits until that happens to a set.
pub fn step(device: &mut Device, release: &str, step: &str) -> Result<Value, Trouble> {
    let what = format!("{release} to be {step}");
    device.line(&what, |line| {
        line["kind"] == "set" && line["release"] == release && line["step"] == step
    })
}
