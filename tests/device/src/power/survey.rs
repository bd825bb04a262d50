//! Cuts of one recording: disks are made as they may be after each, recovered, and judged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use super::crash::{Cut, Replay, State};
use super::facts::{Facts, Reader, Subject};
use super::judge::{Expected, Verdict};
use super::life;
use super::progress::Progress;
use super::record::Recording;
use super::recover::{Place, Recovery, with_machine};
use super::trial::Trial;
use crate::layout::Layout;
use crate::trouble::Trouble;

/// Of so many states one has to go on: start, take an update, start again.
const GOES_ON: usize = 4;
/// Of so many states on a file system that has tools, one is recovered by the guest's kernel and started there.
const STARTED: usize = 16;
/// So many losses are told.
const TOLD: usize = 5;

/// What became of the states.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub states: usize,
    /// With what was there.
    pub old: usize,
    /// With what was being done.
    pub new: usize,
    /// Not usable, or older than acknowledged.
    pub lost: usize,
    /// Whose device went on with its life here.
    pub went_on: usize,
    /// Whose device was started in the guest and went on there.
    pub started: usize,
    /// By what was pending and torn: how hard the cuts were.
    pub torn: usize,
    /// The first losses, in words.
    pub losses: Vec<String>,
}

impl Count {
    /// Both together.
    pub fn with(mut self, other: &Self) -> Self {
        self.states += other.states;
        self.old += other.old;
        self.new += other.new;
        self.lost += other.lost;
        self.went_on += other.went_on;
        self.started += other.started;
        self.torn += other.torn;
        self.losses.extend(other.losses.iter().cloned());
        self.losses.truncate(TOLD);
        self
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "states": self.states, "old": self.old, "new": self.new, "lost": self.lost, "torn": self.torn,
            "went_on": self.went_on, "started_in_guest": self.started, "losses": self.losses,
        })
    }
}

/// What a recording is judged with.
#[derive(Clone, Copy)]
pub struct Survey<'a> {
    /// Where programs are.
    pub layout: &'a Layout,
    /// Reads facts.
    pub reader: Reader<'a>,
    /// Which trial it is.
    pub trial: &'a Trial,
    /// What happened.
    pub recording: &'a Recording,
    /// What must be found.
    pub expected: &'a Expected,
    /// For files on the way; it exists.
    pub folder: &'a Path,
    /// Is told of each state.
    pub progress: &'a Progress,
}

impl Survey<'_> {
    /// Judges the disks after these cuts, which ascend.
    pub fn judge_all(&self, cuts: &[Cut]) -> Result<Count, Trouble> {
        match self.trial.file_system.has_tools() {
            false => self.in_guest(cuts),
            true => {
                let here = self.here(cuts)?;
                let sample = cuts.iter().step_by(STARTED).copied();
                let sample: Vec<Cut> = sample.take(sample_of(self.trial, cuts.len())).collect();
                if sample.is_empty() {
                    return Ok(here);
                }
                let guest = self.in_guest(&sample)?;
                // They are counted already; what the guest's kernel lost is lost all the same.
                let guest = Count {
                    states: 0,
                    old: 0,
                    new: 0,
                    ..guest
                };
                Ok(here.with(&guest))
            }
        }
    }

    /// With the tools of this machine, on two threads.
    fn here(&self, cuts: &[Cut]) -> Result<Count, Trouble> {
        let halves = cuts.chunks(cuts.len().div_ceil(2).max(1));
        let total = Mutex::new(Count::default());
        thread::scope(|scope| {
            let works: Vec<_> = (0..)
                .zip(halves)
                .map(|(number, cuts)| {
                    let total = &total;
                    scope.spawn(move || self.some(number, cuts, total))
                })
                .collect();
            let ends = works.into_iter().map(|work| work.join().expect("no panic"));
            ends.collect::<Result<Vec<()>, _>>()
        })?;
        Ok(total.into_inner().expect("no panic"))
    }

    fn replay(&self) -> Replay<'_> {
        let medium = self.trial.file_system.medium();
        Replay::new(self.recording.start.clone(), &self.recording.log, medium)
    }

    fn some(&self, thread: usize, cuts: &[Cut], total: &Mutex<Count>) -> Result<(), Trouble> {
        let mut replay = self.replay();
        let image = self.folder.join(format!("state-{thread}.img"));
        let out = self.folder.join(format!("state-{thread}"));
        for (number, cut) in cuts.iter().enumerate() {
            let state = replay.state(*cut);
            state.disk.save(&image)?;
            clear(&out)?;
            let system = self.trial.file_system;
            let extracted = system.extract(self.layout, &image, &out);
            let mut count = self.count(&state, extracted, &out);
            if number.is_multiple_of(GOES_ON) && count.lost == 0 && !self.trial.is_control {
                self.goes_on(&state, &out, &mut count);
            }
            self.keep_lost(&state, &count)?;
            let mut total = total.lock().expect("no panic");
            *total = std::mem::take(&mut *total).with(&count);
            self.progress.advance(1);
        }
        Ok(())
    }

    /// By the guest's kernel.
    fn in_guest(&self, cuts: &[Cut]) -> Result<Count, Trouble> {
        let place = Place {
            layout: self.layout,
            folder: self.folder,
            file_system: self.trial.file_system,
            goods: self.reader.goods.folder(),
        };
        with_machine(place, |recovery| {
            let mut replay = self.replay();
            let mut total = Count::default();
            for (number, cut) in cuts.iter().enumerate() {
                let state = replay.state(*cut);
                let count = self.recovered(recovery, &state, number)?;
                self.keep_lost(&state, &count)?;
                total = total.with(&count);
                self.progress.advance(1);
            }
            Ok(total)
        })
    }

    fn recovered(
        &self,
        recovery: &mut Recovery<'_>,
        state: &State,
        number: usize,
    ) -> Result<Count, Trouble> {
        let out = self.folder.join("recovered");
        clear(&out)?;
        let extracted = recovery.extract(&state.disk, &out)?;
        let mut count = self.count(state, extracted, &out);
        // Where the tools have judged all states, every one that comes here is to be started.
        let each = match self.trial.file_system.has_tools() {
            true => 1,
            false => STARTED,
        };
        let starts = number % each == each - 1 && !self.trial.is_control && count.lost == 0;
        if starts && self.is_running(&out) {
            clear(&out)?;
            let started = recovery.start(&state.disk, &out)?;
            self.has_gone_on(state, started, &out, &mut count);
            count.started += 1;
        }
        Ok(count)
    }

    fn count(&self, state: &State, extracted: Result<(), String>, out: &Path) -> Count {
        let found = extracted.and_then(|()| self.reader.read(self.trial.subject, out));
        let (done, begun) = self.recording.log.steps_before(state.cut.at);
        let mut count = Count {
            states: 1,
            torn: usize::from(state.torn),
            ..Count::default()
        };
        match self.expected.judge(found, done, begun) {
            Verdict::Old => count.old = 1,
            Verdict::New => count.new = 1,
            Verdict::Lost(why) => self.lose(state, &why, &mut count),
        }
        count
    }

    fn lose(&self, state: &State, why: &str, count: &mut Count) {
        let (done, begun) = self.recording.log.steps_before(state.cut.at);
        let (name, at, seed) = (self.trial.name, state.cut.at, state.cut.seed);
        let step = |number: Option<usize>| match (number, self.trial.subject) {
            (None, _) => "nothing".to_owned(),
            (Some(number), Subject::Device) => life::DEVICE[number].name.to_owned(),
            (Some(number), _) => format!("step {number}"),
        };
        let (pending, kept) = (state.pending, state.kept);
        let loss = format!(
            "{name}, before event {at}, seed {seed:?}, {kept} of {pending} pending writes, acknowledged {}, under way {}: {why}",
            step(done),
            step(begun)
        );
        (count.lost, count.old, count.new) = (1, 0, 0);
        count.losses.push(loss);
    }

    /// Whether a device has a set to start with.
    fn is_running(&self, out: &Path) -> bool {
        let facts = self.reader.read(self.trial.subject, out);
        facts.is_ok_and(|facts| running(&facts).is_some())
    }

    /// The device goes on here.
    fn goes_on(&self, state: &State, out: &Path, count: &mut Count) {
        if self.trial.subject != Subject::Device || !self.is_running(out) {
            return;
        }
        let goods = self.reader.goods.folder().display().to_string();
        let mut steps = life::GO_ON.iter().map(|step| step.words(&goods));
        let done = steps.try_for_each(|words| self.reader.program.call(&words, out).map(drop));
        self.has_gone_on(state, done, out, count);
        count.went_on += 1;
    }

    /// After [`life::GO_ON`] a device has the last release.
    fn has_gone_on(&self, state: &State, done: Result<(), String>, out: &Path, count: &mut Count) {
        let facts = done.and_then(|()| self.reader.read(Subject::Device, out));
        let why = match facts {
            Ok(facts) if running(&facts) == Some(life::LAST_RELEASE) => return,
            Ok(facts) => format!("it does not take the update: {:?}", facts.parts.get("sets")),
            Err(why) => format!("it does not go on: {why}"),
        };
        self.lose(state, &why, count);
    }

    /// Keeps the disk of a loss for whoever looks into it.
    fn keep_lost(&self, state: &State, count: &Count) -> Result<(), Trouble> {
        if count.lost == 0 || self.trial.is_control {
            return Ok(());
        }
        let (at, seed) = (state.cut.at, state.cut.seed.unwrap_or_default());
        let path = self.folder.join(format!("lost-{at}-{seed}.img"));
        state.disk.save(&path)
    }
}

/// How many of the states of a trial are recovered again, by the guest's kernel.
pub fn sample_of(trial: &Trial, states: usize) -> usize {
    let is_sampled =
        trial.file_system.has_tools() && trial.subject == Subject::Device && !trial.is_control;
    if is_sampled {
        states.div_ceil(STARTED)
    } else {
        0
    }
}

fn running(facts: &Facts) -> Option<&str> {
    facts.parts.get("sets")?.get(0)?.get("running")?.as_str()
}

/// Removes a folder with all that is in it.
pub fn clear(folder: &Path) -> Result<(), Trouble> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Trouble::disk(folder, &error))
        }
        _ => Ok(()),
    }
}

/// The counts by file system and in all.
pub fn by_file_system(counts: &[(&Trial, Count)]) -> (BTreeMap<&'static str, Count>, Count) {
    let mut by_name: BTreeMap<&'static str, Count> = BTreeMap::new();
    let mut all = Count::default();
    for (trial, count) in counts.iter().filter(|(trial, _)| !trial.is_control) {
        let entry = by_name.entry(trial.file_system.name()).or_default();
        *entry = std::mem::take(entry).with(count);
        all = all.with(count);
    }
    (by_name, all)
}

/// Where a trial's files are.
pub fn folder_of(folder: &Path, trial: &Trial) -> PathBuf {
    folder.join(trial.name.replace(' ', "-"))
}
