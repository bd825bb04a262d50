//! The maker of updates: keys, bundles, sticks and the disk of a device that trusts the keys, all by the project's own commands.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cross::done;
use crate::device::disk;
use crate::layout::Layout;
use crate::native::{program, said};
use crate::shop::Shop;
use crate::trouble::Trouble;

/// Makes things in a folder of its own.
pub struct Maker<'m> {
    layout: &'m Layout,
    shop: &'m Shop,
    folder: PathBuf,
}

impl<'m> Maker<'m> {
    /// A maker with a release key, and a stranger's key that no device trusts.
    pub fn new(layout: &'m Layout, shop: &'m Shop, folder: &Path) -> Result<Self, Trouble> {
        let maker = Self {
            layout,
            shop,
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

    /// A file of the maker's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A bundle `NAME.skueye` with what `words` say. GALLERY and MODEL stand for the shop's.
    pub fn bundle(&self, name: &str, words: &str) -> Result<PathBuf, Trouble> {
        let gallery = self.shop.gallery().display().to_string();
        let model = self.shop.model.display().to_string();
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

    /// The shop's gallery as it was before it sold this product, as the device's own.
    pub fn gallery_before(&self, gtin: &str) -> Result<(), Trouble> {
        let path = self.path("disk/gallery.skg");
        fs::copy(self.shop.gallery(), &path).map_err(|e| Trouble::disk(&path, &e))?;
        self.device(&format!("gallery remove disk/gallery.skg --gtin {gtin}"))?;
        self.device("gallery compact disk/gallery.skg")?;
        let _ = fs::remove_file(self.path("disk/gallery.skg.lock"));
        Ok(())
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
