//! From the hits of many frames to one ranking of products.
//!
//! A frame's vote weighs more the sharper its crop, the better its best score and the clearer its margin. A product's
//! score is the weighted mean over all frames; in a frame that does not list it, it counts as just below the last that
//! is listed.

use heapless::Vec;
use skueye_gallery::ProductIndex;
use skueye_models::Thresholds;

/// Products of one frame that take part.
pub const PRODUCTS_PER_FRAME: usize = 16;
/// Different products that one vote keeps; those that come later have been listed by no frame before.
const PRODUCTS: usize = 128;
/// The sharpness at which a frame has half of its weight.
const HALF_SHARPNESS: f32 = 300.0;

/// A product with its score: in one frame, or over all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The product.
    pub product: ProductIndex,
    /// Its score in the frame, or the weighted mean of its scores.
    pub score: f32,
    /// The thresholds of this product alone; `None`: those of all products.
    pub own: Option<Thresholds>,
}

/// The frames of one presentation. It allocates nothing.
#[derive(Debug, Default)]
pub struct Vote {
    entries: Vec<Entry, PRODUCTS>,
    frames: u32,
    weight: f64,
    /// Sum over all frames of weight times the last listed score.
    floor: f64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    product: ProductIndex,
    own: Option<Thresholds>,
    /// Sum of weight times score, over the frames that list it.
    score: f64,
    /// Sum of weight times the last listed score, over the same frames.
    floor: f64,
    /// Frames that list it first.
    firsts: u32,
}

impl Vote {
    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Frames that have voted.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Takes what one frame found (the best products, the best first). A frame that found nothing counts, for nothing.
    pub fn add(&mut self, found: &[Ranked], sharpness: f32, thresholds: &Thresholds) {
        self.frames += 1;
        let found = &found[..found.len().min(PRODUCTS_PER_FRAME)];
        let Some(last) = found.last() else { return };
        let weight = frame_weight(found, sharpness, thresholds);
        self.weight += weight;
        self.floor += weight * f64::from(last.score);
        for (place, ranked) in found.iter().enumerate() {
            if let Some(entry) = self.entry(ranked) {
                entry.score += weight * f64::from(ranked.score);
                entry.floor += weight * f64::from(last.score);
                entry.firsts += u32::from(place == 0);
            }
        }
    }

    /// How many frames list `product` first.
    pub fn firsts(&self, product: ProductIndex) -> u32 {
        let entry = self.entries.iter().find(|e| e.product == product);
        entry.map_or(0, |entry| entry.firsts)
    }

    /// The best products, the best first; of equal scores the lower index first.
    pub fn ranking(&self) -> Vec<Ranked, PRODUCTS_PER_FRAME> {
        let mut best: Vec<Ranked, PRODUCTS_PER_FRAME> = Vec::new();
        for entry in &self.entries {
            let score = (entry.score + self.floor - entry.floor) / self.weight;
            let ranked = Ranked {
                product: entry.product,
                score: score as f32,
                own: entry.own,
            };
            let ahead =
                |other: &Ranked| (other.score, ranked.product) >= (ranked.score, other.product);
            let place = best.iter().take_while(|other| ahead(other)).count();
            if best.is_full() && place < best.len() {
                best.pop();
            }
            // A product behind the last place of a full list does not enter, which is what is wanted.
            let _ = best.insert(place, ranked);
        }
        best
    }

    fn entry(&mut self, ranked: &Ranked) -> Option<&mut Entry> {
        let same = |entry: &Entry| entry.product == ranked.product;
        let found = self.entries.iter().position(same);
        let at = match found {
            Some(at) => at,
            None => {
                let new = Entry {
                    product: ranked.product,
                    own: ranked.own,
                    score: 0.0,
                    floor: 0.0,
                    firsts: 0,
                };
                self.entries.push(new).ok()?;
                self.entries.len() - 1
            }
        };
        self.entries.get_mut(at)
    }
}

/// Between 0.001 and 1. Sharpness, score and margin each contribute a factor; none alone silences a frame.
fn frame_weight(found: &[Ranked], sharpness: f32, thresholds: &Thresholds) -> f64 {
    let best = found[0].score;
    let margin = found.get(1).map_or(1.0, |second| best - second.score);
    let band = (thresholds.accept - thresholds.reject).max(0.05);
    let by_sharpness = 0.1 + 0.9 * sharpness / (sharpness + HALF_SHARPNESS);
    let by_score = 0.1 + 0.9 * ((best - thresholds.reject) / band).clamp(0.0, 1.0);
    let by_margin = 0.1 + 0.9 * (margin / (4.0 * thresholds.margin.max(0.01))).clamp(0.0, 1.0);
    f64::from(by_sharpness * by_score * by_margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THRESHOLDS: Thresholds = Thresholds {
        accept: 0.6,
        reject: 0.4,
        margin: 0.05,
        false_accept_rate: 0.01,
    };

    fn found(scores: &[(u32, f32)]) -> std::vec::Vec<Ranked> {
        let ranked = |(product, score): &(u32, f32)| Ranked {
            product: ProductIndex(*product),
            score: *score,
            own: None,
        };
        scores.iter().map(ranked).collect()
    }

    fn vote(frames: &[(&[(u32, f32)], f32)]) -> Vote {
        let mut vote = Vote::default();
        for (scores, sharpness) in frames {
            vote.add(&found(scores), *sharpness, &THRESHOLDS);
        }
        vote
    }

    #[test]
    fn one_frame_is_its_own_ranking() {
        let vote = vote(&[(&[(3, 0.8), (1, 0.5)], 100.0)]);
        let ranking = vote.ranking();
        assert_eq!(
            (ranking[0].product, ranking[1].product),
            (ProductIndex(3), ProductIndex(1))
        );
        assert!((ranking[0].score - 0.8).abs() < 1e-6);
        assert_eq!((vote.firsts(ProductIndex(3)), vote.frames()), (1, 1));
    }

    #[test]
    fn sharp_sure_frames_outvote_blurred_unsure_ones() {
        let sure: &[(u32, f32)] = &[(1, 0.8), (2, 0.5)];
        let unsure: &[(u32, f32)] = &[(2, 0.52), (1, 0.51)];
        let vote = vote(&[(unsure, 2.0), (unsure, 2.0), (sure, 400.0)]);
        assert_eq!(vote.ranking()[0].product, ProductIndex(1));
    }

    #[test]
    fn a_product_that_only_one_frame_lists_does_not_win_on_it() {
        let steady: &[(u32, f32)] = &[(1, 0.7), (2, 0.3)];
        let stray: &[(u32, f32)] = &[(9, 0.75), (1, 0.7), (2, 0.3)];
        let vote = vote(&[(steady, 50.0), (stray, 50.0), (steady, 50.0)]);
        assert_eq!(vote.ranking()[0].product, ProductIndex(1));
    }

    proptest! {
        #[test]
        fn a_ranking_descends_names_no_product_twice_and_stays_within_the_scores(
            frames in proptest::collection::vec(
                (proptest::collection::vec((0..40u32, -1.0..1.0f32), 0..20), 0.0..1e4f32), 0..30)
        ) {
            let mut vote = Vote::default();
            for (scores, sharpness) in &frames {
                let mut scores = scores.clone();
                scores.sort_by_key(|s| s.0);
                scores.dedup_by_key(|s| s.0);
                scores.sort_by(|a, b| b.1.total_cmp(&a.1));
                vote.add(&found(&scores), *sharpness, &THRESHOLDS);
            }
            let ranking = vote.ranking();
            prop_assert!(ranking.windows(2).all(|w| w[0].score >= w[1].score));
            for (at, ranked) in ranking.iter().enumerate() {
                prop_assert!(ranked.score.abs() <= 1.0001);
                prop_assert!(ranking[..at].iter().all(|other| other.product != ranked.product));
            }
        }
    }
}
