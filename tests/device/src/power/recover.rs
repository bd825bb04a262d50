//! Disks after a cut, mounted by the kernel of the virtual device: one machine, whose disk is exchanged between two mounts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::disk::Disk;
use super::file_system::{FileSystem, tool_ends};
use super::life;
use super::nbd::Export;
use super::record::{STEP, serve};
use crate::guest::Guest;
use crate::image::Image;
use crate::layout::Layout;
use crate::machine::{self, Machine, Plan};
use crate::ports::Sockets;
use crate::trouble::Trouble;

/// Room for an archive of everything on a disk, bytes.
const ARCHIVE: u64 = 64 << 20;

/// What a machine recovers.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Where programs are.
    pub layout: &'a Layout,
    /// Files on the way.
    pub folder: &'a Path,
    /// What is on the disks.
    pub file_system: FileSystem,
    /// Files for the guest's folder `/goods`.
    pub goods: &'a Path,
}

/// A machine that mounts disks.
pub struct Recovery<'a> {
    place: Place<'a>,
    guest: &'a mut Guest,
    disk: &'a Export,
    archive: &'a Export,
}

/// Starts a machine for `work` and ends it after.
pub fn with_machine<T>(
    place: Place<'_>,
    work: impl FnOnce(&mut Recovery<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let Place {
        layout,
        folder,
        file_system,
        ..
    } = place;
    fs::create_dir_all(folder).map_err(|e| Trouble::disk(folder, &e))?;
    let disk = Export::new(file_system.make(layout, folder)?);
    let archive = Export::new(Disk::new(ARCHIVE));
    let mut image = Image::new(layout, file_system.modules())?;
    image.tree(place.goods, "goods")?;
    let mut plan = Plan::new(image);
    let sockets = Sockets::new()?;
    let mut awaited = Vec::new();
    for id in ["disk", "archive"] {
        let socket = sockets.listen(id)?;
        plan.disks.push(machine::Disk {
            id,
            content: machine::Content::Nbd(socket.path().to_owned()),
            plugged: true,
        });
        awaited.push(socket);
    }
    thread::scope(|scope| {
        let exports = [&disk, &archive];
        let servers = exports.into_iter().zip(awaited);
        let servers: Vec<_> = servers
            .map(|(export, socket)| scope.spawn(move || serve(export, socket)))
            .collect();
        let done = Machine::start(layout, folder, &plan).and_then(|mut machine| {
            let modules = file_system.modules().join(" ");
            let ready = format!(
                "set -e; for module in virtio_blk {modules}; do modprobe $module; done; until [ -b /dev/vdb ]; do usleep 50000; done"
            );
            machine.guest.must(&ready, STEP)?;
            work(&mut Recovery {
                place,
                guest: &mut machine.guest,
                disk: &disk,
                archive: &archive,
            })
        });
        for server in servers {
            server.join().expect("the server does not panic")?;
        }
        done
    })
}

impl Recovery<'_> {
    /// Has the kernel mount `disk`, which recovers it, and puts its files into the new folder `out`. The inner error says why
    /// that cannot be done.
    pub fn extract(&mut self, disk: &Disk, out: &Path) -> Result<Result<(), String>, Trouble> {
        self.mounted(disk, "true")
            .and_then(|mounted| self.unpack(mounted, out))
    }

    /// The same, but the device's own program starts on it, takes an update and starts again before the files are taken.
    pub fn start(&mut self, disk: &Disk, out: &Path) -> Result<Result<(), String>, Trouble> {
        let commands = life::GO_ON.map(|step| format!("skueye {}", step.words("/goods")));
        let mounted = self.mounted(disk, &commands.join(" && "))?;
        self.unpack(mounted, out)
    }

    /// Mounts, runs `script` on the disk, archives everything, unmounts.
    fn mounted(&mut self, disk: &Disk, script: &str) -> Result<Result<(), String>, Trouble> {
        self.disk.insert(disk.clone());
        self.archive.insert(Disk::new(ARCHIVE));
        let name = self.place.file_system.name();
        let script = format!(
            "mount -t {name} /dev/vda /mnt || exit 71
             (cd /mnt && {script}) && tar -cf /dev/vdb -C /mnt . && sync; code=$?
             umount /mnt || exit 72
             exit $code"
        );
        let output = self.guest.run(&script, STEP)?;
        self.disk.take_log();
        self.archive.take_log();
        Ok(match output.code {
            0 => Ok(()),
            71 => Err(format!(
                "the kernel does not mount it: {}",
                output.text.trim()
            )),
            code => {
                let text = output.text.trim();
                let skip = text.chars().count().saturating_sub(400);
                let text: String = text.chars().skip(skip).collect();
                Err(format!("in the guest it ended with {code}: {text}"))
            }
        })
    }

    fn unpack(
        &mut self,
        mounted: Result<(), String>,
        out: &Path,
    ) -> Result<Result<(), String>, Trouble> {
        if mounted.is_err() {
            return Ok(mounted);
        }
        let image = self.place.folder.join("recovered.img");
        self.disk.disk().save(&image)?;
        let sound = self.place.file_system.is_sound(self.place.layout, &image);
        fs::create_dir(out).map_err(|e| Trouble::disk(out, &e))?;
        let archive = self.place.folder.join("archive.tar");
        self.archive.disk().save(&archive)?;
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(&archive).arg("-C").arg(out);
        Ok(sound.and_then(|()| tool_ends(&mut tar, "tar", 0)))
    }
}
