//! `skueye-bench day`: a simulated day of the device's own run loop, with its threads, in front of a simulated shop.
//!
//! The pictures are synthetic: packages drawn by `skueye-train data synth`, of a seed and of brands that no shipped model was
//! trained or calibrated with, filmed as a kiosk's camera would see them. Camera, clock, shop and till are this program's; from
//! the frames to the bytes on the till's cable everything is the device's.
//!
//! | module | subject |
//! |---|---|
//! | `goods` | products, films and gallery, made once |
//! | `film` | frames painted from the films |
//! | `script` | who comes when, and what is unplugged when |
//! | `camera` | the simulated clock and camera |
//! | `till` | the till and its cable |
//! | `operator` | the person at the page |
//! | `ledger` | what was shown, said and heard |
//! | `report` | the day in figures |

pub mod camera;
pub mod film;
mod goods;
pub mod ledger;
pub mod operator;
mod report;
pub mod script;
pub mod till;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use skueye_agent::decision_log::{self, DecisionLog, Recorder, Setup};
use skueye_agent::desk::Desk;
use skueye_agent::moment::Activity;
use skueye_agent::pipeline::Output;
use skueye_agent::report::{Format, Line, Observer, Observers, Reporter};
use skueye_agent::{Config, Policy};
use skueye_models::{Fault, Manifest};
use skueye_vision::model::read_manifest;

use crate::progress::Step;
use camera::{Camera, Shop, SimulatedClock, locked};
use film::{Film, Painter};
use goods::Order;
use ledger::Ledger;
use operator::{Counter, Operator};
use report::Report;
use script::{Plan, Script};
use till::Till;

/// Presentations of a day, and the losses and enrolments that go with them.
const DAY: u64 = 5_000;
const LOSSES: u64 = 20;
/// Scenes after which everything has taken the memory that it needs, and their share of the day at most.
const WARM_UP: (usize, usize) = (200, 10);
/// Seconds between two presentations, on average.
const SECONDS_EACH: u64 = 6;
/// Seconds between two losses of the camera, and of the cable, in a soak.
const SOAK_LOSS_EVERY: u64 = 180;
/// Seconds between two enrolments.
const ENROL_EVERY: u64 = 600;

/// What is simulated.
#[derive(Debug, Args)]
pub struct DayBench {
    /// How many times faster than the clock the day goes, where the machine keeps up.
    #[arg(long, default_value_t = 60.0)]
    speed: f64,
    /// Items that are presented.
    #[arg(long, default_value_t = DAY)]
    presentations: u64,
    /// In place of a fast day: so many seconds at the speed of the clock, the latest frame first, as a camera would have it.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["speed", "presentations"])]
    soak: Option<u64>,
    /// Percent of the presentations that show products that are not in the gallery.
    #[arg(long, default_value_t = 3.0)]
    unknown: f64,
    /// How often the camera, and how often the cable to the till, is unplugged; without it 20 times on 5,000 presentations, every three minutes of a soak, and
    /// twice at least.
    #[arg(long)]
    losses: Option<u64>,
    /// How many products are enrolled at the page; without it one every 10 minutes, and one at least.
    #[arg(long)]
    enrolments: Option<u64>,
    #[command(flatten)]
    ground: Ground,
    /// Write what the device says to this file, as `skueye run --json` does.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// End with one JSON object on one line.
    #[arg(long)]
    json: bool,
}

impl DayBench {
    pub fn run(self) -> Result<()> {
        let manifest = read_manifest(&self.ground.model)?;
        let plan = self.plan();
        let (film, gallery) = self.ground.goods(&plan, &manifest)?;
        let script = Script::write(&plan, &film);
        let report = self.simulate(&plan, script, film, &gallery, &manifest)?;
        match self.json {
            true => println!("{}", report.json()),
            false => print!("{report}"),
        }
        Ok(())
    }

    fn plan(&self) -> Plan {
        let presentations = match self.soak {
            Some(seconds) => (seconds / SECONDS_EACH).max(1),
            None => self.presentations.max(1),
        };
        let losses = match self.soak {
            Some(seconds) => seconds / SOAK_LOSS_EVERY,
            None => (presentations * LOSSES / DAY).min(LOSSES),
        };
        let losses = losses.max(2);
        let losses = self.losses.unwrap_or(losses);
        Plan {
            presentations,
            seed: self.ground.seed,
            unknown: self.unknown.clamp(0.0, 100.0) / 100.0,
            nothing: 0.01,
            camera_losses: losses,
            cable_losses: losses,
            enrolments: self
                .enrolments
                .unwrap_or((presentations * SECONDS_EACH / ENROL_EVERY).max(1)),
        }
    }

    fn simulate(
        &self,
        plan: &Plan,
        script: Script,
        film: Film,
        gallery: &Path,
        manifest: &Manifest,
    ) -> Result<Report> {
        let (speed, policy) = match self.soak {
            Some(_) => (1.0, Policy::LatestWins),
            None => (self.speed.max(0.01), Policy::EveryFrame),
        };
        // What is enrolled and corrected goes with the day.
        let device = tempfile::tempdir_in(&self.ground.folder)?;
        let tty = device.path().join("till");
        let config = self.ground.settings(gallery, device.path(), &tty)?;
        let desk = Desk::new(&config, &device.path().join("kiosk.toml"));
        let (scenes, frames) = (script.scenes.len(), script.frames);
        let ledger = Arc::new(Mutex::new(Ledger::new(&script.scenes, &film)));
        let (orders, cable) = channel();
        let till = Till::new(&tty, Arc::clone(&ledger))?;
        let (clock, counter) = (SimulatedClock::new(speed), Counter::default());
        let painter = Painter::new(film, plan.seed);
        let shop = Shop::new(
            script,
            painter,
            Arc::clone(&ledger),
            orders,
            Arc::clone(&counter),
            clock,
        );
        let (camera, shop) = Camera::new(shop);
        let clerk = Clerk {
            ledger: Arc::clone(&ledger),
            step: Step::new("day", scenes as u64),
            warm: WARM_UP.0.min(scenes / WARM_UP.1),
            memory: Vec::with_capacity(scenes),
        };
        let operator = Operator::new(&desk, Arc::clone(&ledger), counter, speed);
        let (begin, over) = (Instant::now(), AtomicBool::new(false));
        let (summary, memory, page) = std::thread::scope(|scope| {
            let till = scope.spawn(move || till.work(&cable));
            let operator = scope.spawn(|| operator.work(|| over.load(Ordering::Relaxed)));
            let worked = self.work(&config, camera, policy, clerk, &desk);
            // The shop holds the orders to the till; it goes home when they end.
            locked(&shop).close();
            over.store(true, Ordering::Relaxed);
            let till = till.join().map_err(|_| anyhow!("the till panicked"))?;
            let page = operator
                .join()
                .map_err(|_| anyhow!("the operator panicked"))?;
            let (summary, clerk) = worked?;
            till?;
            anyhow::Ok((summary, evenly(&clerk.memory), page))
        })?;
        let log = decision_log::verify(&device.path().join("log"))?;
        let recoveries = std::mem::take(&mut locked(&shop).recoveries);
        let ledger = locked(&ledger);
        Ok(Report {
            plan: *plan,
            simulated: Duration::from_millis(frames * 1000 / script::FPS),
            real: begin.elapsed(),
            soak: self.soak.is_some(),
            speed,
            memory,
            recoveries,
            page,
            log,
            bound: manifest.thresholds.false_accept_rate,
            summary,
            figures: report::Figures::of(&ledger),
        })
    }

    fn work(
        &self,
        config: &Config,
        camera: Camera,
        policy: Policy,
        mut clerk: Clerk,
        desk: &Desk,
    ) -> Result<(skueye_agent::report::Summary, Clerk)> {
        let mut file = match &self.events {
            Some(path) => Some(std::fs::File::create(path).context(path.display().to_string())?),
            None => None,
        };
        let mut observers = Observers::default();
        observers.add(&mut clerk);
        observers.add(&desk.board);
        if let Some(file) = &mut file {
            observers.add(Reporter::new(file, Format::Json));
        }
        let log = config.log.folder.as_deref();
        let log = log.map(|folder| DecisionLog::open(folder, config.log.keep));
        if let Some(log) = &log {
            observers.add(Recorder::new(log.handle(), Setup::read(config)?));
        }
        let activity = Activity::default();
        let output = Output {
            observer: &mut observers,
            link_log: None,
            activity: &activity,
            desk,
        };
        let summary = skueye_agent::run(config, camera, policy, output)?;
        drop(observers);
        Ok((summary, clerk))
    }
}

/// Where a simulated day takes place.
#[derive(Debug, Args)]
pub struct Ground {
    /// The model's folder.
    #[arg(long, default_value = "models/zoo/default")]
    pub model: PathBuf,
    /// The library of ONNX Runtime, for the runtime `onnxruntime`.
    #[arg(long)]
    onnxruntime: Option<PathBuf>,
    /// What computes the network: auto, tensorrt, onnxruntime or tract.
    #[arg(long, default_value = "auto")]
    runtime: String,
    /// Seed of the goods and of the day.
    #[arg(long, default_value_t = 2027)]
    pub seed: u64,
    /// What is made stays here and is made once.
    #[arg(long, default_value = "target/bench/day")]
    pub folder: PathBuf,
    /// The trainer, which draws the goods; without it the one beside this program.
    #[arg(long)]
    trainer: Option<PathBuf>,
}

impl Ground {
    /// Goods for `plan` on film, and the gallery that knows them.
    pub fn goods(&self, plan: &Plan, manifest: &Manifest) -> Result<(Film, PathBuf)> {
        std::fs::create_dir_all(&self.folder)?;
        let trainer = self.trainer.clone().unwrap_or_else(beside);
        let id = manifest.embedding_id;
        let goods = order(plan).fill(&trainer, &self.model, id, &self.folder)?;
        Ok((Film::read(goods.films)?, goods.gallery))
    }

    /// The kiosk's own settings with this model, a copy of `gallery` in the folder `device`, and this till.
    pub fn settings(&self, gallery: &Path, device: &Path, tty: &Path) -> Result<Config> {
        let own = device.join("gallery.skg");
        std::fs::copy(gallery, &own)?;
        let here = std::env::current_dir()?;
        let quoted = |path: &Path| format!("{:?}", here.join(path).display().to_string());
        let library = self.onnxruntime.as_deref();
        let library = library.map_or(String::new(), |l| format!("onnxruntime = {}\n", quoted(l)));
        let text = format!(
            "[model]\nfolder = {}\nruntime = {:?}\nengines = {}\n{library}\
             [gallery]\npath = {}\n\
             [enrol]\npictures = {}\nfeedback = {}\n\
             [log]\nfolder = {}\n\
             [link]\npty = false\nserial = {}\nbaud = 115200\nack_timeout_ms = 2000\nack_retries = 2\n",
            quoted(&self.model),
            self.runtime,
            quoted(&self.folder.join("engines")),
            quoted(&own),
            quoted(&device.join("enrolled")),
            quoted(&device.join("feedback.jsonl")),
            quoted(&device.join("log")),
            quoted(tty),
        );
        Config::parse(&text, &here).map_err(|problems| anyhow!("{problems:?}"))
    }
}

/// Goods for the day: few for a short one, so that it begins soon; each unknown product is shown once on the usual day.
fn order(plan: &Plan) -> Order {
    let unknown = (plan.presentations as f64 * plan.unknown).ceil() as usize;
    Order {
        seed: plan.seed,
        known: (plan.presentations as usize / 4).clamp(12, 130),
        unknown: unknown.clamp(4, 1_000),
        newcomers: plan.enrolments.min(100) as usize,
    }
}

/// The trainer beside this program.
fn beside() -> PathBuf {
    let beside = |path: PathBuf| path.with_file_name("skueye-train");
    std::env::current_exe().map_or_else(|_| PathBuf::from("skueye-train"), beside)
}

/// Writes down what the device says.
struct Clerk {
    ledger: Arc<Mutex<Ledger>>,
    step: Step,
    /// The scene from which on no more memory is needed.
    warm: usize,
    /// What was held from then on, MiB: the newest scene with it.
    memory: Vec<(usize, f64)>,
}

/// So many values of memory are told.
const MEMORY: usize = 6;

impl Observer for &mut Clerk {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        let mut ledger = locked(&self.ledger);
        match line {
            Line::Event(event) => ledger.event(event),
            Line::Answer { was, sent, .. } => ledger.answer(*was, *sent),
            Line::Late { gtin, sent, .. } => ledger.late(*gtin, *sent),
            Line::Fault { fault, .. } => ledger.fault(&fault.code().to_string()),
            _ => {}
        }
        let reached = ledger.reached();
        drop(ledger);
        if reached >= self.warm && self.memory.last().is_none_or(|last| last.0 < reached) {
            self.memory.push((reached, resident_mb()));
        }
        self.step
            .reach(reached as u64, || format!("{:.0} MiB", resident_mb()));
        Ok(())
    }
}

/// The first, the last and some values between.
fn evenly(memory: &[(usize, f64)]) -> Vec<f64> {
    let last = memory.len().saturating_sub(1);
    let places = (0..MEMORY).map(|n| n * last / (MEMORY - 1));
    places.filter_map(|at| Some(memory.get(at)?.1)).collect()
}

/// What this process holds in memory, MiB.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kilobytes.unwrap_or(0.0_f64) / 1024.0
}
