//! What cameras this machine has, for `skueye doctor`.

use std::fs;
use std::path::{Path, PathBuf};

use super::device::{Device, FourCc};

/// Where the kernel lists its video devices.
pub const CLASS: &str = "/sys/class/video4linux";

/// One video device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: PathBuf,
    /// The name that the kernel gives it.
    pub name: String,
    /// Its forms of frames, each with its sizes, or why they cannot be had.
    pub offers: Result<Vec<Offer>, String>,
}

/// One form of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The form's four letters.
    pub pixels: FourCc,
    /// Whether it can be read.
    pub readable: bool,
    /// Sizes in pixels, as the driver lists them.
    pub sizes: Vec<(u32, u32)>,
}

/// The video devices that the kernel lists in `class`, in the order of their numbers.
pub fn survey(class: &Path) -> Vec<Found> {
    let entries = fs::read_dir(class).into_iter().flatten().flatten();
    let mut found: Vec<Found> = entries.map(|entry| look(&entry.path())).collect();
    found.sort_by_key(|found| {
        let name = found.path.to_string_lossy().into_owned();
        (name.len(), name)
    });
    found
}

fn look(entry: &Path) -> Found {
    let path = Path::new("/dev").join(entry.file_name().unwrap_or_default());
    let name = fs::read_to_string(entry.join("name")).unwrap_or_default();
    Found {
        offers: open(&path),
        path,
        name: name.trim().chars().filter(|c| !c.is_control()).collect(),
    }
}

fn open(path: &Path) -> Result<Vec<Offer>, String> {
    let device = crate::kernel::Kernel::open(path);
    device
        .and_then(|mut device| offers(&mut device))
        .map_err(|error| error.to_string())
}

/// What `device` offers; nothing where it is no camera.
pub fn offers(device: &mut impl Device) -> std::io::Result<Vec<Offer>> {
    if !device.capabilities()?.captures {
        return Ok(Vec::new());
    }
    let names = device.formats()?;
    let offers = names.into_iter().map(|pixels| Offer {
        pixels,
        readable: pixels.pixels().is_some(),
        sizes: device.sizes(pixels).unwrap_or_default(),
    });
    Ok(offers.collect())
}

#[cfg(test)]
mod tests {
    use super::super::script::ScriptedDevice;
    use super::*;

    #[test]
    fn devices_are_listed_by_number_with_their_names() {
        let class = tempfile::tempdir().unwrap();
        for (device, name) in [("video10", "Rear\n"), ("video2", "Front\n")] {
            fs::create_dir(class.path().join(device)).unwrap();
            fs::write(class.path().join(device).join("name"), name).unwrap();
        }
        let found = survey(class.path());
        let names: Vec<_> = found
            .iter()
            .map(|found| (found.path.to_str().unwrap(), found.name.as_str()))
            .collect();
        assert_eq!(names, [("/dev/video2", "Front"), ("/dev/video10", "Rear")]);
        assert!(found.iter().all(|found| found.offers.is_err()));
        assert_eq!(survey(Path::new("/no/such/folder")), []);
    }

    #[test]
    fn a_camera_offers_its_forms_and_another_device_none() {
        let mut camera = ScriptedDevice::new([]);
        camera.formats.push(FourCc(*b"H264"));
        let found = offers(&mut camera).unwrap();
        let forms: Vec<_> = found
            .iter()
            .map(|offer| (offer.pixels.to_string(), offer.readable))
            .collect();
        assert_eq!(
            forms,
            [
                ("YUYV".into(), true),
                ("MJPG".into(), true),
                ("H264".into(), false)
            ]
        );
        assert_eq!(found[0].sizes, [(1280, 720), (640, 480)]);
        camera.capabilities.captures = false;
        assert_eq!(offers(&mut camera).unwrap(), []);
    }
}
