//! `skueye-bench start`: from the start of the device program to its first answer, with a gallery of many rows.
//!
//! The real program `skueye run` is started again and again on a short film. It is *ready* when it says where the till listens:
//! model and gallery are open then, the self-test is passed, and the next thing that it does is to ask for a frame. The parts
//! of that time are measured in this process with the same code.

mod shop;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use skueye_agent::{Config, recognise};
use skueye_vision::model::ModelSet;

use shop::Shop;

/// What is started.
#[derive(Debug, Args)]
pub struct StartBench {
    /// The model's folder.
    #[arg(long, default_value = "models/zoo/default")]
    model: PathBuf,
    /// Rows of the gallery, four for each product.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// How often it is started; medians are told.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// What computes the network: auto, tensorrt, onnxruntime or tract.
    #[arg(long, default_value = "tract")]
    runtime: String,
    /// The library of ONNX Runtime, for the runtime `onnxruntime`.
    #[arg(long)]
    onnxruntime: Option<PathBuf>,
    /// The device program; without it the one beside this program.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Gallery, film and settings stay here.
    #[arg(long, default_value = "target/bench/start")]
    folder: PathBuf,
    /// End with one JSON object on one line.
    #[arg(long)]
    json: bool,
}

/// Seconds of one start.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Of the program, from its start.
    ready: f64,
    first_event: f64,
    /// In this process.
    gallery: f64,
    model: f64,
    self_test: f64,
}

impl StartBench {
    pub fn run(self) -> Result<()> {
        let shop = Shop::open(&self.folder, &self.model, self.rows)?;
        let settings = shop.settings(&self.runtime, self.onnxruntime.as_deref())?;
        let config = Config::load(&settings)?;
        let program = self.program.clone().unwrap_or_else(beside);
        let mut rounds = Vec::new();
        // The first reads the files from the disk, so it is told apart.
        for number in 0..=self.rounds.max(1) {
            let (ready, first_event) = start(&program, &settings, &shop.film())?;
            let round = parts(&config, ready, first_event)?;
            eprintln!("{number}: ready {ready:.3} s, first event {first_event:.3} s");
            rounds.push(round);
        }
        let report = self.report(&rounds);
        match self.json {
            true => println!("{report}"),
            false => say(&report),
        }
        Ok(())
    }

    fn report(&self, rounds: &[Round]) -> Value {
        let (first, rest) = rounds.split_first().expect("there is a first round");
        let median = |of: fn(&Round) -> f64| {
            let mut values: Vec<f64> = rest.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        json!({
            "rows": self.rows,
            "runtime": self.runtime,
            "rounds": rest.len(),
            "first_ready_s": first.ready,
            "ready_s": median(|round| round.ready),
            "first_event_s": median(|round| round.first_event),
            "model_load_with_self_test_s": median(|round| round.model),
            "self_test_s": median(|round| round.self_test),
            "gallery_open_s": median(|round| round.gallery),
        })
    }
}

/// Starts the program on `film`. Seconds from its start to the line that says where the till listens, and to the first event.
fn start(program: &Path, settings: &Path, film: &Path) -> Result<(f64, f64)> {
    let begin = Instant::now();
    let child = Command::new(program)
        .args(["run", "--json", "--config"])
        .arg(settings)
        .arg("--replay")
        .arg(film)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.with_context(|| {
        let place = program.display();
        format!("{place} does not start; build it: cargo build --release -p skueye-agent")
    })?;
    let stdout = child.stdout.take().context("a pipe")?;
    let (mut ready, mut event) = (None, None);
    for line in BufReader::new(stdout).lines() {
        let (line, now) = (line?, begin.elapsed().as_secs_f64());
        let line: Value = serde_json::from_str(&line)?;
        match line["kind"].as_str() {
            Some("link") => ready = ready.or(Some(now)),
            Some("event") => event = event.or(Some(now)),
            _ => {}
        }
    }
    ensure!(child.wait()?.success(), "the program failed");
    let missing = "the program said neither where the till listens nor what it saw";
    Ok((ready.context(missing)?, event.context(missing)?))
}

/// The parts of a start, in this process.
fn parts(config: &Config, ready: f64, first_event: f64) -> Result<Round> {
    let begin = Instant::now();
    let store = recognise::open_gallery(&config.gallery)?;
    let gallery = begin.elapsed().as_secs_f64();
    drop(store);
    let begin = Instant::now();
    let mut model = ModelSet::load_with(&config.model, &config.runtime)?;
    let loaded = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    model.settle(&mut |_| {})?;
    Ok(Round {
        ready,
        first_event,
        gallery,
        model: loaded,
        self_test: begin.elapsed().as_secs_f64(),
    })
}

/// The device program beside this one.
fn beside() -> PathBuf {
    let beside = |path: PathBuf| path.with_file_name("skueye");
    std::env::current_exe().map_or_else(|_| PathBuf::from("skueye"), beside)
}

fn say(report: &Value) {
    for (key, value) in report.as_object().into_iter().flatten() {
        match value.as_f64().filter(|_| value.is_f64()) {
            Some(seconds) => println!("{key:<28} {seconds:.3}"),
            None => println!("{key:<28} {value}"),
        }
    }
}
