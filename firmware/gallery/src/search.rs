//! Searching a gallery.
//!
//! The probe is quantised as the rows are. A row's score is `dot x row scale x probe scale` in f32: the cosine, to the
//! rounding of int8.
//!
//! | scan | what it looks at | what it gives |
//! |---|---|---|
//! | [`Scan::Exact`] | every row | the best rows |
//! | [`Scan::Pruned`] | every row's [sketch](crate::sketch), and the rows whose upper bound reaches the hits so far | the best rows by the lesser of score and upper bound |
//! | [`Scan::Lists`] | the same in the [lists](crate::lists) nearest to the probe | the same, of these lists |
//!
//! So a pruned search misses a row only where its bound, 2.5 deviations (`sketch::Z`) above the estimate, does not
//! hold; and what it gives does not depend on the order in which rows are looked at, hence neither on kernel nor on threads.
//! Hits are ordered by score, descending, then by row number, ascending. Where the gallery keeps rows in FP16, a
//! search can end by scoring the hits, and what lies within the error of int8 behind them, anew in f32.
//!
//! Rows that cannot be answered for (a score that is not finite, a product that does not exist; neither is in a verified
//! gallery) are passed over.

mod exact;
mod hits;
mod probe;
mod pruned;

use skueye_models::{Code, Fault};

pub use hits::{Give, Hit, Hits, MAX_K};

pub(crate) use hits::Ranked;
pub(crate) use probe::Probe;

use crate::file::Gallery;
use crate::filter::{Filter, RowSet};
use crate::format::{Kind, u32_at};
use crate::half;
use crate::kernel::Kernel;
use crate::snapshot::Snapshot;
use crate::view::{GalleryView, ProductIndex};

/// Which rows a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Pruned where the gallery has sketches, exact otherwise.
    Auto,
    /// All of them.
    Exact,
    /// Sketches first. In a gallery without sketches: all of them.
    Pruned,
    /// Sketches in the lists nearest to the probe. In a gallery without lists: as [`Scan::Pruned`].
    Lists {
        /// How many lists.
        probes: u32,
    },
}

/// What is asked of a search.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How many hits, 1 to [`MAX_K`].
    pub k: usize,
    /// Which rows are looked at.
    pub scan: Scan,
    /// Rows, products, or both.
    pub give: Give,
    /// Whether hits are scored anew in FP16, where the gallery keeps it.
    pub halves: bool,
    /// The rows that may be hits; all, if none is given.
    pub only: Option<&'a RowSet>,
}

impl Request<'_> {
    /// The `k` best rows and products of all rows, by the fastest scan that the gallery allows.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            scan: Scan::Auto,
            give: Give::Both,
            halves: true,
            only: None,
        }
    }

    /// The same of every row, by int8 alone.
    pub fn exact(k: usize) -> Self {
        Self {
            scan: Scan::Exact,
            halves: false,
            ..Self::new(k)
        }
    }
}

/// Searches galleries with buffers of its own: after [`Searcher::new`], no search allocates.
#[derive(Debug)]
pub struct Searcher {
    kernel: Kernel,
    probe: Box<Probe>,
    exact: Box<exact::Exact>,
    pruned: Box<pruned::Pruned>,
    added: Box<Hits>,
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
            exact: Box::new(exact::Exact::new()),
            pruned: Box::new(pruned::Pruned::new()),
            added: Box::new(Hits::new()),
        }
    }

    /// The kernel in use.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Bytes of galleries that its searches read so far, the FP16 rows of a last step aside: those of some dozens of rows.
    pub fn bytes_read(&self) -> u64 {
        self.exact.read + self.pruned.read()
    }

    /// Puts the `k` best rows and the `k` best products (1 to [`MAX_K`]) for `probe` into `hits`, replacing what was
    /// there, by [`Request::new`]. The probe has the gallery's dimension and any norm but zero. [`Code::GalleryQuery`]
    /// otherwise.
    pub fn search(
        &mut self,
        view: &GalleryView<'_>,
        probe: &[f32],
        k: usize,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        self.answer(view, probe, &Request::new(k), hits)
    }

    /// As [`Searcher::search`], for any request.
    pub fn answer(
        &mut self,
        view: &GalleryView<'_>,
        probe: &[f32],
        request: &Request<'_>,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        self.begin(view, view.product_count(), probe, request, hits)?;
        self.scan(view, request, None, Part::WHOLE, hits);
        self.finish(view, None, request, hits);
        Ok(())
    }

    /// As [`Searcher::answer`], of one state of a gallery that changes; rows and products are numbered as the snapshot
    /// does. [`Code::GalleryCut`] besides, and no hits, where the file was cut short.
    pub fn answer_in(
        &mut self,
        snapshot: &Snapshot,
        probe: &[f32],
        request: &Request<'_>,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        self.answer_part(snapshot, probe, request, Part::WHOLE, hits)?;
        self.finish_in(snapshot, request, hits)
    }

    /// Leaves in `hits` what a part of the gallery gives, unfinished.
    pub(crate) fn answer_part(
        &mut self,
        snapshot: &Snapshot,
        probe: &[f32],
        request: &Request<'_>,
        part: Part,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        let base = snapshot.base().view();
        self.begin(&base, u32::MAX, probe, request, hits)?;
        self.scan(&base, request, snapshot.live(), part, hits);
        if let Some(added) = snapshot.added().filter(|_| part.n == 0) {
            self.scan_added(snapshot, &added.view(), request, hits);
        }
        Ok(())
    }

    /// Puts what [`Searcher::answer_part`] left in order.
    pub(crate) fn finish_in(
        &self,
        snapshot: &Snapshot,
        request: &Request<'_>,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        let added = snapshot.added().map(Gallery::view);
        self.finish(&snapshot.base().view(), added.as_ref(), request, hits);
        snapshot.intact().inspect_err(|_| hits.empty())
    }

    /// Checks the request, sets the probe and empties `hits`.
    fn begin(
        &mut self,
        view: &GalleryView<'_>,
        products: u32,
        probe: &[f32],
        request: &Request<'_>,
        hits: &mut Hits,
    ) -> Result<(), Fault> {
        let k = request.k;
        hits.clear(k.clamp(1, MAX_K), products, request.give, 0.0);
        if !(1..=MAX_K).contains(&k) {
            return Err(unfit(format!("k of 1 to {MAX_K}"), k.to_string()));
        }
        self.probe.set(view, probe)?;
        if request.halves && view.optional(Kind::F16Rows).is_some() {
            let margin = MARGIN * self.probe.scale;
            hits.clear(k, products, request.give, margin);
        }
        Ok(())
    }

    /// Looks through a part of a gallery.
    fn scan(
        &mut self,
        view: &GalleryView<'_>,
        request: &Request<'_>,
        live: Option<&RowSet>,
        part: Part,
        hits: &mut Hits,
    ) {
        let filter = Filter {
            only: request.only,
            live,
            first: 0,
        };
        let (probe, kernel) = (&*self.probe, self.kernel);
        let sketched = match request.scan {
            Scan::Exact => false,
            Scan::Auto | Scan::Pruned | Scan::Lists { .. } => {
                let asked = (request.scan, request.k, filter);
                self.pruned.scan(view, kernel, probe, asked, part, hits)
            }
        };
        if !sketched {
            self.exact.scan(view, kernel, probe, filter, part, hits);
        }
    }

    /// Looks through the rows that were added to a gallery; they are few.
    fn scan_added(
        &mut self,
        snapshot: &Snapshot,
        added: &GalleryView<'_>,
        request: &Request<'_>,
        hits: &mut Hits,
    ) {
        let first = snapshot.base().view().row_count();
        let filter = Filter {
            only: request.only,
            live: snapshot.live(),
            first,
        };
        let (probe, kernel) = (&*self.probe, self.kernel);
        self.added.clear_like(hits);
        let found = &mut *self.added;
        self.exact
            .scan(added, kernel, probe, filter, Part::WHOLE, found);
        hits.merge(found, |hit| Hit {
            row: hit.row + first,
            product: snapshot.added_product(hit.product),
            ..hit
        });
    }

    fn finish(
        &self,
        view: &GalleryView<'_>,
        added: Option<&GalleryView<'_>>,
        request: &Request<'_>,
        hits: &mut Hits,
    ) {
        let halves = |row: u32| -> Option<f32> {
            let (view, row) = match row.checked_sub(view.row_count()) {
                Some(row) => (added?, row),
                None => (view, row),
            };
            let len = 2 * view.dim();
            let row = view
                .optional(Kind::F16Rows)?
                .get(row as usize * len..)?
                .get(..len)?;
            Some(half::dot(row, self.probe.unit())).filter(|score| score.is_finite())
        };
        hits.finish(|hit| match request.halves {
            true => halves(hit.row).unwrap_or(hit.score),
            false => hit.score,
        });
    }
}

/// How far behind the last hit, in steps of the probe's quantiser, a row can lie and still be before it in float: both
/// quantisers' errors have deviations of 0.29 steps (rows and probe have much the same step), so this is five deviations.
const MARGIN: f32 = 2.0;

/// The n-th of `of` equal parts of a gallery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) n: usize,
    pub(crate) of: usize,
}

impl Part {
    pub(crate) const WHOLE: Self = Self { n: 0, of: 1 };

    /// The part of `count` things.
    fn range(self, count: usize) -> std::ops::Range<usize> {
        let at = |n: usize| (count as u128 * n as u128 / self.of.max(1) as u128) as usize;
        at(self.n)..at(self.n + 1)
    }
}

/// The hit of `row`, ranked by `key`; none where it cannot be answered for.
fn ranked(view: &GalleryView<'_>, row: u32, score: f32, key: f32) -> Option<Ranked> {
    let product = u32_at(view.section(Kind::RowProducts), row as usize * 4).map(ProductIndex)?;
    let hit = Hit {
        row,
        product,
        score,
    };
    (product.0 < view.product_count() && score.is_finite()).then_some(Ranked { key, hit })
}

fn unfit(expected: String, got: String) -> Fault {
    Fault::new(
        Code::GalleryQuery,
        expected,
        got,
        "use the model and the gallery of one bundle",
    )
}
