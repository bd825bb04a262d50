//! `skueye-train calibrate`.

use std::path::PathBuf;

use clap::Args;
use skueye_trainer::data::Dataset;
use skueye_trainer::evaluate::{ValidationSet, calibrate_model};
use skueye_trainer::files::write_file;
use skueye_vision::model::{MANIFEST_NAME, read_manifest};

use super::print;

#[derive(Args)]
pub struct Calibrate {
    /// The model's folder; its manifest is replaced.
    model: PathBuf,
    /// The data set's folder.
    #[arg(long)]
    data: PathBuf,
    /// Share of unknown items, and of wrong answers for known ones, that may be accepted.
    #[arg(long, default_value_t = 0.01)]
    false_accept_rate: f64,
}

/// Writes the new bands into the manifest.
pub fn run(options: &Calibrate, json: bool) -> anyhow::Result<bool> {
    let mut manifest = read_manifest(&options.model)?;
    let validation = ValidationSet::load(&Dataset::open(&options.data)?)?;
    let found = calibrate_model(&options.model, &validation, options.false_accept_rate)?;
    manifest.thresholds = found.thresholds;
    write_file(
        &options.model.join(MANIFEST_NAME),
        manifest.to_json().as_bytes(),
    )?;
    print(json, &found, |found| {
        serde_json::to_string_pretty(found).unwrap_or_else(|_| format!("{found:?}"))
    })
}
