//! The scan of every row.

use super::{Hits, Part, Probe, ranked};
use crate::filter::Filter;
use crate::format::Kind;
use crate::kernel::Kernel;
use crate::view::GalleryView;

/// Rows per call of the kernel: their dot products and scores stay in the first-level cache.
const BLOCK: usize = 256;

/// Memory for a block of rows.
#[derive(Debug)]
pub(super) struct Exact {
    dots: [i32; BLOCK],
    scores: [f32; BLOCK],
    /// Bytes of the gallery that were read.
    pub(super) read: u64,
}

impl Exact {
    pub(super) fn new() -> Self {
        Self {
            dots: [0; BLOCK],
            scores: [0.0; BLOCK],
            read: 0,
        }
    }

    pub(super) fn scan(
        &mut self,
        view: &GalleryView<'_>,
        kernel: Kernel,
        probe: &Probe,
        filter: Filter<'_>,
        part: Part,
        hits: &mut Hits,
    ) {
        let stride = view.header().stride();
        let range = part.range(view.row_count() as usize);
        let rows = view.section(Kind::Rows).chunks(BLOCK * stride);
        let scales = view.section(Kind::Scales).chunks(BLOCK * 4);
        // Parts are cut at whole blocks, so that each row belongs to one of them.
        let blocks = range.start.div_ceil(BLOCK)..range.end.div_ceil(BLOCK);
        let all = rows.zip(scales).zip((0..).step_by(BLOCK));
        for ((rows, scales), first) in all.skip(blocks.start).take(blocks.len()) {
            let count = rows.len() / stride;
            let dots = &mut self.dots[..count];
            kernel.dots(rows, &probe.codes, dots);
            self.read += (rows.len() + scales.len()) as u64;
            let scores = &mut self.scores[..count];
            score(dots, scales, probe.scale, scores);
            collect(view, first, scores, filter, hits);
        }
    }
}

/// `scores[i] = dots[i] x scales[i] x probe_scale`.
fn score(dots: &[i32], scales: &[u8], probe_scale: f32, scores: &mut [f32]) {
    let scales = scales.as_chunks::<4>().0;
    for ((score, dot), scale) in scores.iter_mut().zip(dots).zip(scales) {
        *score = *dot as f32 * f32::from_le_bytes(*scale) * probe_scale;
    }
}

/// Offers the rows from `first` on that beat the weakest hit. Most blocks hold none, so sixteen are looked at together.
fn collect(
    view: &GalleryView<'_>,
    first: u32,
    scores: &[f32],
    filter: Filter<'_>,
    hits: &mut Hits,
) {
    for (group, start) in scores.chunks(16).zip((first..).step_by(16)) {
        let weakest = hits.weakest();
        if !group
            .iter()
            .fold(false, |any, score| any | (*score >= weakest))
        {
            continue;
        }
        for (score, row) in group.iter().zip(start..) {
            let wanted = *score >= hits.weakest() && filter.passes(row);
            if let Some(ranked) = ranked(view, row, *score, *score).filter(|_| wanted) {
                hits.offer(ranked);
            }
        }
    }
}
