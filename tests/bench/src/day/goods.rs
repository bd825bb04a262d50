//! What is sold on the day: products, a film of each, and the gallery, made by `skueye-train` once for equal options.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use skueye_models::{EmbeddingId, Gtin};

/// How much is made. Equal orders are made once.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub seed: u64,
    /// Products of the gallery, each filmed twice.
    pub known: usize,
    /// Products that are not in it, each filmed once.
    pub unknown: usize,
}

/// What was made.
pub struct Goods {
    pub gallery: PathBuf,
    pub replay: PathBuf,
    pub visits: Vec<Row>,
}

/// One filmed visit of an item: its frames, the last of its way out included, and what it shows.
#[derive(Debug, Clone)]
pub struct Row {
    pub frames: [u64; 2],
    pub still: [u64; 2],
    pub gtin: Gtin,
    pub known: bool,
    /// Not in the gallery, though another product of its line is: it differs by flavour or size alone.
    pub sibling: bool,
}

impl Order {
    /// Makes what is not there yet below `folder`, with the program `trainer`.
    pub fn fill(
        &self,
        trainer: &Path,
        model: &Path,
        id: EmbeddingId,
        folder: &Path,
    ) -> Result<Goods> {
        let Self {
            seed,
            known,
            unknown,
        } = *self;
        let data = folder.join(format!("synth-{seed}-{known}-{unknown}"));
        let gallery = folder.join(format!("synth-{seed}-{known}-{unknown}-{id}.skg"));
        if !data.join("dataset.json").is_file() {
            self.draw(trainer, &data)?;
        }
        if !gallery.is_file() {
            embed(trainer, model, &data, &gallery)?;
        }
        Ok(Goods {
            visits: visits(&data)?,
            replay: data.join("replay"),
            gallery,
        })
    }

    fn draw(&self, trainer: &Path, data: &Path) -> Result<()> {
        // What an interrupted run left is not whole.
        if data.exists() {
            fs::remove_dir_all(data).with_context(|| data.display().to_string())?;
        }
        let options = [
            ("--seed", self.seed as usize),
            ("--train-products", 0),
            ("--val-products", 0),
            ("--kiosk-per-product", 0),
            ("--eval-products", self.known),
            ("--unknown-products", self.unknown),
            ("--presentations", 2 * self.known),
            ("--unknown-presentations", self.unknown),
        ];
        let mut command = Command::new(trainer);
        command.args(["data", "synth"]).arg(data);
        for (name, value) in options {
            command.arg(name).arg(value.to_string());
        }
        carried_out(command, trainer)
    }
}

fn embed(trainer: &Path, model: &Path, data: &Path, gallery: &Path) -> Result<()> {
    let vectors = gallery.with_extension("npy");
    let mut command = Command::new(trainer);
    command.arg("embed").arg(model).arg("--data").arg(data);
    command.arg("--out").arg(&vectors);
    carried_out(command, trainer)?;
    let mut command = Command::new(trainer);
    command.args(["gallery", "build"]).arg(model);
    command
        .arg("--vectors")
        .arg(&vectors)
        .arg("--data")
        .arg(data);
    command.arg("--out").arg(gallery);
    carried_out(command, trainer)
}

fn carried_out(mut command: Command, trainer: &Path) -> Result<()> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| {
        let place = trainer.display();
        format!("{place} does not start; build it: cargo build --release -p skueye-trainer")
    })?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            trainer.display(),
            String::from_utf8_lossy(&output.stdout)
        );
    }
    Ok(())
}

fn visits(data: &Path) -> Result<Vec<Row>> {
    let mut products = csv::Reader::from_path(data.join("truth/products.csv"))?;
    let products: Vec<(Gtin, String)> = products
        .deserialize()
        .map(|row| {
            let row: ProductRow = row?;
            Ok((row.gtin, row.line))
        })
        .collect::<Result<_>>()?;
    let mut shown = csv::Reader::from_path(data.join("truth/presentations.csv"))?;
    let shown: Vec<ShownRow> = shown.deserialize().collect::<Result<_, _>>()?;
    let known: HashSet<Gtin> = shown
        .iter()
        .filter(|row| row.known)
        .map(|row| row.gtin)
        .collect();
    let lines: HashSet<&str> = products
        .iter()
        .filter(|(gtin, ..)| known.contains(gtin))
        .map(|(_, line)| line.as_str())
        .collect();
    let told = |row: ShownRow| {
        let product = products.iter().find(|(gtin, ..)| *gtin == row.gtin);
        let (_, line) = product.with_context(|| format!("no product {}", row.gtin))?;
        Ok(Row {
            frames: [row.first_frame, row.last_frame],
            still: [row.first_still, row.last_still],
            gtin: row.gtin,
            known: row.known,
            sibling: !row.known && lines.contains(line.as_str()),
        })
    };
    shown.into_iter().map(told).collect()
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct ProductRow {
    gtin: Gtin,
    line: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct ShownRow {
    first_frame: u64,
    last_frame: u64,
    first_still: u64,
    last_still: u64,
    gtin: Gtin,
    known: bool,
}
