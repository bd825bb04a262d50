//! The same queries made worse: what each corruption costs.

use std::path::Path;

use serde::Serialize;
use skueye_models::Fault;
use skueye_vision::{RgbImage, decode_file};

use super::extract::{Extractor, vectors_of};
use super::set::{Picture, TestSet};
use crate::evaluate::{Metrics, Row, device_rows};
use crate::files::write_file;
use crate::pictures::corrupt::{Corruption, LEVELS};
use crate::pictures::sheet::Sheet;
use crate::random::Random;
use crate::vectors::UnitVectors;

/// Edge of a cell of the contact sheet, pixels.
const CELL: u32 = 144;
/// Pictures that the contact sheet shows.
const SHOWN: usize = 2;

/// One corruption at one level.
#[derive(Debug, Clone, Serialize)]
pub struct Worse {
    /// Its word.
    pub corruption: &'static str,
    /// 1 to 3.
    pub level: usize,
    /// How strong it is.
    pub strength: f32,
    /// What the strength counts.
    pub unit: &'static str,
    /// Share of the known queries whose first answer is right.
    pub recall1: f64,
    /// MAR@10.
    pub mar10: f64,
    /// Share of the clean figure that is lost.
    pub recall1_lost: f64,
    /// The same of MAR@10.
    pub mar10_lost: f64,
}

/// What every corruption costs.
#[derive(Debug, Clone, Serialize)]
pub struct Robustness {
    /// Shots of each product in the gallery.
    pub shots: usize,
    /// Known queries, the same for all rows.
    pub queries: usize,
    /// The device's int8 gallery on the queries as they are.
    pub clean_recall1: f64,
    /// MAR@10 of the same.
    pub clean_mar10: f64,
    /// Every corruption at every level.
    pub worse: Vec<Worse>,
}

/// What is asked.
pub struct Asked<'a> {
    /// The set.
    pub set: &'a TestSet,
    /// The network.
    pub network: &'a Extractor,
    /// The gallery's rows.
    pub index: &'a UnitVectors,
    /// The product of each.
    pub products: &'a [usize],
    /// Shots of each product in it.
    pub shots: usize,
    /// Queries at most.
    pub most: usize,
    /// Where randomness begins.
    pub seed: u64,
}

/// Measures each corruption on the first of the known queries, spread evenly. Errors: those of pictures and search.
pub fn robustness(asked: &Asked) -> Result<Robustness, Fault> {
    let known: std::collections::HashSet<&usize> = asked.products.iter().collect();
    let queries = asked
        .set
        .queries
        .iter()
        .filter(|q| known.contains(&q.product));
    let queries: Vec<&Picture> = queries.collect();
    let step = queries.len().div_ceil(asked.most.max(1)).max(1);
    let queries: Vec<&Picture> = queries.into_iter().step_by(step).collect();
    let clean = metrics(asked, &queries, None)?;
    let lost = |clean: f64, now: f64| (clean - now) / clean.max(f64::MIN_POSITIVE);
    let mut worse = Vec::new();
    for corruption in Corruption::ALL {
        for level in 0..LEVELS {
            let found = metrics(asked, &queries, Some((corruption, level)))?;
            worse.push(Worse {
                corruption: corruption.word(),
                level: level + 1,
                strength: corruption.strengths()[level],
                unit: corruption.unit(),
                recall1: found.recall1,
                mar10: found.mar10,
                recall1_lost: lost(clean.recall1, found.recall1),
                mar10_lost: lost(clean.mar10, found.mar10),
            });
        }
    }
    Ok(Robustness {
        shots: asked.shots,
        queries: queries.len(),
        clean_recall1: clean.recall1,
        clean_mar10: clean.mar10,
        worse,
    })
}

fn metrics(
    asked: &Asked,
    queries: &[&Picture],
    how: Option<(Corruption, usize)>,
) -> Result<Metrics, Fault> {
    let step = how.map_or("clean", |(corruption, _)| corruption.word());
    let vectors = vectors_of(&[asked.network], step, queries.len(), |number| {
        view(&queries[number].path, number, how, asked.seed)
    })?;
    let units = vectors.into_iter().next().map(|v| v.normalised());
    let units = units.expect("a table for the network")?;
    let rows = device_rows("student", "Student", asked.index, &units, asked.products)?;
    let of = queries.iter().map(|query| query.product).collect();
    let truth = crate::evaluate::Truth::new(asked.products.to_vec(), of);
    let rankings = rows.first().map_or(&[][..], |row: &Row| &row.rankings);
    Ok(Metrics::new(rankings, &truth))
}

fn view(
    path: &Path,
    number: usize,
    how: Option<(Corruption, usize)>,
    seed: u64,
) -> Result<RgbImage, Fault> {
    let mut image = decode_file(path)?;
    if let Some((corruption, level)) = how {
        // One place and one direction at all levels, so that a level differs by its strength alone.
        let mut random = Random::new(seed, &[number as u64, corruption as u64]);
        corruption.apply(&mut image, level, &mut random)?;
    }
    Ok(image)
}

/// Writes a PNG with a row for each corruption, in the order of [`Corruption::ALL`]: two queries, each clean and at the three
/// levels. Errors: those of pictures, E901.
pub fn write_sheet(set: &TestSet, seed: u64, out: &Path) -> Result<(), Fault> {
    let of = set.queries.iter().chain(&set.enrolment);
    let step = (set.queries.len() / SHOWN).max(1);
    let shown: Vec<&Picture> = of.step_by(step).take(SHOWN).collect();
    let columns = shown.len() * (LEVELS + 1);
    let mut sheet = Sheet::new(columns as u32, Corruption::ALL.len() as u32, CELL)?;
    for (row, corruption) in Corruption::ALL.into_iter().enumerate() {
        for (at, picture) in shown.iter().enumerate() {
            let levels = (0..LEVELS).map(|level| Some((corruption, level)));
            for (cell, how) in std::iter::once(None).chain(levels).enumerate() {
                let image = view(&picture.path, at * step, how, seed)?;
                sheet.place(&image, (at * (LEVELS + 1) + cell) as u32, row as u32);
            }
        }
    }
    write_file(out, &sheet.png()?)
}
