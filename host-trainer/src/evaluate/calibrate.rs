//! Decision bands from pictures whose products the trainer knows but did not train on.
//!
//! Each probe asks a gallery of other pictures three times: as it is (a known item); with the probe's product line taken
//! out (an unknown item); and with its product alone taken out (an unknown item whose siblings are stocked, the hard
//! case). The bands are set on the first two and measured on all three.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use skueye_models::{Fault, Thresholds, UnitEmbedding, Verdict};

use super::{Shot, ValidationSet};
use crate::embed::embed_pictures;

/// What the bands were set for, and what they reach on the pictures they were set with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    /// The bands.
    pub thresholds: Thresholds,
    /// Pictures that asked.
    pub probes: usize,
    /// Pictures that were asked.
    pub rows: usize,
    /// Share of known items that are accepted with the right product.
    pub accepted_right: f64,
    /// Share of known items that are accepted with a wrong product.
    pub accepted_wrong: f64,
    /// Share of known items that are rejected.
    pub rejected: f64,
    /// Share of unknown items that are accepted.
    pub unknown_accepted: f64,
    /// Share of unknown items that are accepted where their siblings are stocked.
    pub unknown_sibling_accepted: f64,
}

/// Margins tried, smallest first.
const MARGINS: [f32; 12] = [
    0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2,
];
/// The share of known items that the reject band may turn away.
const FALSE_REJECT_RATE: f64 = 0.02;

/// A picture's unit embedding with what it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// What the network makes of it.
    pub embedding: UnitEmbedding,
    /// The product.
    pub product: usize,
    /// The product's line.
    pub line: usize,
}

/// Calibrates the model in `folder` on `set`, through the device's code.
pub fn calibrate_model(
    folder: &Path,
    set: &ValidationSet,
    false_accept_rate: f64,
) -> Result<Calibration, Fault> {
    let probes = label(folder, &set.probes)?;
    let mut rows = label(folder, &set.rows)?;
    rows.extend(label(folder, &set.distractors)?);
    calibrate(&probes, &rows, false_accept_rate)
}

fn label(folder: &Path, shots: &[Shot]) -> Result<Vec<Labelled>, Fault> {
    let paths: Vec<_> = shots.iter().map(|shot| shot.path.clone()).collect();
    let embeddings = embed_pictures(folder, &paths)?;
    let pairs = embeddings.into_iter().zip(shots);
    Ok(pairs
        .map(|(embedding, shot)| Labelled {
            embedding,
            product: shot.product,
            line: shot.line,
        })
        .collect())
}

/// Sets the bands so that at most `false_accept_rate` of the unknown items are accepted, and of the known items with a
/// wrong product. `probes` and `rows` are different pictures.
pub fn calibrate(
    probes: &[Labelled],
    rows: &[Labelled],
    false_accept_rate: f64,
) -> Result<Calibration, Fault> {
    let trials: Vec<Trial> = probes
        .par_iter()
        .map(|probe| Trial::new(probe, rows))
        .collect();
    let scores = |of: fn(&Trial) -> Option<Answer>| -> Vec<f32> {
        trials
            .iter()
            .filter_map(of)
            .map(|answer| answer.best)
            .collect()
    };
    let accept = quantile(&scores(|t| t.unknown), 1.0 - false_accept_rate)
        .next_up()
        .clamp(-1.0, 1.0);
    let reject = quantile(&scores(|t| t.known), FALSE_REJECT_RATE).clamp(-1.0, accept);
    let bands = |margin| Thresholds {
        accept,
        reject,
        margin,
        false_accept_rate: false_accept_rate as f32,
    };
    let wrong = |bands: &Thresholds| {
        share(
            &trials,
            |t| t.known,
            |a| !a.right && a.verdict(bands) == Verdict::Accept,
        )
    };
    let margin = MARGINS
        .into_iter()
        .find(|&margin| wrong(&bands(margin)) <= false_accept_rate);
    let thresholds = bands(margin.unwrap_or(MARGINS[MARGINS.len() - 1]));
    thresholds.validate()?;
    let accepted = |a: &Answer| a.verdict(&thresholds) == Verdict::Accept;
    Ok(Calibration {
        thresholds,
        probes: probes.len(),
        rows: rows.len(),
        accepted_right: share(&trials, |t| t.known, |a| a.right && accepted(a)),
        accepted_wrong: wrong(&thresholds),
        rejected: share(
            &trials,
            |t| t.known,
            |a| a.verdict(&thresholds) == Verdict::Reject,
        ),
        unknown_accepted: share(&trials, |t| t.unknown, accepted),
        unknown_sibling_accepted: share(&trials, |t| t.unknown_sibling, accepted),
    })
}

/// The best two products of a gallery for a probe.
#[derive(Debug, Clone, Copy)]
struct Answer {
    best: f32,
    second: Option<f32>,
    right: bool,
}

impl Answer {
    fn verdict(&self, bands: &Thresholds) -> Verdict {
        bands.judge(self.best, self.second)
    }

    /// Of those `rows` that `stocked` leaves, for `probe`; nothing where none is left.
    fn of(
        probe: &Labelled,
        rows: &[Labelled],
        stocked: impl Fn(&Labelled) -> bool,
    ) -> Option<Self> {
        let mut best: Option<(f32, usize)> = None;
        let mut second: Option<f32> = None;
        for row in rows.iter().filter(|row| stocked(row)) {
            let score = probe.embedding.cosine(&row.embedding);
            match best {
                Some((most, product)) if score > most => {
                    if product != row.product {
                        second = Some(most);
                    }
                    best = Some((score, row.product));
                }
                Some((_, product)) if product != row.product => {
                    second = Some(second.map_or(score, |s| s.max(score)))
                }
                Some(_) => {}
                None => best = Some((score, row.product)),
            }
        }
        best.map(|(best, product)| Self {
            best,
            second,
            right: product == probe.product,
        })
    }
}

/// One probe's three questions. A question that the gallery cannot pose is left out.
struct Trial {
    known: Option<Answer>,
    unknown: Option<Answer>,
    unknown_sibling: Option<Answer>,
}

impl Trial {
    fn new(probe: &Labelled, rows: &[Labelled]) -> Self {
        let own = |row: &Labelled| row.product == probe.product;
        let sibling = |row: &Labelled| row.line == probe.line && !own(row);
        let without_own = || Answer::of(probe, rows, |row| !own(row));
        Self {
            known: rows
                .iter()
                .any(own)
                .then(|| Answer::of(probe, rows, |_| true))
                .flatten(),
            unknown: Answer::of(probe, rows, |row| !own(row) && !sibling(row)),
            unknown_sibling: rows.iter().any(sibling).then(without_own).flatten(),
        }
    }
}

/// The share of those trials that have the question `of` whose answer meets `test`.
fn share(
    trials: &[Trial],
    of: impl Fn(&Trial) -> Option<Answer>,
    test: impl Fn(&Answer) -> bool,
) -> f64 {
    let answers: Vec<Answer> = trials.iter().filter_map(of).collect();
    answers.iter().filter(|answer| test(answer)).count() as f64 / answers.len().max(1) as f64
}

/// The smallest value that at least `share` of `values` do not exceed; -1 without values.
fn quantile(values: &[f32], share: f64) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(at.clamp(1, sorted.len().max(1)) - 1)
        .copied()
        .unwrap_or(-1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(angle: f32, product: usize, line: usize) -> Labelled {
        let embedding = UnitEmbedding::normalise(vec![angle.cos(), angle.sin()]).unwrap();
        Labelled {
            embedding,
            product,
            line,
        }
    }

    /// A probe a little beside each of `rows`.
    fn beside(rows: &[Labelled]) -> Vec<Labelled> {
        let angle = |row: &Labelled| row.embedding.as_slice()[1].atan2(row.embedding.as_slice()[0]);
        rows.iter()
            .map(|row| shot(angle(row) + 0.001, row.product, row.line))
            .collect()
    }

    #[test]
    fn separable_products_are_all_accepted_and_unknown_ones_are_not() {
        let rows: Vec<_> = (0..20).map(|i| shot(i as f32 * 0.3, i, i)).collect();
        let found = calibrate(&beside(&rows), &rows, 0.0).unwrap();
        assert_eq!(
            (found.accepted_right, found.accepted_wrong, found.rejected),
            (1.0, 0.0, 0.0)
        );
        assert_eq!(found.unknown_accepted, 0.0);
        assert!(
            found.thresholds.accept >= 0.2995f32.cos(),
            "the nearest other product is not accepted"
        );
    }

    #[test]
    fn look_alikes_raise_the_margin() {
        // Lines lie apart; the two products of a line share one direction.
        let rows: Vec<_> = (0..20)
            .map(|i| shot((i / 2) as f32 * 0.3, i, i / 2))
            .collect();
        let found = calibrate(&beside(&rows), &rows, 0.01).unwrap();
        assert!(
            found.thresholds.margin > 0.0 && found.accepted_wrong <= 0.01,
            "{found:?}"
        );
        assert!(
            found.unknown_sibling_accepted > 0.5,
            "a lone sibling looks like the item itself: {found:?}"
        );
    }

    #[test]
    fn few_pictures_give_bands_that_are_valid() {
        for count in 0..4 {
            let rows: Vec<_> = (0..count).map(|i| shot(i as f32, i, i)).collect();
            assert!(calibrate(&beside(&rows), &rows, 0.01).is_ok(), "{count}");
        }
    }
}
