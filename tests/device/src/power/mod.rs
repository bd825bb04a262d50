//! Power cuts on a block device. docs/power-cuts.md
//!
//! | module | subject |
//! |---|---|
//! | `disk`, `log`, `nbd` | a disk of ours that the virtual device writes to, and what it was asked |
//! | `crash` | what such a disk may hold after a cut |
//! | `file_system` | ext4, f2fs and vfat, and their tools |
//! | `goods`, `life`, `trial` | what a device is given and does, and the controls |
//! | `record` | a life in the guest |
//! | `recover` | disks that the guest's kernel mounts after a cut |
//! | `program`, `facts`, `judge` | what the device's own program says of a disk, and whether that is enough |
//! | `survey` | all cuts of a recording |

mod crash;
mod disk;
mod facts;
mod file_system;
mod goods;
mod judge;
mod life;
mod log;
mod nbd;
mod options;
mod program;
mod progress;
mod random;
mod record;
mod recover;
mod survey;
mod trial;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use crate::layout::Layout;
use crate::trouble::Trouble;
use crate::{cross, packages};
use facts::Reader;
use goods::Goods;
use options::Options;
use program::Program;
use progress::Progress;
use survey::{Count, Survey};
use trial::Trial;

/// Of so many states of a trial, one is made of each control.
const CONTROL_PART: usize = 15;
/// A control gets at least so many.
const CONTROL_LEAST: usize = 10;

/// `cargo device-power`
pub fn run(layout: &Layout, words: &[String]) -> Result<ExitCode, Trouble> {
    let options = Options::parse(words)?;
    packages::ensure(layout)?;
    cross::ensure(layout)?;
    let began = Instant::now();
    let folder = layout.made().join("power");
    survey::clear(&folder)?;
    fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
    let goods = Goods::make(&folder.join("goods"))?;
    let program = Program::ready(layout, options.program.as_deref())?;
    let reader = Reader {
        program: &program,
        goods: &goods,
    };
    let counts = all(layout, &options, reader, &folder)?;
    Ok(report(&options, &counts, began))
}

/// Every trial, one after the other.
fn all(
    layout: &Layout,
    options: &Options,
    reader: Reader<'_>,
    folder: &Path,
) -> Result<Vec<(&'static Trial, Count)>, Trouble> {
    let wanted = |trial: &&Trial| trial.name.contains(&options.only);
    let trials: Vec<&'static Trial> = trial::ALL.iter().filter(wanted).collect();
    let work = |trial: &&Trial| {
        let states = states(trial, options.states);
        trial.steps().len() + states + survey::sample_of(trial, states)
    };
    let progress = Progress::new(trials.iter().map(work).sum());
    let mut counts = Vec::new();
    for trial in trials {
        progress.begin(trial.name);
        let folder = survey::folder_of(folder, trial);
        fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
        let expected = trial.expected(&reader, &folder.join("expected"))?;
        let steps = trial.steps();
        let script = trial.script(reader.goods.folder(), &steps);
        let told = |_| progress.advance(1);
        let recording = record::record(layout, &folder.join("machine"), &script, told)?;
        recording.log.save(&folder.join("events.txt"))?;
        let survey = Survey {
            layout,
            reader,
            trial,
            recording: &recording,
            expected: &expected,
            folder: &folder,
            progress: &progress,
        };
        let count = states(trial, options.states);
        let cuts = crash::cuts(&recording.log, recording.first, count, options.seed);
        counts.push((trial, survey.judge_all(&cuts)?));
    }
    Ok(counts)
}

/// How many states are made of a trial.
fn states(trial: &Trial, all: usize) -> usize {
    match trial.is_control {
        true => (all / CONTROL_PART).max(CONTROL_LEAST),
        false => (all * trial.share).div_ceil(100),
    }
}

/// Prints the result; it is good where nothing is lost and every control is caught.
fn report(options: &Options, counts: &[(&Trial, Count)], began: Instant) -> ExitCode {
    let (by_name, all) = survey::by_file_system(counts);
    let controls = counts.iter().filter(|(trial, _)| trial.is_control);
    let controls: Vec<_> = controls.collect();
    let caught = controls.iter().filter(|(_, count)| count.lost > 0).count();
    let seconds = began.elapsed().as_secs();
    if options.json {
        let systems = by_name.iter().map(|(name, count)| (*name, count.to_json()));
        let systems: serde_json::Map<_, _> = systems
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        let each = controls.iter().map(|(trial, count)| {
            json!({ "name": trial.name, "states": count.states, "lost": count.lost, "caught": count.lost > 0 })
        });
        let each: Vec<Value> = each.collect();
        let mut result = all.to_json();
        result["seed"] = json!(options.seed);
        result["file_systems"] = Value::Object(systems);
        result["controls"] = json!({ "all": controls.len(), "caught": caught, "each": each });
        result["seconds"] = json!(seconds);
        println!("{result}");
    } else {
        print(counts, &all, seconds);
    }
    match all.lost == 0 && caught == controls.len() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn print(counts: &[(&Trial, Count)], all: &Count, seconds: u64) {
    println!(
        "{:<36} {:>7} {:>6} {:>6} {:>6}",
        "", "states", "old", "new", "lost"
    );
    for (trial, count) in counts {
        let Count {
            states,
            old,
            new,
            lost,
            ..
        } = count;
        let verdict = match (trial.is_control, *lost) {
            (true, 0) => "  control, NOT caught",
            (true, _) => "  control, caught",
            (false, _) => "",
        };
        println!(
            "{:<36} {states:>7} {old:>6} {new:>6} {lost:>6}{verdict}",
            trial.name
        );
    }
    let losses = counts.iter().filter(|(trial, _)| !trial.is_control);
    for loss in losses.flat_map(|(_, count)| &count.losses) {
        println!("lost: {loss}");
    }
    println!(
        "{} states, {} lost; {} devices went on here and {} in the guest; {seconds} s",
        all.states, all.lost, all.went_on, all.started
    );
}
