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
    /// Products that are enrolled in the course of the day, each filmed four times.
    pub newcomers: usize,
}

/// How often a product is filmed that is enrolled.
const VIEWS: usize = 4;
/// Products of the trainer's plan that are left out between newcomers and the others, so that they share no line.
const BETWEEN: usize = 100;

/// What was made.
pub struct Goods {
    pub gallery: PathBuf,
    /// Folders of frames, and the visits that they show.
    pub films: Vec<(PathBuf, Vec<Row>)>,
}

/// What an item is to the gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In it.
    Known,
    /// Not in it, nor is any product of its line.
    Unknown,
    /// Not in it, though another product of its line is: it differs by flavour or size alone.
    Sibling,
    /// Enrolled in the course of the day.
    Newcomer,
}

/// One filmed visit of an item: its frames, the last of its way out included, and what it shows.
#[derive(Debug, Clone)]
pub struct Row {
    pub frames: [u64; 2],
    pub still: [u64; 2],
    pub gtin: Gtin,
    pub title: String,
    pub standing: Standing,
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
            newcomers,
        } = *self;
        let data = folder.join(format!("synth-{seed}-{known}-{unknown}"));
        draw(trainer, &data, seed, 0, [known, 2 * known, unknown])?;
        let gallery = folder.join(format!("synth-{seed}-{known}-{unknown}-{id}.skg"));
        if !gallery.is_file() {
            embed(trainer, model, &data, &gallery)?;
        }
        let mut films = vec![(data.join("replay"), visits(&data)?)];
        if newcomers > 0 {
            // The same stage, and products of brands beyond those of the others.
            let before = known + unknown + BETWEEN;
            let data = folder.join(format!("synth-{seed}-{before}-{newcomers}-new"));
            draw(
                trainer,
                &data,
                seed,
                before,
                [newcomers, VIEWS * newcomers, 0],
            )?;
            let mut rows = visits(&data)?;
            rows.iter_mut()
                .for_each(|row| row.standing = Standing::Newcomer);
            films.push((data.join("replay"), rows));
        }
        Ok(Goods { films, gallery })
    }
}

/// Draws products of an index, so many films of them, and unknown products with a film of each. The first `before` of the
/// plan are passed over.
fn draw(
    trainer: &Path,
    data: &Path,
    seed: u64,
    before: usize,
    [known, films, unknown]: [usize; 3],
) -> Result<()> {
    if data.join("dataset.json").is_file() {
        return Ok(());
    }
    // What an interrupted run left is not whole.
    if data.exists() {
        fs::remove_dir_all(data).with_context(|| data.display().to_string())?;
    }
    let options = [
        ("--seed", seed as usize),
        ("--train-products", before),
        ("--listing-per-product", if before > 0 { 1 } else { 4 }),
        ("--val-products", 0),
        ("--kiosk-per-product", 0),
        ("--eval-products", known),
        ("--unknown-products", unknown),
        ("--presentations", films),
        ("--unknown-presentations", unknown),
    ];
    let mut command = Command::new(trainer);
    command.args(["data", "synth"]).arg(data);
    for (name, value) in options {
        command.arg(name).arg(value.to_string());
    }
    carried_out(command, trainer)
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
    let products: Vec<ProductRow> = products.deserialize().collect::<Result<_, _>>()?;
    let mut shown = csv::Reader::from_path(data.join("truth/presentations.csv"))?;
    let shown: Vec<ShownRow> = shown.deserialize().collect::<Result<_, _>>()?;
    let known: HashSet<Gtin> = shown
        .iter()
        .filter(|row| row.known)
        .map(|row| row.gtin)
        .collect();
    let stocked = products
        .iter()
        .filter(|product| known.contains(&product.gtin));
    let lines: HashSet<&str> = stocked.map(|product| product.line.as_str()).collect();
    let told = |row: ShownRow| {
        let product = products.iter().find(|product| product.gtin == row.gtin);
        let product = product.with_context(|| format!("no product {}", row.gtin))?;
        Ok(Row {
            frames: [row.first_frame, row.last_frame],
            still: [row.first_still, row.last_still],
            gtin: row.gtin,
            title: product.title.clone(),
            standing: match (row.known, lines.contains(product.line.as_str())) {
                (true, _) => Standing::Known,
                (false, true) => Standing::Sibling,
                (false, false) => Standing::Unknown,
            },
        })
    };
    shown.into_iter().map(told).collect()
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct ProductRow {
    gtin: Gtin,
    title: String,
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
