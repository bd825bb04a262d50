//! Leaves out drawings that occur twice: a maker who took over an older drawing would answer the query with itself.

use std::collections::HashSet;

use rayon::prelude::*;
use skueye_models::Fault;

use super::concepts::Concept;
use super::draw::thumbnail;

/// Two drawings whose thumbnails differ by less than this mean step (of 255) per channel are the same. Measured: the
/// 30 repeated drawings of the two Noto sets lie below 2, and few others below 6.
const SAME_BELOW: f64 = 2.0;

/// The concepts of which at least `min_makers` different drawings remain.
pub(super) fn distinct(concepts: Vec<Concept>, min_makers: usize) -> Result<Vec<Concept>, Fault> {
    let within = |concept| without_repeats(concept);
    let concepts: Vec<_> = concepts
        .into_par_iter()
        .map(within)
        .collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (mut concept, thumbnails) in concepts {
        let mut new = thumbnails.into_iter().map(|t| seen.insert(t));
        concept.drawings.retain(|_| new.next().unwrap_or(false));
        if concept.drawings.len() >= min_makers {
            kept.push(concept);
        }
    }
    Ok(kept)
}

/// The concept with the first of each drawing, and their thumbnails.
fn without_repeats(mut concept: Concept) -> Result<(Concept, Vec<Vec<u8>>), Fault> {
    let mut thumbnails: Vec<Vec<u8>> = Vec::new();
    let drawings = std::mem::take(&mut concept.drawings);
    for drawing in drawings {
        let new = thumbnail(drawing.icon)?;
        if thumbnails
            .iter()
            .all(|old| mean_step(old, &new) >= SAME_BELOW)
        {
            thumbnails.push(new);
            concept.drawings.push(drawing);
        }
    }
    Ok((concept, thumbnails))
}

fn mean_step(a: &[u8], b: &[u8]) -> f64 {
    let steps: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    steps as f64 / a.len().max(1) as f64
}
