//! What the run loop and the people at the device share.
//!
//! The threads of a run put down what the [page](skueye_page) shows; what a person wants is put down for them in turn.
//! Nobody waits for the other: the frame path stores numbers, and copies a picture only while somebody looks.
//!
//! | module | subject |
//! |---|---|
//! | [`board`] | the last presentations, counts and troubles: an observer of the run |
//! | [`preview`] | the stage as a small picture, for as long as somebody looks |
//! | [`studio`] | enrolling a product, shot by shot |
//! | `day` | a day of the decision log |
//! | [`names`] | the shop's list of products |
//! | `shots` | the pictures of enrolled shots |
//! | `staged` | the release that waits to be tried |
//! | [`feedback`] | what people corrected, on the disk and against the same mistake |
//! | [`station`] | all of it for the page |

pub mod board;
mod day;
pub mod feedback;
pub mod names;
pub mod preview;
mod shots;
mod staged;
pub mod station;
pub mod studio;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use heapless::Deque;
use skueye_models::{EmbeddingId, Fault, Gtin};
use skueye_page::station::Stage;
use skueye_vision::localise::{self, Localiser};

use crate::config::Config;
use crate::lane::Bell;
use crate::live::LiveGallery;
use crate::metrics::Metrics;
use crate::sinks::about::Named;
use board::Board;
use feedback::Feedback;
use names::Names;
use preview::Preview;
use staged::Staged;
use studio::Studio;

/// Answers of people that may wait for the link thread at once.
const MAIL: usize = 16;
/// Presentations whose embedding is kept for a correction.
const PROBES: usize = 8;

/// What the run loop and the people at the device share. It outlives the runs of a program.
#[derive(Debug)]
pub struct Desk {
    /// An observer of each run.
    pub board: Board,
    /// An observer of each run, too.
    pub metrics: Metrics,
    /// What recognition counts.
    pub pulse: Pulse,
    pub(crate) preview: Preview,
    pub(crate) studio: Studio,
    pub(crate) feedback: Feedback,
    pub(crate) bell: Arc<Bell>,
    mail: Mutex<Deque<Said, MAIL>>,
    probes: Mutex<Deque<Probe, PROBES>>,
    /// Of the run that goes on.
    run: Mutex<Option<Run>>,
    /// The empty stage, as the last run with a camera knew it.
    stage: Mutex<Option<Localiser>>,
    settings: PathBuf,
    staged: Staged,
    names: Names,
    /// Photos of the gallery's products.
    photos: Option<PathBuf>,
    /// The decision log's folder.
    log: Option<PathBuf>,
}

/// What a person said of a presentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The presentation.
    pub number: u32,
    /// What the device had said first.
    pub said: Option<Gtin>,
    /// What it means.
    pub meant: Meant,
    /// Whether the till learns of the product: the device had not told it anything.
    pub send: bool,
    /// What the till was told and has to forget.
    pub void: Option<Named>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meant {
    /// It is this product.
    Is(Named),
    /// It is not that, or none of those.
    NotThis,
    /// The answer before was a mistake.
    Undone,
}

/// What a person's work needs of the run that goes on.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub gallery: Arc<LiveGallery>,
    pub embedding: EmbeddingId,
}

/// The embedding that decided a presentation.
#[derive(Debug)]
struct Probe {
    number: u32,
    values: Vec<f32>,
}

impl Desk {
    /// A desk for the device of `config`, whose settings lie at `settings`.
    pub fn new(config: &Config, settings: &Path) -> Self {
        Self {
            board: Board::default(),
            metrics: Metrics::new(config.log.folder.clone().unwrap_or(config.home.clone())),
            pulse: Pulse::default(),
            preview: Preview::default(),
            studio: Studio::new(config.enrol.clone()),
            feedback: Feedback::new(&config.enrol.feedback),
            bell: Arc::default(),
            mail: Mutex::default(),
            probes: Mutex::default(),
            run: Mutex::default(),
            stage: Mutex::default(),
            settings: settings.to_owned(),
            log: config.log.folder.clone(),
            names: Names::new(config.enrol.product_list.clone()),
            photos: config.photos.clone(),
            staged: Staged::new(config.update.folder.clone()),
        }
    }

    /// A run begins. What is wrong with the corrections of earlier runs.
    pub(crate) fn begin(&self, run: Run) -> Option<Fault> {
        // Also where the run before ended in a panic.
        self.pulse.stage(Stage::Starting);
        let told = self.feedback.begin(run.embedding);
        *lock(&self.run) = Some(run);
        told
    }

    /// The run that goes on.
    pub(crate) fn run(&self) -> Option<Run> {
        lock(&self.run).clone()
    }

    /// Who watches the stage: with `settings` as before, whoever knows it already, so that an item which is laid there while
    /// settings are read again does not become part of it.
    pub(crate) fn take_stage(&self, settings: localise::Settings) -> Localiser {
        let known = lock(&self.stage).take();
        let known = known.filter(|known| *known.settings() == settings);
        known.unwrap_or_else(|| Localiser::new(settings))
    }

    /// Keeps what the run that is over knew of the empty stage. What it saw last is no longer so until the next run's first frame:
    /// a set may be tried in between, and whoever waits for an empty stage must not take the last word of before for one.
    pub(crate) fn keep_stage(&self, localiser: Localiser) {
        self.pulse.stage(Stage::Starting);
        *lock(&self.stage) = Some(localiser);
    }

    /// Puts an answer down for the link thread; false where too many wait.
    pub(crate) fn post(&self, said: Said) -> bool {
        let posted = lock(&self.mail).push_back(said).is_ok();
        self.bell.ring();
        posted
    }

    /// The next answer for the link thread.
    pub(crate) fn letter(&self) -> Option<Said> {
        lock(&self.mail).pop_front()
    }

    /// Keeps the embedding that decided presentation `number`. It allocates for the first few only.
    pub(crate) fn keep_probe(&self, number: u32, probe: &[f32]) {
        let mut probes = lock(&self.probes);
        let mut values = match probes.is_full() {
            true => probes.pop_front().map_or_else(Vec::new, |old| old.values),
            false => Vec::with_capacity(probe.len()),
        };
        values.clear();
        values.extend_from_slice(probe);
        // There is room: a full queue has just lost its oldest.
        let _ = probes.push_back(Probe { number, values });
    }

    /// The embedding that decided presentation `number`, where it is one of the last.
    pub(crate) fn probe(&self, number: u32) -> Option<Vec<f32>> {
        let probes = lock(&self.probes);
        let kept = probes.iter().rev().find(|probe| probe.number == number)?;
        Some(kept.values.clone())
    }
}

/// A panic elsewhere leaves nothing half done here: every change is one assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the recognition thread counts for others to read.
#[derive(Debug, Default)]
pub struct Pulse {
    stage: AtomicU8,
    frames: AtomicU64,
    presentations: AtomicU32,
    latency_us: AtomicU32,
    again: AtomicBool,
    rate: Mutex<Option<Rate>>,
}

/// Frames at a moment, and how many a second there were before it.
#[derive(Debug, Clone, Copy)]
struct Rate {
    since: Instant,
    frames: u64,
    fps: f32,
}

/// Frames are counted over so long.
const RATE_OVER: Duration = Duration::from_secs(2);

const STAGES: [Stage; 6] = [
    Stage::Starting,
    Stage::Learning,
    Stage::Empty,
    Stage::Moving,
    Stage::Looking,
    Stage::Decided,
];

impl Pulse {
    pub(crate) fn frame(&self, stage: Stage) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.stage(stage);
    }

    pub(crate) fn stage(&self, stage: Stage) {
        let at = STAGES.iter().position(|s| *s == stage).unwrap_or(0);
        self.stage.store(at as u8, Ordering::Relaxed);
    }

    pub(crate) fn looked(&self, presentations: u32, micros: u32) {
        self.presentations.store(presentations, Ordering::Relaxed);
        let before = self.latency_us.load(Ordering::Relaxed);
        let smooth = match before {
            0 => micros,
            _ => (u64::from(before) * 15 / 16 + u64::from(micros) / 16) as u32,
        };
        self.latency_us.store(smooth, Ordering::Relaxed);
    }

    /// A till wants to hear of what lies there.
    pub(crate) fn look_again(&self) {
        self.again.store(true, Ordering::Relaxed);
    }

    pub(crate) fn take_again(&self) -> bool {
        self.again.swap(false, Ordering::Relaxed)
    }

    /// What is on the stage.
    pub fn now(&self) -> Stage {
        let at = usize::from(self.stage.load(Ordering::Relaxed));
        STAGES.get(at).copied().unwrap_or_default()
    }

    /// Frames that were looked at or passed over.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Frames a second, over the last two seconds.
    pub fn fps(&self) -> f32 {
        let mut rate = lock(&self.rate);
        let frames = self.frames();
        let now = rate.get_or_insert(Rate {
            since: Instant::now(),
            frames,
            fps: 0.0,
        });
        let passed = now.since.elapsed();
        if passed >= RATE_OVER {
            let fps = frames.saturating_sub(now.frames) as f32 / passed.as_secs_f32();
            *now = Rate {
                since: Instant::now(),
                frames,
                fps,
            };
        }
        now.fps
    }

    /// Presentations that have begun.
    pub fn presentations(&self) -> u32 {
        self.presentations.load(Ordering::Relaxed)
    }

    /// Milliseconds from a frame to its hits, smoothed.
    pub fn latency_ms(&self) -> Option<f32> {
        let micros = self.latency_us.load(Ordering::Relaxed);
        (micros > 0).then(|| micros as f32 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision_log::entry::Failure;
    use crate::decision_log::{DecisionLog, Entry};
    use skueye_page::station::Station as _;

    fn desk() -> Desk {
        Desk::new(&Config::default(), Path::new("kiosk.toml"))
    }

    #[test]
    fn what_a_run_saw_is_not_so_any_more_when_it_is_over() {
        let desk = desk();
        desk.pulse.frame(Stage::Empty);
        assert_eq!(desk.pulse.now(), Stage::Empty);
        desk.keep_stage(Localiser::new(localise::Settings::default()));
        assert_eq!(desk.pulse.now(), Stage::Starting);
    }

    #[test]
    fn why_the_log_cannot_be_written_is_shown_for_as_long_as_it_lasts() {
        let (desk, folder) = (desk(), tempfile::tempdir().unwrap());
        let place = folder.path().join("log");
        std::fs::write(&place, "a file where a folder should be").unwrap();
        let log = DecisionLog::open(&place, Config::default().log.keep);
        let handle = log.handle();
        desk.metrics.set_log(log.handle());
        handle.add(Entry::Fault(Failure {
            code: "E305".into(),
            path: None,
            got: "no frame".into(),
            times: 1,
        }));
        handle.settle();
        let shown = || desk.view().troubles.into_iter().map(|trouble| trouble.code);
        assert_eq!(shown().collect::<Vec<_>>(), ["E910"]);
        std::fs::remove_file(&place).unwrap();
        // The end of the log tries once more.
        drop(log);
        assert_eq!(shown().count(), 0);
    }
}
