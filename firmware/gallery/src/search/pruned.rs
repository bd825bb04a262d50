//! The scan of sketches, and the rows that it leaves.
//!
//! Three sieves, each with an upper bound on the score: coarse sketches, scanned whole; fine sketches of what passed; the
//! rows of what passed again. What must be passed is the weakest hit so far, so hits have to become good early: of
//! every stretch of the scan the most promising positions are looked at once, the others only at the end, when most of
//! them do not pass any more.

use std::ops::Range;

use super::{Hits, Part, Probe, Scan, ranked};
use crate::filter::Filter;
use crate::format::{Kind, u32_at};
use crate::kernel::{Kernel, ask_for};
use crate::lists::List;
use crate::sketch::coarse::{BLOCK, CoarseProbe, Survivors, block_len};
use crate::sketch::fine::{self, FineBound};
use crate::sketch::{Sketches, Z};
use crate::view::GalleryView;

/// Blocks scanned before the promising ones among them are looked at.
const STRETCH: usize = 64;
/// The same while there are no hits yet, when nothing can be passed over; each further stretch is twice as long.
const FIRST: usize = 8;
/// Lists looked at before everything else where everything is looked at.
const FIRST_LISTS: usize = 32;
/// Positions put off; when they are as many, all are looked at.
const PUT_OFF: usize = 32_768;
/// Positions looked at together.
const BATCH: usize = 256;
/// Rows read together.
const FEW: usize = 32;

/// Memory for a scan.
#[derive(Debug)]
pub(super) struct Pruned {
    coarse: CoarseProbe,
    survivors: Survivors,
    put_off: Vec<(u32, i16)>,
    keys: Vec<i16>,
    /// Cosine and number of each list; its memory grows with the first search of a gallery with lists.
    nearest: Vec<(f32, u32)>,
    /// The blocks of the nearest ones; likewise.
    near: Vec<Range<usize>>,
    batch: Batch,
    /// Bytes of sketches and centroids that were scanned.
    scanned: u64,
}

/// What is known of the positions that are looked at together.
#[derive(Debug)]
struct Batch {
    count: usize,
    positions: [u32; BATCH],
    bounds: [f32; BATCH],
    rows: [u32; BATCH],
    dots: [i32; BATCH],
    /// Bytes of fine sketches and rows that were read.
    read: u64,
}

/// What stays the same during a scan.
#[derive(Clone, Copy)]
struct Setting<'a> {
    view: &'a GalleryView<'a>,
    sketches: Sketches<'a>,
    kernel: Kernel,
    probe: &'a Probe,
    fine: FineBound,
    k: usize,
    filter: Filter<'a>,
}

impl Pruned {
    pub(super) fn new() -> Self {
        Self {
            coarse: CoarseProbe::new(),
            survivors: Survivors::new(STRETCH * BLOCK),
            put_off: Vec::with_capacity(PUT_OFF),
            keys: Vec::with_capacity(STRETCH * BLOCK),
            nearest: Vec::new(),
            near: Vec::new(),
            batch: Batch {
                count: 0,
                positions: [0; BATCH],
                bounds: [0.0; BATCH],
                rows: [0; BATCH],
                dots: [0; BATCH],
                read: 0,
            },
            scanned: 0,
        }
    }

    /// Bytes of galleries that were read so far.
    pub(super) fn read(&self) -> u64 {
        self.scanned + self.batch.read
    }

    /// Looks through a part of the gallery; `false` where it has no sketches.
    pub(super) fn scan(
        &mut self,
        view: &GalleryView<'_>,
        kernel: Kernel,
        probe: &Probe,
        (scan, k, filter): (Scan, usize, Filter<'_>),
        part: Part,
        hits: &mut Hits,
    ) -> bool {
        let Some(sketches) = Sketches::of(view) else {
            return false;
        };
        self.coarse.set(probe.unit(), 1.0, sketches.head);
        let codes = probe.codes.as_slice();
        let setting = Setting {
            view,
            sketches,
            kernel,
            probe,
            fine: FineBound::new(codes, probe.scale, view.dim(), sketches.head),
            k,
            filter,
        };
        self.put_off.clear();
        match (scan, view.optional(Kind::Lists)) {
            (Scan::Lists { probes }, Some(lists)) => {
                self.scan_lists(&setting, lists, probes as usize, part, hits);
            }
            (_, lists) => self.scan_all(&setting, lists, part, hits),
        }
        self.look_at_put_off(&setting, hits);
        true
    }

    /// Scans everything. Where there are lists, the nearest few come first, so that hits are good early; in the file's order a
    /// probe's neighbours come at once, somewhere.
    fn scan_all(
        &mut self,
        setting: &Setting<'_>,
        lists: Option<&[u8]>,
        part: Part,
        hits: &mut Hits,
    ) {
        if let Some(lists) = lists {
            self.scan_lists(setting, lists, FIRST_LISTS, part, hits);
            self.near.sort_unstable_by_key(|list| list.start);
        } else {
            self.near.clear();
        }
        let near = std::mem::take(&mut self.near);
        let blocks = setting.sketches.coarse.len() / block_len(setting.view.dim());
        let own = part.range(blocks);
        let mut next = own.start;
        for list in &near {
            self.scan_blocks(setting, next..list.start.clamp(next, own.end), hits);
            next = list.end.clamp(next, own.end);
        }
        self.scan_blocks(setting, next..own.end, hits);
        self.near = near;
    }

    /// Scans the `probes` lists nearest to the probe, the nearest first, and leaves their blocks in `near`.
    fn scan_lists(
        &mut self,
        setting: &Setting<'_>,
        lists: &[u8],
        probes: usize,
        part: Part,
        hits: &mut Hits,
    ) {
        self.find_near(setting, lists, probes);
        let near = std::mem::take(&mut self.near);
        let (coarse, len) = (setting.sketches.coarse, block_len(setting.view.dim()));
        let own = near.iter().skip(part.n).step_by(part.of.max(1));
        let mut own = own.peekable();
        while let Some(list) = own.next() {
            if let Some(next) = own.peek() {
                // Lists lie anywhere: a scan's own requests begin behind these blocks.
                let begin = next.start..next.end.min(next.start + 2);
                begin.for_each(|block| ask_for(coarse, block as u32, len));
            }
            self.scan_blocks(setting, list.clone(), hits);
        }
        self.near = near;
    }

    /// Puts the blocks of the `probes` lists nearest to the probe into `near`; of equally near ones, those of lower numbers.
    fn find_near(&mut self, setting: &Setting<'_>, lists: &[u8], probes: usize) {
        let mut nearest = std::mem::take(&mut self.nearest);
        self.measure_lists(setting, lists, &mut nearest);
        let probes = nearest.len().min(probes);
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if probes < nearest.len() {
            nearest.select_nth_unstable_by(probes, order);
        }
        nearest[..probes].sort_unstable_by(order);
        let all = setting.sketches.coarse.len() / block_len(setting.view.dim());
        let blocks = |(_, number): &(f32, u32)| {
            let list = List::read(lists, *number as usize)?;
            let first = (list.first_block as usize).min(all);
            Some(first..first.saturating_add(list.blocks as usize).min(all))
        };
        self.near.clear();
        self.near
            .extend(nearest[..probes].iter().filter_map(blocks));
        self.nearest = nearest;
    }

    /// Puts the cosine of every centroid and its number into `nearest`.
    fn measure_lists(
        &mut self,
        setting: &Setting<'_>,
        lists: &[u8],
        nearest: &mut Vec<(f32, u32)>,
    ) {
        nearest.clear();
        let stride = setting.view.header().stride();
        let centroids = setting.view.section(Kind::Centroids);
        for (codes, first) in centroids.chunks(BATCH * stride).zip((0..).step_by(BATCH)) {
            self.scanned += codes.len() as u64;
            let dots = &mut self.batch.dots[..codes.len() / stride];
            setting.kernel.dots(codes, &setting.probe.codes, dots);
            for (dot, number) in dots.iter().zip(first..) {
                let scale = List::read(lists, number as usize).map_or(0.0, |list| list.scale);
                nearest.push((*dot as f32 * scale, number));
            }
        }
    }

    fn scan_blocks(&mut self, setting: &Setting<'_>, blocks: Range<usize>, hits: &mut Hits) {
        let len = block_len(setting.view.dim());
        let all = setting.sketches.coarse;
        let mut left = all.get(blocks.start * len..blocks.end * len).unwrap_or(&[]);
        let mut first = (blocks.start * BLOCK) as u32;
        let mut blocks = match hits.weakest() {
            f32::NEG_INFINITY => FIRST,
            _ => STRETCH,
        };
        while !left.is_empty() {
            let (stretch, rest) = left.split_at((blocks * len).min(left.len()));
            let least = self.coarse.key(hits.weakest());
            self.scanned += stretch.len() as u64;
            self.survivors.clear();
            let (probe, found) = (&self.coarse, &mut self.survivors);
            setting.kernel.coarse(stretch, probe, least, first, found);
            self.sort_out(setting, hits);
            first += (stretch.len() / len * BLOCK) as u32;
            blocks = (2 * blocks).min(STRETCH);
            left = rest;
        }
    }

    /// Looks at the promising survivors of a stretch and puts the others off.
    fn sort_out(&mut self, setting: &Setting<'_>, hits: &mut Hits) {
        let promising = self.promising(setting, hits);
        let found = std::mem::replace(&mut self.survivors, Survivors::none());
        for &(position, key) in found.as_slice() {
            if key >= promising {
                self.batch.add(position, self.coarse.bound(key), setting);
                self.batch.sieve_when_full(setting, hits);
            } else {
                if self.put_off.len() == PUT_OFF {
                    self.look_at_put_off(setting, hits);
                }
                self.put_off.push((position, key));
            }
        }
        self.batch.sieve(setting, hits);
        self.survivors = found;
    }

    /// The key from which on a survivor is looked at now: its estimate alone, without what the bound adds, is as good as
    /// the weakest hit. While there are no hits, the best few.
    fn promising(&mut self, setting: &Setting<'_>, hits: &Hits) -> i16 {
        let weakest = hits.weakest();
        if weakest > f32::NEG_INFINITY {
            let head = setting.sketches.head.coarse;
            let deviation = (head * head - 1.0).sqrt() / (setting.view.dim() as f32).sqrt();
            return self.coarse.key(weakest + Z * deviation);
        }
        let few = 4 * setting.k;
        self.keys.clear();
        self.keys
            .extend(self.survivors.as_slice().iter().map(|(_, key)| *key));
        match self.keys.len().checked_sub(few) {
            Some(at) if at > 0 => *self.keys.select_nth_unstable(at).1,
            _ => i16::MIN,
        }
    }

    /// Looks at those positions that were put off and still pass.
    fn look_at_put_off(&mut self, setting: &Setting<'_>, hits: &mut Hits) {
        let mut least = self.coarse.key(hits.weakest());
        for &(position, key) in &self.put_off {
            if key >= least {
                self.batch.add(position, self.coarse.bound(key), setting);
                if self.batch.sieve_when_full(setting, hits) {
                    least = self.coarse.key(hits.weakest());
                }
            }
        }
        self.batch.sieve(setting, hits);
        self.put_off.clear();
    }
}

/// Bytes of the factor of a fine sketch.
const FACTOR: usize = 2;

/// Bytes of a fine sketch and its factor.
fn fine_len(stride: usize) -> usize {
    fine::record_len(stride) + FACTOR
}

/// Bytes of a row, its scale and its product.
fn row_len(stride: usize) -> usize {
    stride + 8
}

impl Batch {
    /// Takes a position in, for which there is room, and asks the memory for what the sieve will read of it.
    fn add(&mut self, position: u32, bound: f32, setting: &Setting<'_>) {
        let (at, sketches) = (self.count % BATCH, &setting.sketches);
        let len = fine::record_len(setting.view.header().stride());
        ask_for(sketches.fine, position, len);
        ask_for(sketches.fine_factors, position, FACTOR);
        (self.positions[at], self.bounds[at]) = (position, bound);
        self.count = at + 1;
    }

    /// Whether there was no room for another position; there is then.
    fn sieve_when_full(&mut self, setting: &Setting<'_>, hits: &mut Hits) -> bool {
        let full = self.count == BATCH;
        if full {
            self.sieve(setting, hits);
        }
        full
    }

    /// Offers those positions that pass, and forgets all.
    fn sieve(&mut self, setting: &Setting<'_>, hits: &mut Hits) {
        let count = std::mem::take(&mut self.count);
        let Setting {
            view,
            sketches,
            kernel,
            probe,
            fine,
            ..
        } = *setting;
        let positions = &self.positions[..count];
        let dots = &mut self.dots[..count];
        kernel.fine(sketches.fine, positions, &probe.codes, dots);
        self.read += (count * fine_len(view.header().stride())) as u64;
        let (weakest, stride) = (hits.weakest(), view.header().stride());
        let (rows, scales) = (view.section(Kind::Rows), view.section(Kind::Scales));
        let mut passed = 0;
        for i in 0..count {
            let position = self.positions[i];
            let bound = fine.bound(self.dots[i], sketches.fine_factors, position);
            let bound = bound.min(self.bounds[i]);
            let Some(row) = sketches.row(position).filter(|_| bound >= weakest) else {
                continue;
            };
            if setting.filter.passes(row) {
                ask_for(rows, row, stride);
                ask_for(scales, row, 4);
                self.rows[passed] = row;
                self.bounds[passed] = bound;
                passed += 1;
            }
        }
        self.score(passed, setting, hits);
    }

    /// Offers those of the first `passed` rows whose bounds hold out, a few at a time: each few may raise what the next must
    /// reach.
    fn score(&mut self, passed: usize, setting: &Setting<'_>, hits: &mut Hits) {
        let Setting { view, probe, .. } = *setting;
        let scales = view.section(Kind::Scales);
        let mut next = 0;
        while next < passed {
            let (mut count, weakest) = (0, hits.weakest());
            while next < passed && count < FEW {
                if self.bounds[next] >= weakest {
                    (self.rows[count], self.bounds[count]) = (self.rows[next], self.bounds[next]);
                    count += 1;
                }
                next += 1;
            }
            let (rows, dots) = (&self.rows[..count], &mut self.dots[..count]);
            let all = view.section(Kind::Rows);
            setting.kernel.gather(all, rows, &probe.codes, dots);
            self.read += (count * row_len(view.header().stride())) as u64;
            for i in 0..count {
                let scale =
                    u32_at(scales, self.rows[i] as usize * 4).map_or(f32::NAN, f32::from_bits);
                let score = self.dots[i] as f32 * scale * probe.scale;
                let key = score.min(self.bounds[i]);
                if key < hits.weakest() {
                    continue;
                }
                if let Some(ranked) = ranked(view, self.rows[i], score, key) {
                    hits.offer(ranked);
                }
            }
        }
    }
}
