//! `skueye update watch`: bundles on USB sticks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use skueye_models::Fault;
use skueye_update::stick::uevent::Action;
use skueye_update::stick::{Heard, Mounted, Watch, candidate};

use super::{Sticks, release, stage, told};

/// How long one look at the kernel's messages waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends after the first bundle that was staged where that is wanted, otherwise never.
pub fn run(options: &Sticks) -> Result<(), Fault> {
    // Listening begins before looking, so that no stick falls between the two.
    let watch = Watch::open()?;
    let mut names = plugged_in(Path::new("/sys/class/block"))?;
    loop {
        for name in names.drain(..) {
            if take(&name, options)? && options.once {
                return Ok(());
            }
        }
        match watch.next(PATIENCE)? {
            Heard::Event(event) if event.action == Action::Add => names.push(event.name),
            Heard::Missed => names = plugged_in(Path::new("/sys/class/block"))?,
            Heard::Event(_) | Heard::Silence => {}
        }
    }
}

/// The block devices on USB. Errors: E901.
fn plugged_in(classes: &Path) -> Result<Vec<String>, Fault> {
    let entries = match fs::read_dir(classes) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| Fault::io("read", classes, &e))?,
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        // The name is a link to the device, whose path goes through its bus.
        let device = fs::canonicalize(entry.path()).unwrap_or_default();
        let on_usb = device
            .iter()
            .any(|part| part.to_string_lossy().starts_with("usb"));
        if on_usb {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Stages the bundle on the device called `name` and tells what became of it; true where it is staged. Errors: the standard
/// output is gone.
fn take(name: &str, options: &Sticks) -> Result<bool, Fault> {
    let mounted = match Mounted::new(name, &options.mount) {
        Ok(mounted) => mounted,
        Err(_) if holds_none(Path::new("/sys/class/block"), name) => return Ok(false),
        Err(fault) => {
            options.target.tell(&fault, || fault.to_string())?;
            return Ok(false);
        }
    };
    let staged = options
        .target
        .open_to_change()
        .and_then(|(_lock, mut slots)| {
            let path = candidate(mounted.folder())?;
            stage(&mut slots, &path, &options.fit)
        });
    let (is_staged, result, text) = match &staged {
        Ok(staged) => {
            let text = format!("release {} is staged", release(staged));
            (true, told(staged), text)
        }
        Err(fault) => (false, json!(fault), fault.to_string()),
    };
    options.target.tell(&result, || text.clone())?;
    if options.result
        && let Err(fault) = mounted.leave(format!("{result}\n").as_bytes())
    {
        options.target.tell(&fault, || fault.to_string())?;
    }
    Ok(is_staged)
}

/// Whether no file system is to be expected on this device itself: it is a disk that is divided, whose parts are told of next, or a
/// reader without a card. The kernel looks for parts before it tells of a disk.
fn holds_none(classes: &Path, name: &str) -> bool {
    let device = classes.join(name);
    let is_part = |entry: fs::DirEntry| entry.path().join("partition").exists();
    let is_divided = fs::read_dir(&device).is_ok_and(|mut all| all.any(|e| e.is_ok_and(is_part)));
    let size = fs::read_to_string(device.join("size"));
    is_divided || size.is_ok_and(|size| size.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_on_usb_are_found_by_the_way_to_them() {
        let root = tempfile::tempdir().unwrap();
        let classes = root.path().join("class/block");
        fs::create_dir_all(&classes).unwrap();
        for (name, way) in [
            ("sda1", "pci0/usb1/1-1/block/sda/sda1"),
            ("nvme0n1", "pci0/nvme/nvme0n1"),
        ] {
            let device = root.path().join("devices").join(way);
            fs::create_dir_all(&device).unwrap();
            std::os::unix::fs::symlink(device, classes.join(name)).unwrap();
        }
        assert_eq!(plugged_in(&classes).unwrap(), ["sda1"]);
        assert_eq!(plugged_in(&root.path().join("nowhere")).unwrap(), [""; 0]);
    }

    #[test]
    fn a_stick_without_parts_is_told_of_and_a_divided_one_by_its_parts() {
        let classes = tempfile::tempdir().unwrap();
        for (name, size) in [
            ("sda", "64"),
            ("sda/sda1", "62"),
            ("sdb", "64"),
            ("sdc", "0"),
        ] {
            let device = classes.path().join(name);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("size"), format!("{size}\n")).unwrap();
        }
        fs::write(classes.path().join("sda/sda1/partition"), "1\n").unwrap();
        let none = |name| holds_none(classes.path(), name);
        assert!(none("sda"), "its parts are told of");
        assert!(!none("sda/sda1"));
        assert!(!none("sdb"), "noise, or a file system on the whole disk");
        assert!(none("sdc"), "a reader without a card");
    }
}
