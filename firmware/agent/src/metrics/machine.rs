//! The machine: temperatures, memory, disk. What cannot be read is left out.

use std::fs;
use std::path::Path;

use super::text::{Kind, Text};

/// Thermal zones of which the temperature is given at most.
const MOST_ZONES: usize = 16;

pub(super) fn text(text: &mut Text, disk: &Path) {
    let temperatures = temperatures(Path::new("/sys/class/thermal"));
    if !temperatures.is_empty() {
        let mut family = text.family(
            "skueye_temperature_celsius",
            Kind::Gauge,
            "Temperatures of the machine.",
        );
        for (zone, name, celsius) in &temperatures {
            family.value(&[("zone", zone), ("name", name)], *celsius);
        }
    }
    if let Some(bytes) = resident() {
        let help = "Memory of the program.";
        text.family("skueye_resident_bytes", Kind::Gauge, help)
            .value(&[], bytes);
    }
    if let Some((free, size)) = space(disk) {
        let help = "Free space where the device keeps its data.";
        text.family("skueye_disk_free_bytes", Kind::Gauge, help)
            .value(&[], free);
        let help = "Size of that disk.";
        text.family("skueye_disk_size_bytes", Kind::Gauge, help)
            .value(&[], size);
    }
}

/// Number, name and degrees Celsius of the zones.
pub(super) fn temperatures(class: &Path) -> Vec<(String, String, f64)> {
    let zone = |number: usize| {
        let folder = class.join(format!("thermal_zone{number}"));
        let read = |name| fs::read_to_string(folder.join(name)).ok();
        let millis: i64 = read("temp")?.trim().parse().ok()?;
        let name = read("type").unwrap_or_default();
        Some((
            number.to_string(),
            name.trim().to_owned(),
            millis as f64 / 1e3,
        ))
    };
    (0..MOST_ZONES).filter_map(zone).collect()
}

/// Bytes of this process in memory.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Free bytes and all bytes of the disk of a folder.
fn space(folder: &Path) -> Option<(f64, f64)> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let disk = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks as f64 * disk.f_frsize as f64;
    Some((bytes(disk.f_bavail), bytes(disk.f_blocks)))
}
