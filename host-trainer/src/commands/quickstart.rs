//! `skueye-train quickstart`.

use std::path::PathBuf;

use clap::Args;
use skueye_trainer::quickstart::{Data, QuickstartOptions, Recipe, default_program, quickstart};

use super::print;

#[derive(Args)]
pub struct Quickstart {
    /// Folder to write; an earlier quick start's files there are replaced.
    #[arg(long, default_value = "target/demo")]
    out: PathBuf,
    /// Which pictures and titles: synth, makers, or the folder of a data set.
    #[arg(long, default_value = "synth")]
    data: Data,
    /// Seed of data and training.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Train nothing: run the device's half with the model in this folder.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/cache")]
    cache: PathBuf,
    /// The block up to which the trunk stays as it was pretrained, such as blocks.7; none trains all of it.
    #[arg(long, default_value = "blocks.7", conflicts_with = "model")]
    freeze: String,
    /// Views that the teacher learns from in all; the student has half as many.
    #[arg(long, default_value_t = 14_000, conflicts_with = "model")]
    views: usize,
    /// Also write the model here as it ships: the FP16 file alone.
    #[arg(long, conflicts_with = "model")]
    release: Option<PathBuf>,
    /// The device program; by default the one beside this program.
    #[arg(long)]
    device: Option<PathBuf>,
}

/// Runs the whole way and prints its summary.
pub fn run(options: Quickstart, json: bool) -> anyhow::Result<bool> {
    let mut recipe = Recipe::for_cpu(&options.data);
    recipe.freeze = Some(options.freeze).filter(|cut| cut != "none");
    recipe.teacher.views = options.views;
    recipe.student.views = options.views / 2;
    let options = QuickstartOptions {
        recipe,
        out: options.out,
        cache: options.cache,
        data: options.data,
        release: options.release,
        seed: options.seed,
        model: options.model,
        device_program: options.device.unwrap_or_else(default_program),
    };
    let summary = quickstart(&options)?;
    print(json, &summary, |summary| summary.to_string())
}
