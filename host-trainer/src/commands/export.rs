//! `skueye-train export`.

use std::path::PathBuf;

use clap::Args;
use skueye_trainer::run::{ExportRequest, RunFolder, export};

use super::print;

#[derive(Args)]
pub struct Export {
    /// The folder of a training run.
    run: PathBuf,
    /// The model's folder; an earlier model there is replaced.
    #[arg(long)]
    out: PathBuf,
    /// A data set whose validation pictures calibrate the decision bands; without it they accept nothing.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A JPEG for the model's self-test; by default a validation picture of the data set.
    #[arg(long, required_unless_present = "data")]
    picture: Option<PathBuf>,
    /// Share of unknown items, and of wrong answers for known ones, that may be accepted.
    #[arg(long, default_value_t = 0.01)]
    false_accept_rate: f64,
    /// Also write the 32-bit file beside the FP16 one.
    #[arg(long)]
    with_f32: bool,
}

/// Writes the model's folder.
pub fn run(options: &Export, json: bool) -> anyhow::Result<bool> {
    let exported = export(&ExportRequest {
        run: &RunFolder::open(&options.run)?,
        out: &options.out,
        data: options.data.as_deref(),
        picture: options.picture.as_deref(),
        false_accept_rate: options.false_accept_rate,
        with_f32: options.with_f32,
    })?;
    print(json, &exported, |exported| {
        let bands = match &exported.calibration {
            Some(found) => format!(
                "accepts {:.1} % of known items, {:.1} % of unknown ones",
                found.accepted_right * 100.0,
                found.unknown_accepted * 100.0
            ),
            None => "accepts nothing until `skueye-train calibrate` has set its bands".into(),
        };
        format!(
            "{} in {}: {bands}",
            exported.embedding_id,
            exported.model.display()
        )
    })
}
