//! The ways to search, each measured alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use skueye_gallery::{GalleryView, Give, Hits, Request, Reranker, Scan, Searcher, Snapshot, Team};
use skueye_models::Fault;

use super::{GalleryBench, Task};

/// Rows that are re-ranked (METHOD 3.3).
const RERANKED: usize = 100;

/// A way to search.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    pub name: &'static str,
    scan: Scan,
    halves: bool,
}

impl Mode {
    /// Those that the gallery has the sections for.
    pub fn of(view: &GalleryView<'_>, probes: u32) -> Vec<Self> {
        let info = view.info();
        let modes = [
            ("exact", Scan::Exact, false),
            ("exact_fp16", Scan::Exact, true),
            ("pruned", Scan::Pruned, false),
            ("pruned_fp16", Scan::Pruned, true),
            ("lists", Scan::Lists { probes }, false),
            ("lists_fp16", Scan::Lists { probes }, true),
        ];
        let all = modes
            .into_iter()
            .map(|(name, scan, halves)| Self { name, scan, halves });
        all.filter(|mode| match mode.scan {
            Scan::Exact | Scan::Auto => true,
            Scan::Pruned => info.sketches,
            Scan::Lists { .. } => info.lists > 0,
        })
        .filter(|mode| !mode.halves || info.halves)
        .collect()
    }

    fn request(self, bench: &GalleryBench) -> Request<'static> {
        Request {
            scan: self.scan,
            give: Give::Rows,
            halves: self.halves,
            ..Request::new(bench.k)
        }
    }

    /// Asks every query once, for what is found and what is read for it.
    pub fn find(
        self,
        bench: &GalleryBench,
        task: &Task,
        snapshot: &Snapshot,
        truth: &[Vec<u32>],
    ) -> Result<Found, Fault> {
        let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
        let mut rows = Vec::new();
        for query in task.each_query() {
            searcher.answer_in(snapshot, query, &self.request(bench), &mut hits)?;
            rows.push(hits.rows().iter().map(|hit| hit.row).collect());
        }
        let recall = |wanted: &dyn Fn(usize) -> bool| recall(truth, &rows, wanted);
        let known = |known: bool| {
            let flags = task.known.as_ref()?;
            recall(&|n| flags[n] == known)
        };
        let measured = [
            ("recall10", json!(recall(&|_| true))),
            ("recall10_known", json!(known(true))),
            ("recall10_unknown", json!(known(false))),
            (
                "bytes_per_query",
                json!(searcher.bytes_read() / rows.len() as u64),
            ),
        ];
        Ok(Found {
            measured: named(measured),
            rows,
        })
    }

    /// Asks every query as often as there is time for, for how long it takes.
    pub fn time(
        self,
        bench: &GalleryBench,
        task: &Task,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Map<String, Value>, Fault> {
        let request = self.request(bench);
        let (mut team, mut hits) = (Team::new(bench.threads)?, Hits::new());
        let mut times = Vec::new();
        let start = Instant::now();
        while times.is_empty() || start.elapsed().as_secs_f64() < bench.seconds {
            for query in task.each_query() {
                let begun = Instant::now();
                team.answer(snapshot, query, &request, None, &mut hits)?;
                times.push(begun.elapsed());
            }
        }
        let qps = times.len() as f64 / start.elapsed().as_secs_f64();
        let mut all = vec![Hits::new(); task.queries.len() / task.dim];
        let start = Instant::now();
        team.answer_all(snapshot, &task.queries, &request, None, &mut all)?;
        let batch_qps = all.len() as f64 / start.elapsed().as_secs_f64();
        times.sort_unstable();
        let mean = times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64;
        Ok(named([
            ("min_ms", json!(ms(at(&times, 0.0)))),
            ("p50_ms", json!(ms(at(&times, 0.5)))),
            ("p99_ms", json!(ms(at(&times, 0.99)))),
            ("mean_ms", json!(mean * 1e3)),
            ("qps", json!(qps)),
            ("batch_qps", json!(batch_qps)),
        ]))
    }

    /// Says how near the median query comes to reading memory as fast as it can be read (bytes per second). Above 1: what
    /// was read lay in a cache.
    pub fn add_share(self, measured: &mut Map<String, Value>, bandwidth: f64) {
        let number = |key: &str| measured.get(key).and_then(Value::as_f64);
        let share = number("bytes_per_query")
            .zip(number("p50_ms"))
            .map(|(bytes, median)| bytes / (median / 1e3) / bandwidth);
        measured.insert("bandwidth_share".into(), json!(share));
    }
}

/// How many rows are put in a new order at the most, and the median of what that takes (METHOD 3.3), ms.
pub fn rerank(task: &Task, snapshot: &Snapshot) -> Result<(usize, f64), Fault> {
    let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
    let mut reranker = Reranker::new(task.dim);
    let request = Request {
        give: Give::Rows,
        ..Request::new(RERANKED)
    };
    let (mut times, mut most) = (Vec::new(), 0);
    for query in task.each_query() {
        searcher.answer_in(snapshot, query, &request, &mut hits)?;
        let start = Instant::now();
        let reranked = reranker.rerank(&snapshot.base().view(), query, hits.rows())?;
        times.push(start.elapsed());
        most = most.max(reranked.len());
    }
    times.sort_unstable();
    Ok((most, ms(at(&times, 0.5))))
}

/// What a mode found.
pub struct Found {
    pub measured: Map<String, Value>,
    /// The rows of each query, the best first.
    pub rows: Vec<Vec<u32>>,
}

fn named<const N: usize>(values: [(&str, Value); N]) -> Map<String, Value> {
    let values = values.map(|(key, value)| (key.to_owned(), value));
    values.into_iter().collect()
}

/// The share of the right rows that was found, over the queries that are `wanted`; `None` where there are none.
fn recall(truth: &[Vec<u32>], found: &[Vec<u32>], wanted: &dyn Fn(usize) -> bool) -> Option<f64> {
    let (mut right, mut all) = (0, 0);
    for (n, (truth, found)) in truth.iter().zip(found).enumerate() {
        if wanted(n) {
            right += truth.iter().filter(|row| found.contains(row)).count();
            all += truth.len();
        }
    }
    (all > 0).then(|| right as f64 / all as f64)
}

fn at(times: &[Duration], share: f64) -> Duration {
    let at = (times.len() as f64 * share) as usize;
    times
        .get(at.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A line for people.
pub fn line(name: &str, measured: &Map<String, Value>) -> String {
    let number = |key: &str| {
        measured
            .get(key)
            .and_then(Value::as_f64)
            .unwrap_or(f64::NAN)
    };
    format!(
        "{name:<12} recall {:.4} (known {:.4}, unknown {:.4})  min {:.3}  p50 {:.3}  p99 {:.3} ms  {:.0}/s  {:.0} % of the bandwidth",
        number("recall10"),
        number("recall10_known"),
        number("recall10_unknown"),
        number("min_ms"),
        number("p50_ms"),
        number("p99_ms"),
        number("qps"),
        number("bandwidth_share") * 100.0
    )
}
