//! Decision bands from pictures whose products the trainer knows but did not train on.
//!
//! Each probe asks a gallery of other pictures three times: as it is (a known item); with the probe's product line taken
//! out (an unknown item); and with its product alone taken out (an unknown item whose siblings are stocked, the hard
//! case). The bands are set on the first two and measured on all three. No picture of the test split takes part.
//!
//! The rate that is stated is a bound, not a guess: with as many probes as there are, a rate above it would have shown more
//! wrong answers than the bands let through in 95 of 100 calibrations ([`allowed`]).

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use skueye_models::{Fault, Thresholds, Verdict};

use super::{Bootstrap, Intervals, Shot, ValidationSet};
use crate::embed::embed_pictures;
use crate::vectors::{UnitVectors, Vectors, inner_products};

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
    /// How far the figures would move with other pictures: 95 % intervals.
    pub intervals: Option<CalibrationIntervals>,
}

/// 95 % bootstrap intervals: of the bands, set anew on every resampling with the chosen margin, and of what the chosen bands reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields are those of Calibration")]
pub struct CalibrationIntervals {
    pub accept: Intervals,
    pub reject: Intervals,
    pub accepted_right: Option<Intervals>,
    pub accepted_wrong: Option<Intervals>,
    pub rejected: Option<Intervals>,
    pub unknown_accepted: Option<Intervals>,
    pub unknown_sibling_accepted: Option<Intervals>,
}

/// Margins tried, smallest first.
const MARGINS: [f32; 16] = [
    0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2, 0.25, 0.3,
];
/// The share of known items that the reject band may turn away.
const FALSE_REJECT_RATE: f64 = 0.02;
/// Probes whose scores are computed at once.
const BLOCK: usize = 16;

/// Unit embeddings with what each shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labelled {
    pub embeddings: UnitVectors,
    /// The product of each row.
    pub products: Vec<usize>,
    /// The product line of each row.
    pub lines: Vec<usize>,
}

/// Calibrates the model in `folder` on `set`, through the device's code.
pub fn calibrate_model(
    folder: &Path,
    set: &ValidationSet,
    false_accept_rate: f64,
) -> Result<Calibration, Fault> {
    let dim = skueye_vision::model::read_manifest(folder)?.dim as usize;
    let label = |shots: &[Shot]| {
        let paths: Vec<_> = shots.iter().map(|shot| shot.path.clone()).collect();
        let embeddings = embed_pictures(folder, &paths)?;
        Ok::<_, Fault>(Labelled {
            embeddings: Vectors::of_units(dim, &embeddings)?,
            products: shots.iter().map(|shot| shot.product).collect(),
            lines: shots.iter().map(|shot| shot.line).collect(),
        })
    };
    let rows = [&set.rows[..], &set.distractors[..]].concat();
    calibrate(&label(&set.probes)?, &label(&rows)?, false_accept_rate)
}

/// Sets the bands so that, with 95 % confidence, at most `false_accept_rate` of the unknown items are accepted, and of the known
/// items with a wrong product. `probes` and `rows` are different pictures.
pub(super) fn calibrate(
    probes: &Labelled,
    rows: &Labelled,
    false_accept_rate: f64,
) -> Result<Calibration, Fault> {
    let trials = Trials(trials(probes, rows));
    let every = vec![1; trials.0.len()];
    let reject = trials.reject(&every);
    let bands = |margin| Thresholds {
        accept: trials.accept(&every, margin, false_accept_rate),
        reject,
        margin,
        false_accept_rate: false_accept_rate as f32,
    };
    // Each margin has the lowest accept that keeps the rate: a large margin bears a low one. The pair that accepts most
    // wins, of equal ones the smaller margin.
    let mut thresholds = bands(MARGINS[0]);
    let mut most = trials.reached(&thresholds, &every)[0];
    for other in MARGINS[1..].iter().map(|&margin| bands(margin)) {
        let accepted = trials.reached(&other, &every)[0];
        if accepted > most {
            (thresholds, most) = (other, accepted);
        }
    }
    thresholds.validate()?;
    let reached = trials.reached(&thresholds, &every);
    Ok(Calibration {
        thresholds,
        probes: probes.products.len(),
        rows: rows.products.len(),
        accepted_right: reached[0],
        accepted_wrong: reached[1],
        rejected: reached[2],
        unknown_accepted: reached[3],
        unknown_sibling_accepted: reached[4],
        intervals: trials.intervals(&probes.products, &thresholds, false_accept_rate),
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
    /// The best score where it lies `margin` above the second, else one that no band accepts before all others.
    fn beyond(&self, margin: f32) -> f32 {
        let clear = self
            .second
            .is_none_or(|second| self.best - second >= margin);
        if clear { self.best } else { -1.0 }
    }

    fn verdict(&self, bands: &Thresholds) -> Verdict {
        bands.judge(self.best, self.second)
    }

    /// By the `scores` of those rows that `stocked` leaves, whose products are `products`, for a probe of `product`;
    /// nothing where none is left.
    fn of(
        product: usize,
        products: &[usize],
        scores: &[f32],
        stocked: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let mut best: Option<(f32, usize)> = None;
        let mut second: Option<f32> = None;
        let rows = products.iter().zip(scores).enumerate();
        for (_, (&shown, &score)) in rows.filter(|(row, _)| stocked(*row)) {
            match best {
                Some((most, product)) if score > most => {
                    if product != shown {
                        second = Some(most);
                    }
                    best = Some((score, shown));
                }
                Some((_, product)) if product != shown => {
                    second = Some(second.map_or(score, |s| s.max(score)))
                }
                Some(_) => {}
                None => best = Some((score, shown)),
            }
        }
        best.map(|(best, shown)| Self {
            best,
            second,
            right: shown == product,
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
    /// Of the probe `at` of `probes`, whose cosines to `rows` are `scores`.
    fn new(probes: &Labelled, at: usize, rows: &Labelled, scores: &[f32]) -> Self {
        let (product, line) = (probes.products[at], probes.lines[at]);
        let own = |row: usize| rows.products[row] == product;
        let sibling = |row: usize| rows.lines[row] == line && !own(row);
        let has = |of: &dyn Fn(usize) -> bool| (0..scores.len()).any(of);
        let answer =
            |stocked: &dyn Fn(usize) -> bool| Answer::of(product, &rows.products, scores, stocked);
        Self {
            known: has(&own).then(|| answer(&|_| true)).flatten(),
            unknown: answer(&|row| !own(row) && !sibling(row)),
            unknown_sibling: has(&sibling).then(|| answer(&|row| !own(row))).flatten(),
        }
    }
}

fn trials(probes: &Labelled, rows: &Labelled) -> Vec<Trial> {
    let dim = probes.embeddings.dim();
    let count = rows.products.len();
    let blocks = probes.embeddings.values().par_chunks(BLOCK * dim);
    let of_block = |(number, block): (usize, &[f32])| {
        let mut scores = vec![0.0; block.len() / dim * count];
        inner_products(block, rows.embeddings.values(), dim, &mut scores);
        let first = number * BLOCK;
        let probes_in_block = first..first + block.len() / dim;
        probes_in_block
            .map(|at| Trial::new(probes, at, rows, &scores[(at - first) * count..][..count]))
            .collect::<Vec<_>>()
    };
    blocks.enumerate().flat_map_iter(of_block).collect()
}

/// The most wrong answers among `asked` that are so few that, were the true rate `rate`, there would be more in 95 of 100 cases (one-sided
/// score test, Wilson 1927); none where even none would prove nothing.
fn allowed(rate: f64, asked: u32) -> u32 {
    const Z: f64 = 1.644_854;
    let expected = f64::from(asked) * rate;
    (expected - Z * (expected * (1.0 - rate)).sqrt()).max(0.0) as u32
}

/// All probes' questions; each counts as often as its weight says.
struct Trials(Vec<Trial>);

impl Trials {
    /// The lowest score that, with this `margin`, no more of the unknown items reach than [`allowed`] for `rate`, and of the known
    /// items with a wrong product.
    fn accept(&self, weights: &[u32], margin: f32, rate: f64) -> f32 {
        let unknown = |t: &Trial| Some(t.unknown?.beyond(margin));
        let wrong = |t: &Trial| {
            let answer = t.known?;
            Some(if answer.right {
                -1.0
            } else {
                answer.beyond(margin)
            })
        };
        let below = |asked| asked - allowed(rate, asked);
        let unknown = self.quantile(weights, unknown, below);
        let wrong = self.quantile(weights, wrong, below);
        // Where a margin alone keeps the rate, what would be rejected is still not accepted.
        let least = unknown.max(wrong).next_up().clamp(-1.0, 1.0);
        least.max(self.reject(weights))
    }

    fn reject(&self, weights: &[u32]) -> f32 {
        let turned_away = |asked| (FALSE_REJECT_RATE * f64::from(asked)).ceil() as u32;
        self.quantile(weights, |t| Some(t.known?.best), turned_away)
            .clamp(-1.0, 1.0)
    }

    /// Right, wrong and no answers for known items, wrong ones for unknown items and for those with siblings.
    fn reached(&self, bands: &Thresholds, weights: &[u32]) -> [f64; 5] {
        let accepted = |a: &Answer| a.verdict(bands) == Verdict::Accept;
        [
            self.share(weights, |t| t.known, |a| a.right && accepted(a)),
            self.share(weights, |t| t.known, |a| !a.right && accepted(a)),
            self.share(
                weights,
                |t| t.known,
                |a| a.verdict(bands) == Verdict::Reject,
            ),
            self.share(weights, |t| t.unknown, accepted),
            self.share(weights, |t| t.unknown_sibling, accepted),
        ]
    }

    fn intervals(
        &self,
        products: &[usize],
        bands: &Thresholds,
        rate: f64,
    ) -> Option<CalibrationIntervals> {
        let bootstrap = Bootstrap::default();
        let of =
            |statistic: &(dyn Fn(&[u32]) -> f64 + Sync)| bootstrap.intervals(products, statistic);
        let share = |figure: usize| of(&|weights| self.reached(bands, weights)[figure]);
        Some(CalibrationIntervals {
            accept: of(&|weights| self.accept(weights, bands.margin, rate).into())?,
            reject: of(&|weights| self.reject(weights).into())?,
            accepted_right: share(0),
            accepted_wrong: share(1),
            rejected: share(2),
            unknown_accepted: share(3),
            unknown_sibling_accepted: share(4),
        })
    }

    /// The share of those trials that have the question `of` whose answer meets `test`.
    fn share(
        &self,
        weights: &[u32],
        of: impl Fn(&Trial) -> Option<Answer>,
        test: impl Fn(&Answer) -> bool,
    ) -> f64 {
        let (mut met, mut asked) = (0, 0);
        for (trial, weight) in self.0.iter().zip(weights) {
            if let Some(answer) = of(trial) {
                asked += weight;
                met += weight * u32::from(test(&answer));
            }
        }
        f64::from(met) / f64::from(asked.max(1))
    }

    /// The smallest score that so many of the scores `of` do not exceed as `count` says of their number, one at least; -1 without any.
    fn quantile(
        &self,
        weights: &[u32],
        of: impl Fn(&Trial) -> Option<f32>,
        count: impl Fn(u32) -> u32,
    ) -> f32 {
        let answers = self
            .0
            .iter()
            .zip(weights)
            .filter(|(_, weight)| **weight > 0);
        let mut sorted: Vec<(f32, u32)> = answers
            .filter_map(|(trial, weight)| of(trial).map(|score| (score, *weight)))
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: u32 = sorted.iter().map(|(_, weight)| weight).sum();
        let wanted = count(total).max(1);
        let mut seen = 0;
        let reached = sorted.iter().find(|(_, weight)| {
            seen += weight;
            seen >= wanted
        });
        reached.map_or(-1.0, |(score, _)| *score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors at these angles, each with its product and line.
    fn shots(shots: &[(f32, usize, usize)]) -> Labelled {
        let values = shots.iter().flat_map(|s| [s.0.cos(), s.0.sin()]).collect();
        Labelled {
            embeddings: Vectors::new(2, values).unwrap().normalised().unwrap(),
            products: shots.iter().map(|s| s.1).collect(),
            lines: shots.iter().map(|s| s.2).collect(),
        }
    }

    /// Rows at these angles, and a probe a little beside each.
    fn found(rows: &[(f32, usize, usize)], rate: f64) -> Result<Calibration, Fault> {
        let beside: Vec<_> = rows.iter().map(|r| (r.0 + 0.001, r.1, r.2)).collect();
        calibrate(&shots(&beside), &shots(rows), rate)
    }

    #[test]
    fn separable_products_are_all_accepted_and_unknown_ones_are_not() {
        let rows: Vec<_> = (0..20).map(|i| (i as f32 * 0.3, i, i)).collect();
        let found = found(&rows, 0.0).unwrap();
        assert_eq!(
            (found.accepted_right, found.accepted_wrong, found.rejected),
            (1.0, 0.0, 0.0)
        );
        assert_eq!(found.unknown_accepted, 0.0);
        assert!(
            found.thresholds.accept >= 0.2995f32.cos(),
            "the nearest other product is not accepted"
        );
        let intervals = found.intervals.unwrap();
        let accept = f64::from(found.thresholds.accept);
        for interval in [intervals.accept.by_query, intervals.accept.by_product] {
            assert!(interval.low <= accept && accept <= interval.high + 1e-6);
        }
        assert_eq!(intervals.accepted_right.unwrap().by_product.low, 1.0);
        assert!(intervals.unknown_sibling_accepted.is_some());
    }

    #[test]
    fn look_alikes_raise_the_margin() {
        // Lines lie apart; every other line has two products, which share one direction.
        let products = (0..20).flat_map(|line| vec![line; 1 + (line + 1) % 2]);
        let rows: Vec<_> = products
            .enumerate()
            .map(|(product, line)| (line as f32 * 0.3, product, line))
            .collect();
        let found = found(&rows, 0.01).unwrap();
        assert!(
            found.thresholds.margin > 0.0 && found.accepted_wrong <= 0.01,
            "{found:?}"
        );
        assert!(
            found.thresholds.accept > 0.9,
            "a clear margin alone does not make a low score sure: {found:?}"
        );
        assert!(
            found.accepted_right > 0.3,
            "who has no twin is accepted: {found:?}"
        );
        assert!(
            found.unknown_sibling_accepted > 0.5,
            "a lone sibling looks like the item itself: {found:?}"
        );
    }

    #[test]
    fn the_stated_rate_is_a_bound_that_more_probes_bring_nearer() {
        assert_eq!(
            [10, 100, 1200, 1_000_000].map(|asked| allowed(0.02, asked)),
            [0, 0, 16, 19_769]
        );
        assert_eq!(allowed(0.0, 1000), 0);
    }

    #[test]
    fn few_pictures_give_bands_that_are_valid() {
        for count in 0..4 {
            let rows: Vec<_> = (0..count).map(|i| (i as f32, i, i)).collect();
            assert!(found(&rows, 0.01).is_ok(), "{count}");
        }
    }
}
