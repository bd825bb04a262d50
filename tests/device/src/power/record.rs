//! A life in the virtual device, on a disk that writes everything down.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::disk::Disk;
use super::file_system::FileSystem;
use super::log::{Log, Mark};
use super::nbd::Export;
use crate::image::Image;
use crate::layout::Layout;
use crate::machine::{self, Machine, Plan};
use crate::ports::{Awaited, Sockets};
use crate::trouble::Trouble;

/// How long a step may take on a loaded machine.
pub const STEP: Duration = Duration::from_secs(180);
/// How long QEMU may take to connect to a disk.
pub const CONNECT: Duration = Duration::from_secs(60);

/// What is done to which disk.
#[derive(Debug)]
pub struct Script<'a> {
    /// Its file system.
    pub file_system: FileSystem,
    /// Options of the mount, such as `nobarrier`; empty for none.
    pub options: &'a str,
    /// Files for the guest's folder `/goods`.
    pub goods: &'a Path,
    /// Done before the first step, and synced.
    pub before: &'a str,
    /// Each is acknowledged when it ends well.
    pub steps: &'a [String],
}

/// What happened to a disk.
#[derive(Debug)]
pub struct Recording {
    /// The disk before.
    pub start: Disk,
    /// What happened.
    pub log: Log,
    /// The first event of the first step.
    pub first: usize,
}

/// Plays a script in a virtual machine whose files lie in `folder`. At the end the power goes.
pub fn record(
    layout: &Layout,
    folder: &Path,
    script: &Script<'_>,
    mut told: impl FnMut(usize),
) -> Result<Recording, Trouble> {
    fs::create_dir_all(folder).map_err(|e| Trouble::disk(folder, &e))?;
    let system = script.file_system;
    let mut image = Image::new(layout, &[system.modules(), STICK_MODULES].concat())?;
    image.tree(script.goods, "goods")?;
    let start = system.make(layout, folder)?;
    let export = Export::new(start.clone());
    let sockets = Sockets::new()?;
    let awaited = sockets.listen("disk")?;
    let mut plan = Plan::new(image);
    let is_stick = system == FileSystem::Vfat;
    plan.disks.push(machine::Disk {
        id: "disk",
        content: machine::Content::Nbd(awaited.path().to_owned()),
        plugged: !is_stick,
    });
    if is_stick {
        let words = [
            "-device",
            "usb-storage,drive=disk,bus=xhci.0,removable=true",
        ];
        plan.more.extend(words.map(str::to_owned));
    }
    let first = thread::scope(|scope| {
        let server = scope.spawn(|| serve(&export, awaited));
        let played = play(layout, folder, &plan, script, &export, &mut told);
        let served = server.join().expect("the server does not panic");
        // A disk that is not served is why a guest does not get on.
        served.and(played)
    })?;
    Ok(Recording {
        start,
        log: export.take_log(),
        first,
    })
}

const STICK_MODULES: &[&str] = &["xhci-pci", "usb-storage", "sd_mod"];

/// Serves the disk until the machine has ended.
pub fn serve(export: &Export, awaited: Awaited) -> Result<(), Trouble> {
    match awaited.connected(CONNECT) {
        Some(stream) => export.serve(stream),
        None => Err(Trouble::new(
            "QEMU does not connect to the disk",
            "look at qemu.log in target/device/power",
        )),
    }
}

/// The number of the first event of the first step.
fn play(
    layout: &Layout,
    folder: &Path,
    plan: &Plan,
    script: &Script<'_>,
    export: &Export,
    told: &mut impl FnMut(usize),
) -> Result<usize, Trouble> {
    let mut machine = Machine::start(layout, folder, plan)?;
    machine.guest.must(&setup(script), STEP)?;
    let first = export.event_count();
    for (number, step) in script.steps.iter().enumerate() {
        export.mark(Mark::Begun(number));
        machine.guest.must(step, STEP)?;
        export.mark(Mark::Done(number));
        told(number + 1);
    }
    machine.kill();
    Ok(first)
}

/// Loads the modules, waits for the disk, mounts it where it is a device's, and does what comes before.
fn setup(script: &Script<'_>) -> String {
    let system = script.file_system;
    let modules = system.modules().join(" ");
    let more = match system {
        FileSystem::Vfat => STICK_MODULES.join(" "),
        _ => String::new(),
    };
    let (device, name) = (device(system), system.name());
    let options = match script.options {
        "" => String::new(),
        options => format!("-o {options}"),
    };
    let mount = match system {
        FileSystem::Vfat => String::new(),
        _ => format!("mount -t {name} {options} {device} /mnt\ncd /mnt"),
    };
    let before = script.before;
    format!(
        "set -e; for module in virtio_blk {modules} {more}; do modprobe $module; done; until [ -b {device} ]; do usleep 50000; done\n{mount}\n{before}\nsync"
    )
}

/// Where the disk is in the guest.
pub fn device(system: FileSystem) -> &'static str {
    match system {
        FileSystem::Vfat => "/dev/sda",
        _ => "/dev/vda",
    }
}
