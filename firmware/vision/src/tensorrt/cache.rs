//! Engines on disk, so that a device builds each once.
//!
//! An engine fits one network, one TensorRT and one kind of GPU. TensorRT itself would tell a foreign plan only late, and
//! a damaged one not at all, so the file says for what it is and carries a checksum:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `SKUEPLAN` |
//! | 4 | version of this layout, 1, little-endian as all numbers |
//! | 4 | length of the key |
//! | 8 | length of the plan |
//! | 32 | SHA-256 of key and plan |
//! | ... | the key, UTF-8 |
//! | ... | the plan, up to the end of the file |
//!
//! A file that says anything else is as good as none: the engine is built again and replaces it. A plan is trusted like a
//! program, so a folder that everybody may write to is refused.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use skueye_models::{Code, Fault};

use super::loader::{Found, version_text};
use crate::decode::read_bounded;
use crate::model::sha256_hex;

const MAGIC: [u8; 8] = *b"SKUEPLAN";
const VERSION: u32 = 1;
const HEADER: usize = 56;
const MAX_BYTES: u64 = 1 << 30;
/// Engines that are kept: the newest. Two models take turns on a device; the rest are of models that are gone.
const KEPT: usize = 4;
/// `S_IWOTH`.
const EVERYBODY_WRITES: u32 = 0o002;

/// What an engine is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// SHA-256 of the ONNX file as the builder is given it.
    onnx: String,
    tensorrt: String,
    gpu: String,
    unit: String,
}

impl Key {
    pub fn new(onnx: &[u8], found: &Found, dla_core: Option<u32>) -> Self {
        let (major, minor) = found.gpu.compute;
        Self {
            onnx: sha256_hex(onnx),
            tensorrt: version_text(found.library.version),
            gpu: format!("{} {major}.{minor}", found.gpu.name),
            unit: dla_core.map_or("gpu".into(), |core| format!("dla{core}")),
        }
    }

    fn text(&self) -> String {
        format!(
            "onnx {}\ntensorrt {}\ngpu {}\nunit {}\n",
            self.onnx, self.tensorrt, self.gpu, self.unit
        )
    }

    /// One file per network and unit: what was built by another TensorRT is replaced.
    fn file_name(&self) -> String {
        format!("{}-{}.plan", &self.onnx[..16], self.unit)
    }
}

/// A folder of engines.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The folder, made where it is missing. Errors: E411 it is a link or no folder, or everybody may write to it.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let refused = |got: &str| unusable(folder, got);
        let at = match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
                made.and_then(|()| fs::symlink_metadata(folder))
            }
            looked => looked,
        };
        let at = at.map_err(|error| refused(&error.to_string()))?;
        match at.is_dir() {
            _ if at.file_type().is_symlink() => Err(refused("a link")),
            false => Err(refused("no folder")),
            true if at.permissions().mode() & EVERYBODY_WRITES != 0 => {
                Err(refused("a folder that everybody may write to"))
            }
            true => Ok(Self {
                folder: folder.to_owned(),
            }),
        }
    }

    /// The plan for `key`, or why there is none.
    pub fn load(&self, key: &Key) -> Result<Vec<u8>, &'static str> {
        let path = self.folder.join(key.file_name());
        let plain = fs::symlink_metadata(&path).is_ok_and(|at| at.is_file());
        if !plain {
            return Err("there is none yet");
        }
        let bytes = read_bounded(&path, MAX_BYTES, Code::EngineCache);
        let bytes = bytes.map_err(|_| "the one in the cache cannot be read")?;
        unpack(&bytes, &key.text())
    }

    /// Keeps `plan` for `key`: whole or not at all, also through a power cut. Errors: E411.
    pub fn store(&self, key: &Key, plan: &[u8]) -> Result<(), Fault> {
        let name = key.file_name();
        let path = self.folder.join(&name);
        let partial = self.folder.join(format!(".{name}.partial"));
        let written = write_new(&partial, &pack(&key.text(), plan))
            .and_then(|()| fs::rename(&partial, &path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|error| {
            let _ = fs::remove_file(&partial);
            unusable(&path, &error.to_string())
        })?;
        self.prune();
        Ok(())
    }

    /// Removes all but the newest engines. What cannot be removed stays.
    fn prune(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut engines: Vec<_> = entries
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "plan"))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        engines.sort();
        for (_, path) in engines.iter().rev().skip(KEPT) {
            let _ = fs::remove_file(path);
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn pack(key: &str, plan: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + key.len() + plan.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((key.len() as u32).to_le_bytes());
    bytes.extend((plan.len() as u64).to_le_bytes());
    bytes.extend(
        Sha256::new()
            .chain_update(key)
            .chain_update(plan)
            .finalize(),
    );
    bytes.extend(key.as_bytes());
    bytes.extend(plan);
    bytes
}

fn unpack(bytes: &[u8], key: &str) -> Result<Vec<u8>, &'static str> {
    const DAMAGED: &str = "the one in the cache is damaged";
    let (header, rest) = bytes.split_at_checked(HEADER).ok_or(DAMAGED)?;
    let (fixed, checksum) = header.split_at(24);
    let key_length = u32::from_le_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]) as usize;
    let (found, plan) = rest.split_at_checked(key_length).ok_or(DAMAGED)?;
    if Sha256::digest(rest)[..] != *checksum {
        return Err(DAMAGED);
    }
    // What is proven to be as it was written may still be of another layout, network or machine.
    match pack_header(key_length, plan.len())[..] == *fixed && found == key.as_bytes() {
        true => Ok(plan.to_vec()),
        false => Err("the one in the cache is for another network, TensorRT or GPU"),
    }
}

fn pack_header(key: usize, plan: usize) -> Vec<u8> {
    let numbers = VERSION
        .to_le_bytes()
        .into_iter()
        .chain((key as u32).to_le_bytes());
    let numbers = numbers.chain((plan as u64).to_le_bytes());
    MAGIC.into_iter().chain(numbers).collect()
}

fn unusable(path: &Path, got: &str) -> Fault {
    Fault::new(
        Code::EngineCache,
        "a folder for engines that this user alone writes to, with room for them",
        got,
        "correct the folder, its rights or its space, or name another one in the settings (model.engines); until then \
         the engine is built anew at every start",
    )
    .at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn key(network: char) -> Key {
        Key {
            onnx: network.to_string().repeat(64),
            tensorrt: "10.3.0".into(),
            gpu: "Orin 8.7".into(),
            unit: "gpu".into(),
        }
    }

    #[test]
    fn a_plan_comes_back_for_its_own_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/b")).unwrap();
        cache.store(&key('a'), b"plan").unwrap();
        assert_eq!(cache.load(&key('a')).unwrap(), b"plan");
        for change in [
            |key: &mut Key| key.tensorrt = "10.3.1".into(),
            |key: &mut Key| key.gpu = "Thor 11.0".into(),
            |key: &mut Key| key.onnx.replace_range(60.., "ffff"),
        ] {
            let mut other = key('a');
            change(&mut other);
            assert!(cache.load(&other).unwrap_err().contains("another"));
        }
        let mut other = key('a');
        other.unit = "dla0".into();
        assert!(cache.load(&other).unwrap_err().contains("none yet"));
    }

    #[test]
    fn a_folder_that_others_could_fill_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("real")).unwrap();
        symlink(path("real"), path("link")).unwrap();
        fs::write(path("file"), "").unwrap();
        fs::create_dir(path("open")).unwrap();
        fs::set_permissions(path("open"), fs::Permissions::from_mode(0o777)).unwrap();
        for name in ["link", "file", "file/below", "open"] {
            let fault = Cache::open(&path(name)).unwrap_err();
            assert_eq!(fault.code(), Code::EngineCache, "{name}");
        }
    }

    #[test]
    fn a_planted_link_is_neither_read_nor_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        cache.store(&key('a'), b"plan").unwrap();
        let [file, elsewhere] =
            [key('a').file_name(), "elsewhere".into()].map(|n| folder.path().join(n));
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        symlink(
            &elsewhere,
            folder
                .path()
                .join(format!(".{}.partial", key('a').file_name())),
        )
        .unwrap();
        assert!(cache.load(&key('a')).is_err());
        cache.store(&key('a'), b"newer").unwrap();
        assert_eq!(cache.load(&key('a')).unwrap(), b"newer");
        assert!(unpack(&fs::read(&elsewhere).unwrap(), &key('a').text()).unwrap() == b"plan");
    }

    #[test]
    fn engines_of_models_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        for network in '0'..='9' {
            cache.store(&key(network), b"plan").unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT);
        assert!(cache.load(&key('9')).is_ok());
    }

    proptest! {
        #[test]
        fn every_changed_byte_and_every_cut_is_seen(at: usize, change in 1..=255u8, cut: usize) {
            let whole = pack("key", b"a plan of some length");
            let mut changed = whole.clone();
            changed[at % whole.len()] ^= change;
            prop_assert!(unpack(&changed, "key").is_err());
            prop_assert!(unpack(&whole[..cut % whole.len()], "key").is_err());
        }
    }
}
