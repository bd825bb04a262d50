//! `skueye-train data`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use skueye_trainer::data::import::{Columns, Placement};
use skueye_trainer::data::scale::{ScaleOptions, generate};
use skueye_trainer::data::validate::Depth;
use skueye_trainer::data::{self, Dataset, ImportOptions, Level, Share, Split, ValidateOptions};
use skueye_trainer::mine::{TrainingIndex, Vocabulary};
use skueye_vision::decode::decode;

use super::augment::Augment;
use super::synth::Synth;
use super::{augment, print, print_dataset, synth};

#[derive(Subcommand)]
pub enum DataCommand {
    /// Lists every problem of a data set; exits with 1 where there is one.
    Validate {
        /// The data set's folder.
        root: PathBuf,
        /// Read headers instead of decoding whole pictures.
        #[arg(long)]
        no_decode: bool,
        /// Write all problems to this file, one JSON object a line.
        #[arg(long)]
        list: Option<PathBuf>,
    },
    /// Draws and photographs packaged goods: a synthetic data set with exact identity.
    Synth(Synth),
    /// Brings data of others into the layout of a data set.
    Import(Import),
    /// Writes several data sets as one, so that one training sees them all.
    Join {
        /// The data sets' folders; rows follow each other in this order.
        #[arg(required = true, num_args = 2..)]
        sources: Vec<PathBuf>,
        /// The data set to write; absent or empty.
        #[arg(long)]
        out: PathBuf,
    },
    /// Tells what training will see: rows, classes, attributes, memory, and the hash of the tables.
    Info {
        /// The data set's folder.
        root: PathBuf,
        /// A vocabulary, to count what titles name.
        #[arg(long)]
        vocabulary: Option<PathBuf>,
    },
    /// Makes up a data set of any size in eProduct's layout, to test what is to grow and what not.
    ScaleTest(ScaleTest),
    /// Draws a sheet of what training sees: pictures in rows, each plain and then in varied views.
    Augment(Augment),
}

#[derive(Args)]
pub struct Import {
    /// A .csv, .tsv or .parquet manifest, a folder with a folder of pictures per class, or a folder of eProduct's layout.
    source: PathBuf,
    /// The data set to write; absent or empty.
    #[arg(long)]
    out: PathBuf,
    /// What the manifest's paths are relative to; by default the manifest's folder.
    #[arg(long)]
    images: Option<PathBuf>,
    /// Which column holds what: title=AUCT_TITL; fields image, title, uuid, product, split, meta, second, leaf; - for none.
    #[arg(long = "column", value_name = "FIELD=COLUMN")]
    columns: Vec<String>,
    /// How pictures get there: hard_link, symbolic_link or copy; by default hard links, or copies where those cannot be.
    #[arg(long, value_parser = placement)]
    pictures: Option<Placement>,
    /// Share of the products for validation, where the source names no split.
    #[arg(long, default_value_t = 0.05)]
    val_share: f64,
    /// Share of the products for index and queries, where the source names no split.
    #[arg(long, default_value_t = 0.1)]
    eval_share: f64,
    /// Share of the rows that may be left out as unusable.
    #[arg(long, default_value_t = 0.01)]
    max_bad: f64,
    /// Where the division into splits begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
pub struct ScaleTest {
    /// Folder to write; absent or empty.
    out: PathBuf,
    /// Rows with titles: train and val together. eProduct has 1331167.
    #[arg(long, default_value_t = 1_331_167)]
    rows: u64,
    /// Rows of the index; by default a tenth of the rows.
    #[arg(long)]
    index_rows: Option<u64>,
    /// Rows of the queries; by default a hundredth of the rows.
    #[arg(long)]
    query_rows: Option<u64>,
    /// Different training pictures; rows share them by hard links.
    #[arg(long, default_value_t = 4000)]
    pictures: u64,
    /// Equal seeds give equal bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Does what `command` asks of a data set.
pub fn run(command: DataCommand, json: bool) -> anyhow::Result<bool> {
    match command {
        DataCommand::Validate {
            root,
            no_decode,
            list,
        } => {
            let depth = if no_decode {
                Depth::Headers
            } else {
                Depth::Whole
            };
            validate(&root, &ValidateOptions { depth, list }, json)
        }
        DataCommand::Synth(options) => synth::run(&options, json),
        DataCommand::Import(options) => import(options, json),
        DataCommand::Join { sources, out } => join(&sources, &out, json),
        DataCommand::Info { root, vocabulary } => info(&root, vocabulary.as_deref(), json),
        DataCommand::ScaleTest(options) => {
            let scale = ScaleOptions {
                rows: options.rows,
                index_rows: options.index_rows.unwrap_or(options.rows / 10),
                query_rows: options.query_rows.unwrap_or(options.rows / 100),
                pictures: options.pictures,
                seed: options.seed,
            };
            generate(&options.out, &scale)?;
            print_dataset(&options.out, json)
        }
        DataCommand::Augment(options) => augment::run(&options, json),
    }
}

fn validate(root: &Path, options: &ValidateOptions, json: bool) -> anyhow::Result<bool> {
    let report = data::validate(root, &|bytes| decode(bytes).map(|_| ()), options)?;
    print(json, &report, |report| {
        let mut lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        let all: u64 = report.counts.iter().map(|kind| kind.count).sum();
        let kinds = report.counts.iter();
        lines.extend(kinds.map(|kind| format!("{} {}: {}", kind.code, kind.title, kind.count)));
        let rows: u64 = report.rows.iter().map(|split| split.1).sum();
        format!("{}\n{all} problems in {rows} rows", lines.join("\n"))
            .trim_start()
            .to_owned()
    })?;
    Ok(report.is_clean())
}

fn import(import: Import, json: bool) -> anyhow::Result<bool> {
    let mut columns = Columns::default();
    import
        .columns
        .iter()
        .try_for_each(|text| columns.add(text))?;
    let report = data::import(&ImportOptions {
        source: import.source,
        out: import.out,
        images: import.images,
        columns,
        placement: import.pictures,
        val_share: import.val_share,
        eval_share: import.eval_share,
        max_bad: import.max_bad,
        seed: import.seed,
    })?;
    print(json, &report, |report| {
        serde_json::to_string_pretty(report).unwrap_or_else(|_| format!("{report:?}"))
    })
}

fn join(sources: &[PathBuf], out: &Path, json: bool) -> anyhow::Result<bool> {
    let shares = data::join(sources, out)?;
    print(json, &shares, |shares| {
        let line = |share: &Share| {
            let rows: u64 = share.images.values().sum();
            let percent = share.share_of_training * 100.0;
            format!(
                "{}: {rows} pictures, {percent:.1} % of training\n",
                share.name
            )
        };
        let lines: String = shares.iter().map(line).collect();
        lines.trim_end().to_owned()
    })
}

fn info(root: &Path, vocabulary: Option<&Path>, json: bool) -> anyhow::Result<bool> {
    let dataset = Dataset::open(root)?;
    let mut found = serde_json::json!({"info": dataset.info(), "data_hash": dataset.hash()?});
    if let Some(path) = vocabulary {
        let vocabulary = Vocabulary::read(path)?;
        let index = TrainingIndex::load(&dataset, Split::Train, &vocabulary)?;
        let attributes: usize = (0..index.len())
            .map(|row| index.attributes(row).len())
            .sum();
        let rows = index.len().max(1) as f64;
        found["train"] = serde_json::json!({
            "rows": index.len(),
            "classes": Level::ALL.map(|level| index.classes().numbers(level).len()),
            "attributes": vocabulary.len(),
            "attributes_per_title": attributes as f64 / rows,
            "bytes_per_row": index.heap_bytes() as f64 / rows,
        });
    }
    print(json, &found, |found| {
        serde_json::to_string_pretty(found).unwrap_or_else(|_| found.to_string())
    })
}

fn placement(text: &str) -> Result<Placement, String> {
    serde_json::from_value(text.into()).map_err(|_| "one of hard_link, symbolic_link, copy".into())
}
