//! `skueye-train evaluate`.

use std::path::{Path, PathBuf};

use clap::Args;
use skueye_models::{Code, Fault};
use skueye_trainer::data::Dataset;
use skueye_trainer::evaluate::{
    self, Bootstrap, EvaluationOptions, Model, NamedVectors, Row, Subject, embed_release, pages,
    release_rows, table_rows, write_submission,
};
use skueye_trainer::files::write_file;
use skueye_trainer::report::{self, Ablation};
use skueye_trainer::vectors::NpyReader;
use skueye_trainer::whitening::Recipe;

use super::print;

#[derive(Args)]
pub struct Evaluate {
    /// The folder of a model release, measured through the device's code.
    model: Option<PathBuf>,
    /// The data set's folder: its index and queries are the test pictures.
    #[arg(long, required_unless_present = "labels")]
    data: Option<PathBuf>,
    /// Instead of a data set, a CSV that says what vectors show: SPLIT (index or query), PRODUCT, and where wanted UUID,
    /// CATEGORY, IMAGE_PATH.
    #[arg(long, conflicts_with_all = ["data", "model"])]
    labels: Option<PathBuf>,
    /// Vectors of the index pictures (.npy), in the table's order. Several times for several networks, which are then also
    /// measured as an ensemble.
    #[arg(long)]
    index_vectors: Vec<PathBuf>,
    /// Vectors of the query pictures, one file for each of --index-vectors.
    #[arg(long)]
    query_vectors: Vec<PathBuf>,
    /// Name of each network, such as its run; by default vectors-1 and so on.
    #[arg(long)]
    name: Vec<String>,
    /// Also measure the vectors whitened by statistics of the index: zca:RIDGE, pca:DIM:RIDGE or projection:DIM.
    #[arg(long)]
    whiten: Option<Recipe>,
    /// Folder for evaluation.json and report.html; an earlier evaluation's are replaced.
    #[arg(long, default_value = "target/evaluation")]
    out: PathBuf,
    /// Also write the eProduct submission file: one line a query, its UUID and ten index UUIDs, separated by commas.
    #[arg(long)]
    submission: Option<PathBuf>,
    /// The row whose answers are submitted; by default the last one, which is re-ranked.
    #[arg(long, requires = "submission")]
    submission_row: Option<String>,
    /// An ablation.json to show in the report.
    #[arg(long)]
    ablation: Option<PathBuf>,
    /// How often items are drawn anew for the 95 % intervals.
    #[arg(long, default_value_t = 1000)]
    replicates: usize,
    /// Seed of the intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Measures, writes the files, prints the figures.
pub fn run(options: &Evaluate, json: bool) -> anyhow::Result<bool> {
    let dataset = options.data.as_deref().map(Dataset::open).transpose()?;
    let subject = match (&dataset, &options.labels) {
        (Some(dataset), _) => Subject::of_dataset(dataset)?,
        (None, Some(labels)) => Subject::of_labels(labels)?,
        (None, None) => unreachable!("one of them is required"),
    };
    let ablation = options.ablation.as_deref().map(read_ablation).transpose()?;
    let products = match &subject.truth {
        Some(truth) => truth.index.clone(),
        None => vec![0; subject.index.len()],
    };
    let tables = read_tables(options, &subject)?;
    let mut rows = table_rows(&tables, options.whiten, &products)?;
    let mut model = None;
    if let Some(folder) = &options.model {
        let embedded = embed_release(folder, &subject)?;
        rows.extend(release_rows(&embedded, &products)?);
        let manifest = embedded.manifest;
        model = Some(Model {
            network: manifest.network,
            embedding_id: manifest.embedding_id.to_string(),
            dim: manifest.dim,
            thresholds: manifest.thresholds,
        });
    }
    if let Some(path) = &options.submission {
        write_submission(path, &subject, &submitted(options, &rows)?.rankings)?;
        if subject.truth.is_none() {
            let written =
                serde_json::json!({ "submission": path, "queries": subject.queries.len() });
            return print(json, &written, |_| format!("wrote {}", path.display()));
        }
    }
    let info = dataset.as_ref().and_then(Dataset::info);
    let labels = options.labels.as_ref().or(options.data.as_ref());
    let evaluation = evaluate::evaluate(
        &subject,
        &rows,
        EvaluationOptions {
            data: match (info, labels) {
                (Some(info), _) => info.name.clone(),
                (None, path) => path.map_or(String::new(), |path| path.display().to_string()),
            },
            synthetic: info.map(|info| info.synthetic),
            model,
            bootstrap: Bootstrap {
                replicates: options.replicates,
                seed: options.seed,
            },
        },
    )?;
    let mut text = serde_json::to_string_pretty(&evaluation).expect("plain values");
    text.push('\n');
    write_file(&options.out.join("evaluation.json"), text.as_bytes())?;
    let page = pages::report(&evaluation, &subject, &rows, info, ablation)?;
    report::write(&options.out.join("report.html"), &page)?;
    print(json, &evaluation, |evaluation| {
        format!(
            "{evaluation}report: {}",
            options.out.join("report.html").display()
        )
    })
}

fn read_ablation(path: &Path) -> Result<Ablation, Fault> {
    let text = std::fs::read_to_string(path).map_err(|e| Fault::io("read", path, &e))?;
    Ablation::parse(&text).map_err(|fault| fault.at(path))
}

fn read_tables(options: &Evaluate, subject: &Subject) -> Result<Vec<NamedVectors>, Fault> {
    let pairs = (options.index_vectors.len(), options.query_vectors.len());
    let fits = pairs.0 == pairs.1 && (options.name.is_empty() || options.name.len() == pairs.0);
    if !fits || (pairs.0 == 0 && options.model.is_none()) {
        let expected = "a model, or as many --index-vectors as --query-vectors, all named or none";
        let got = format!("{} and {}, {} names", pairs.0, pairs.1, options.name.len());
        return Err(Fault::new(
            Code::Usage,
            expected,
            got,
            "call it with --help",
        ));
    }
    let files = options.index_vectors.iter().zip(&options.query_vectors);
    let read = |(i, (index, queries)): (usize, (&PathBuf, &PathBuf))| {
        let table = NamedVectors {
            name: match options.name.get(i) {
                Some(name) => name.clone(),
                None => format!("vectors-{}", i + 1),
            },
            index: NpyReader::open(index)?.read_all()?,
            queries: NpyReader::open(queries)?.read_all()?,
        };
        subject.expect_rows(table.index.rows(), table.queries.rows())?;
        Ok(table)
    };
    files.enumerate().map(read).collect()
}

fn submitted<'a>(options: &Evaluate, rows: &'a [Row]) -> Result<&'a Row, Fault> {
    let row = match &options.submission_row {
        Some(key) => rows.iter().find(|row| row.key == *key),
        None => rows.last(),
    };
    row.ok_or_else(|| {
        let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let expected = format!("one of {}", keys.join(", "));
        let got = options.submission_row.clone().unwrap_or_default();
        Fault::new(Code::Usage, expected, got, "correct --submission-row")
    })
}
