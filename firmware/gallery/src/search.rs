//! The exact search: every row's int8 dot product with the probe.
//!
//! The probe is quantised as the rows are. A row's score is `dot x row scale x probe scale` in f32: the cosine, to the
//! rounding of int8. Hits are ordered by score, descending, then by row number, ascending; every kernel gives the same
//! hits. Rows that cannot be answered for (a score that is not finite, a product that does not exist; neither is in a
//! verified gallery) are passed over.

mod hits;

use skueye_models::{Code, Fault};

pub use hits::{Hit, Hits, MAX_K};

use crate::format::{Kind, u32_at};
use crate::kernel::{Codes, Kernel};
use crate::quantise::quantise;
use crate::view::{GalleryView, ProductIndex};

/// Rows per call of the kernel: their dot products and scores stay in the first-level cache.
const BLOCK: usize = 256;

/// A probe's codes and what turns a dot product with them into a cosine.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) codes: Codes,
    pub(crate) scale: f32,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self {
            codes: Codes::new(),
            scale: 0.0,
        }
    }

    /// Quantises `values`, whose length must be the gallery's; their norm is divided out.
    pub(crate) fn set(&mut self, view: &GalleryView<'_>, values: &[f32]) -> Result<(), Fault> {
        if values.len() != view.dim() {
            let expected = format!("a probe of {} values", view.dim());
            return Err(unfit(expected, values.len().to_string()));
        }
        let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        let scale = self
            .codes
            .set(values.len(), |codes| quantise(values, codes));
        let scale = scale.ok_or_else(|| {
            let got = "a value that is not finite, or zeros only";
            unfit("a probe with a direction".into(), got.into())
        })?;
        self.scale = (scale / norm.sqrt()) as f32;
        Ok(())
    }
}

/// Searches galleries with buffers of its own: after [`Searcher::new`], no search allocates.
#[derive(Debug)]
pub struct Searcher {
    kernel: Kernel,
    probe: Box<Probe>,
    block: Box<Block>,
}

#[derive(Debug)]
struct Block {
    dots: [i32; BLOCK],
    scores: [f32; BLOCK],
}

impl Default for Searcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Searcher {
    /// With the processor's fastest kernel.
    pub fn new() -> Self {
        Self::with_kernel(Kernel::best())
    }

    /// With `kernel`; the hits are the same with each.
    pub fn with_kernel(kernel: Kernel) -> Self {
        Self {
            kernel,
            probe: Box::new(Probe::new()),
            block: Box::new(Block {
                dots: [0; BLOCK],
                scores: [0.0; BLOCK],
            }),
        }
    }

    /// The kernel in use.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Puts the `k` best rows and the `k` best products (1 to [`MAX_K`]) for `probe` into `hits`, replacing what was
    /// there. The probe has the gallery's dimension and any norm but zero. [`Code::GalleryQuery`] otherwise.
    pub fn search(
        &mut self,
        view: &GalleryView<'_>,
        probe: &[f32],
        k: usize,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        hits.clear(k.clamp(1, MAX_K), view.product_count());
        if !(1..=MAX_K).contains(&k) {
            return Err(unfit(format!("k of 1 to {MAX_K}"), k.to_string()));
        }
        self.probe.set(view, probe)?;
        let stride = view.header().stride();
        let rows = view.section(Kind::Rows).chunks(BLOCK * stride);
        let scales = view.section(Kind::Scales).chunks(BLOCK * 4);
        for ((rows, scales), first) in rows.zip(scales).zip((0..).step_by(BLOCK)) {
            let count = rows.len() / stride;
            let dots = &mut self.block.dots[..count];
            self.kernel.dots(rows, &self.probe.codes, dots);
            let scores = &mut self.block.scores[..count];
            score(dots, scales, self.probe.scale, scores);
            collect(view, first, scores, hits);
        }
        Ok(())
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
fn collect(view: &GalleryView<'_>, first: u32, scores: &[f32], hits: &mut Hits) {
    let products = view.section(Kind::RowProducts);
    for (group, start) in scores.chunks(16).zip((first..).step_by(16)) {
        let weakest = hits.weakest();
        if !group
            .iter()
            .fold(false, |any, score| any | (*score > weakest))
        {
            continue;
        }
        for (score, row) in group.iter().zip(start..) {
            if !score.is_finite() || *score <= hits.weakest() {
                continue;
            }
            let product = u32_at(products, row as usize * 4).map(ProductIndex);
            if let Some(product) = product.filter(|product| product.0 < view.product_count()) {
                hits.offer(Hit {
                    row,
                    product,
                    score: *score,
                });
            }
        }
    }
}

fn unfit(expected: String, got: String) -> Fault {
    Fault::new(
        Code::GalleryQuery,
        expected,
        got,
        "use the model and the gallery of one bundle",
    )
}
