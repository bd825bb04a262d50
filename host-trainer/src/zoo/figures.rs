//! What a model is worth on sets that nobody tuned for, kept beside it, so that anybody can measure it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

use crate::evaluate::Bootstrap;
use crate::files::write_json;
use crate::retrieval::{Benchmark, BenchmarkOptions, Enrol, MadeOptions, benchmark};
use crate::whitening::Recipe;

/// Figures that differ by no more are the same: other processors round otherwise, and with some hundred queries one that
/// falls to the other side moves a figure by as much.
pub const TOLERANCE: f64 = 0.004;

/// What is measured with.
#[derive(Debug, Clone)]
pub struct MeasureOptions {
    /// The model's folder.
    pub model: PathBuf,
    /// Products of `synth-unseen`.
    pub products: usize,
    /// Where sets and results lie.
    pub work: PathBuf,
    /// Where fetched packages stay.
    pub cache: PathBuf,
    /// Seed of sets, corruptions and intervals.
    pub seed: u64,
}

/// Figures of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Its embedding space.
    pub embedding_id: String,
    /// Its network.
    pub network: String,
    /// Edge of the pictures that it and the pretrained network see.
    pub size: u32,
    /// Products of `synth-unseen`, and the seed of all sets.
    pub products: usize,
    /// The seed of sets, corruptions and intervals.
    pub seed: u64,
    /// Ways of answering, on each set and number of shots.
    pub rows: Vec<Row>,
    /// What corruptions cost.
    pub worse: Vec<Worse>,
}

/// A way of answering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The set's name.
    pub set: String,
    /// Products of its gallery.
    pub products: usize,
    /// Enrolment pictures of each at most.
    pub shots: usize,
    /// The way, such as `student_int8`.
    pub key: String,
    /// How often the first answer is right.
    pub recall1: f64,
    /// 95 % interval of it, products drawn anew.
    pub recall1_interval: [f64; 2],
    /// METHOD 5.
    pub mar10: f64,
    /// Over the first ten answers.
    pub map10: f64,
    /// How often a known item's best score lies above an unknown one's.
    pub auroc: Option<f64>,
    /// Share of known items that a threshold rejects which 1 % of the unknown ones reach.
    pub false_reject: Option<f64>,
    /// How often the first answer is of the right product line.
    pub line_recall1: Option<f64>,
}

/// A corruption of the pictures that ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worse {
    /// The corruption.
    pub corruption: String,
    /// Its level, 1 to 3.
    pub level: usize,
    /// The share of R@1 that it costs.
    pub recall1_lost: f64,
}

/// A figure that came out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Which.
    pub figure: String,
    /// What the file says.
    pub kept: Option<f64>,
    /// What was measured now.
    pub found: Option<f64>,
}

/// The sets, in the order of the table.
const SETS: [&str; 3] = ["synth-unseen", "makers-unseen", "emoji-datasource"];

impl Figures {
    /// Measures the model. Errors: those of the benchmark.
    pub fn measure(options: &MeasureOptions) -> Result<Self, Fault> {
        let mut rows = Vec::new();
        let mut worse = Vec::new();
        let mut last = None;
        for set in SETS {
            let found = benchmark(&options.of(set))?;
            rows.extend(of_galleries(&found));
            worse.extend(corruptions(&found));
            last = Some(found);
        }
        let last = last.expect("there are sets");
        Ok(Self {
            embedding_id: last.embedding_id,
            network: last.network,
            size: last.size,
            products: options.products,
            seed: options.seed,
            rows,
            worse,
        })
    }

    /// Those in the file `path`. Errors: E901, E101 for another content.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
        serde_json::from_slice(&text).map_err(|e| {
            let expected = "figures as `skueye-train zoo measure` writes them";
            let remedy = "measure again";
            Fault::new(Code::SettingsSyntax, expected, e.to_string(), remedy).at(path)
        })
    }

    /// Writes them to `path`. Errors: E901.
    pub fn write(&self, path: &Path) -> Result<(), Fault> {
        write_json(path, self)
    }

    /// Where `found`, measured now, is not what is kept here.
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let (kept, found) = (self.named(), found.named());
        let names: BTreeSet<&String> = kept.keys().chain(found.keys()).collect();
        let differs = |name: &String| match (kept.get(name), found.get(name)) {
            (Some((kept, bound)), Some((found, _))) if (kept - found).abs() <= *bound => None,
            (kept, found) => Some(Difference {
                figure: name.clone(),
                kept: kept.map(|(value, _)| *value),
                found: found.map(|(value, _)| *value),
            }),
        };
        names.into_iter().filter_map(differs).collect()
    }

    /// Every figure by name, with how far it may move.
    fn named(&self) -> BTreeMap<String, (f64, f64)> {
        let mut named = BTreeMap::new();
        for row in &self.rows {
            let Row {
                set, shots, key, ..
            } = row;
            let figures = [
                ("recall1", Some(row.recall1)),
                ("mar10", Some(row.mar10)),
                ("map10", Some(row.map10)),
                ("auroc", row.auroc),
                ("line_recall1", row.line_recall1),
            ];
            let there = figures
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            let figure =
                |(name, value)| (format!("{set} {shots} {key} {name}"), (value, TOLERANCE));
            named.extend(there.map(figure));
        }
        // A share of what is left: of the worst corruptions little is, so it moves further.
        let lost = self.worse.iter().map(|w| {
            let name = format!("{} {}", w.corruption, w.level);
            (name, (w.recall1_lost, 4.0 * TOLERANCE))
        });
        named.extend(lost);
        named
    }

    /// The row `key` of `set` with `shots`.
    pub fn row(&self, set: &str, shots: usize, key: &str) -> Option<&Row> {
        let is = |row: &&Row| row.set == set && row.shots == shots && row.key == key;
        self.rows.iter().find(is)
    }
}

impl MeasureOptions {
    fn of(&self, set: &str) -> BenchmarkOptions {
        BenchmarkOptions {
            set: set.to_owned(),
            root: None,
            made: MadeOptions {
                work: self.work.clone(),
                cache: self.cache.clone(),
                products: self.products,
                seed: self.seed,
                enrol: Enrol::Camera,
                shots: 5,
            },
            model: self.model.clone(),
            runs: Vec::new(),
            shots: vec![Some(1), Some(3), Some(5)],
            whiten: Recipe::Pca {
                dim: 256,
                ridge: 0.01,
            },
            pretrained_size: None,
            fp16_arithmetic: false,
            pooling: false,
            robustness: set == SETS[0],
            bootstrap: Bootstrap {
                replicates: 300,
                seed: self.seed,
            },
            out: self.work.join("results").join(set),
        }
    }
}

fn of_galleries(found: &Benchmark) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut before = 0;
    for gallery in &found.galleries {
        // A set whose items have three pictures has no gallery of five.
        if gallery.rows == before {
            continue;
        }
        before = gallery.rows;
        rows.extend(gallery.figures.iter().map(|figures| {
            let metrics = &figures.row.metrics;
            let interval = figures.row.recall1_intervals.map(|both| both.by_product);
            Row {
                set: found.set.clone(),
                products: gallery.products,
                shots: gallery.shots.unwrap_or(0),
                key: figures.row.key.clone(),
                recall1: metrics.recall1,
                recall1_interval: interval.map_or([metrics.recall1; 2], |i| [i.low, i.high]),
                mar10: metrics.mar10,
                map10: metrics.map10,
                auroc: metrics.auroc,
                false_reject: figures.false_reject_at_1_percent,
                line_recall1: figures.line_recall1,
            }
        }));
    }
    rows
}

fn corruptions(found: &Benchmark) -> Vec<Worse> {
    let robustness = found.robustness.iter();
    let worse = robustness.flat_map(|robustness| &robustness.worse);
    let worse = worse.map(|worse| Worse {
        corruption: worse.corruption.to_string(),
        level: worse.level,
        recall1_lost: worse.recall1_lost,
    });
    worse.collect()
}

/// Two tables in Markdown, as the card shows them.
impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "| set | products | shots | R@1 | MAR@10 | pretrained, whitened: R@1 | MAR@10 | AUROC | refused at 1 % false accepts |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for row in self.rows.iter().filter(|row| row.key == "student_int8") {
            let [low, high] = row.recall1_interval;
            let before = self.row(&row.set, row.shots, "lite0_whitened");
            let figure = |value: Option<f64>| value.map_or("–".into(), |v| format!("{v:.3}"));
            writeln!(
                f,
                "| `{}` | {} | {} | {:.3} ({low:.3} to {high:.3}) | {:.3} | {} | {} | {} | {} |",
                row.set,
                row.products,
                row.shots,
                row.recall1,
                row.mar10,
                figure(before.map(|row| row.recall1)),
                figure(before.map(|row| row.mar10)),
                figure(row.auroc),
                figure(row.false_reject),
            )?;
        }
        if self.worse.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\n| what a corruption takes from R@1 | level 1 | level 2 | level 3 |"
        )?;
        write!(f, "|---|---|---|---|")?;
        let mut last = "";
        for worse in &self.worse {
            if worse.corruption != last {
                write!(f, "\n| {} |", worse.corruption)?;
                last = &worse.corruption;
            }
            write!(f, " {:.1} % |", worse.recall1_lost * 100.0)?;
        }
        writeln!(f)
    }
}
