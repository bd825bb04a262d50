//! Decision bands from pictures whose products the trainer knows but did not train on.
//!
//! Each probe asks the rows twice: once with its own product among them (a known item), once without (an unknown item,
//! whose nearest sibling is still there: the hard case). The bands follow from how often the answers would be wrong.

use rayon::prelude::*;
use serde::Serialize;
use skueye_models::{Fault, Thresholds, UnitEmbedding};

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
}

/// Margins tried, smallest first.
const MARGINS: [f32; 9] = [0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2];
/// The share of known items that the reject band may turn away.
const FALSE_REJECT_RATE: f64 = 0.02;

struct Asked {
    /// Best score of the own product, of the best other and of the second-best other product.
    own: Option<f32>,
    other: f32,
    second_other: f32,
}

/// A picture's unit embedding and the product that it shows.
pub type Labelled = (UnitEmbedding, usize);

/// Sets the bands so that at most `false_accept_rate` of the unknown items, and of the known items with a wrong answer,
/// are accepted. `probes` and `rows` are different pictures.
pub fn calibrate(
    probes: &[Labelled],
    rows: &[Labelled],
    false_accept_rate: f64,
) -> Result<Calibration, Fault> {
    let asked: Vec<Asked> = probes.par_iter().map(|probe| ask(probe, rows)).collect();
    let unknown: Vec<f32> = asked.iter().map(|a| a.other).collect();
    let known: Vec<&Asked> = asked.iter().filter(|a| a.own.is_some()).collect();
    let accept = quantile(&unknown, 1.0 - false_accept_rate)
        .next_up()
        .clamp(-1.0, 1.0);
    let best_known: Vec<f32> = known
        .iter()
        .map(|a| a.own.unwrap_or(-1.0).max(a.other))
        .collect();
    let reject = quantile(&best_known, FALSE_REJECT_RATE).clamp(-1.0, accept);
    let bands = |margin| Thresholds {
        accept,
        reject,
        margin,
        false_accept_rate: false_accept_rate as f32,
    };
    let margin = MARGINS
        .into_iter()
        .find(|&m| accepted(&known, &bands(m)).1 <= false_accept_rate);
    let thresholds = bands(margin.unwrap_or(MARGINS[MARGINS.len() - 1]));
    thresholds.validate()?;
    let (accepted_right, accepted_wrong) = accepted(&known, &thresholds);
    let rejected = share(&best_known, |&&best| best < reject);
    Ok(Calibration {
        thresholds,
        probes: probes.len(),
        rows: rows.len(),
        accepted_right,
        accepted_wrong,
        rejected,
    })
}

fn ask((probe, product): &Labelled, rows: &[Labelled]) -> Asked {
    let mut asked = Asked {
        own: None,
        other: -1.0,
        second_other: -1.0,
    };
    let mut best_other = None;
    for (row, of) in rows {
        let score = probe.cosine(row);
        if of == product {
            asked.own = Some(asked.own.map_or(score, |best| best.max(score)));
        } else if score > asked.other {
            // The second place belongs to another product than the first.
            if best_other != Some(of) {
                asked.second_other = asked.other;
            }
            (asked.other, best_other) = (score, Some(of));
        } else if best_other != Some(of) {
            asked.second_other = asked.second_other.max(score);
        }
    }
    asked
}

/// Shares of the known items accepted with the right and with a wrong product.
fn accepted(known: &[&Asked], bands: &Thresholds) -> (f64, f64) {
    let accepts =
        |best: f32, second: f32| bands.judge(best, Some(second)) == skueye_models::Verdict::Accept;
    let right = share(known, |a| {
        a.own
            .is_some_and(|own| own >= a.other && accepts(own, a.other))
    });
    let wrong = share(known, |a| {
        a.own
            .is_some_and(|own| own < a.other && accepts(a.other, own.max(a.second_other)))
    });
    (right, wrong)
}

fn share<T>(items: &[T], test: impl Fn(&&T) -> bool) -> f64 {
    items.iter().filter(test).count() as f64 / items.len().max(1) as f64
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

    fn at(angle: f32) -> UnitEmbedding {
        UnitEmbedding::normalise(vec![angle.cos(), angle.sin()]).unwrap()
    }

    /// A probe a little beside each of `rows`.
    fn beside(rows: &[Labelled]) -> Vec<Labelled> {
        let turn = |row: &UnitEmbedding| at(row.as_slice()[1].atan2(row.as_slice()[0]) + 0.001);
        rows.iter()
            .map(|(row, product)| (turn(row), *product))
            .collect()
    }

    #[test]
    fn separable_products_are_all_accepted_and_unknown_ones_are_not() {
        let rows: Vec<_> = (0..20).map(|i| (at(i as f32 * 0.3), i)).collect();
        let found = calibrate(&beside(&rows), &rows, 0.0).unwrap();
        assert_eq!(
            (found.accepted_right, found.accepted_wrong, found.rejected),
            (1.0, 0.0, 0.0)
        );
        assert!(
            found.thresholds.accept >= 0.298f32.cos(),
            "the nearest other product is not accepted"
        );
    }

    #[test]
    fn look_alikes_raise_the_margin_or_the_bar() {
        // Products 0 and 1 share one direction: no threshold can tell them apart.
        let rows: Vec<_> = (0..20)
            .map(|i| (at((i / 2) as f32 * 1e-5), i % 2))
            .collect();
        let found = calibrate(&beside(&rows), &rows, 0.01).unwrap();
        assert!(found.accepted_wrong <= 0.01, "{found:?}");
    }

    #[test]
    fn few_pictures_give_bands_that_are_valid() {
        for count in 0..4 {
            let rows: Vec<_> = (0..count).map(|i| (at(i as f32), i)).collect();
            assert!(calibrate(&beside(&rows), &rows, 0.01).is_ok(), "{count}");
        }
    }
}
