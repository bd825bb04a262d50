//! Finding a delta, on the host.

use std::collections::HashMap;

use super::{FROM_BASE, LITERAL};

/// What is looked up in the base. Sections and rows of a gallery begin at multiples of it.
const BLOCK: usize = 32;
/// Bytes in which the base's next ones are compared with the file's.
const WINDOW: usize = 64;
/// Equal bytes between two changes that are cheaper to send than to skip.
const SHORT: usize = 2;

/// A delta from `base` to `target`. Both are held in memory, with some 30 bytes for each block of the base.
pub fn encode(base: &[u8], target: &[u8]) -> Vec<u8> {
    let blocks = index(base);
    let mut out = Out::default();
    // What was written ends here; the base's bytes that followed are `out.position` on.
    let mut done = 0;
    let mut at = 0;
    while at < target.len() {
        let straight_on = out.position + (at - done);
        let place = [Some(straight_on), find(&blocks, target, at)]
            .into_iter()
            .flatten();
        let mut place =
            place.filter(|&place| place < base.len() && follows(&base[place..], &target[at..]));
        let Some(place) = place.next() else {
            at = (at + 1).next_multiple_of(BLOCK).min(target.len());
            continue;
        };
        // The bytes before it may be the base's too.
        let room = (at - done).min(place);
        let back = equal_before(&base[place - room..place], &target[at - room..at]);
        let (start, from) = (at - back, place - back);
        let count = extent(&base[from..], &target[start..]);
        out.literal(&target[done..start]);
        out.changed_base(
            from,
            &base[from..from + count],
            &target[start..start + count],
        );
        done = start + count;
        at = done;
    }
    out.literal(&target[done..]);
    out.bytes
}

/// The first place in the base of the block that lies at `at`.
fn find(blocks: &HashMap<&[u8], usize>, target: &[u8], at: usize) -> Option<usize> {
    let block = target.get(at..at + BLOCK)?;
    blocks.get(block).copied()
}

/// The first place of each block in the base.
fn index(base: &[u8]) -> HashMap<&[u8], usize> {
    let mut blocks = HashMap::with_capacity(base.len() / BLOCK);
    for (n, block) in base.chunks_exact(BLOCK).enumerate() {
        blocks.entry(block).or_insert(n * BLOCK);
    }
    blocks
}

/// Whether it pays to go on with the base here: at least half of the next bytes are equal.
fn follows(base: &[u8], target: &[u8]) -> bool {
    let window = WINDOW.min(target.len());
    let pairs = base.iter().zip(&target[..window]);
    2 * pairs.filter(|(a, b)| a == b).count() >= window
}

/// How far the base is worth following.
fn extent(base: &[u8], target: &[u8]) -> usize {
    let most = base.len().min(target.len());
    let mut end = 0;
    while end < most && follows(&base[end..], &target[end..]) {
        end = (end + WINDOW).min(most);
    }
    // What differs at the end is no gain.
    let pairs = base[..end].iter().zip(&target[..end]).rev();
    end - pairs.take_while(|(a, b)| a != b).count()
}

/// How many bytes at the two ends are equal.
fn equal_before(base: &[u8], target: &[u8]) -> usize {
    let pairs = base.iter().rev().zip(target.iter().rev());
    pairs.take_while(|(a, b)| a == b).count()
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    position: usize,
}

impl Out {
    fn literal(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes.push(LITERAL);
            self.number(bytes.len() as u64);
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn changed_base(&mut self, from: usize, base: &[u8], target: &[u8]) {
        self.bytes.push(FROM_BASE);
        self.number(base.len() as u64);
        let shift = from as i64 - self.position as i64;
        self.number(((shift << 1) ^ (shift >> 63)) as u64);
        self.position = from + base.len();
        let mut done = 0;
        while done < base.len() {
            let same = equal_run(base, target, done, usize::MAX);
            let start = done + same;
            let mut end = start;
            while end < base.len() && equal_run(base, target, end, SHORT + 1) <= SHORT {
                end += 1;
            }
            self.number(same as u64);
            // Where the operation ends with equal bytes there is nothing more to say.
            if start < base.len() {
                self.number((end - start) as u64);
                let xor = base[start..end]
                    .iter()
                    .zip(&target[start..end])
                    .map(|(a, b)| a ^ b);
                self.bytes.extend(xor);
            }
            done = end;
        }
    }

    fn number(&mut self, mut number: u64) {
        while number >= 128 {
            self.bytes.push(number as u8 | 128);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

/// Equal bytes from `at` on, `most` at most.
fn equal_run(base: &[u8], target: &[u8], at: usize, most: usize) -> usize {
    let pairs = base[at..].iter().zip(&target[at..]).take(most);
    pairs.take_while(|(a, b)| a == b).count()
}
