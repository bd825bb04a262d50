//! `skueye run`

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use skueye_agent::camera::Kind;
use skueye_agent::config::last_good;
use skueye_agent::decision_log::{
    Day, DecisionLog, LogHandle, Recorder, Setup, scores, system_clock,
};
use skueye_agent::desk::Desk;
use skueye_agent::metrics::{Counted, Metrics};
use skueye_agent::moment::{Activity, UntilDue};
use skueye_agent::pipeline::Output;
use skueye_agent::program::Running;
use skueye_agent::report::{Format, Line, Observer, Observers, Reporter};
use skueye_agent::requests::{Requests, UntilAsked};
use skueye_agent::service::Service;
use skueye_agent::sets::Told;
use skueye_agent::{Config, health, run, sets};
use skueye_camera::FrameSource;
use skueye_models::{Code, Fault};
use skueye_update::{DiskStorage, Slots, Waiting};
use skueye_vision::model::read_manifest;

use super::page;

/// Before a part that failed is started again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Options of `skueye run`.
#[derive(Debug, Args)]
pub struct Run {
    /// In place of the camera of the settings: a folder whose pictures are played in the order of their names, or a .y4m
    /// video. The first frames must show the empty stage.
    #[arg(long, value_name = "PATH")]
    replay: Option<PathBuf>,
    /// Play the replay at this speed: 1 as it was recorded, to be watched on the page. Without it as the settings say.
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<f32>,
    /// Begin the replay again at its end.
    #[arg(long)]
    again: bool,
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// In place of the settings' update folder: model, gallery and settings are those of the set in use there.
    #[arg(long, value_name = "FOLDER")]
    update: Option<PathBuf>,
    /// Serve the operator page here, in place of the settings' address; "off" serves none. A replay has none otherwise.
    #[arg(long, value_name = "ADDRESS")]
    page: Option<String>,
    /// Write JSON lines.
    #[arg(long)]
    json: bool,
    /// Write a copy of every byte that the till is sent to this file.
    #[arg(long, value_name = "FILE")]
    link_log: Option<PathBuf>,
    /// Keep a copy of the settings here when they are accepted, and start with it when they are refused.
    #[arg(long, value_name = "FILE")]
    last_good: Option<PathBuf>,
}

/// A speed at which a replay can be watched.
fn speed(text: &str) -> Result<f32, String> {
    let speed = text
        .parse()
        .ok()
        .filter(|speed| (0.01..=1000.0).contains(speed));
    speed.ok_or_else(|| "a number of 0.01 to 1000".to_owned())
}

/// Why a run ended.
enum Ended {
    /// The frames are over, or the program is to end.
    Done,
    /// A set is due.
    Set,
    /// The settings are to be read again.
    Reload,
}

/// What a reload replaced: it counts again where the new settings do not come to their first frame.
struct Before {
    settings: Config,
    /// Frames that had been seen.
    frames: u64,
}

impl Run {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let requests = Requests::listen()
            .map_err(|error| Fault::io("listen to", Path::new("signals"), &error))?;
        let (mut device, refused) = last_good::load(&self.config, self.last_good.as_deref())?;
        self.warn(&device);
        self.overrule(&mut device);
        // Each turn is a start of the device: a set that became due while the stage was quiet is tried in the next.
        let mut program = Running::here()?;
        self.choose_page(&mut device)?;
        let desk = Arc::new(Desk::new(&device, &self.config));
        // The device scans without a page: what keeps it from being served is told, here and by the health check.
        let _page = page::serve(&device, &desk).unwrap_or_else(|fault| {
            eprintln!("skueye: {fault}");
            None
        });
        let _service = Service::start(Arc::clone(&desk), device.status.clone());
        refused.iter().for_each(|fault| say(&desk, fault));
        let mut pause = FIRST_PAUSE;
        let mut before = None;
        loop {
            let ended = self.once(&device, &mut program, &desk, &requests);
            match (ended, before.take()) {
                (Ok(Ended::Done), _) => return Ok(ExitCode::SUCCESS),
                (Ok(Ended::Set), _) => pause = FIRST_PAUSE,
                (Ok(Ended::Reload), _) => {
                    pause = FIRST_PAUSE;
                    before = self.reload(&mut device, &desk);
                }
                (Err(fault), Some(Before { settings, frames }))
                    if frames == desk.pulse.frames() =>
                {
                    say(&desk, &self.not_reloaded(&fault));
                    device = settings;
                }
                (Err(fault), _) if fault.code() == Code::PartFailed && self.is_live(&device) => {
                    say(&desk, &fault);
                    std::thread::sleep(pause);
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                (Err(fault), _) => return Err(fault),
            }
        }
    }

    /// Whether a camera delivers the frames: they go on after a failure. A replay would begin anew.
    fn is_live(&self, device: &Config) -> bool {
        self.replay.is_none() && device.camera.kind != Kind::Replay
    }

    /// What a person should change in the settings, though they are accepted.
    fn warn(&self, device: &Config) {
        for warning in &device.warnings {
            eprintln!("skueye: {}: warning: {warning}", self.config.display());
        }
    }

    /// What the command line says in place of the settings.
    fn overrule(&self, device: &mut Config) {
        if self.update.is_some() {
            device.update.folder.clone_from(&self.update);
        }
    }

    /// The settings as they are now, and those before; where they are refused the device goes on with those that it has. Page,
    /// enrolment and status stay as they were at the start.
    fn reload(&self, device: &mut Config, desk: &Desk) -> Option<Before> {
        match Config::load(&self.config) {
            Ok(mut config) => {
                self.warn(&config);
                self.overrule(&mut config);
                (config.page, config.enrol) = (device.page.clone(), device.enrol.clone());
                let settings = std::mem::replace(device, config);
                let frames = desk.pulse.frames();
                Some(Before { settings, frames })
            }
            Err(refused) => {
                say(desk, &self.not_reloaded(&refused));
                None
            }
        }
    }

    fn not_reloaded(&self, refused: &Fault) -> Fault {
        let fault = Fault::new(
            Code::SettingsReload,
            "settings with which the device can start",
            refused.to_string(),
            "correct them and reload again; until then the device works with those that it has",
        );
        fault.at(&self.config)
    }

    fn choose_page(&self, device: &mut Config) -> Result<(), Fault> {
        match self.page.as_deref() {
            None if self.replay.is_none() => {}
            None | Some("off") => device.page.listen = None,
            Some(address) => {
                device.page.listen = Some(address.parse().map_err(|_| {
                    let expected = "an address with a port, as 127.0.0.1:8080";
                    Fault::new(Code::Usage, expected, address, "correct --page")
                })?);
            }
        }
        Ok(())
    }

    /// Runs until the frames are over.
    fn once(
        &self,
        device: &Config,
        program: &mut Running,
        desk: &Desk,
        requests: &Requests,
    ) -> Result<Ended, Fault> {
        let mut events = Events::open(device, self.format())?;
        let mut config = match &device.update.folder {
            None => device.clone(),
            Some(folder) => self.set(device, folder, program, &mut events)?,
        };
        let pace = &mut config.camera.pace;
        (pace.speed, pace.again) = (self.speed.or(pace.speed), self.again || pace.again);
        let (activity, due) = (Activity::default(), AtomicBool::new(false));
        let (source, policy) = config.camera.source(self.replay.as_deref())?;
        let source = Counted::new(source, &desk.metrics);
        let source = UntilAsked::new(source, requests, &activity);
        let source = watched(&config, Box::new(source), &activity, &due);
        let (out, format) = events.parts();
        let mut observers = Observers::default();
        observers.add(Reporter::new(out, format));
        observers.add(&desk.board);
        observers.add(&desk.metrics);
        let log = open_log(&config)?;
        if let Some((log, recorder)) = &log {
            desk.metrics.set_log(log.handle());
            begin_scores(&config, desk);
            observers.add(recorder.clone());
            observers.add(Aloud(log.handle(), &desk.metrics));
        }
        let output = Output {
            observer: &mut observers,
            link_log: self.link_log.as_deref(),
            activity: &activity,
            desk,
        };
        let summary = run(&config, source, policy, output)?;
        if device.events.is_some() {
            let mut out = std::io::stdout();
            Reporter::new(&mut out, self.format()).write(&Line::Summary(&summary))?;
        }
        Ok(match (requests.is_stopping(), due.into_inner()) {
            (true, _) => Ended::Done,
            (false, true) => Ended::Set,
            (false, false) if requests.take_reload() => Ended::Reload,
            (false, false) => Ended::Done,
        })
    }

    /// The settings with the set that counts, after its health check where it is on trial.
    fn set(
        &self,
        device: &Config,
        folder: &Path,
        program: &mut Running,
        events: &mut Events,
    ) -> Result<Config, Fault> {
        let limit = Duration::from_secs(device.update.health_seconds.into());
        let (out, format) = events.parts();
        let mut reporter = Reporter::new(out, format);
        let check = |config: &Config| {
            let work = || health::check(config, self.replay.as_deref());
            health::within(limit, move || hangs(limit), work)
        };
        sets::start(device, folder, program, check, |told| match told {
            Told::Set(release, step, why) => reporter.write(&Line::Set { release, step, why }),
            Told::Fault(fault) => reporter.write(&Line::Fault { frame: None, fault }),
        })
    }

    fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => Format::Text,
        }
    }
}

/// Ends the program, which cannot go on. Nothing is tidied up: what hangs may hold any lock.
fn hangs(limit: Duration) {
    eprintln!("skueye: {}", health::overran(limit));
    std::process::abort();
}

/// Tells a fault outside a run: to whoever reads the standard error, and to the page.
fn say(desk: &Desk, fault: &Fault) {
    eprintln!("skueye: {fault}");
    desk.board.tell(fault);
}

/// The log of the settings, where there is one, and its observer.
fn open_log(config: &Config) -> Result<Option<(DecisionLog, Recorder)>, Fault> {
    let Some(folder) = &config.log.folder else {
        return Ok(None);
    };
    let log = DecisionLog::open(folder, config.log.keep);
    let recorder = Recorder::new(log.handle(), Setup::read(config)?);
    Ok(Some((log, recorder)))
}

/// Scores of earlier days, against which those of today are held. Without them a device scans all the same.
fn begin_scores(config: &Config, desk: &Desk) {
    let Some(folder) = &config.log.folder else {
        return;
    };
    let today = Day::of(system_clock());
    let found = read_manifest(&config.model)
        .and_then(|manifest| scores::read(folder, manifest.embedding_id, today));
    match found {
        Ok(found) => desk.metrics.begin_scores(config.log.score_fall, found),
        Err(fault) => eprintln!("skueye: {fault}"),
    }
}

/// Says on the standard error what keeps the log from being written, and that scores have fallen.
struct Aloud<'m>(LogHandle, &'m Metrics);

impl Observer for Aloud<'_> {
    fn observe(&mut self, _: &Line<'_>) -> Result<(), Fault> {
        while let Some(fault) = self.0.news() {
            eprintln!("skueye: {fault}");
        }
        if let Some(fault) = self.1.news_of_scores() {
            eprintln!("skueye: {fault}");
        }
        Ok(())
    }
}

/// `source` until a set of the update folder is due, where there is one to look at.
fn watched<'s>(
    config: &'s Config,
    source: Box<dyn FrameSource + Send + 's>,
    activity: &'s Activity,
    due: &'s AtomicBool,
) -> Box<dyn FrameSource + Send + 's> {
    let Some(folder) = config.update.folder.as_deref() else {
        return source;
    };
    let quiet = Duration::from_secs(config.update.quiet_seconds.into());
    let mut refused = false;
    let look = move || {
        if refused {
            return false;
        }
        let is_due = is_due(folder, config.update.when_quiet).unwrap_or_else(|fault| {
            // Told once: it stays until a person has looked at it, and the device has work to do.
            eprintln!("skueye: {fault}");
            refused = true;
            false
        });
        due.fetch_or(is_due, Ordering::Relaxed) || is_due
    };
    Box::new(UntilDue::new(source, activity, quiet, look))
}

/// Whether a set waits to be tried; a staged one is activated where the settings let the device choose the moment.
fn is_due(folder: &Path, when_quiet: bool) -> Result<bool, Fault> {
    let storage = DiskStorage::open(folder)?;
    match Slots::waiting(&storage)? {
        Waiting::Nothing => Ok(false),
        Waiting::Trial => Ok(true),
        Waiting::Staged if !when_quiet => Ok(false),
        Waiting::Staged => {
            // Whoever holds the lock is staging something newer; there is another look soon.
            let Ok(_lock) = storage.lock() else {
                return Ok(false);
            };
            let mut slots = Slots::open(storage)?;
            let Some(staged) = slots.staged()? else {
                return Ok(false);
            };
            slots.activate(staged)?;
            Ok(true)
        }
    }
}

/// Where the events go: an events file is always JSON lines.
enum Events {
    Stdout(std::io::Stdout, Format),
    File(File),
}

impl Events {
    fn open(config: &Config, format: Format) -> Result<Self, Fault> {
        match &config.events {
            None => Ok(Self::Stdout(std::io::stdout(), format)),
            Some(path) => append(path).map(Self::File),
        }
    }

    fn parts(&mut self) -> (&mut (dyn Write + Send), Format) {
        match self {
            Self::Stdout(out, format) => (out, *format),
            Self::File(file) => (file, Format::Json),
        }
    }
}

fn append(path: &Path) -> Result<File, Fault> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| Fault::io("append to", path, &error))
}
