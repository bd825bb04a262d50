//! Updates by a USB stick.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Play, same};
use crate::device::{Device, LONG, Parts, disk};
use crate::maker::Maker;
use crate::trouble::Trouble;

/// Settings of a device that looks for sets, and tries one as soon as the stage is quiet.
pub const UPDATES: &str = "[link]\nserial = \"/dev/ttyUSB0\"\n[update]\nfolder = \"/data/update\"\nquiet_seconds = 1\nhealth_frames = 5\nhealth_seconds = 120\n";
const WATCH: &str = "(skueye update watch --folder /data/update --mount /run/stick --hardware kiosk --json >/tmp/watch.log 2>&1 &) ";

/// A device whose first set, on trial, is from before it sold the first product, and whoever makes updates for it.
pub fn device<'p>(play: &'p Play, more: &str) -> Result<(Device, Maker<'p>), Trouble> {
    let maker = Maker::new(play.layout, play.shop, &play.folder)?;
    maker.gallery_before(&play.shop.known[0].gtin)?;
    maker.bundle("first", "--model MODEL --gallery disk/gallery.skg")?;
    maker.device("update apply first.skueye --folder disk/update")?;
    let device = boot(play, &maker, more)?;
    Ok((device, maker))
}

/// A device with the maker's disk.
pub fn boot(play: &Play, maker: &Maker, more: &str) -> Result<Device, Trouble> {
    let mut parts = Parts::new(play.layout, play.shop, &format!("{UPDATES}{more}"))?;
    parts.disk = Some(maker.disk(96)?);
    Device::boot(play.layout, &play.folder, &parts, play.empty()?)
}

/// A new gallery comes on a stick; what was unknown before is sold after it.
pub fn update(play: &Play) -> Result<(), Trouble> {
    let (mut device, maker) = device(play, "")?;
    let bundle = maker.bundle("spring", "--gallery GALLERY --hardware kiosk")?;
    let stick = maker.stick("stick", &[bundle])?;
    device.run("")?;
    let item = &play.shop.known[0];
    let before = device.present(play.shop, item)?;
    same(
        "the answer before the update",
        &before["gtin"],
        &Value::Null,
    )?;
    watch(&mut device)?;
    device.machine.insert("stick", &stick, None)?;
    let staged = told(&mut device, 1)?;
    is_staged(&staged, "spring")?;
    device.machine.eject("stick")?;
    step(&mut device, "spring", "committed")?;
    device.ready()?;
    let after = device.present(play.shop, item)?;
    same(
        "the answer after the update",
        &after["gtin"],
        &item.gtin.as_str().into(),
    )?;
    let read = device
        .till
        .wait("the till", LONG, |line| Some(line.to_owned()))?;
    same("what the till read", &read, &item.gtin)
}

/// A stick that is pulled out while it is read, and plugged in again.
pub fn pulled(play: &Play) -> Result<(), Trouble> {
    let (mut device, maker) = device(play, "")?;
    let bundle = maker.bundle("spring", "--model MODEL --gallery GALLERY")?;
    let stick = maker.stick("stick", &[bundle])?;
    // Its first set must be kept before it takes another.
    device.run("")?;
    watch(&mut device)?;
    // A slow stick, so that there is a middle.
    device.machine.insert("stick", &stick, Some(1_000_000))?;
    device.machine.has_read("stick", 3_000_000)?;
    device.machine.eject("stick")?;
    let refused = told(&mut device, 1)?;
    same("a fault is told", &refused["code"].is_string(), &true)?;
    let status = status(&mut device)?;
    same(
        "what is staged of half a bundle",
        &status["staged"],
        &Value::Null,
    )?;
    device.machine.insert("stick", &stick, None)?;
    let staged = told(&mut device, 2)?;
    is_staged(&staged, "spring")
}

/// Sticks that a device must not take, each refused by its number; and one that it must, behind them all.
pub fn hostile(play: &Play) -> Result<(), Trouble> {
    let maker = Maker::new(play.layout, play.shop, &play.folder)?;
    // The device has another gallery: what it has already is not read from a stick again.
    maker.gallery_before(&play.shop.known[0].gtin)?;
    let good = maker.bundle("good", "--gallery GALLERY --security-epoch 5")?;
    // The device has taken security epoch 3.
    maker.bundle(
        "first",
        "--model MODEL --gallery disk/gallery.skg --security-epoch 3",
    )?;
    maker.device("update apply first.skueye --folder disk/update")?;
    let mut device = boot(play, &maker, "")?;
    device.run("")?;
    step(&mut device, "first", "committed")?;
    let sticks = sticks(&maker, &good)?;
    watch(&mut device)?;
    for (number, (name, image, code)) in sticks.iter().enumerate() {
        device.machine.insert("stick", image, None)?;
        let refused = told(&mut device, number + 1)?;
        is_refused(&refused, name, code)?;
        device.machine.eject("stick")?;
    }
    let stick = maker.stick("good", &[good])?;
    device.machine.insert("stick", &stick, None)?;
    let staged = told(&mut device, sticks.len() + 1)?;
    is_staged(&staged, "good")
}

/// A product is enrolled from its photos, the power goes the moment the command has answered, and the till reads the product.
pub fn enrol(play: &Play) -> Result<(), Trouble> {
    let item = &play.shop.unknown[0];
    let mut parts = Parts::new(
        play.layout,
        play.shop,
        "[link]\nserial = \"/dev/ttyUSB0\"\n",
    )?;
    let photos = play.shop.photos(&item.gtin)?;
    for (number, photo) in photos.iter().enumerate() {
        parts
            .image
            .copy(photo, &format!("device/photos/{number}.jpg"))?;
    }
    let path = play.folder.join("disk.img");
    disk(play.layout, &path, 32, None)?;
    parts.disk = Some(path);
    let mut device = Device::boot(play.layout, &play.folder, &parts, play.empty()?)?;
    device.must(&format!(
        "skueye gallery enrol /data/gallery.skg --config /device/kiosk.toml --gtin {} --title new /device/photos/*.jpg",
        item.gtin
    ))?;
    device.machine.kill();
    let mut device = Device::boot(play.layout, &play.folder, &parts, play.empty()?)?;
    device.run("")?;
    device.present(play.shop, item)?;
    let read = device
        .till
        .wait("the till", LONG, |line| Some(line.to_owned()))?;
    same("what the till read", &read, &item.gtin)
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
