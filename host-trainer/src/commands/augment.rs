//! `skueye-train data augment`.

use std::path::{Path, PathBuf};

use clap::Args;
use skueye_models::{Code, Fault};
use skueye_trainer::data::{Dataset, Split};
use skueye_trainer::pictures::Augmentation;
use skueye_trainer::pictures::sheet::augmentation_sheet;

use super::print;

#[derive(Args)]
pub struct Augment {
    /// The data set's folder.
    root: PathBuf,
    /// The PNG to write.
    #[arg(long)]
    out: PathBuf,
    /// Settings of the augmentation, TOML, on their own or as the table `augmentation`.
    #[arg(long, conflicts_with = "preset")]
    settings: Option<PathBuf>,
    /// default, paper or kiosk.
    #[arg(long, default_value = "default")]
    preset: String,
    /// Edge of the network's input, pixels.
    #[arg(long, default_value_t = 160)]
    size: u32,
    /// How many pictures, spread over the training split.
    #[arg(long, default_value_t = 8)]
    pictures: usize,
    /// How many varied views of each.
    #[arg(long, default_value_t = 8)]
    views: u64,
    /// Equal seeds give equal views.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the settings as TOML, to begin a settings file with.
    #[arg(long)]
    print_settings: bool,
}

/// Writes the sheet and tells its name, or the settings it was made with.
pub fn run(options: &Augment, json: bool) -> anyhow::Result<bool> {
    let how = match &options.settings {
        Some(path) => Augmentation::read(path)?,
        None => Augmentation::preset(&options.preset)?,
    };
    let pictures = spread(&options.root, options.pictures)?;
    let (size, views) = (options.size, options.views);
    augmentation_sheet(pictures, size, views, &how, options.seed, &options.out)?;
    print(json, &how, |how| match options.print_settings {
        true => toml::to_string(how).unwrap_or_else(|e| e.to_string()),
        false => options.out.display().to_string(),
    })
}

/// `count` pictures at even distances in the training split. Errors: E104 for none, E5xx.
fn spread(root: &Path, count: usize) -> Result<Vec<PathBuf>, Fault> {
    let rows = Dataset::open(root)?.rows(Split::Train)?;
    let all = rows
        .map(|row| row.map(|row| row.image))
        .collect::<Result<Vec<PathBuf>, Fault>>()?;
    if count == 0 {
        let remedy = "ask for one at least";
        return Err(Fault::new(Code::Usage, "pictures to show", "0", remedy));
    }
    let step = (all.len() / count).max(1);
    Ok(all.into_iter().step_by(step).take(count).collect())
}
