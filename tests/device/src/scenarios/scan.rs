//! A morning at the counter.

use serde_json::Value;

use super::{Play, same};
use crate::camera::Picture;
use crate::device::{Device, Parts};
use crate::shop::Shop;
use crate::trouble::Trouble;

/// Scores of the two processors differ by rounding, and by what the camera's noise and half the colours do to a photo.
const NEAR: f64 = 0.05;

/// The emulated processor takes a second or three for a look. The margin is one that both processors' rounding and the camera's
/// colours leave to every product that is presented.
const SETTINGS: &str =
    "[decision]\nmargin = 0.004\ntimeout_ms = 60000\n[link]\nserial = \"/dev/ttyUSB0\"\n";

pub fn run(play: &Play) -> Result<(), Trouble> {
    let shop = Shop::ensure(play.layout)?;
    let stage = Picture::from_jpeg(&shop.frame(0)?)?;
    let files = (shop.model.as_path(), shop.gallery());
    let parts = Parts::new(play.layout, (files.0, &files.1), (stage, 4), SETTINGS)?;
    let mut device = Device::boot(play.layout, &play.folder, &parts)?;
    device.run("")?;
    let mut sold = Vec::new();
    // Something unknown after every four that are known.
    let mut unknown = shop.unknown.iter();
    for four in shop.known.chunks(4) {
        for item in four {
            let event = device.present(&shop.item(item)?)?;
            same(
                &format!("the answer to {}", item.gtin),
                &event["gtin"],
                &Value::from(item.gtin.as_str()),
            )?;
            near(&item.gtin, &event, item.score)?;
            sold.push(item.gtin.clone());
        }
        if let Some(item) = unknown.next() {
            let event = device.present(&shop.item(item)?)?;
            same(
                &format!("the verdict on {}", item.gtin),
                &event["verdict"],
                &Value::from("reject"),
            )?;
        }
    }
    let summary = device.end()?;
    same(
        "frames that could not be read",
        &summary["frames_damaged"],
        &Value::from(0),
    )?;
    let read = read(&mut device, sold.len())?;
    same("what the till read", &read, &sold)
}

/// As many lines of the till, and whatever came besides.
fn read(device: &mut Device, count: usize) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    while lines.len() < count {
        let what = format!("line {} of the till", lines.len() + 1);
        let line = device
            .till
            .wait(&what, crate::device::SHORT, |line| Some(line.to_owned()))?;
        lines.push(line);
    }
    lines.extend(device.till.waiting());
    Ok(lines)
}

fn near(gtin: &str, event: &Value, score: f64) -> Result<(), Trouble> {
    let got = event["score"].as_f64().unwrap_or_default();
    match (got - score).abs() <= NEAR {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("the score of {gtin}: got {got}"),
            format!("this machine's program says {score}"),
        )),
    }
}
