//! `skueye-bench update`: installing a gallery bundle, against the slower of what it cannot do without (writing the bytes to the
//! disk and hashing them), in turns within the same run, so that a busy machine slows all three alike.

mod goods;
pub mod install;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use skueye_models::{Code, Fault};
use skueye_update::Digest;

use goods::Goods;

/// Bytes that are written or hashed at a time.
const PIECE: usize = 1 << 20;

/// What to measure.
#[derive(Debug, Args)]
pub struct UpdateBench {
    /// Megabytes (10^6 bytes) of the gallery.
    #[arg(long, default_value_t = 300)]
    megabytes: u64,
    /// How often each is measured; medians are told.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Percent of the gallery's rows that change for the delta.
    #[arg(long, default_value_t = 1.0)]
    changed: f64,
    /// Where the update folder lies: on the disk that is meant. By default the system's temporary folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// End with one JSON object on one line.
    #[arg(long)]
    json: bool,
}

/// Seconds of one round.
#[derive(Debug, Clone, Copy)]
struct Round {
    write: f64,
    hash: f64,
    install: f64,
    peak: u64,
}

impl Round {
    /// Rate of the install as a share of that of the slower part.
    fn share(self) -> f64 {
        self.write.max(self.hash) / self.install
    }
}

impl UpdateBench {
    pub fn run(self) -> Result<(), Fault> {
        let temporary = std::env::temp_dir();
        let home = self.folder.as_deref().unwrap_or(&temporary);
        let folder = home.join(format!("skueye-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| Fault::io("create", &folder, &e))?;
        let measured = self.measure(&folder);
        // What cannot be removed was not made.
        let _ = fs::remove_dir_all(&folder);
        let report = measured?;
        match self.json {
            true => println!("{report}"),
            false => print(&report),
        }
        Ok(())
    }

    fn measure(&self, folder: &Path) -> Result<Value, Fault> {
        let goods = Goods::make(self.megabytes * 1_000_000, self.changed / 100.0, folder)?;
        eprintln!("{} rows, {} bytes", goods.rows, goods.gallery.len());
        let mut rounds = Vec::new();
        // The first round is not counted: disks that are given their space late are slow where nothing ever lay.
        for number in 0..=self.rounds.max(1) {
            // What was written before is removed, so that all write where something lay.
            let (written, device) = (folder.join("written"), folder.join("device"));
            if number > 0 {
                fs::remove_file(&written).map_err(|e| Fault::io("remove", &written, &e))?;
                fs::remove_dir_all(&device).map_err(|e| Fault::io("remove", &device, &e))?;
            }
            let round = Round {
                write: timed(|| write(&written, &goods.gallery))?,
                hash: timed(|| Ok(hash(&goods.gallery)))?,
                ..install(folder, &goods.whole)?
            };
            eprintln!("{number}: {round:?}, share {:.2}", round.share());
            rounds.extend((number > 0).then_some(round));
        }
        // The device of the last round has the base.
        let patch = install(folder, &goods.delta)?;
        let median = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
        let bytes = goods.gallery.len() as f64;
        let length = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        Ok(json!({
            "gallery_bytes": goods.gallery.len(),
            "rows": goods.rows,
            "rounds": rounds.len(),
            "write_mb_per_s": bytes / 1e6 / median(|round| round.write),
            "sha256_mb_per_s": bytes / 1e6 / median(|round| round.hash),
            "install_mb_per_s": bytes / 1e6 / median(|round| round.install),
            "install_share_of_slower": median(|round| round.share()),
            "install_peak_mb": rounds.iter().map(|round| round.peak).max().unwrap_or(0) as f64 / 1e6,
            "changed_rows": goods.changed,
            "full_bundle_bytes": length(&goods.whole),
            "delta_bundle_bytes": length(&goods.delta),
            "delta_share_of_full": length(&goods.delta) as f64 / length(&goods.whole) as f64,
            "delta_install_s": patch.install,
            "delta_install_peak_mb": patch.peak as f64 / 1e6,
        }))
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<f64, Fault> {
    let start = Instant::now();
    std::hint::black_box(work()?);
    Ok(start.elapsed().as_secs_f64())
}

/// Writes a new file and waits until the disk has it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let written = File::create(path).and_then(|mut file| {
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece)?;
        }
        file.sync_all()
    });
    written.map_err(|e| Fault::io("write", path, &e))
}

fn hash(bytes: &[u8]) -> Vec<Digest> {
    bytes.chunks(PIECE).map(Digest::of).collect()
}

/// Installs in a process of its own, whose memory is measured.
fn install(folder: &Path, bundle: &Path) -> Result<Round, Fault> {
    let failed = |got: String| Fault::new(Code::Io, "an install", got, "read its message");
    let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
    let output = Command::new(program)
        .arg("update-install")
        .args([bundle, &folder.join("keys.json"), &folder.join("device")])
        .output()
        .map_err(|e| failed(e.to_string()))?;
    let told: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let told = told.ok_or_else(|| failed(String::from_utf8_lossy(&output.stderr).into_owned()))?;
    Ok(Round {
        write: 0.0,
        hash: 0.0,
        install: told["seconds"].as_f64().unwrap_or(f64::NAN),
        peak: told["peak_bytes"].as_u64().unwrap_or(0),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(report: &Value) {
    if let Some(report) = report.as_object() {
        for (key, value) in report {
            match value.as_f64() {
                Some(number) if value.is_f64() => println!("{key:<26} {number:.3}"),
                _ => println!("{key:<26} {value}"),
            }
        }
    }
}
