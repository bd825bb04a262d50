//! `skueye-bench page-load`: what browsers and requests on the page cost the recognition.
//!
//! The run loop recognises as on a simulated day (see `day`), the latest frame first; the page is served by the same process,
//! as on the device. Phases with load and phases without follow in turns, so that a busy machine slows both alike. The load
//! comes from a process of its own: browsers that follow the events and fetch each new picture, and requests at a steady rate.

pub mod clients;

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde_json::{Value, json};
use skueye_agent::Policy;
use skueye_agent::desk::Desk;
use skueye_agent::moment::Activity;
use skueye_agent::pipeline::Output;
use skueye_agent::report::{Line, Observer, Observers};
use skueye_camera::{CameraError, Event, Frame, FrameSource};
use skueye_models::Fault;
use skueye_page::{Access, Settings};
use skueye_vision::model::read_manifest;

use crate::day::Ground;
use crate::day::camera::{Camera, Shop, SimulatedClock, locked};
use crate::day::film::Painter;
use crate::day::ledger::Ledger;
use crate::day::operator::Counter;
use crate::day::script::{Plan, Script};
use crate::day::till::Till;
use crate::progress::Step;

/// How many times faster than the clock the shop is, so that there is something to recognise.
const SPEED: f64 = 20.0;
/// Presentations a second at that speed, more than there will be.
const MOST_A_SECOND: u64 = 6;
/// Seconds before the first phase and between two.
const PAUSE: Duration = Duration::from_secs(1);

/// What is measured.
#[derive(Debug, Args)]
pub struct PageLoadBench {
    /// Browsers.
    #[arg(long, default_value_t = 50)]
    browsers: usize,
    /// Requests a second besides.
    #[arg(long, default_value_t = 200)]
    requests: u64,
    /// Seconds of each phase.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Phases with load, and as many without.
    #[arg(long, default_value_t = 4)]
    rounds: usize,
    #[command(flatten)]
    ground: Ground,
    /// End with one JSON object on one line.
    #[arg(long)]
    json: bool,
}

/// In which phase the events are: 0 in none, 1 without load, 2 with it.
type Phase = AtomicUsize;

/// Milliseconds of each event without and with load: of the last look, and from its frame to the answer.
#[derive(Debug, Default)]
struct Samples {
    look: [Vec<f32>; 2],
}

impl PageLoadBench {
    pub fn run(self) -> Result<()> {
        let manifest = read_manifest(&self.ground.model)?;
        let plan = self.plan();
        let (film, gallery) = self.ground.goods(&plan, &manifest)?;
        let script = Script::write(&plan, &film);
        let device = tempfile::tempdir_in(&self.ground.folder)?;
        let tty = device.path().join("till");
        let config = self.ground.settings(&gallery, device.path(), &tty)?;
        let desk = Arc::new(Desk::new(&config, &device.path().join("kiosk.toml")));
        let (access, _) = Access::open(device.path().join("access.json"))?;
        let settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            ..Settings::default()
        };
        let server = skueye_page::serve(settings, Arc::clone(&desk) as _, Arc::new(access))?;
        let ledger = Arc::new(Mutex::new(Ledger::new(&script.scenes, &film)));
        let (orders, cable) = channel();
        let till = Till::new(&tty, Arc::clone(&ledger))?;
        let painter = Painter::new(film, plan.seed);
        let clock = SimulatedClock::new(SPEED);
        let shop = Shop::new(script, painter, ledger, orders, Counter::default(), clock);
        let (camera, shop) = Camera::new(shop);
        let (over, phase, samples) = (AtomicBool::new(false), Phase::new(0), Mutex::default());
        let source = Until {
            camera,
            over: &over,
        };
        let told = std::thread::scope(|scope| {
            let till = scope.spawn(move || till.work(&cable));
            let address = server.address();
            let (this, phase, over) = (&self, &phase, &over);
            let phases = scope.spawn(move || {
                let told = this.phases(address, phase);
                over.store(true, Ordering::Relaxed);
                told
            });
            let mut observers = Observers::default();
            observers.add(Clock {
                phase,
                samples: &samples,
            });
            observers.add(&desk.board);
            let activity = Activity::default();
            let output = Output {
                observer: &mut observers,
                link_log: None,
                activity: &activity,
                desk: &desk,
            };
            let ran = skueye_agent::run(&config, source, Policy::LatestWins, output);
            locked(&shop).close();
            let told = phases.join().map_err(|_| anyhow!("a panic"))?;
            till.join().map_err(|_| anyhow!("the till panicked"))??;
            ran?;
            told
        })?;
        let report = self.report(&samples.into_inner().unwrap_or_default(), &told);
        match self.json {
            true => println!("{report}"),
            false => say(&report),
        }
        Ok(())
    }

    fn plan(&self) -> Plan {
        let seconds = (2 * self.seconds + 2) * self.rounds as u64;
        Plan {
            presentations: seconds * MOST_A_SECOND,
            seed: self.ground.seed,
            unknown: 0.03,
            nothing: 0.01,
            camera_losses: 0,
            cable_losses: 0,
            enrolments: 0,
        }
    }

    /// Phase by phase; what the clients told of each phase with load.
    fn phases(&self, address: SocketAddr, phase: &Phase) -> Result<Vec<Value>> {
        let step = Step::new("page-load", 2 * self.rounds as u64);
        let mut told = Vec::new();
        for round in 0..self.rounds as u64 {
            self.phase(phase, 1);
            step.reach(2 * round + 1, || "without load".into());
            let clients = self.start(address)?;
            self.phase(phase, 2);
            told.push(stop(clients)?);
            step.reach(2 * round + 2, || "with load".into());
        }
        Ok(told)
    }

    fn phase(&self, phase: &Phase, number: usize) {
        std::thread::sleep(PAUSE);
        phase.store(number, Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(self.seconds));
        phase.store(0, Ordering::Relaxed);
    }

    fn start(&self, address: SocketAddr) -> Result<Child> {
        let own = std::env::current_exe()?;
        let mut command = Command::new(own);
        command.arg("page-clients").arg(address.to_string());
        command.args(["--browsers", &self.browsers.to_string()]);
        command.args(["--requests", &self.requests.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().context("the clients do not start")
    }

    fn report(&self, samples: &Samples, told: &[Value]) -> Value {
        let sum = |key: &str| told.iter().filter_map(|one| one[key].as_f64()).sum::<f64>();
        let [without, with] = samples.look.each_ref().map(|values| median(values));
        json!({
            "browsers": self.browsers,
            "requests_per_s_asked": self.requests,
            "requests_per_s_answered": sum("answered") / sum("seconds"),
            "requests_refused": sum("refused"),
            "events_per_s": sum("events") / sum("seconds"),
            "previews_per_s": sum("previews") / sum("seconds"),
            "recognitions_without": samples.look[0].len(),
            "recognitions_with": samples.look[1].len(),
            "recognition_ms_without": without,
            "recognition_ms_with": with,
            "recognition_ratio": with / without,
        })
    }
}

/// Tells the clients to stop, and reads what they have to tell.
fn stop(mut clients: Child) -> Result<Value> {
    if let Some(mut stdin) = clients.stdin.take() {
        stdin.write_all(b"stop\n")?;
    }
    let output = clients.wait_with_output()?;
    ensure!(output.status.success(), "the clients failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn median(values: &[f32]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted
        .get(sorted.len() / 2)
        .map_or(f64::NAN, |ms| (*ms).into())
}

/// Notes how long recognition takes in each phase.
struct Clock<'c> {
    phase: &'c Phase,
    samples: &'c Mutex<Samples>,
}

impl Observer for Clock<'_> {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        let phase = self.phase.load(Ordering::Relaxed);
        if let (Line::Event(event), Some(phase)) = (line, phase.checked_sub(1)) {
            let look = event.latency_ms.total.map(|ms| ms as f32);
            locked(self.samples).look[phase].extend(look);
        }
        Ok(())
    }
}

/// The camera until the phases are over.
struct Until<'u> {
    camera: Camera,
    over: &'u AtomicBool,
}

impl FrameSource for Until<'_> {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        match self.over.load(Ordering::Relaxed) {
            true => Ok(Event::EndOfReplay),
            false => self.camera.next_frame(into),
        }
    }
}

fn say(report: &Value) {
    for (key, value) in report.as_object().into_iter().flatten() {
        match value.as_f64().filter(|_| value.is_f64()) {
            Some(number) => println!("{key:<26} {number:.3}"),
            None => println!("{key:<26} {value}"),
        }
    }
}
