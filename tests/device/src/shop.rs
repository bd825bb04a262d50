//! A small shop: drawn goods with their photos, a gallery of what it sells, and what to put before the camera. All of it comes
//! from the trainer's own commands; which goods are presented is chosen by what the device's program says of them on this
//! machine, so that the same program on the other processor has an answer to meet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::camera::{Item, Picture};
use crate::layout::Layout;
use crate::native::{program, said};
use crate::trouble::Trouble;

/// Look-alikes that differ in a word are not what is tested here: of each line this many goods are sold.
const OF_EACH_LINE: usize = 2;
const KNOWN: usize = 20;
const UNKNOWN: usize = 5;
const SYNTH: &str = "--seed 1 --train-products 1 --val-products 1 --eval-products 60 --unknown-products 12 \
    --listing-per-product 8 --kiosk-per-product 4 --size 160 --presentations 48 --unknown-presentations 12";
/// Written last. Its text changes whenever what is made does.
const MARKER: &str = "whole.txt";
const MARK: &str = "5";

/// The shop's files.
#[derive(Debug)]
pub struct Shop {
    folder: PathBuf,
    /// The model's folder.
    pub model: PathBuf,
    /// What is presented and sold, then what is presented and not sold.
    pub known: Vec<Presentation>,
    /// See `known`.
    pub unknown: Vec<Presentation>,
}

/// A product that is put on the stage and taken away.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// What it is.
    pub gtin: String,
    /// The frames on which it comes, lies still, and goes.
    pub frames: RangeInclusive<usize>,
    /// The frames on which it lies still.
    pub still: RangeInclusive<usize>,
    /// The device's score on this machine.
    pub score: f64,
}

impl Shop {
    /// The shop, made where it is not there yet. The programs of this machine must be built.
    pub fn ensure(layout: &Layout) -> Result<Self, Trouble> {
        let folder = layout.made().join("shop");
        let model = layout.root().join("models/zoo/default");
        let shop = Self {
            folder,
            model,
            known: Vec::new(),
            unknown: Vec::new(),
        };
        if fs::read_to_string(shop.path(MARKER)).is_ok_and(|mark| mark == MARK) {
            return shop.chosen();
        }
        println!("the shop: drawing goods and photographing them");
        let _ = fs::remove_dir_all(&shop.folder);
        fs::create_dir_all(&shop.folder).map_err(|e| Trouble::disk(&shop.folder, &e))?;
        shop.draw(layout)?;
        shop.stock(layout)?;
        println!("the shop: what this machine says of each presentation");
        shop.judge(layout)?;
        let shop = shop.chosen()?;
        shop.write(MARKER, MARK)?;
        Ok(shop)
    }

    /// A file of the shop.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What it sells.
    pub fn gallery(&self) -> PathBuf {
        self.path("gallery.skg")
    }

    /// One frame of the presentations, a JPEG.
    pub fn frame(&self, number: usize) -> Result<Vec<u8>, Trouble> {
        let path = self.path(&format!("data/replay/{number:06}.jpg"));
        fs::read(&path).map_err(|e| Trouble::disk(&path, &e))
    }

    /// What the camera sees of a presentation.
    pub fn item(&self, presentation: &Presentation) -> Result<Item, Trouble> {
        let pictures = |from: usize, to: usize| -> Result<Vec<Picture>, Trouble> {
            let numbers = from..=to;
            let photos = numbers.map(|number| Picture::from_jpeg(&self.frame(number)?));
            photos.collect()
        };
        let Presentation { frames, still, .. } = presentation;
        Ok(Item {
            gtin: presentation.gtin.clone(),
            comes: pictures(*frames.start(), *still.end())?,
            // The frame behind the last is empty.
            goes: pictures(still.end() + 1, frames.end() + 1)?,
        })
    }

    fn draw(&self, layout: &Layout) -> Result<(), Trouble> {
        let mut train = program(layout, "skueye-train");
        let out = self.path("data");
        train
            .args(["data", "synth"])
            .arg(&out)
            .args(SYNTH.split_whitespace());
        said(&mut train)?;
        let vectors = self.path("index.npy");
        let mut embed = program(layout, "skueye-train");
        embed.arg("embed").arg(&self.model).arg("--data").arg(&out);
        said(embed.arg("--out").arg(&vectors))?;
        let mut build = program(layout, "skueye-train");
        build.args(["gallery", "build"]).arg(&self.model);
        build.arg("--vectors").arg(&vectors).arg("--data").arg(&out);
        said(build.arg("--out").arg(self.gallery())).map(drop)
    }

    /// Takes out of the gallery what is not sold.
    fn stock(&self, layout: &Layout) -> Result<(), Trouble> {
        let lines: BTreeMap<String, String> = self
            .table("data/truth/products.csv")?
            .iter()
            .map(|row| (row["GTIN"].clone(), row["LINE"].clone()))
            .collect();
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        let mut sold = BTreeSet::new();
        for row in &self.table("data/truth/presentations.csv")? {
            let line = count.entry(&lines[&row["GTIN"]]).or_default();
            if row["KNOWN"] == "true" && *line < OF_EACH_LINE {
                *line += 1;
                sold.insert(row["GTIN"].clone());
            }
        }
        let listed = said(
            program(layout, "skueye")
                .args(["gallery", "list", "--json"])
                .arg(self.gallery()),
        )?;
        for product in objects(&listed) {
            let gtin = product["gtin"].as_str().unwrap_or_default();
            if !sold.contains(gtin) {
                let mut remove = program(layout, "skueye");
                remove.args(["gallery", "remove", "--gtin", gtin]);
                said(remove.arg(self.gallery()))?;
            }
        }
        said(
            program(layout, "skueye")
                .args(["gallery", "compact"])
                .arg(self.gallery()),
        )
        .map(drop)
    }

    fn judge(&self, layout: &Layout) -> Result<(), Trouble> {
        self.write("native.toml", &settings(&self.model, &self.gallery()))?;
        let mut run = program(layout, "skueye");
        run.args(["run", "--json", "--config"])
            .arg(self.path("native.toml"));
        let lines = said(run.arg("--replay").arg(self.path("data/replay")))?;
        self.write("verdicts.jsonl", &lines)
    }

    /// The clearest of what this machine accepts and rejects as it should.
    fn chosen(mut self) -> Result<Self, Trouble> {
        let path = self.path("verdicts.jsonl");
        let text = fs::read_to_string(&path).map_err(|e| Trouble::disk(&path, &e))?;
        let events: Vec<Value> = objects(&text)
            .filter(|line| line["kind"] == "event")
            .collect();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for row in &self.table("data/truth/presentations.csv")? {
            let number = |name: &str| row[name].parse::<usize>().unwrap_or_default();
            let frames = number("FIRST_FRAME")..=number("LAST_FRAME");
            let at = |event: &&Value| {
                let first = event["first_frame"].as_u64().unwrap_or_default();
                usize::try_from(first).is_ok_and(|first| frames.contains(&first))
            };
            let Some(event) = events.iter().find(at) else {
                continue;
            };
            let presentation = Presentation {
                gtin: row["GTIN"].clone(),
                still: number("FIRST_STILL")..=number("LAST_STILL"),
                score: event["score"].as_f64().unwrap_or_default(),
                frames: frames.clone(),
            };
            let margin = event["margin"].as_f64().unwrap_or_default();
            match (event["verdict"].as_str(), event["gtin"].as_str()) {
                (Some("accept"), Some(gtin)) if gtin == row["GTIN"] => {
                    known.push((margin, presentation))
                }
                (Some("reject"), None) if row["KNOWN"] == "false" => {
                    unknown.push((-presentation.score, presentation))
                }
                _ => {}
            }
        }
        self.known = clearest(known, KNOWN)?;
        self.unknown = clearest(unknown, UNKNOWN)?;
        Ok(self)
    }

    fn table(&self, name: &str) -> Result<Vec<BTreeMap<String, String>>, Trouble> {
        let path = self.path(name);
        let text = fs::read_to_string(&path).map_err(|e| Trouble::disk(&path, &e))?;
        // The trainer writes these; no field of ours has a comma or a quotation mark but titles, which are not asked for.
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
        let head: Vec<String> = lines.next().into_iter().flatten().collect();
        Ok(lines
            .map(|line| head.iter().cloned().zip(line).collect())
            .collect())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Trouble> {
        let path = self.path(name);
        fs::write(&path, text).map_err(|e| Trouble::disk(&path, &e))
    }
}

/// Settings of the verdicts: the model's bands, and a margin at which the other processor's rounding does not matter.
fn settings(model: &Path, gallery: &Path) -> String {
    format!(
        "[model]\nfolder = {:?}\nruntime = \"tract\"\n[gallery]\npath = {:?}\n[decision]\nmargin = 0.01\n[log]\nfolder = \"\"\n",
        model.display().to_string(),
        gallery.display().to_string()
    )
}

fn objects(text: &str) -> impl Iterator<Item = Value> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
}

fn clearest(
    mut found: Vec<(f64, Presentation)>,
    count: usize,
) -> Result<Vec<Presentation>, Trouble> {
    if found.len() < count {
        return Err(Trouble::new(
            format!("only {} of {count} presentations fit", found.len()),
            "draw other goods (SYNTH in tests/device/src/shop.rs)",
        ));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(found
        .into_iter()
        .take(count)
        .map(|(_, presentation)| presentation)
        .collect())
}
