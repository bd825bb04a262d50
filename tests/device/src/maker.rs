//! The maker of updates: keys, bundles, sticks and the disk of a device that trusts the keys, all by the project's own commands.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::cross::done;
use crate::device::disk;
use crate::layout::Layout;
use crate::native::{program, said};
use crate::plain::{self, Goods};
use crate::trouble::Trouble;

/// Makes things in a folder of its own.
pub struct Maker<'m> {
    layout: &'m Layout,
    goods: &'m Goods,
    folder: PathBuf,
}

impl<'m> Maker<'m> {
    /// A maker with a release key, and a stranger's key that no device trusts.
    pub fn new(layout: &'m Layout, goods: &'m Goods, folder: &Path) -> Result<Self, Trouble> {
        let maker = Self {
            layout,
            goods,
            folder: folder.join("maker"),
        };
        let device = maker.path("disk/update");
        fs::create_dir_all(&device).map_err(|e| Trouble::disk(&device, &e))?;
        for name in ["release", "stranger"] {
            maker.train(&format!("keys new {name} --no-passphrase"))?;
        }
        maker.train("keys set --out keys.json --release release.pub")?;
        maker.device("update trust keys.json --folder disk/update")?;
        Ok(maker)
    }

    /// What they are for.
    pub fn goods(&self) -> &'m Goods {
        self.goods
    }

    /// A file of the maker's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A bundle `NAME.skueye` with what `words` say. GALLERY and MODEL stand for those of the goods.
    pub fn bundle(&self, name: &str, words: &str) -> Result<PathBuf, Trouble> {
        let gallery = self.goods.gallery.display().to_string();
        let model = self.goods.model.display().to_string();
        let words = words.replace("GALLERY", &gallery).replace("MODEL", &model);
        let key = match words.contains("--key ") {
            true => "",
            false => "--key release.key --no-passphrase",
        };
        self.train(&format!(
            "bundle create --out {name}.skueye --release {name} {key} {words}"
        ))?;
        Ok(self.path(&format!("{name}.skueye")))
    }

    /// A FAT stick with these files, under their own names.
    pub fn stick(&self, name: &str, files: &[PathBuf]) -> Result<PathBuf, Trouble> {
        let image = self.path(&format!("{name}.img"));
        let mut format = self.layout.program("sbin/mkfs.fat");
        format.args(["-C", "-n", "STICK"]).arg(&image).arg("32768");
        said(&mut format)?;
        for file in files {
            let mut copy = self.layout.program("usr/bin/mcopy");
            copy.env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(&image);
            done(copy.arg(file).arg("::"), "mcopy")?;
        }
        Ok(image)
    }

    /// The same as one part of a stick that is divided, as most are sold: a master boot record, and a gap up to the first MiB.
    pub fn divided(&self, stick: &Path) -> Result<PathBuf, Trouble> {
        const SECTOR: usize = 512;
        const START: usize = 1 << 20;
        let image = self.path("divided.img");
        let part = fs::read(stick).map_err(|e| Trouble::disk(stick, &e))?;
        let mut disk = vec![0; START];
        // Not bootable; heads and cylinders beyond what they can say; FAT32 by sectors.
        disk[446..454].copy_from_slice(&[0, 0xfe, 0xff, 0xff, 0x0c, 0xfe, 0xff, 0xff]);
        disk[454..458].copy_from_slice(&((START / SECTOR) as u32).to_le_bytes());
        disk[458..462].copy_from_slice(&((part.len() / SECTOR) as u32).to_le_bytes());
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk.extend(part);
        fs::write(&image, disk).map_err(|e| Trouble::disk(&image, &e))?;
        Ok(image)
    }

    /// The device's disk: its keys, the gallery that it has now, and the update folder as it was left by `device`.
    pub fn disk(&self, mebibytes: u32) -> Result<PathBuf, Trouble> {
        let path = self.path("disk.img");
        disk(self.layout, &path, mebibytes, Some(&self.path("disk")))?;
        Ok(path)
    }

    /// An ext4 stick with the content of `folder`.
    pub fn ext4(&self, image: &Path, folder: &Path) -> Result<(), Trouble> {
        disk(self.layout, image, 8, Some(folder))
    }

    /// The device's own gallery, from before it sold the first product.
    pub fn gallery_before(&self) -> Result<(), Trouble> {
        plain::gallery(&self.path("disk/gallery.skg"), 1..plain::SOLD, 1)
    }

    /// Begins to send a bundle over a serial cable.
    pub fn push(&self, port: &str, bundle: &Path) -> Result<Push, Trouble> {
        let mut push = program(self.layout, "skueye-push");
        push.args([port, "--json", "--patience", "180"]).arg(bundle);
        push.stdout(Stdio::piped()).stderr(Stdio::null());
        let child = push.spawn();
        let child = child.map_err(|e| Trouble::start(Path::new("skueye-push"), &e))?;
        Ok(Push(child))
    }

    /// The trainer.
    pub fn train(&self, words: &str) -> Result<String, Trouble> {
        self.call("skueye-train", words)
    }

    /// The device's program on this machine.
    pub fn device(&self, words: &str) -> Result<String, Trouble> {
        self.call("skueye", words)
    }

    fn call(&self, name: &str, words: &str) -> Result<String, Trouble> {
        let mut command = program(self.layout, name);
        said(
            command
                .args(words.split_whitespace())
                .current_dir(&self.folder),
        )
    }
}

/// A bundle on its way.
pub struct Push(Child);

impl Push {
    /// Waits until the device has taken it; the program itself gives up where nothing moves.
    pub fn done(mut self) -> Result<(), Trouble> {
        let mut told = String::new();
        let out = self.0.stdout.as_mut();
        let _ = out.map(|out| out.read_to_string(&mut told));
        let status = self.0.wait();
        match status.is_ok_and(|status| status.success()) {
            true => Ok(()),
            false => Err(Trouble::new(
                "skueye-push could not send the bundle",
                format!("it said {}", told.trim()),
            )),
        }
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
