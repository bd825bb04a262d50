//! The trials: whose life on which disk, what must be found after a cut, and the controls that must be caught.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::facts::{Facts, Reader, Subject};
use super::file_system::FileSystem;
use super::goods::{GENERATIONS, SETTINGS};
use super::judge::Expected;
use super::life::{self, Meanwhile};
use super::record::Script;
use crate::trouble::Trouble;

/// A life on a disk, again and again cut off.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// What it is called in reports.
    pub name: &'static str,
    /// What is on the disk.
    pub file_system: FileSystem,
    /// Options of its mount.
    options: &'static str,
    /// Whose life.
    pub subject: Subject,
    writer: Writer,
    /// Whether something must be lost, since the writer or the mount is known to be bad.
    pub is_control: bool,
    /// Its part of all states, or of all control states, in hundredths.
    pub share: usize,
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// The device's program.
    Program,
    /// A technician who copies to a stick, and the device's program, which reads it and leaves a result there.
    Technician,
    /// A file that is written over, without a sync.
    Overwrite,
    /// A new file that gets the name of the old one, without a sync.
    Rename,
}

const fn device(name: &'static str, file_system: FileSystem, share: usize) -> Trial {
    Trial {
        name,
        file_system,
        options: "",
        subject: Subject::Device,
        writer: Writer::Program,
        is_control: false,
        share,
    }
}

const fn control(name: &'static str, file_system: FileSystem, writer: Writer) -> Trial {
    Trial {
        name,
        file_system,
        options: "",
        subject: Subject::File,
        writer,
        is_control: true,
        share: 20,
    }
}

/// All of them.
pub const ALL: [Trial; 8] = [
    device("device on ext4", FileSystem::Ext4, 60),
    device("device on f2fs", FileSystem::F2fs, 25),
    Trial {
        name: "stick",
        file_system: FileSystem::Vfat,
        options: "",
        subject: Subject::Stick,
        writer: Writer::Technician,
        is_control: false,
        share: 15,
    },
    control(
        "overwrite without sync on ext4",
        FileSystem::Ext4,
        Writer::Overwrite,
    ),
    control(
        "rename without sync on ext4",
        FileSystem::Ext4,
        Writer::Rename,
    ),
    control(
        "overwrite without sync on vfat",
        FileSystem::Vfat,
        Writer::Overwrite,
    ),
    Trial {
        options: "nobarrier",
        is_control: true,
        ..device("device on ext4 without barriers", FileSystem::Ext4, 20)
    },
    Trial {
        options: "nobarrier",
        is_control: true,
        ..device("device on f2fs without barriers", FileSystem::F2fs, 20)
    },
];

impl Trial {
    /// What is done in the guest, whose steps are `steps`.
    pub fn script<'a>(&self, goods: &'a Path, steps: &'a [String]) -> Script<'a> {
        let before = match (self.subject, self.file_system) {
            (Subject::Device, _) => "cp /goods/kiosk.toml .",
            (Subject::Stick, _) => {
                "cp -r /goods/trusting /tmp/device; mkdir /tmp/technician /tmp/stick"
            }
            (Subject::File, FileSystem::Vfat) => "mount -t vfat /dev/sda /mnt\ncd /mnt",
            (Subject::File, _) => "true",
        };
        Script {
            file_system: self.file_system,
            options: self.options,
            goods,
            before,
            steps,
        }
    }

    /// The steps as the guest's shell takes them.
    pub fn steps(&self) -> Vec<String> {
        match self.writer {
            Writer::Program => {
                let words = life::DEVICE.iter().map(|step| step.words("/goods"));
                words
                    .map(|words| format!("cd /mnt && skueye {words}"))
                    .collect()
            }
            Writer::Technician => {
                // Taken out in order: the kernel has the stick empty its cache when it lets go of it.
                let copy = |work: &str| {
                    format!(
                        "set -e\nmount -t vfat /dev/sda /tmp/technician\ncd /tmp/technician\n{work}\ncd /\numount /tmp/technician
                        echo 1 >/sys/block/sda/device/delete\nfor host in /sys/class/scsi_host/*; do echo '- - -' >$host/scan; done
                        until [ -b /dev/sda ]; do usleep 20000; done"
                    )
                };
                let take =
                    "skueye update watch --once --result --mount /tmp/stick --folder /tmp/device";
                vec![
                    copy("cp /goods/one.skueye ."),
                    take.to_owned(),
                    copy("cp /goods/whole.skueye . && rm one.skueye"),
                    take.to_owned(),
                ]
            }
            Writer::Overwrite => {
                self.generations(|n| format!("cat /goods/generation-{n} > current"))
            }
            Writer::Rename => {
                self.generations(|n| format!("cp /goods/generation-{n} new && mv new current"))
            }
        }
    }

    /// A file that gets one content after the other. In the middle another program syncs, so that there is something to lose.
    fn generations(&self, write: impl Fn(u64) -> String) -> Vec<String> {
        let step = |number: u64| match number {
            4 => format!("cd /mnt && sync && {}", write(number)),
            _ => format!("cd /mnt && {}", write(number)),
        };
        (0..GENERATIONS).map(step).collect()
    }

    /// What there must be before the first step and after each. For a device it is what its program says after the same life on
    /// this machine, where nothing fails; `root` is a new folder for that.
    pub fn expected(&self, reader: &Reader<'_>, root: &Path) -> Result<Expected, Trouble> {
        let parts = |pairs: &[(&'static str, &str)]| Facts {
            parts: pairs
                .iter()
                .map(|(name, value)| (*name, json!(value)))
                .collect(),
            log_lines: 0,
        };
        Ok(match self.subject {
            Subject::Device => return lived(reader, root),
            Subject::Stick => Expected {
                facts: vec![
                    parts(&[]),
                    parts(&[("one", "taken")]),
                    parts(&[("one", "taken"), ("result", "one")]),
                    parts(&[("whole", "taken"), ("result", "one")]),
                    parts(&[("whole", "taken"), ("result", "whole")]),
                ],
                // The result alone may be missing while it is replaced.
                on_the_way: BTreeMap::from([(3, parts(&[("whole", "taken")]))]),
            },
            Subject::File => {
                let current = |number| Facts {
                    parts: BTreeMap::from([("current", json!(number))]),
                    log_lines: 0,
                };
                let all = (0..GENERATIONS).map(current);
                Expected {
                    facts: std::iter::once(Facts::default()).chain(all).collect(),
                    ..Expected::default()
                }
            }
        })
    }
}

/// The life of a device on this machine.
fn lived(reader: &Reader<'_>, root: &Path) -> Result<Expected, Trouble> {
    fs::create_dir_all(root).map_err(|e| Trouble::disk(root, &e))?;
    let settings = root.join("kiosk.toml");
    fs::write(&settings, SETTINGS).map_err(|e| Trouble::disk(&settings, &e))?;
    let broken = |why| Trouble::new(why, "on this machine the program must do what is asked");
    let facts = || reader.read(Subject::Device, root).map_err(broken);
    let done = |words: &str| reader.program.call(words, root).map_err(broken);
    let goods = reader.goods.folder().display().to_string();
    let mut expected = Expected {
        facts: vec![facts()?],
        ..Expected::default()
    };
    for (number, step) in life::DEVICE.iter().enumerate() {
        let meanwhile = match step.meanwhile {
            Meanwhile::Nothing => None,
            Meanwhile::Half(words) => {
                done(&life::with_goods(words, &goods))?;
                Some(facts()?)
            }
            Meanwhile::Unstaged => expected.facts.last().map(Facts::unstaged),
        };
        expected
            .on_the_way
            .extend(meanwhile.map(|facts| (number, facts)));
        done(&step.words(&goods))?;
        expected.facts.push(facts()?);
    }
    Ok(expected)
}
