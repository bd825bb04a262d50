//! The guest's first file system: an archive that the kernel unpacks into memory (cpio, "newc"; in the kernel's sources
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::elf::Elf;
use crate::layout::Layout;
use crate::tools::named;
use crate::trouble::Trouble;

const INIT: &str = include_str!("../guest/init.sh");
const SHELL: &str = include_str!("../guest/shell.sh");
/// What every guest needs; what a scenario needs besides is named by it.
const MODULES: [&str; 4] = [
    "virtio_pci",
    "virtio_console",
    "virtio_blk",
    "crc32c_generic",
];
const FOLDER: u32 = 0o040_755;
const LINK: u32 = 0o120_777;

/// Files by their paths in the guest, without the leading slash.
#[derive(Debug, Default, Clone)]
pub struct Image(BTreeMap<String, (u32, Vec<u8>)>);

impl Image {
    /// Shell, kernel modules by name with what they need, the device's program.
    pub fn new(layout: &Layout, modules: &[&str]) -> Result<Self, Trouble> {
        let mut image = Self::default();
        let arm64 = layout.arm64();
        image.add("init", 0o755, INIT.as_bytes().to_vec());
        image.add("shell.sh", 0o755, SHELL.as_bytes().to_vec());
        image.copy(&arm64.join("bin/busybox"), "bin/busybox")?;
        image.program(&arm64, &layout.skueye(), "usr/bin/skueye")?;
        image.modules(&arm64, &[&MODULES, modules].concat())?;
        Ok(image)
    }

    /// A file with these bytes; `mode` is its rights.
    pub fn add(&mut self, path: &str, mode: u32, bytes: Vec<u8>) {
        self.insert(path, 0o100_000 | mode, bytes);
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.insert(path, LINK, target.as_bytes().to_vec());
    }

    /// A file of this machine, with its rights.
    pub fn copy(&mut self, from: &Path, to: &str) -> Result<(), Trouble> {
        let failed = |e: std::io::Error| Trouble::disk(from, &e);
        let mode = fs::metadata(from).map_err(failed)?.permissions().mode() & 0o777;
        let bytes = fs::read(from).map_err(failed)?;
        self.add(to, mode, bytes);
        Ok(())
    }

    /// A program of the guest with its libraries and theirs, from the packages below `arm64`.
    pub fn program(&mut self, arm64: &Path, from: &Path, to: &str) -> Result<(), Trouble> {
        self.copy(from, to)?;
        let mut left = Elf::open(from)?.libraries();
        while let Some(name) = left.pop() {
            let at = format!("lib/{name}");
            if self.0.contains_key(&at) {
                continue;
            }
            let path = library_of(arm64, &name)?;
            left.extend(Elf::open(&path)?.libraries());
            self.copy(&path, &at)?;
        }
        Ok(())
    }

    /// Everything below a folder of this machine, links as links.
    pub fn tree(&mut self, from: &Path, to: &str) -> Result<(), Trouble> {
        let failed = |e: std::io::Error| Trouble::disk(from, &e);
        for entry in fs::read_dir(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let path = format!("{to}/{}", name.to_string_lossy());
            let path = path.trim_start_matches('/');
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(failed)?;
                self.link(path, &target.to_string_lossy());
            } else if kind.is_dir() {
                self.tree(&entry.path(), path)?;
            } else if kind.is_file() {
                self.copy(&entry.path(), path)?;
            }
        }
        Ok(())
    }

    /// Writes the archive.
    pub fn write(&self, path: &Path) -> Result<(), Trouble> {
        let mut archive = Vec::new();
        for (number, (name, (mode, bytes))) in self.0.iter().enumerate() {
            append(&mut archive, number + 1, name, *mode, bytes);
        }
        append(&mut archive, 0, "TRAILER!!!", 0, &[]);
        fs::write(path, archive).map_err(|e| Trouble::disk(path, &e))
    }

    fn insert(&mut self, path: &str, mode: u32, bytes: Vec<u8>) {
        let above = Path::new(path).ancestors().skip(1);
        for folder in above.filter(|folder| !folder.as_os_str().is_empty()) {
            let folder = folder.to_string_lossy().into_owned();
            self.0.entry(folder).or_insert((FOLDER, Vec::new()));
        }
        self.0.insert(path.to_owned(), (mode, bytes));
    }

    fn modules(&mut self, arm64: &Path, names: &[&str]) -> Result<(), Trouble> {
        let modules = Modules::read(arm64)?;
        let to = modules.folder.strip_prefix(arm64).unwrap_or(Path::new(""));
        let to = to.to_string_lossy().into_owned();
        for path in modules.needed(names)? {
            self.copy(&modules.folder.join(&path), &format!("{to}/{path}"))?;
        }
        for list in [
            "modules.dep",
            "modules.alias",
            "modules.builtin",
            "modules.softdep",
        ] {
            self.copy(&modules.folder.join(list), &format!("{to}/{list}"))?;
        }
        Ok(())
    }
}

fn library_of(arm64: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let folders = [
        "lib/aarch64-linux-gnu",
        "usr/lib/aarch64-linux-gnu",
        "usr/lib/aarch64-linux-gnu/systemd",
        "lib",
    ];
    let mut paths = folders.iter().map(|folder| arm64.join(folder).join(name));
    paths.find(|path| path.exists()).ok_or_else(|| {
        let what = format!("{name} is not among the guest's packages");
        Trouble::new(what, "remove target/device/arm64 and try again")
    })
}

/// One entry: a head of 110 characters, its name, its bytes; name and bytes are filled up to multiples of four.
fn append(archive: &mut Vec<u8>, number: usize, name: &str, mode: u32, bytes: &[u8]) {
    let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
    let head = [
        number,
        mode as usize,
        0,
        0,
        links,
        0,
        bytes.len(),
        0,
        0,
        0,
        0,
        name.len() + 1,
        0,
    ];
    archive.extend_from_slice(b"070701");
    for field in head {
        archive.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    fill(archive);
    archive.extend_from_slice(bytes);
    fill(archive);
}

fn fill(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// The folder of the one kernel's modules below `arm64`.
pub fn kernel_modules(arm64: &Path) -> Result<PathBuf, Trouble> {
    named(&arm64.join("lib/modules"), "")
}

/// The one kernel below `arm64`.
pub fn kernel(arm64: &Path) -> Result<PathBuf, Trouble> {
    named(&arm64.join("boot"), "vmlinuz-")
}

/// What depmod wrote about a kernel's modules.
struct Modules {
    folder: PathBuf,
    /// Path and the paths it needs, by name.
    by_name: BTreeMap<String, Vec<String>>,
    built_in: BTreeSet<String>,
    /// Names that a module wants without needing them by a symbol.
    soft: BTreeMap<String, Vec<String>>,
}

impl Modules {
    fn read(arm64: &Path) -> Result<Self, Trouble> {
        let folder = kernel_modules(arm64)?;
        let text = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|e| Trouble::disk(&path, &e))
        };
        let mut by_name = BTreeMap::new();
        for line in text("modules.dep")?.lines() {
            let (path, needs) = line.split_once(':').unwrap_or((line, ""));
            let paths = std::iter::once(path).chain(needs.split_whitespace());
            by_name.insert(name_of(path), paths.map(str::to_owned).collect());
        }
        let mut soft: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text("modules.softdep")?.lines() {
            let mut words = line.split_whitespace().skip(1);
            let Some(name) = words.next() else { continue };
            let wants = words.filter(|word| !word.ends_with(':')).map(str::to_owned);
            soft.entry(plain(name)).or_default().extend(wants);
        }
        let built_in = text("modules.builtin")?.lines().map(name_of).collect();
        Ok(Self {
            folder,
            by_name,
            built_in,
            soft,
        })
    }

    /// The paths of these modules and all that they need.
    fn needed(&self, names: &[&str]) -> Result<BTreeSet<String>, Trouble> {
        let mut found = BTreeSet::new();
        let mut left: Vec<String> = names.iter().map(|name| plain(name)).collect();
        while let Some(name) = left.pop() {
            let Some(paths) = self.by_name.get(&name) else {
                if self.built_in.contains(&name) {
                    continue;
                }
                let what = format!("this kernel has no module {name}");
                return Err(Trouble::new(
                    what,
                    "look for its new name in target/device/arm64",
                ));
            };
            for path in paths {
                if found.insert(path.clone()) {
                    let wants = self.soft.get(&name_of(path)).into_iter().flatten();
                    let there = wants.map(|want| plain(want));
                    left.extend(there.filter(|want| self.by_name.contains_key(want)));
                }
            }
        }
        Ok(found)
    }
}

/// `kernel/fs/fat/vfat.ko` is `vfat`.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    plain(file.split(".ko").next().unwrap_or(file))
}

/// Kernel and users write `-` and `_` for each other.
fn plain(name: &str) -> String {
    name.trim().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn another_cpio_reads_the_archive() {
        let folder = std::env::temp_dir().join(format!("skueye-image-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut image = Image::default();
        image.add("etc/skueye/kiosk.toml", 0o640, b"version = 1\n".to_vec());
        image.link("sbin/init", "../init");
        image.add("init", 0o755, vec![7; 5]);
        image.write(&folder.join("image")).unwrap();
        // Busybox, cpio or bsdtar: whatever a machine has. Without any of them the guest's kernel is the judge.
        let script = "cpio -i --quiet < image || bsdtar -xf image";
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(&folder)
            .output();
        if output.is_ok_and(|output| output.status.success()) {
            let read = |path: &str| fs::read(folder.join(path)).unwrap();
            assert_eq!(read("etc/skueye/kiosk.toml"), b"version = 1\n");
            assert_eq!(read("sbin/init"), [7; 5]);
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_module_brings_what_it_needs_and_what_it_wants() {
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let modules = Modules {
            folder: PathBuf::new(),
            by_name: BTreeMap::from([
                ("ext4".to_owned(), list(&["fs/ext4.ko", "fs/jbd2.ko"])),
                ("jbd2".to_owned(), list(&["fs/jbd2.ko"])),
                (
                    "crc32c_generic".to_owned(),
                    list(&["crypto/crc32c-generic.ko"]),
                ),
            ]),
            built_in: BTreeSet::from(["tty".to_owned()]),
            soft: BTreeMap::from([("ext4".to_owned(), list(&["crc32c-generic", "nowhere"]))]),
        };
        let needed = modules.needed(&["ext4", "tty"]).unwrap();
        let wanted = ["crypto/crc32c-generic.ko", "fs/ext4.ko", "fs/jbd2.ko"];
        assert_eq!(needed, BTreeSet::from(wanted.map(str::to_owned)));
        assert!(modules.needed(&["floppy"]).is_err());
    }
}
