//! `skueye-train bench`.

use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::{Args, Subcommand};
use skueye_models::{Code, Fault};
use skueye_trainer::bench::protocol::{Precision, Task};
use skueye_trainer::bench::{Options, throughput};

use super::{print, retrieval};

#[derive(Subcommand)]
pub enum Bench {
    /// Training images per second against PyTorch: same network, batch and precision, in turns.
    Throughput(Throughput),
    /// Products known again after a few shots, on sets that nobody tuned for; and what worse pictures cost.
    Retrieval(retrieval::Retrieval),
    /// One side of it; the benchmark starts it.
    #[command(hide = true)]
    Worker {
        /// The task, JSON.
        task: String,
    },
}

#[derive(Args)]
pub struct Throughput {
    /// Names of networks.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "resnet50,efficientnet-lite0,convnext-tiny"
    )]
    network: Vec<String>,
    /// f32, bf16 or both.
    #[arg(long, value_delimiter = ',', default_value = "f32,bf16")]
    precision: Vec<Precision>,
    /// Pictures of a step.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Edge of the pictures, pixels.
    #[arg(long, default_value_t = 224)]
    size: u32,
    /// cpu or cuda:0.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Turns of each side.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Least length of a turn, seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Threads that compute, and as many that decode; by default one for each core.
    #[arg(long)]
    threads: Option<usize>,
    /// Let PyTorch compile the network first (torch.compile) instead of running it eagerly.
    #[arg(long)]
    compile: bool,
    /// A data set whose training pictures are decoded and cropped on the way.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// Folders with PyTorch's packages, as PYTHONPATH takes them, instead of fetching them.
    #[arg(long)]
    packages: Option<PathBuf>,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/bench")]
    cache: PathBuf,
}

/// Runs the benchmark, or one side of it.
pub fn run(command: Bench, json: bool) -> anyhow::Result<bool> {
    match command {
        Bench::Throughput(options) => {
            let report = throughput(&settled(options))?;
            print(json, &report, |report| report.to_string())
        }
        Bench::Retrieval(options) => retrieval::run(options, json),
        Bench::Worker { task } => work(&task),
    }
}

fn settled(options: Throughput) -> Options {
    let cores = available_parallelism().map_or(1, |n| n.get());
    Options {
        networks: options.network,
        precisions: options.precision,
        batch: options.batch,
        size: options.size,
        device: options.device,
        rounds: options.rounds,
        seconds: options.seconds,
        threads: options.threads.unwrap_or(cores),
        compile: options.compile,
        pictures: options.pictures,
        packages: options.packages,
        cache: options.cache,
    }
}

fn work(task: &str) -> anyhow::Result<bool> {
    let task: Task = serde_json::from_str(task).map_err(|e| {
        let remedy = "call `skueye-train bench throughput`, which starts its workers itself";
        Fault::new(Code::Usage, "a task as JSON", e.to_string(), remedy)
    })?;
    serve(&task)?;
    Ok(true)
}

#[cfg(feature = "torch")]
use skueye_trainer::bench::serve;

#[cfg(not(feature = "torch"))]
fn serve(_: &Task) -> Result<(), Fault> {
    Err(Fault::new(
        Code::TrainingUnavailable,
        "a program with the training engine",
        "one without",
        "build with `--features torch`",
    ))
}
