//! The main job, once: data, attributes, teacher, student, export, gallery, evaluation, and the device program on a replay.

mod device;
#[cfg(feature = "torch")]
mod export;
#[cfg(feature = "torch")]
mod learn;
mod made;
mod options;
mod reporting;
mod summary;
mod timing;

use std::path::{Path, PathBuf};

use skueye_gallery::{Gallery, GalleryBuilder};
use skueye_models::{EmbeddingId, Fault};
use skueye_vision::model::read_manifest;

pub use device::default_program;
use made::Made;
pub use options::{Data, Passes, QuickstartOptions, Recipe};
pub use summary::{Rows, Summary};
use timing::Timing;

use crate::data::{Dataset, DatasetInfo, Split};
use crate::evaluate::{EvaluationSet, Hit, Metrics, gallery_rankings, write_photos};
use crate::fetch::{MakersOptions, makers};
use crate::files::write_file;
use crate::mine::{self, MiningOptions, TrainingIndex, Vocabulary};
use crate::report;
use crate::run::training_is_possible;
use crate::synth::{SynthOptions, contact_sheet, generate};
use crate::vectors::UnitVectors;

const CONTACT_SHEET: &str = "contact-sheet.png";
/// Least cosine between training engine and device for the f32 export, and for the typed FP16 one.
const F32_PARITY: f32 = 0.999;
const F16_PARITY: f32 = 0.99;

/// What the evaluation found, kept for the report.
struct Evaluated {
    rows: Rows<Metrics>,
    /// The device's ranking of each query.
    rankings: Vec<Vec<Hit>>,
}

/// Runs it all and writes `summary.json` and `report.html` under `options.out`.
pub fn quickstart(options: &QuickstartOptions) -> Result<Summary, Fault> {
    let mut timing = Timing::default();
    let folders = Folders::of(options);
    // What cannot go well is refused before minutes are spent, and before an earlier run's files go.
    match &options.model {
        Some(model) => read_manifest(model).map(|_| ())?,
        None => {
            training_is_possible()?;
            options.recipe.check()?;
        }
    }
    clear(&folders)?;
    let dataset = timing.step("data", || prepare(options, &folders))?;
    let vocabulary = timing.step("mine", || mine(&dataset, &folders, options))?;
    let training = TrainingIndex::load(&dataset, Split::Train, &vocabulary)?;
    let evaluation = EvaluationSet::load(&dataset)?;
    let made = match &options.model {
        Some(model) => made::shipped(model, &evaluation, &folders.model, &mut timing)?,
        None => made::trained(
            &dataset,
            &training,
            &evaluation,
            options,
            &folders.model,
            &mut timing,
        )?,
    };
    let id = made.manifest.embedding_id;
    timing.step("build the gallery", || {
        build_gallery(
            &evaluation,
            &made.index,
            id,
            made.manifest.dim,
            &folders.gallery,
        )?;
        write_photos(&evaluation, &folders.device.join("photos"))
    })?;
    let evaluated = timing.step("evaluate on the device's gallery", || {
        evaluate(&evaluation, &made, &folders.gallery)
    })?;
    let replayed = timing.step("replay on the device program", || match dataset.replay() {
        Some(frames) => device::replay(&options.device_program, &folders.device, &frames),
        None => Ok(device::Replayed::default()),
    })?;
    let shown = dataset.presentations()?.unwrap_or_default();
    let info = dataset.info().cloned();
    let summary = Summary {
        data: info
            .as_ref()
            .map_or("unknown".into(), |info: &DatasetInfo| info.name.clone()),
        synthetic: info.as_ref().is_some_and(|info| info.synthetic),
        seed: options.seed,
        embedding_id: id.to_string(),
        attributes: vocabulary.len(),
        images_train: if options.model.is_some() {
            0
        } else {
            training.len()
        },
        images_index: evaluation.index.len(),
        queries: evaluation.queries.len(),
        mar10: evaluated.rows.map(|m| m.mar10),
        mar10_of_all: evaluated.rows.map(|m| m.mar10_of_all),
        recall1: evaluated.rows.map(|m| m.recall1),
        map10: evaluated.rows.map(|m| m.map10),
        open_set_auroc: summary::auroc(&evaluated.rows),
        onnx_parity_min_cosine: made.parity.map(|p| p[0]),
        onnx_f16_parity_min_cosine: made.parity.map(|p| p[1]),
        whitening_ridge: made.ridge,
        calibration: made.calibration,
        frames: replayed
            .summary
            .get("frames")
            .and_then(|v| v.as_u64())
            .unwrap_or(0),
        tally: device::tally(&replayed.events, &shown),
        latency_ms: replayed
            .summary
            .get("latency_ms")
            .cloned()
            .unwrap_or_else(|| serde_json::json!({})),
        seconds: timing,
    };
    let json = serde_json::to_string_pretty(&summary).expect("a summary holds plain values") + "\n";
    write_file(&folders.out.join("summary.json"), json.as_bytes())?;
    let material = reporting::Material {
        dataset: &dataset,
        set: &evaluation,
        rows: &evaluated.rows,
        rankings: &evaluated.rankings,
        curves: &made.curves,
        thresholds: made.manifest.thresholds,
    };
    report::write(
        &folders.out.join("report.html"),
        &reporting::report(&summary, &material)?,
    )?;
    Ok(summary)
}

/// Where a quick start writes.
struct Folders {
    out: PathBuf,
    data: PathBuf,
    device: PathBuf,
    model: PathBuf,
    gallery: PathBuf,
}

impl Folders {
    fn of(options: &QuickstartOptions) -> Self {
        let out = options.out.clone();
        let device = out.join("device");
        Self {
            data: out.join("data"),
            model: device.join("model"),
            gallery: device.join("gallery.skg"),
            device,
            out,
        }
    }
}

/// Removes what an earlier quick start left in its own folders, so that nothing old is taken for new.
fn clear(folders: &Folders) -> Result<(), Fault> {
    for folder in [&folders.data, &folders.device] {
        match std::fs::remove_dir_all(folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::io("remove", folder, &e));
            }
            _ => {}
        }
    }
    for name in [
        "summary.json",
        "report.html",
        "vocabulary.tsv",
        CONTACT_SHEET,
    ] {
        let path = folders.out.join(name);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::io("remove", path, &e));
            }
            _ => {}
        }
    }
    Ok(())
}

fn prepare(options: &QuickstartOptions, folders: &Folders) -> Result<Dataset, Fault> {
    match &options.data {
        Data::Folder(root) => return Dataset::open(root),
        Data::Synth => {
            generate(
                &folders.data,
                &SynthOptions {
                    seed: options.seed,
                    ..SynthOptions::default()
                },
            )?;
            contact_sheet(&folders.data, &folders.out.join(CONTACT_SHEET))?;
        }
        Data::Makers => makers(
            &folders.data,
            &options.cache,
            MakersOptions {
                seed: options.seed,
                ..Default::default()
            },
        )?,
    }
    Dataset::open(&folders.data)
}

fn mine(
    dataset: &Dataset,
    folders: &Folders,
    options: &QuickstartOptions,
) -> Result<Vocabulary, Fault> {
    let vocabulary = mine::mine(
        dataset,
        &MiningOptions::above(options.recipe.mining_threshold),
    )?;
    vocabulary.write(&folders.out.join("vocabulary.tsv"))?;
    Ok(vocabulary)
}

fn build_gallery(
    set: &EvaluationSet,
    index: &UnitVectors,
    id: EmbeddingId,
    dim: u32,
    path: &Path,
) -> Result<(), Fault> {
    let mut builder = GalleryBuilder::new(id, dim)?;
    for (row, &product) in index.units().zip(&set.truth.index) {
        let product = &set.products[product];
        let place = match builder.product_of(product.gtin) {
            Some(place) => place,
            None => builder.add_product(product.clone())?,
        };
        builder.add_row(place, &row)?;
    }
    builder.write(path)
}

fn evaluate(set: &EvaluationSet, made: &Made, gallery: &Path) -> Result<Evaluated, Fault> {
    let gallery = Gallery::open(gallery)?;
    let found = gallery_rankings(&gallery.view(), &made.queries)?;
    let rows = Rows {
        student_f32: Some(set.metrics(&made.index, &made.queries)?),
        student_int8: Some(Metrics::new(&found.plain, &set.truth)),
        student_int8_reranked: Some(Metrics::new(&found.reranked, &set.truth)),
        ..made.rows
    };
    Ok(Evaluated {
        rows,
        rankings: found.plain,
    })
}
