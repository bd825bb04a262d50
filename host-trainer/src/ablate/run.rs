//! The whole ablation: plan, cells, result.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};
use tch::Device;

use super::cells::{Cell, read_json};
use super::plan::{CPU, Candidate, GPU, Sizes, Speed, Work, plan};
use super::result::{Ablation, SetResult};
use super::rows::SeedFigures;
use super::site::{Site, describe, name};
use super::speed::measure;
use super::teach::{MEMBERS, School};
use super::tricks::tricks;
use super::work::{cells, work};
use crate::engine::describe as describe_device;
use crate::files::write_json;
use crate::quickstart::Data;
use crate::run::record::Hardware;

const PLAN: &str = "plan.json";

/// What is asked for.
pub struct AblateRequest<'a> {
    /// The sets.
    pub sets: &'a [Data],
    /// How many seeds of each, from 1.
    pub seeds: u64,
    /// Seconds that it may take; not looked at where `sizes` are given.
    pub budget: f64,
    /// Sizes in place of those that the budget gives.
    pub sizes: Option<Sizes>,
    /// What networks start from: `published` or `random`.
    pub weights: &'a str,
    /// Its folder; what is finished there is not done again.
    pub out: &'a Path,
    /// Where fetched packages stay.
    pub cache: &'a Path,
    /// What to compute on.
    pub device: Device,
    /// The command that remakes it.
    pub command: String,
}

/// What an out folder holds the ablation of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Asked {
    sets: Vec<String>,
    seeds: u64,
    budget_seconds: Option<f64>,
    sizes: Option<Sizes>,
    weights: String,
}

/// What follows from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Planned {
    asked: Asked,
    sizes: Sizes,
    /// Seconds that this will take, where that was measured.
    estimate: Option<f64>,
    speed: Option<Speed>,
}

/// Runs it, or goes on with it. Errors: E655 where the folder holds another one, those of its parts.
pub fn ablate(request: &AblateRequest) -> Result<Ablation, Fault> {
    let planned = planned(request)?;
    say(&format!(
        "{}{}",
        describe(&planned.sizes),
        planned.estimate.map_or(String::new(), |s| format!(
            "; about {:.0} min in all",
            s / 60.0
        ))
    ));
    let count = request.sets.len() * request.seeds as usize * cells();
    let progress = Progress::new(count);
    let mut figures: Vec<Vec<(u64, SeedFigures, serde_json::Value)>> =
        request.sets.iter().map(|_| Vec::new()).collect();
    let mut pictures = vec![([0; 3], false); request.sets.len()];
    let mut seconds = 0.0;
    // Seed by seed, so that an ablation that is stopped has whole seeds of every set.
    for seed in 1..=request.seeds {
        for (place, set) in request.sets.iter().enumerate() {
            let site = open(request, &planned, set, seed)?;
            let school = School::new(
                &site,
                &planned.sizes,
                request.weights,
                request.device,
                request.cache,
            );
            let tell = |cell: &str, found: &Cell, before: bool| {
                progress.tell(&format!("{} seed {seed} {cell}", name(set)), found, before);
            };
            let (of_seed, notes, took) = work(&school, &tell)?;
            seconds += took;
            if seed == 1 {
                pictures[place] = (site.counts(), site.is_synthetic());
            }
            figures[place].push((seed, of_seed, notes));
        }
    }
    let results = request.sets.iter().zip(figures).zip(pictures);
    let sets = results.map(|((set, figures), (counts, synthetic))| {
        (name(set), SetResult::new(synthetic, counts, figures))
    });
    Ok(Ablation {
        command: request.command.clone(),
        settings: settings(&planned),
        budget_seconds: planned.asked.budget_seconds,
        seconds,
        hardware: serde_json::to_value(Hardware::here(describe_device(request.device)))
            .expect("plain values"),
        sets: sets.collect(),
    })
}

fn open(request: &AblateRequest, planned: &Planned, set: &Data, seed: u64) -> Result<Site, Fault> {
    Site::open(
        set,
        seed,
        planned.sizes.products,
        request.out,
        request.cache,
    )
}

/// The plan in the folder, or one made now. Errors: E655 where the folder's is of another request.
fn planned(request: &AblateRequest) -> Result<Planned, Fault> {
    let path = request.out.join(PLAN);
    let asked = Asked {
        sets: request.sets.iter().map(name).collect(),
        seeds: request.seeds,
        budget_seconds: request.sizes.is_none().then_some(request.budget),
        sizes: request.sizes.clone(),
        weights: request.weights.into(),
    };
    if let Some(found) = read_json::<Planned>(&path)? {
        return match found.asked == asked {
            true => Ok(found),
            false => Err(another(&asked, &found.asked).at(&path)),
        };
    }
    let planned = match &request.sizes {
        Some(sizes) => Planned {
            asked,
            sizes: sizes.clone(),
            estimate: None,
            speed: None,
        },
        None => measured(request, asked)?,
    };
    write_json(&path, &planned)?;
    Ok(planned)
}

/// Makes the first seed's data and measures with them.
fn measured(request: &AblateRequest, asked: Asked) -> Result<Planned, Fault> {
    let (mut loads, mut first) = (Vec::new(), None);
    for set in request.sets {
        let start = Instant::now();
        let site = Site::open(set, 1, 1.0, request.out, request.cache)?;
        loads.push(site.load(start.elapsed().as_secs_f64()));
        first.get_or_insert(site);
    }
    let site = first.ok_or_else(no_set)?;
    let work = Work {
        loads,
        seeds: request.seeds as usize,
        mining: tricks().len(),
    };
    let candidates: &[Candidate] = match request.device {
        Device::Cpu => &CPU,
        _ => &GPU,
    };
    let (sizes, estimate, speed) = plan(request.budget, &work, candidates, |candidate| {
        measure(
            candidate,
            &site,
            request.weights,
            request.device,
            request.cache,
        )
    })?;
    Ok(Planned {
        asked,
        sizes,
        estimate: Some(estimate),
        speed: Some(speed),
    })
}

fn settings(planned: &Planned) -> serde_json::Value {
    let members = MEMBERS.map(|kind| {
        serde_json::json!({ "network": kind.network, "frozen_to": kind.cut, "poly": kind.poly })
    });
    serde_json::json!({
        "sizes": planned.sizes,
        "weights": planned.asked.weights,
        "members": members,
        "speed": planned.speed,
        "estimated_seconds": planned.estimate,
    })
}

/// What is done and what is left.
struct Progress {
    count: usize,
    done: std::cell::Cell<(usize, usize, f64)>,
}

impl Progress {
    fn new(count: usize) -> Self {
        let done = std::cell::Cell::new((0, 0, 0.0));
        Self { count, done }
    }

    /// Notes the cell `what`; one that was there `before` takes no time, but tells how long others will.
    fn tell(&self, what: &str, cell: &Cell, before: bool) {
        let (done, found, seconds) = self.done.get();
        let now = (
            done + 1,
            found + usize::from(before),
            seconds + cell.seconds,
        );
        self.done.set(now);
        let left = now.2 / now.0 as f64 * (self.count - now.0) as f64;
        let figures = cell.figures.rows.iter();
        let figures: String = figures
            .map(|(row, f)| format!(", {} {:.4}", row.title(), f.mar10))
            .collect();
        let state = if before { "found" } else { "done" };
        say(&format!(
            "{what} {state} ({} of {}, {:.0} s){figures}; about {:.0} min left",
            now.0,
            self.count,
            cell.seconds,
            left / 60.0
        ));
    }
}

/// A line for whoever watches; a closed stderr must not end hours of work.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "ablate: {text}");
}

fn another(asked: &Asked, found: &Asked) -> Fault {
    let text = |of: &Asked| serde_json::to_string(of).expect("plain values");
    Fault::new(
        Code::WorkFolder,
        format!("the ablation {}", text(asked)),
        format!("the ablation {}", text(found)),
        "name another --out, or give the options that the folder was begun with",
    )
}

fn no_set() -> Fault {
    Fault::new(Code::Usage, "at least one set", "none", "name --sets")
}

/// Where the result goes beside the folder.
pub fn write(
    ablation: &Ablation,
    out: &Path,
    results: Option<&Path>,
) -> Result<Vec<PathBuf>, Fault> {
    let mut written = vec![out.join("ablation.json")];
    written.extend(results.map(Path::to_owned));
    for path in &written {
        write_json(path, ablation)?;
    }
    let table = out.join("ablation.md");
    crate::files::write_file(&table, super::table::markdown(ablation).as_bytes())?;
    written.push(table);
    Ok(written)
}
