//! Cuts the power of a real ext4 on a block device that forgets what was not flushed. See the README beside this.
#![forbid(unsafe_code)]

mod device;
mod disk;
mod mounted;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, ensure};
use minisign::KeyPair;
use skueye_update::{DiskStorage, KeySet};

use device::Forgetful;
use disk::{Op, Recorder, State};
use mounted::{Mounted, call};

const DISK_BYTES: u64 = 40 << 20;
/// A disk writes a sector of this length whole or not at all.
const SECTOR: usize = 512;

/// What is installed, and on which disk.
struct Goods {
    keys: KeySet,
    second: Vec<u8>,
    /// A disk with release 1, switched off in good order.
    before: Vec<u8>,
}

/// How devices came up.
#[derive(Debug, Default)]
struct Count {
    old: u64,
    new: u64,
    lost: u64,
}

fn main() -> Result<()> {
    let cuts = std::env::args().nth(1).map_or(Ok(300), |n| n.parse())?;
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    for name in ["mount", "fuse"] {
        fs::create_dir(folder.join(name))?;
    }
    let key = KeyPair::generate_unencrypted_keypair()?;
    let goods = Goods {
        keys: device::keys(&key)?,
        second: device::release(&key, 2)?,
        before: prepare(folder, &key)?,
    };
    let sound = record(folder, &goods, true).context("the update")?;
    let kept = survey(folder, &goods, &sound, cuts)?;
    println!(
        "update: {cuts} cuts of {} operations, {kept:?}",
        sound.len()
    );
    let naive = record(folder, &goods, false).context("the forgetful update")?;
    let caught = survey(folder, &goods, &naive, cuts.div_ceil(4))?;
    println!("without syncs: {} cuts, {caught:?}", cuts.div_ceil(4));
    ensure!(kept.lost == 0, "{} devices lost their sets", kept.lost);
    ensure!(caught.lost > 0, "the harness catches nothing");
    Ok(())
}

/// A disk with release 1.
fn prepare(folder: &Path, key: &KeyPair) -> Result<Vec<u8>> {
    let image = folder.join("image");
    fs::File::create(&image)?.set_len(DISK_BYTES)?;
    call("mkfs.ext4", &["-q", &image.to_string_lossy()])?;
    let mounted = Mounted::new(&image, &folder.join("mount"))?;
    let storage = DiskStorage::open(mounted.folder().join("update"))?;
    device::install(storage, &device::keys(key)?, &device::release(key, 1)?)?;
    drop(mounted);
    Ok(fs::read(image)?)
}

/// Installs release 2 on a disk that writes down what it is given. With `syncs` off the device forgets to sync.
fn record(folder: &Path, goods: &Goods, syncs: bool) -> Result<Vec<Op>> {
    let state = Arc::new(Mutex::new(State {
        bytes: goods.before.clone(),
        log: Vec::new(),
    }));
    let fuse = folder.join("fuse");
    let recorder = Recorder(Arc::clone(&state));
    let session = fuser::spawn_mount(recorder, &fuse, &fuser::Config::default())?;
    let mounted = Mounted::new(&fuse.join(disk::NAME), &folder.join("mount"))?;
    let storage = DiskStorage::open(mounted.folder().join("update"))?;
    match syncs {
        true => device::install(storage, &goods.keys, &goods.second)?,
        false => device::install(Forgetful(storage), &goods.keys, &goods.second)?,
    }
    let poisoned = || anyhow!("the recorder panicked");
    let mut recorded = state.lock().map_err(|_| poisoned())?;
    recorded.log.push(Op::Committed);
    drop(recorded);
    drop(mounted);
    session.umount_and_join()?;
    let mut recorded = state.lock().map_err(|_| poisoned())?;
    Ok(std::mem::take(&mut recorded.log))
}

fn survey(folder: &Path, goods: &Goods, log: &[Op], cuts: u64) -> Result<Count> {
    let mut count = Count::default();
    for number in 0..cuts {
        let cut = (number * (log.len() as u64 + 1) / cuts.max(1)) as usize;
        let image = folder.join("image");
        fs::write(&image, left(&goods.before, &log[..cut], number))?;
        let committed = log[..cut].iter().any(|op| matches!(op, Op::Committed));
        match comes_up(folder, &image, goods) {
            Ok(release) if release == "2" => count.new += 1,
            Ok(_) if !committed => count.old += 1,
            Ok(_) => count.lost += 1,
            Err(error) => {
                eprintln!("cut {cut}, seed {number}: {error:#}");
                count.lost += 1;
            }
        }
    }
    Ok(count)
}

/// The release that the device starts with after the cut; then it has to take the update.
fn comes_up(folder: &Path, image: &Path, goods: &Goods) -> Result<String> {
    let mounted = Mounted::new(image, &folder.join("mount"))?;
    let update = mounted.folder().join("update");
    let release = device::start(&update)?;
    device::install(DiskStorage::open(&update)?, &goods.keys, &goods.second)?;
    ensure!(
        device::start(&update)? == "2",
        "the update after it is lost"
    );
    Ok(release)
}

/// What a disk may hold after a cut behind these operations: all before the last flush, and of the rest any part.
fn left(before: &[u8], log: &[Op], seed: u64) -> Vec<u8> {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random >> 16
    };
    let flushed = log.iter().rposition(|op| matches!(op, Op::Flush));
    let mut bytes = before.to_vec();
    for (at, op) in log.iter().enumerate() {
        let Op::Write { offset, data } = op else {
            continue;
        };
        let durable = flushed.is_some_and(|flushed| at < flushed);
        let sectors = data.len().div_ceil(SECTOR) as u64;
        let kept = match (durable, draw() % 4) {
            (true, _) | (false, 0 | 1) => sectors,
            (false, 2) => draw() % (sectors + 1),
            (false, _) => 0,
        };
        let length = data.len().min(kept as usize * SECTOR);
        let begin = *offset as usize;
        bytes[begin..begin + length].copy_from_slice(&data[..length]);
    }
    bytes
}
