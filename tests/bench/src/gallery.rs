//! `skueye-bench gallery`: builds, opens and searches a gallery of given vectors.

pub mod machine;
mod modes;
mod task;
mod truth;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::{Map, Value, json};
use skueye_gallery::{Gallery, GalleryBuilder, Hits, Kernel, ProductIndex, Searcher, Snapshot};
use skueye_models::{EmbeddingId, Fault, Gtin, Product, UnitEmbedding};

use crate::npy;
use crate::refused;
use machine::Bandwidth;
use modes::Mode;
use task::{Input, Task};

/// What to measure.
#[derive(Debug, Args)]
pub struct GalleryBench {
    #[command(flatten)]
    input: Input,
    /// How many rows are asked for.
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// How many threads answer.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// End with one JSON object on one line.
    #[arg(long)]
    json: bool,
    /// Writes the row numbers found by the last mode: queries x k, int64, -1 where there are fewer.
    #[arg(long)]
    save_ids: Option<PathBuf>,
    /// Modes to measure, by name; all by default.
    #[arg(long, value_delimiter = ',')]
    modes: Vec<String>,
    /// Keeps no FP16 rows.
    #[arg(long)]
    no_halves: bool,
    /// Sorts the rows into this many inverted lists.
    #[arg(long)]
    lists: Option<u32>,
    /// Lists looked at in the mode `lists`.
    #[arg(long, default_value_t = 32)]
    probes: u32,
    /// Seconds spent on each mode, once all queries were asked once.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Keeps the gallery file here instead of in a temporary folder.
    #[arg(long)]
    gallery: Option<PathBuf>,
    /// Measures the times again, with one JSON line more, for each line on the standard input: another program can take
    /// its turns in between.
    #[arg(long)]
    again: bool,
}

impl GalleryBench {
    pub fn run(self) -> Result<(), Fault> {
        let task = self.input.task()?;
        let kept = self.gallery.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("skueye-bench-{}.skg", std::process::id()))
        });
        let outcome = self.measure(&task, &kept);
        if self.gallery.is_none() {
            // What cannot be removed was not made.
            let _ = std::fs::remove_file(&kept);
        }
        outcome
    }

    fn measure(&self, task: &Task, path: &Path) -> Result<(), Fault> {
        let mut report = self.about(task);
        self.building(task, path, &mut report)?;
        self.opening(task, path, &mut report)?;
        let start = Instant::now();
        let truth = truth::nearest(task, self.k)?;
        say(&format!(
            "float search in {:.1} s",
            start.elapsed().as_secs_f64()
        ));

        let gallery = Arc::new(Gallery::open(path)?);
        report.insert("bytes".into(), json!(gallery.view().info().bytes));
        let modes = self.wanted(&gallery)?;
        let snapshot = Snapshot::of(gallery);
        let mut bandwidth = Bandwidth::new(self.threads);
        let mut results = Map::new();
        for mode in &modes {
            let found = mode.find(self, task, &snapshot, &truth)?;
            let mut measured = found.measured;
            measured.extend(mode.time(self, task, &snapshot)?);
            mode.add_share(&mut measured, bandwidth.measure());
            say(&modes::line(mode.name, &measured));
            results.insert(mode.name.into(), Value::Object(measured));
            if let Some(path) = &self.save_ids {
                self.save(path, &found.rows)?;
            }
        }
        let (candidates, time) = modes::rerank(task, &snapshot)?;
        say(&format!("re-rank of {candidates} rows: p50 {time:.3} ms"));
        report.insert("rerank_candidates".into(), json!(candidates));
        report.insert("rerank_p50_ms".into(), json!(time));
        report.insert("bandwidth_gb_s".into(), json!(bandwidth.measure() / 1e9));
        report.insert("modes".into(), Value::Object(results));
        if self.json {
            println!("{}", Value::Object(report));
        }
        self.measure_again(task, &snapshot, &modes)
    }

    fn about(&self, task: &Task) -> Map<String, Value> {
        let about = [
            ("rows", json!(task.rows)),
            ("dim", json!(task.dim)),
            ("queries", json!(task.queries.len() / task.dim)),
            ("k", json!(self.k)),
            ("threads", json!(self.threads)),
            ("kernel", json!(Kernel::best().name())),
        ];
        about
            .map(|(key, value)| (key.into(), value))
            .into_iter()
            .collect()
    }

    /// The modes that the gallery has the sections for, those that were asked for.
    fn wanted(&self, gallery: &Gallery) -> Result<Vec<Mode>, Fault> {
        let all = Mode::of(&gallery.view(), self.probes);
        let unknown = self
            .modes
            .iter()
            .find(|name| all.iter().all(|mode| mode.name != *name));
        if let Some(name) = unknown {
            let names: Vec<&str> = all.iter().map(|mode| mode.name).collect();
            return Err(refused(format!("one of {names:?}"), name.clone()));
        }
        let wanted =
            |mode: &Mode| self.modes.is_empty() || self.modes.iter().any(|n| n == mode.name);
        Ok(all.into_iter().filter(wanted).collect())
    }

    /// One round of times for each line of the standard input.
    fn measure_again(
        &self,
        task: &Task,
        snapshot: &Arc<Snapshot>,
        modes: &[Mode],
    ) -> Result<(), Fault> {
        if !self.again {
            return Ok(());
        }
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            let mut results = Map::new();
            for mode in modes {
                let times = mode.time(self, task, snapshot)?;
                results.insert(mode.name.into(), Value::Object(times));
            }
            println!("{}", json!({ "modes": results }));
        }
        Ok(())
    }

    /// Opens the file as a new process would, asks once, and says what that took.
    fn opening(
        &self,
        task: &Task,
        path: &Path,
        report: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        // The first time of all, a process reads its own program and sets up what watches over maps.
        drop(Gallery::open(path)?);
        let (mut best, mut private) = (f64::INFINITY, u64::MAX);
        for _ in 0..100 {
            let before = machine::private_bytes();
            let start = Instant::now();
            let gallery = Gallery::open(path)?;
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
            private = private.min(machine::private_bytes().saturating_sub(before));
            drop(gallery);
        }
        let evicted = machine::evict(path);
        let start = Instant::now();
        let gallery = Gallery::open(path)?;
        let opened = start.elapsed().as_secs_f64() * 1e3;
        let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
        let start = Instant::now();
        let query = &task.queries[..task.dim];
        searcher.search(&gallery.view(), query, self.k, &mut hits)?;
        let first = start.elapsed().as_secs_f64() * 1e3;
        report.insert("open_ms".into(), json!(best));
        report.insert("open_private_bytes".into(), json!(private));
        report.insert("open_cold_ms".into(), json!(opened));
        report.insert("first_query_ms".into(), json!(first));
        report.insert("first_query_cold".into(), json!(evicted));
        let cache = if evicted { "emptied" } else { "not emptied" };
        say(&format!(
            "open {best:.4} ms, {private} private bytes; with the cache {cache}: open {opened:.3} ms, first query {first:.3} ms"
        ));
        Ok(())
    }

    fn building(
        &self,
        task: &Task,
        path: &Path,
        report: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        let start = Instant::now();
        self.build(task, path)?;
        let (seconds, peak) = (start.elapsed().as_secs_f64(), machine::peak_bytes());
        report.insert("build_s".into(), json!(seconds));
        report.insert("build_peak_bytes".into(), json!(peak));
        say(&format!(
            "built in {seconds:.1} s, with at most {:.0} MB of memory",
            peak as f64 / 1e6
        ));
        Ok(())
    }

    fn build(&self, task: &Task, path: &Path) -> Result<(), Fault> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder =
            GalleryBuilder::new(EmbeddingId([0; 16]), task.dim as u32)?.spill_to(folder);
        if !self.no_halves {
            builder = builder.with_halves();
        }
        if let Some(count) = self.lists.filter(|count| *count > 0) {
            builder = builder.with_lists(count);
        }
        task.for_rows(|first, rows| {
            for (n, row) in (first..).zip(rows.chunks_exact(task.dim)) {
                let number = task
                    .products
                    .as_ref()
                    .map_or(n as i64, |products| products[n]);
                let product = product(&mut builder, number)?;
                builder.add_row(product, &UnitEmbedding::normalise(row.to_vec())?)?;
            }
            Ok(())
        })?;
        builder.write(path)
    }

    fn save(&self, path: &Path, found: &[Vec<u32>]) -> Result<(), Fault> {
        npy::write(path, "<i8", &[found.len(), self.k], |out| {
            use std::io::Write;
            for rows in found {
                let ids = rows.iter().map(|row| i64::from(*row));
                for id in ids.chain(std::iter::repeat(-1)).take(self.k) {
                    out.write_all(&id.to_le_bytes())?;
                }
            }
            Ok(())
        })
    }
}

fn say(line: &str) {
    eprintln!("{line}");
}

/// The product of this number, added where it is new.
fn product(builder: &mut GalleryBuilder, number: i64) -> Result<ProductIndex, Fault> {
    let body = u64::try_from(number).map_err(|_| refused("products from 0", number.to_string()))?;
    let gtin = Gtin::from_body(body, 14)?;
    match builder.product_of(gtin) {
        Some(product) => Ok(product),
        None => builder.add_product(Product {
            gtin,
            title: format!("product {number}"),
            category: String::new(),
        }),
    }
}
