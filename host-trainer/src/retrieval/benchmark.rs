//! The whole benchmark of one set.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use skueye_models::{Code, Fault};
use skueye_vision::decode_file;

use super::extract::{Extractor, Student, Way, vectors_of};
use super::figures::{Figures, Gallery, Measured, Question, Sides, figures};
use super::made::{MadeOptions, emoji_datasource, makers_unseen, synth_unseen};
use super::pooling::Pooling;
use super::public::{self, Layout};
use super::robustness::{Asked, Robustness, robustness, write_sheet};
use super::set::TestSet;
use crate::evaluate::{Bootstrap, device_rows};
use crate::files::write_file;
use crate::vectors::Vectors;
use crate::whitening::{Moments, Recipe, Spectrum};

/// Queries that robustness asks at most: each is computed 25 times.
const ROBUSTNESS_QUERIES: usize = 600;

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct BenchmarkOptions {
    /// The set's name, one of [`names`].
    pub set: String,
    /// The folder of a public set.
    pub root: Option<PathBuf>,
    /// How other sets are made.
    pub made: MadeOptions,
    /// The release that is measured.
    pub model: PathBuf,
    /// Training runs whose networks are measured besides.
    pub runs: Vec<PathBuf>,
    /// Shots of each product; none for all that there are.
    pub shots: Vec<Option<usize>>,
    /// What networks other than the release are whitened by, fitted on all enrolment pictures.
    pub whiten: Recipe,
    /// Edge of the pictures that the pretrained network sees; by default as many as the release's.
    pub pretrained_size: Option<u32>,
    /// Whether the release is also measured in FP16 arithmetic, a second a picture.
    pub fp16_arithmetic: bool,
    /// Whether gallery entries of several shots are compared.
    pub pooling: bool,
    /// Whether corruptions are measured.
    pub robustness: bool,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
    /// Folder for `retrieval.json` and `corruptions.png`.
    pub out: PathBuf,
}

/// The content of `retrieval.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Benchmark {
    /// The set's name.
    pub set: String,
    /// Whether its pictures were computed.
    pub synthetic: bool,
    /// Where it comes from.
    pub source: String,
    /// Who asks and who answers.
    pub protocol: String,
    /// Seed of set, corruptions and intervals.
    pub seed: u64,
    /// Pictures that may be enrolled.
    pub enrolment: usize,
    /// Queries.
    pub queries: usize,
    /// Network of the release.
    pub network: String,
    /// Its embedding space.
    pub embedding_id: String,
    /// Edge of the pictures that it sees.
    pub size: u32,
    /// Edge of the pictures that the pretrained network sees.
    pub pretrained_size: u32,
    /// How other networks are whitened.
    pub whitening: Recipe,
    /// A gallery for each number of shots.
    pub galleries: Vec<Gallery>,
    /// Ways of making entries of several shots.
    pub pooling: Vec<Pooled>,
    /// What corruptions cost.
    pub robustness: Option<Robustness>,
    /// Seconds that all of it took.
    pub seconds: f64,
}

/// The device's answers with entries made in one way.
#[derive(Debug, Clone, Serialize)]
pub struct Pooled {
    /// The way.
    pub pooling: Pooling,
    /// Shots of each product.
    pub shots: Option<usize>,
    /// Rows of the gallery.
    pub rows: usize,
    /// What it is worth. MAR@10 counts rows, so between ways only recall@1 and the open-set figures compare.
    pub figures: Figures,
}

/// The names of all sets.
pub fn names() -> Vec<&'static str> {
    let made = ["synth-unseen", "makers-unseen", "emoji-datasource"];
    made.into_iter()
        .chain(Layout::ALL.map(Layout::name))
        .collect()
}

/// The set that `options` names. Errors: E104 for another name or a public set without its folder, those of reading.
pub fn open(options: &BenchmarkOptions) -> Result<TestSet, Fault> {
    match options.set.as_str() {
        "synth-unseen" => return synth_unseen(&options.made),
        "makers-unseen" => return makers_unseen(&options.made),
        "emoji-datasource" => return emoji_datasource(&options.made),
        _ => {}
    }
    let usage = |expected: String, got: String| {
        Fault::new(Code::Usage, expected, got, "correct --set and --root")
    };
    let layout = Layout::ALL.into_iter().find(|l| l.name() == options.set);
    let layout = layout.ok_or_else(|| usage(names().join(", "), format!("{:?}", options.set)))?;
    let root = options.root.as_deref().ok_or_else(|| {
        let expected = format!("--root, the folder of {}", options.set);
        usage(expected, "none".into())
    })?;
    public::read(layout, root)?.checked()
}

/// Measures. Errors: those of sets, models, pictures, vectors.
pub fn benchmark(options: &BenchmarkOptions) -> Result<Benchmark, Fault> {
    let start = Instant::now();
    let set = open(options)?;
    let student = Student::open(&options.model, options.fp16_arithmetic)?;
    let size = options.pretrained_size;
    let size = size.unwrap_or(student.first.network.size());
    let mut others = vec![(
        "lite0".to_owned(),
        "Pretrained Lite0".to_owned(),
        Extractor::pretrained(&options.made.cache, size)?,
    )];
    for (number, run) in options.runs.iter().enumerate() {
        let network = Extractor::of_run(run)?;
        let name = format!("Teacher {} ({})", number + 1, run.display());
        others.push((format!("teacher{}", number + 1), name, network));
    }
    let ways: Vec<&Way> = std::iter::once(&student.first)
        .chain(&student.others)
        .collect();
    let networks = ways.iter().map(|way| &way.network);
    let networks = networks.chain(others.iter().map(|(_, _, network)| network));
    let mut sides = embed(&set, &networks.collect::<Vec<_>>())?.into_iter();
    let students = ways.iter().zip(sides.by_ref());
    let students = students.map(|(way, sides)| (way.key, way.name, sides));
    let students: Vec<(&str, &str, Sides)> = students.collect();
    let full = &students[0].2;
    let measured = others.into_iter().zip(sides);
    let measured = measured.map(|((key, name, _), sides)| fitted(key, name, sides, options.whiten));
    let measured: Vec<Measured> = measured.collect::<Result<_, Fault>>()?;
    let (mut galleries, mut pooling) = (Vec::new(), Vec::new());
    for &shots in &options.shots {
        let question = Question::new(&set, shots, options.bootstrap);
        let mut rows = question.of_networks(&measured)?;
        if measured.len() > 2 {
            rows.extend(question.of_ensemble(&measured[1..])?);
        }
        rows.extend(question.of_student(&students)?);
        galleries.push(question.gallery(shots, rows));
        if options.pooling && !set.leaves_one_out() {
            pooling.extend(pooled(&set, &question, full, shots, &options.bootstrap)?);
        }
    }
    let robustness = match options.robustness && !set.leaves_one_out() {
        true => Some(worse(options, &set, &student, full)?),
        false => None,
    };
    let benchmark = Benchmark {
        synthetic: set.about.synthetic,
        source: set.about.source.clone(),
        protocol: set.about.protocol.clone(),
        seed: options.made.seed,
        enrolment: set.enrolment.len(),
        queries: set.queries.len(),
        network: student.manifest.network.clone(),
        embedding_id: student.manifest.embedding_id.to_string(),
        size: student.first.network.size(),
        pretrained_size: size,
        whitening: options.whiten,
        galleries,
        pooling,
        robustness,
        seconds: start.elapsed().as_secs_f64(),
        set: set.about.name,
    };
    write(&benchmark, &options.out)?;
    Ok(benchmark)
}

fn write(benchmark: &Benchmark, out: &Path) -> Result<(), Fault> {
    let mut text = serde_json::to_string_pretty(benchmark).expect("plain values");
    text.push('\n');
    write_file(&out.join("retrieval.json"), text.as_bytes())
}

/// Both sides of `set` by each of `networks`.
fn embed(set: &TestSet, networks: &[&Extractor]) -> Result<Vec<Sides>, Fault> {
    let of = |step, pictures: &[super::set::Picture]| {
        vectors_of(networks, step, pictures.len(), |number| {
            decode_file(&pictures[number].path)
        })
    };
    let index: Vec<Vectors> = of("enrol", &set.enrolment)?;
    let queries = match set.leaves_one_out() {
        true => index.clone(),
        false => of("ask", &set.queries)?,
    };
    let pairs = index.into_iter().zip(queries);
    Ok(pairs
        .map(|(index, queries)| Sides { index, queries })
        .collect())
}

/// A network with the whitening that `recipe` makes of its vectors of all enrolment pictures; fewer directions where the
/// pictures do not span as many.
fn fitted(key: String, name: String, sides: Sides, recipe: Recipe) -> Result<Measured, Fault> {
    let spanned = sides.index.rows().saturating_sub(1).min(sides.index.dim());
    let recipe = match recipe {
        Recipe::Pca { dim, ridge } => Recipe::Pca {
            dim: dim.min(spanned).max(1),
            ridge,
        },
        other => other,
    };
    let whitening = match recipe {
        Recipe::Raw => None,
        _ => Spectrum::of(&Moments::of(&sides.index))?.fit(recipe)?,
    };
    Ok(Measured {
        key,
        name,
        sides,
        recipe,
        whitening,
    })
}

fn pooled(
    set: &TestSet,
    question: &Question,
    student: &Sides,
    shots: Option<usize>,
    bootstrap: &Bootstrap,
) -> Result<Vec<Pooled>, Fault> {
    let (index, queries) = question.units(student)?;
    let mut all = Vec::new();
    for pooling in Pooling::ALL {
        let (index, products) = pooling.rows(&index, question.products())?;
        let rows = device_rows("student", "Student", &index, &queries, &products)?;
        let truth = set.truth(products);
        all.extend(rows.into_iter().take(1).map(|row| Pooled {
            pooling,
            shots,
            rows: index.rows(),
            figures: figures(set, &truth, row, bootstrap),
        }));
    }
    Ok(all)
}

fn worse(
    options: &BenchmarkOptions,
    set: &TestSet,
    student: &Student,
    sides: &Sides,
) -> Result<Robustness, Fault> {
    write_sheet(set, options.made.seed, &options.out.join("corruptions.png"))?;
    let asked_for = options.shots.iter().flatten();
    let shots = asked_for.copied().find(|shots| *shots >= 3).unwrap_or(3);
    let question = Question::new(set, Some(shots), options.bootstrap);
    let (index, _) = question.units(sides)?;
    robustness(&Asked {
        set,
        network: &student.first.network,
        index: &index,
        products: question.products(),
        shots,
        most: ROBUSTNESS_QUERIES,
        seed: options.made.seed,
    })
}
