//! What the machine can do, and what a process takes of it.

use std::fs;
use std::path::Path;
use std::time::Instant;

/// Bytes read for the bandwidth: more than most caches hold.
const BYTES: usize = 1 << 29;

/// The memory's bandwidth, measured again and again: a machine that is busy for a while is not taken for a slow one.
pub struct Bandwidth {
    words: Vec<u64>,
    threads: usize,
    best: f64,
}

impl Bandwidth {
    /// Of `threads` threads that read together.
    pub fn new(threads: usize) -> Self {
        Self {
            words: (0..BYTES as u64 / 8).collect(),
            threads: threads.max(1),
            best: 0.0,
        }
    }

    /// Bytes per second: the best pass so far, after five more.
    pub fn measure(&mut self) -> f64 {
        let share = self.words.len().div_ceil(self.threads);
        for _ in 0..5 {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for part in self.words.chunks(share) {
                    scope.spawn(move || std::hint::black_box(sum(part)));
                }
            });
            self.best = self.best.max(BYTES as f64 / start.elapsed().as_secs_f64());
        }
        self.best
    }
}

fn sum(words: &[u64]) -> u64 {
    let mut sums = [0u64; 32];
    for chunk in words.as_chunks::<32>().0 {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum ^= word;
        }
    }
    sums.iter().fold(0, |a, b| a ^ b)
}

/// Private memory of this process, in bytes: what it wrote and nobody shares; 0 where the system does not say.
pub fn private_bytes() -> u64 {
    kib("/proc/self/smaps_rollup", "Private_Dirty:") * 1024
}

/// The most memory that this process had so far, in bytes, pages of files included; 0 where the system does not say.
pub fn peak_bytes() -> u64 {
    kib("/proc/self/status", "VmHWM:") * 1024
}

/// The number behind `key` in one of the system's tables.
fn kib(table: &str, key: &str) -> u64 {
    let text = fs::read_to_string(table).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// Asks the system to forget the pages of the file; whether it could be asked.
pub fn evict(path: &Path) -> bool {
    let synced = fs::File::open(path)
        .and_then(|file| file.sync_all())
        .is_ok();
    let input = format!("if={}", path.display());
    let dropped = std::process::Command::new("dd")
        .args([input.as_str(), "of=/dev/null", "iflag=nocache", "count=0"])
        .output();
    synced && dropped.is_ok_and(|output| output.status.success())
}
