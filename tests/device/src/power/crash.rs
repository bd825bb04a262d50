//! What a disk may hold after the power went.
//!
//! All that was durable when it went is there: what a flush covered, and what was written through (FUA). Of what came after,
//! any part is: each change or not, in the order in which they came where they overlap, and one of them torn, a part of its
//! sectors only. The change that was under way when the power went may be there too. What is not simulated: a disk that lies
//! about a flush, sectors that are half written, neighbours that a cut destroys.

use super::disk::{Disk, Extent, SECTOR};
use super::log::{Content, Event, Log};
use super::random::Random;

/// A moment at which the power goes, and what becomes of what was not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// Before the event of this number.
    pub at: usize,
    /// Draws what is kept; `None` keeps nothing.
    pub seed: Option<u64>,
}

/// What a disk does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Medium {
    /// What is torn is torn between pieces of so many bytes: a sector or some.
    pub atom: usize,
    /// Whether it does one thing after the other, so that a flush covers every write that was sent before it; else it covers
    /// those alone that were acknowledged when it was sent, which is all that a disk has to do.
    pub in_order: bool,
}

/// A disk after a cut.
#[derive(Debug, Clone)]
pub struct State {
    /// When, and by which draw.
    pub cut: Cut,
    /// Its content.
    pub disk: Disk,
    /// Changes that were not durable.
    pub pending: usize,
    /// How many of them are there, whole or torn.
    pub kept: usize,
    /// Whether one is torn.
    pub torn: bool,
}

/// `count` moments after event `first`, in order. At most half of them are right before and right behind an acknowledgement of
/// the guest, with all lost that may be. Of the others a third each is at any event, at a flush and at a mark, or up to two
/// events behind these.
pub fn cuts(log: &Log, first: usize, count: usize, seed: u64) -> Vec<Cut> {
    let numbers = |is: fn(&Event) -> bool| -> Vec<usize> {
        let all = first..log.events.len();
        all.filter(|at| is(&log.events[*at])).collect()
    };
    let flushes = numbers(|event| matches!(event, Event::Flush { .. }));
    let marks = numbers(|event| matches!(event, Event::Mark(_)));
    let around = marks.iter().flat_map(|at| [*at, at + 1]);
    let mut cuts: Vec<Cut> = around.map(|at| Cut { at, seed: None }).collect();
    cuts.dedup();
    let mut random = Random::new(seed);
    random.shuffle(&mut cuts);
    cuts.truncate(count.div_ceil(2));
    while cuts.len() < count {
        let near = match random.below(3) {
            0 => &flushes,
            1 => &marks,
            _ => &Vec::new(),
        };
        let at = match near.as_slice() {
            [] => first + random.below(log.events.len() + 1 - first),
            near => near[random.below(near.len())] + random.below(3),
        };
        cuts.push(Cut {
            at: at.min(log.events.len()),
            seed: Some(random.next()),
        });
    }
    cuts.sort();
    cuts
}

/// Makes the disks after cuts that come in ascending order.
pub struct Replay<'l> {
    log: &'l Log,
    /// What is durable before the event `next`.
    durable: Disk,
    /// The changes before `next` that may not be.
    pending: Vec<usize>,
    next: usize,
    medium: Medium,
}

impl<'l> Replay<'l> {
    /// Of a log that began with `disk`.
    pub fn new(disk: Disk, log: &'l Log, medium: Medium) -> Self {
        Self {
            log,
            durable: disk,
            pending: Vec::new(),
            next: 0,
            medium,
        }
    }

    /// The disk after `cut`, which must not be before the last one that was asked for.
    pub fn state(&mut self, cut: Cut) -> State {
        while self.next < cut.at {
            match &self.log.events[self.next] {
                Event::Change { .. } => self.pending.push(self.next),
                Event::Flush { covers } => self.flush(match self.medium.in_order {
                    true => self.next,
                    false => *covers,
                }),
                Event::Mark(_) => {}
            }
            self.next += 1;
        }
        let mut disk = self.durable.clone();
        let (mut kept, mut torn) = (0, false);
        let mut random = cut.seed.map(Random::new);
        let keep = random.as_mut().map_or(0, |random| random.below(5));
        let mut last = None;
        for &number in &self.pending {
            let is_forced = matches!(self.log.events[number], Event::Change { durable: true, .. });
            let is_kept = random.as_mut().is_some_and(|random| random.below(4) < keep);
            if is_forced || is_kept {
                apply(&mut disk, &self.log.events[number], |_| true);
                kept += usize::from(!is_forced);
                last = (!is_forced).then_some(number);
            }
        }
        if let Some(random) = &mut random {
            let under_way = self.log.events.get(cut.at);
            let under_way = under_way.filter(|event| matches!(event, Event::Change { .. }));
            match (under_way, last) {
                (Some(event), _) if random.below(2) == 0 => {
                    tear(&mut disk, event, self.medium.atom, random);
                    (kept, torn) = (kept + 1, true);
                }
                (_, Some(number)) if random.below(2) == 0 => {
                    disk = self.with_torn(number, &disk, random);
                    torn = true;
                }
                _ => {}
            }
        }
        State {
            cut,
            disk,
            pending: self.pending.len(),
            kept,
            torn,
        }
    }

    /// Makes the pending changes before event `covers` durable.
    fn flush(&mut self, covers: usize) {
        let (done, rest) = self.pending.iter().partition(|number| **number < covers);
        self.pending = rest;
        let done: Vec<usize> = done;
        for number in done {
            apply(&mut self.durable, &self.log.events[number], |_| true);
        }
    }

    /// The disk with some sectors of change `number`, which is the last that was kept, as they were before it: durable ones.
    fn with_torn(&self, number: usize, disk: &Disk, random: &mut Random) -> Disk {
        let mut disk = disk.clone();
        if let Event::Change { extent, .. } = &self.log.events[number] {
            let mut is_written = sectors(*extent, self.medium.atom, random);
            for (at, sector) in extent.sectors().enumerate() {
                if !is_written(at) {
                    disk.write(sector, &self.durable.read(sector));
                }
            }
        }
        disk
    }
}

/// Puts a change that was under way on the disk in part.
fn tear(disk: &mut Disk, event: &Event, atom: usize, random: &mut Random) {
    if let Event::Change { extent, .. } = event {
        apply(disk, event, sectors(*extent, atom, random));
    }
}

/// Which sectors of a torn change are written: the first ones, or each or not, by pieces of `atom` bytes of the disk.
fn sectors(extent: Extent, atom: usize, random: &mut Random) -> impl FnMut(usize) -> bool {
    let atom_of = move |at: usize| (extent.offset() + at * SECTOR) / atom;
    let count = extent.length() / SECTOR;
    let first = atom_of(0) + random.below(atom_of(count - 1) - atom_of(0) + 2);
    let scattered = random.below(2) == 0;
    let seed = random.next();
    move |at| match scattered {
        true => Random::new(seed ^ atom_of(at) as u64).below(2) == 0,
        false => atom_of(at) < first,
    }
}

fn apply(disk: &mut Disk, event: &Event, mut is_written: impl FnMut(usize) -> bool) {
    let Event::Change {
        extent, content, ..
    } = event
    else {
        return;
    };
    for (at, sector) in extent.sectors().enumerate() {
        if !is_written(at) {
            continue;
        }
        match content {
            Content::Bytes(bytes) => {
                let begin = at * sector.length();
                disk.write(sector, &bytes[begin..begin + sector.length()]);
            }
            Content::Zeros => disk.zero(sector),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::log::Mark;
    use super::*;

    const SIZE: u64 = 1 << 16;
    const STRICT: Medium = Medium {
        atom: SECTOR,
        in_order: false,
    };

    fn extent(sector: u64, count: u64) -> Extent {
        Extent::new(sector * 512, count * 512, SIZE).unwrap()
    }

    fn write(sector: u64, count: u64, value: u8) -> Event {
        let extent = extent(sector, count);
        Event::Change {
            extent,
            content: Content::Bytes(vec![value; extent.length()]),
            durable: false,
        }
    }

    fn value(disk: &Disk, sector: u64) -> u8 {
        disk.read(extent(sector, 1))[0]
    }

    /// Every state of many draws.
    fn states(log: &Log, at: usize) -> Vec<State> {
        let seeds = (0..200).map(Some).chain([None]);
        let state = |seed| Replay::new(Disk::new(SIZE), log, STRICT).state(Cut { at, seed });
        seeds.map(state).collect()
    }

    #[test]
    fn what_was_flushed_is_there_and_of_the_rest_any_part() {
        let events = vec![
            write(0, 2, 1),
            Event::Flush { covers: 1 },
            write(1, 8, 2),
            write(20, 1, 3),
        ];
        let states = states(&Log { events }, 4);
        for state in &states {
            assert_eq!(value(&state.disk, 0), 1);
            assert!([1, 2].contains(&value(&state.disk, 1)));
        }
        for first in [1, 2] {
            for second in [0, 3] {
                let there = |s: &&State| value(&s.disk, 1) == first && value(&s.disk, 20) == second;
                assert!(states.iter().any(|state| there(&state)), "{first} {second}");
            }
        }
        let is_torn = |s: &State| value(&s.disk, 2) != value(&s.disk, 7);
        assert!(states.iter().any(is_torn), "some write is torn");
        let nothing = states.last().unwrap();
        assert_eq!((nothing.pending, nothing.kept, nothing.torn), (2, 0, false));
    }

    #[test]
    fn a_write_under_way_at_the_flush_is_not_covered_and_one_written_through_is_always_there() {
        let mut through = write(5, 1, 4);
        if let Event::Change { durable, .. } = &mut through {
            *durable = true;
        }
        let events = vec![write(0, 1, 1), Event::Flush { covers: 0 }, through];
        let log = Log { events };
        let states = states(&log, 3);
        assert!(states.iter().any(|state| value(&state.disk, 0) == 0));
        assert!(states.iter().all(|state| value(&state.disk, 5) == 4));
        let in_order = Medium {
            in_order: true,
            ..STRICT
        };
        let cut = Cut { at: 3, seed: None };
        let state = Replay::new(Disk::new(SIZE), &log, in_order).state(cut);
        assert_eq!(value(&state.disk, 0), 1);
    }

    #[test]
    fn the_write_that_was_under_way_may_be_there_in_part() {
        let states = states(
            &Log {
                events: vec![write(0, 8, 1)],
            },
            0,
        );
        let written = |s: &State| (0..8).filter(|n| value(&s.disk, *n) == 1).count();
        assert!(states.iter().any(|state| written(state) == 0));
        assert!(states.iter().any(|state| (1..8).contains(&written(state))));
    }

    #[test]
    fn a_disk_that_writes_large_pieces_is_torn_between_them_only() {
        let log = Log {
            events: vec![write(4, 20, 1)],
        };
        let large = Medium {
            atom: 8 * SECTOR,
            ..STRICT
        };
        let mut torn = 0;
        for seed in 0..100 {
            let cut = Cut {
                at: 0,
                seed: Some(seed),
            };
            let disk = Replay::new(Disk::new(SIZE), &log, large).state(cut).disk;
            let piece = |sectors: std::ops::Range<u64>| {
                let values: Vec<u8> = sectors.map(|sector| value(&disk, sector)).collect();
                assert!(
                    values.windows(2).all(|pair| pair[0] == pair[1]),
                    "{values:?}"
                );
                values[0]
            };
            let pieces = [piece(4..8), piece(8..16), piece(16..24)];
            torn += usize::from(pieces.contains(&0) && pieces.contains(&1));
        }
        assert!(torn > 10);
    }

    #[test]
    fn every_acknowledgement_is_cut_at_first_and_the_same_seed_draws_the_same() {
        let mark = |n| Event::Mark(Mark::Done(n));
        let events = vec![write(0, 1, 1), mark(0), write(1, 1, 1), mark(1)];
        let log = Log { events };
        let drawn = cuts(&log, 0, 50, 3);
        assert_eq!(drawn.len(), 50);
        assert!(drawn.is_sorted());
        for at in 1..5 {
            assert!(drawn.contains(&Cut { at, seed: None }));
        }
        assert_eq!(drawn, cuts(&log, 0, 50, 3));
        assert_ne!(drawn, cuts(&log, 0, 50, 4));
        assert_eq!(cuts(&log, 0, 1, 3).len(), 1);
    }

    /// Sectors, how many, the value; 0 stands for a flush.
    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = (0..100u64, 1..20u64, 0..50u8);
        prop::collection::vec(event, 1..40).prop_map(|drawn| {
            let number = |(at, (sector, count, value))| match value {
                0..10 => Event::Flush { covers: at },
                _ => write(sector, count, value),
            };
            drawn.into_iter().enumerate().map(number).collect()
        })
    }

    proptest! {
        #[test]
        fn each_sector_holds_what_was_durable_or_something_newer(events in events(), seed: u64, at in 0..40usize) {
            let log = Log { events };
            let at = at.min(log.events.len());
            let state = Replay::new(Disk::new(SIZE), &log, STRICT).state(Cut { at, seed: Some(seed) });
            let flushed = log.events[..at].iter().rposition(|e| matches!(e, Event::Flush { .. }));
            for sector in 0..SIZE / SECTOR as u64 {
                let mut may_be = vec![0];
                for (number, event) in log.events[..log.events.len().min(at + 1)].iter().enumerate() {
                    let Event::Change { extent: changed, content: Content::Bytes(bytes), .. } = event else { continue };
                    if !changed.sectors().any(|s| s == extent(sector, 1)) { continue }
                    if flushed.is_some_and(|flushed| number < flushed) { may_be.clear() }
                    may_be.push(bytes[0]);
                }
                prop_assert!(may_be.contains(&value(&state.disk, sector)));
            }
        }

        #[test]
        fn cuts_in_ascending_order_make_the_disks_that_they_make_alone(events in events(), seed: u64) {
            let log = Log { events };
            let mut replay = Replay::new(Disk::new(SIZE), &log, STRICT);
            for cut in cuts(&log, 0, 12, seed) {
                let alone = Replay::new(Disk::new(SIZE), &log, STRICT).state(cut);
                prop_assert_eq!(replay.state(cut).disk, alone.disk);
            }
        }
    }
}
