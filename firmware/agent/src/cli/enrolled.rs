//! `skueye enrolled`: what was enrolled at the device, for the next training; and the shop's own list of products.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use skueye_agent::desk::{feedback, names};
use skueye_agent::report::printable;
use skueye_agent::{Config, sets};
use skueye_models::{Code, Fault};

use super::gallery::list::products;
use super::print;
use skueye_agent::recognise::open_gallery;

/// The commands of `skueye enrolled`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copies the pictures of enrolled shots with a table of their products, and people's corrections, to a new folder: on a
    /// stick, for `skueye-train data import FOLDER/products.csv`.
    Export {
        /// The new folder.
        folder: PathBuf,
        /// The settings.
        #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
        config: PathBuf,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Takes over a CSV table with the columns gtin, title and perhaps category, so that the page knows the names of products
    /// that are enrolled by number.
    ImportNames {
        /// The table, separated by commas, semicolons or tabs.
        file: PathBuf,
        /// The settings.
        #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
        config: PathBuf,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Default, Serialize)]
struct Exported {
    products: usize,
    pictures: usize,
    corrections: usize,
}

#[derive(Debug, Serialize)]
struct Imported {
    products: usize,
    refused: u64,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Export {
                folder,
                config,
                json,
            } => export(&folder, &config, json),
            Self::ImportNames { file, config, json } => import(&file, &config, json),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

fn export(out: &Path, config: &Path, json: bool) -> Result<(), Fault> {
    let config = sets::in_use(&Config::load(config)?)?;
    fs::create_dir(out).map_err(|e| Fault::io("create", out, &e))?;
    let snapshot = open_gallery(&config.gallery)?.snapshot();
    let known = products(&snapshot, &config.gallery)?;
    let mut exported = Exported::default();
    let mut table = csv::Writer::from_writer(Vec::new());
    let row = |table: &mut csv::Writer<Vec<u8>>, fields: [&str; 4]| {
        table.write_record(fields).map_err(|e| unwritable(out, &e))
    };
    row(&mut table, ["image", "title", "product", "category"])?;
    for (gtin, pictures) in shots(config.enrol.pictures.as_deref())? {
        // What was taken out of the gallery since is not for training.
        let Some(listed) = known.get(&gtin) else {
            continue;
        };
        let product = &listed.product;
        let number = product.gtin.to_string();
        let folder = out.join(&number);
        fs::create_dir(&folder).map_err(|e| Fault::io("create", &folder, &e))?;
        exported.products += 1;
        for picture in pictures {
            let Some(name) = picture.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let to = folder.join(name);
            fs::copy(&picture, &to).map_err(|e| Fault::io("write", &to, &e))?;
            let image = format!("{number}/{name}");
            row(
                &mut table,
                [&image, &product.title, &number, &product.category],
            )?;
            exported.pictures += 1;
        }
    }
    let table = table.into_inner().map_err(|e| unwritable(out, &e))?;
    let path = out.join("products.csv");
    fs::write(&path, table).map_err(|e| Fault::io("write", &path, &e))?;
    exported.corrections = corrections(&config.enrol.feedback, out)?;
    let Exported {
        products,
        pictures,
        corrections,
    } = exported;
    match json {
        true => print::json(&exported),
        false => print::line(&format!(
            "{pictures} pictures of {products} products, {corrections} corrections in {}",
            out.display()
        )),
    }
}

/// The folders of products, with their pictures.
fn shots(root: Option<&Path>) -> Result<Vec<(u64, Vec<PathBuf>)>, Fault> {
    let Some(root) = root.filter(|root| root.exists()) else {
        return Ok(Vec::new());
    };
    let list = |folder: &Path| -> Result<Vec<PathBuf>, Fault> {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|e| Fault::io("read", folder, &e))?;
        let mut paths: Vec<PathBuf> = entries.iter().map(|entry| entry.path()).collect();
        paths.sort();
        Ok(paths)
    };
    let mut found = Vec::new();
    for folder in list(root)? {
        let name = folder.file_name().and_then(|name| name.to_str());
        let gtin = name.and_then(|name| name.parse::<skueye_models::Gtin>().ok());
        if let Some(gtin) = gtin {
            let mut pictures = list(&folder)?;
            pictures.retain(|path| path.extension().is_some_and(|e| e == "jpg"));
            found.push((gtin.value(), pictures));
        }
    }
    Ok(found)
}

/// Those that count: an answer that was taken back teaches nothing.
fn corrections(from: &Path, out: &Path) -> Result<usize, Fault> {
    if !from.exists() {
        return Ok(0);
    }
    let counting = feedback::counting(from)?;
    let mut text = Vec::new();
    for correction in &counting {
        serde_json::to_writer(&mut text, correction).map_err(|e| unwritable(out, &e))?;
        text.push(b'\n');
    }
    let to = out.join("corrections.jsonl");
    fs::write(&to, &text).map_err(|e| Fault::io("write", &to, &e))?;
    Ok(counting.len())
}

fn import(file: &Path, config: &Path, json: bool) -> Result<(), Fault> {
    let config = Config::load(config)?;
    let parsed = names::parse(file)?;
    for (line, why) in &parsed.refused {
        eprintln!("skueye: {} line {line}: {}", file.display(), printable(why));
    }
    let Some(to) = &config.enrol.product_list else {
        return Err(Fault::new(
            Code::SettingsValue,
            "enrol.product_list in the settings",
            "no file for the list",
            "set enrol.product_list",
        ));
    };
    names::write(to, &parsed.products)?;
    let (products, refused) = (parsed.products.len(), parsed.refused_count);
    match json {
        true => print::json(&Imported { products, refused }),
        false => print::line(&format!("{products} names, {refused} lines refused")),
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        Code::Io,
        "to write the table",
        error.to_string(),
        "free space, or choose another folder",
    )
    .at(path)
}
