//! One install, from opening the bundle to the set that waits, in a process whose memory nothing else has touched.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use skueye_models::Fault;
use skueye_update::{
    Device, DiskStorage, KeySet, OneSystem, Slots, Started, UntrustedBundle, Version,
};

use crate::gallery::machine::peak_bytes;

/// What is installed where.
#[derive(Debug, Args)]
pub struct Install {
    bundle: PathBuf,
    keys: PathBuf,
    folder: PathBuf,
}

impl Install {
    /// Stages under the clock; then the set is tried and kept, so that a delta finds its base.
    pub fn run(self) -> Result<(), Fault> {
        let text = fs::read(&self.keys).map_err(|e| Fault::io("read", &self.keys, &e))?;
        let keys = KeySet::parse(&text)?;
        let device = Device {
            hardware: "",
            program: Version(1, 0, 0),
        };
        let start = Instant::now();
        let mut slots = Slots::open(DiskStorage::open(&self.folder)?)?;
        let bundle = UntrustedBundle::open(&self.bundle)?.verify(&keys)?;
        let staged = slots.stage(bundle, &device, None)?;
        let seconds = start.elapsed().as_secs_f64();
        let peak = peak_bytes();
        slots.activate(staged)?;
        if let Started::Trial(trial) = slots.start()? {
            slots.commit(trial, &OneSystem)?;
        }
        println!("{}", json!({ "seconds": seconds, "peak_bytes": peak }));
        Ok(())
    }
}
