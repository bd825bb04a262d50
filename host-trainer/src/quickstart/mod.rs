//! The main job, once: data, attributes, teacher, student, export, gallery, evaluation, and the device program on a replay.

mod device;
#[cfg(feature = "torch")]
mod learn;
mod options;
mod reporting;
mod summary;
mod timing;
mod training_set;

use std::path::{Path, PathBuf};

use skueye_gallery::{Gallery, GalleryBuilder};
use skueye_models::{EmbeddingId, Fault, Manifest, UnitEmbedding};
use skueye_vision::model::read_manifest;

pub use device::default_program;
pub use options::{Data, Passes, QuickstartOptions, Recipe};
pub use summary::{Rows, Summary};
use timing::Timing;
use training_set::TrainingSet;

use crate::files::write_file;
use crate::data::{Dataset, DatasetInfo};
use crate::embed::embed_pictures;
use crate::evaluate::{Calibration, EvaluationSet, Hit, Metrics, float_ranking, gallery_rankings};
use crate::fetch::{MakersOptions, makers};
use crate::mine::{Vocabulary, count_titles};
use crate::report;
use crate::synth::{SynthOptions, contact_sheet, generate};

/// Answers per query that count and that the report shows.
const TOP: usize = 10;
/// Least cosine between training engine and device for the f32 export, and for the typed FP16 one.
const F32_PARITY: f32 = 0.999;
const F16_PARITY: f32 = 0.99;

/// What the evaluation found, kept for the report.
struct Evaluated {
    rows: Rows<Metrics>,
    /// The device's ranking of each query.
    rankings: Vec<Vec<Hit>>,
}

/// The model that the device's half runs with, and what is known of its making.
struct Made {
    manifest: Manifest,
    index: Vec<UnitEmbedding>,
    queries: Vec<UnitEmbedding>,
    rows: Rows<Metrics>,
    curves: Vec<(&'static str, Vec<(u64, f64)>)>,
    parity: Option<[f32; 2]>,
    calibration: Option<Calibration>,
}

/// Runs it all and writes `summary.json` and `report.html` under `options.out`.
pub fn quickstart(options: &QuickstartOptions) -> Result<Summary, Fault> {
    let mut timing = Timing::default();
    let folders = Folders::of(options);
    clear(&folders)?;
    let dataset = timing.step("data", || prepare(options, &folders))?;
    let vocabulary = timing.step("mine", || mine(&dataset, &folders, options))?;
    let training = TrainingSet::load(&dataset, &vocabulary)?;
    let evaluation = EvaluationSet::load(&dataset)?;
    let made = match &options.model {
        Some(model) => shipped(model, &evaluation, &folders, &mut timing)?,
        None => trained(&dataset, &training, &evaluation, options, &folders, &mut timing)?,
    };
    let id = made.manifest.embedding_id;
    timing.step("build the gallery", || build_gallery(&evaluation, &made.index, id, made.manifest.dim, &folders.gallery))?;
    let evaluated = timing.step("evaluate on the device's gallery", || evaluate(&evaluation, &made, &folders.gallery))?;
    let replayed = timing.step("replay on the device program", || match dataset.replay() {
        Some(frames) => device::replay(&options.device_program, &folders.device, &frames),
        None => Ok(device::Replayed::default()),
    })?;
    let shown = dataset.presentations()?.unwrap_or_default();
    let info = dataset.info().cloned();
    let summary = Summary {
        data: info.as_ref().map_or("unknown".into(), |info: &DatasetInfo| info.name.clone()),
        synthetic: info.as_ref().is_some_and(|info| info.synthetic),
        seed: options.seed,
        embedding_id: id.to_string(),
        attributes: vocabulary.len(),
        images_train: if options.model.is_some() { 0 } else { training.paths.len() },
        images_index: evaluation.index.len(),
        queries: evaluation.queries.len(),
        mar10: evaluated.rows.map(|m| m.mar10),
        mar10_of_all: evaluated.rows.map(|m| m.mar10_of_all),
        recall1: evaluated.rows.map(|m| m.recall1),
        map10: evaluated.rows.map(|m| m.map10),
        open_set_auroc: summary::auroc(&evaluated.rows),
        onnx_parity_min_cosine: made.parity.map(|p| p[0]),
        onnx_f16_parity_min_cosine: made.parity.map(|p| p[1]),
        calibration: made.calibration,
        frames: replayed.summary.get("frames").and_then(|v| v.as_u64()).unwrap_or(0),
        tally: device::tally(&replayed.events, &shown),
        latency_ms: replayed.summary.get("latency_ms").cloned().unwrap_or_else(|| serde_json::json!({})),
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
    report::write(&folders.out.join("report.html"), &reporting::report(&summary, &material)?)?;
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
        Self { data: out.join("data"), model: device.join("model"), gallery: device.join("gallery.skg"), device, out }
    }
}

/// Removes what an earlier quick start left in its own folders, so that nothing old is taken for new.
fn clear(folders: &Folders) -> Result<(), Fault> {
    for folder in [&folders.data, &folders.device] {
        match std::fs::remove_dir_all(folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Fault::io("remove", folder, &e)),
            _ => {}
        }
    }
    for name in ["summary.json", "report.html", "vocabulary.tsv"] {
        let path = folders.out.join(name);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Fault::io("remove", path, &e)),
            _ => {}
        }
    }
    Ok(())
}

fn prepare(options: &QuickstartOptions, folders: &Folders) -> Result<Dataset, Fault> {
    match options.data {
        Data::Synth => {
            generate(&folders.data, &SynthOptions { seed: options.seed, ..SynthOptions::default() })?;
            contact_sheet(&folders.data, &folders.out.join("contact-sheet.png"))?;
        }
        Data::Makers => makers(&folders.data, &options.cache, MakersOptions { seed: options.seed, ..Default::default() })?,
    }
    Dataset::open(&folders.data)
}

fn mine(dataset: &Dataset, folders: &Folders, options: &QuickstartOptions) -> Result<Vocabulary, Fault> {
    let vocabulary = Vocabulary::new(count_titles(dataset)?, options.recipe.mining_threshold)?;
    vocabulary.write(&folders.out.join("vocabulary.tsv"))?;
    Ok(vocabulary)
}

/// A model that is there already: copied, and its embeddings computed by the device's code.
fn shipped(model: &Path, set: &EvaluationSet, folders: &Folders, timing: &mut Timing) -> Result<Made, Fault> {
    let manifest = read_manifest(model)?;
    copy_model(model, &folders.model, &manifest)?;
    let (index, queries) = timing.step("embed with the device's code", || embed_both(&folders.model, set))?;
    Ok(Made { manifest, index, queries, rows: Rows::default(), curves: Vec::new(), parity: None, calibration: None })
}

fn copy_model(from: &Path, to: &Path, manifest: &Manifest) -> Result<(), Fault> {
    let files = [&manifest.onnx_f16, &manifest.self_test.image].into_iter().chain(&manifest.onnx_f32);
    for name in files.map(|file| file.name.as_str()).chain([skueye_vision::model::MANIFEST_NAME]) {
        let path = from.join(name);
        let bytes = std::fs::read(&path).map_err(|e| Fault::io("read", &path, &e))?;
        write_file(&to.join(name), &bytes)?;
    }
    Ok(())
}

fn embed_both(model: &Path, set: &EvaluationSet) -> Result<(Vec<UnitEmbedding>, Vec<UnitEmbedding>), Fault> {
    Ok((embed_pictures(model, &set.index)?, embed_pictures(model, &set.queries)?))
}

#[cfg(not(feature = "torch"))]
fn trained(
    _: &Dataset,
    _: &TrainingSet,
    _: &EvaluationSet,
    _: &QuickstartOptions,
    _: &Folders,
    _: &mut Timing,
) -> Result<Made, Fault> {
    Err(Fault::new(
        skueye_models::Code::TrainingUnavailable,
        "a trainer with its training engine",
        "one built without libtorch",
        "build with --features torch (`cargo demo` does all of it), or name a model with --model",
    ))
}

#[cfg(feature = "torch")]
fn trained(
    dataset: &Dataset,
    training: &TrainingSet,
    set: &EvaluationSet,
    options: &QuickstartOptions,
    folders: &Folders,
    timing: &mut Timing,
) -> Result<Made, Fault> {
    use crate::data::Split;
    use crate::evaluate::{calibrate, labelled_pictures};

    let recipe = &options.recipe;
    let learned = learn::learn(training, set, recipe, options.seed, &options.cache, timing)?;
    let rows = Rows {
        pretrained_raw: Some(float_metrics(set, &learned.pretrained.index, &learned.pretrained.queries)),
        teacher_raw: Some(float_metrics(set, &learned.teacher.index, &learned.teacher.queries)),
        teacher_whitened: Some(float_metrics(set, &learned.whitened.index, &learned.whitened.queries)),
        ..Rows::default()
    };
    let validation = labelled_pictures(dataset, Split::Val)?;
    let (paths, products): (Vec<PathBuf>, Vec<usize>) = validation.into_iter().unzip();
    let golden_path = paths.first().unwrap_or(&set.index[0]);
    let golden = std::fs::read(golden_path).map_err(|e| Fault::io("read", golden_path, &e))?;
    let parts = |thresholds, with_f32| crate::export::ReleaseParts {
        network: &learned.network,
        weights: &learned.weights,
        preprocess: skueye_models::Preprocess::efficientnet_lite(recipe.size),
        thresholds,
        golden: golden.clone(),
        with_f32,
    };
    // Bands that accept nothing, until the exported model itself has been measured.
    let closed = skueye_models::Thresholds { accept: 1.0, reject: -1.0, margin: 0.0, false_accept_rate: 0.0 };
    let f16_parity = timing.step("check the FP16 export", || {
        let scratch = folders.out.join("device").join("f16");
        crate::export::write_release(&scratch, &parts(closed, false))?;
        let found = embed_pictures(&scratch, &set.queries)?;
        std::fs::remove_dir_all(&scratch).map_err(|e| Fault::io("remove", &scratch, &e))?;
        learn::parity(&learned.student.queries, &found, F16_PARITY)
    })?;
    timing.step("export", || crate::export::write_release(&folders.model, &parts(closed, true)))?;
    let (index, queries) = timing.step("embed with the device's code", || embed_both(&folders.model, set))?;
    let parity = learn::parity(&learned.student.index, &index, F32_PARITY)?
        .min(learn::parity(&learned.student.queries, &queries, F32_PARITY)?);
    let calibration = timing.step("calibrate", || {
        let rows = embed_pictures(&folders.model, &paths)?;
        calibrate(&rows.into_iter().zip(products).collect::<Vec<_>>(), recipe.false_accept_rate)
    })?;
    let manifest = crate::export::write_release(&folders.model, &parts(calibration.thresholds, true))?;
    let curve = |points: &[crate::engine::Point]| points.iter().map(|p| (p.step, p.loss)).collect();
    let curves = vec![("teacher", curve(&learned.curves[0])), ("student", curve(&learned.curves[1]))];
    Ok(Made { manifest, index, queries, rows, curves, parity: Some([parity, f16_parity]), calibration: Some(calibration) })
}

fn build_gallery(
    set: &EvaluationSet,
    index: &[UnitEmbedding],
    id: EmbeddingId,
    dim: u32,
    path: &Path,
) -> Result<(), Fault> {
    let mut builder = GalleryBuilder::new(id, dim)?;
    for (row, &product) in index.iter().zip(&set.truth.index) {
        let product = &set.products[product];
        let place = match builder.product_of(product.gtin) {
            Some(place) => place,
            None => builder.add_product(product.clone())?,
        };
        builder.add_row(place, row)?;
    }
    builder.write(path)
}

fn evaluate(set: &EvaluationSet, made: &Made, gallery: &Path) -> Result<Evaluated, Fault> {
    let gallery = Gallery::open(gallery)?;
    let (plain, reranked) = gallery_rankings(&gallery, &made.queries, TOP)?;
    let rows = Rows {
        student_f32: Some(float_metrics(set, &made.index, &made.queries)),
        student_int8: Some(Metrics::new(&plain, &set.truth)),
        student_int8_reranked: Some(Metrics::new(&reranked, &set.truth)),
        ..made.rows
    };
    Ok(Evaluated { rows, rankings: plain })
}

fn float_metrics(set: &EvaluationSet, index: &[UnitEmbedding], queries: &[UnitEmbedding]) -> Metrics {
    Metrics::new(&float_ranking(index, queries, TOP), &set.truth)
}
