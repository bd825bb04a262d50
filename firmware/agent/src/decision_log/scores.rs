//! The scores of accepted answers over days: those of the first days with a model, against which later ones are held, and
//! today's. What the first days gave is kept beside the log, as retention removes their lines.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use skueye_models::{EmbeddingId, Fault, Verdict};

use super::{Day, Entry, Line, reading};
use crate::files;

/// Accepted answers from which the baseline is taken.
pub const FIRST: usize = 500;
const FILE: &str = "score-baseline.json";
/// The longest baseline that is read, in bytes.
const MOST_BYTES: u64 = 4096;

/// What the first days with a model gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The model whose scores they are: those of another cannot be compared.
    pub model: EmbeddingId,
    /// The median of its first [`FIRST`] accepted scores.
    pub median: f32,
}

/// What a start finds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Where there were enough answers.
    pub baseline: Option<Baseline>,
    /// The first accepted scores, where there were not.
    pub first: Vec<f32>,
    /// Those of today.
    pub today: Vec<f32>,
}

/// The scores with `model` in the log of `folder`; `today` by the device's clock. A baseline that is found for the first time is
/// kept. Errors: E901.
pub fn read(folder: &Path, model: EmbeddingId, today: Day) -> Result<Found, Fault> {
    let mut found = Found {
        baseline: kept(folder).filter(|baseline| baseline.model == model),
        today: of_day(folder, model, today)?,
        ..Found::default()
    };
    if found.baseline.is_some() {
        return Ok(found);
    }
    for day in reading::days(folder)? {
        found.first.extend(of_day(folder, model, day)?);
        if found.first.len() >= FIRST {
            found.first.truncate(FIRST);
            let median = median(&mut found.first);
            found.first.clear();
            found.baseline = median.map(|median| Baseline { model, median });
            break;
        }
    }
    if let Some(baseline) = &found.baseline {
        let path = folder.join(FILE);
        let json = serde_json::to_vec(baseline).unwrap_or_default();
        files::replace(&path, &json).map_err(|e| Fault::io("write", &path, &e))?;
    }
    Ok(found)
}

/// Removes what is kept: the log was wiped. Errors: E901.
pub fn forget(folder: &Path) -> Result<(), Fault> {
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Fault::io("remove", &path, &error))
        }
        _ => Ok(()),
    }
}

/// The middle of `scores`, which are sorted; none of nothing.
pub fn median(scores: &mut [f32]) -> Option<f32> {
    scores.sort_by(f32::total_cmp);
    scores.get(scores.len() / 2).copied()
}

/// A baseline that cannot be read is taken anew.
fn kept(folder: &Path) -> Option<Baseline> {
    let path = folder.join(FILE);
    let short = fs::metadata(&path).is_ok_and(|meta| meta.len() <= MOST_BYTES);
    let bytes = short.then(|| fs::read(&path).ok()).flatten()?;
    serde_json::from_slice(&bytes).ok()
}

fn of_day(folder: &Path, model: EmbeddingId, day: Day) -> Result<Vec<f32>, Fault> {
    let lines = reading::day(folder, day)?.lines;
    Ok(lines.iter().filter_map(|line| score(line, model)).collect())
}

fn score(line: &Line, model: EmbeddingId) -> Option<f32> {
    match &line.entry {
        Entry::Event(decision)
            if decision.verdict == Verdict::Accept && decision.setup.model == model =>
        {
            decision.candidates.first().map(|best| best.score)
        }
        _ => None,
    }
}
