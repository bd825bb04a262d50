//! What turns one file into another that is much like it.
//!
//! ```text
//! operations, one after the other until the stream ends; numbers are LEB128, at most 64 bits
//! 0  COUNT BYTES...                  COUNT bytes as they are
//! 1  COUNT SHIFT RUNS...             COUNT bytes of the base with some of them changed. SHIFT (zigzag) says how far from the
//!                                    end of the last such operation they begin. RUNS: SAME CHANGED XOR..., until COUNT is
//!                                    reached: SAME bytes as they are, then CHANGED bytes xor those that follow
//! ```
//!
//! Rows of a gallery that change leave their neighbours where they were, and a changed row of a transposed sketch changes
//! few bits of many bytes: both are short runs. The reader trusts nothing: the base is read within its bounds, and what
//! results is proven chunk by chunk before it is written ([`Content`](crate::content::Content)).

use skueye_models::{Code, Fault};

mod encode;

pub use encode::encode;

const LITERAL: u8 = 0;
const FROM_BASE: u8 = 1;

/// Reads the file that a delta makes of its base, from the begin to the end.
pub(crate) struct DeltaReader<B, S> {
    base: B,
    stream: S,
    /// Where the last bytes taken from the base end.
    position: u64,
    now: Run,
    /// Bytes of the operation behind the present run; 0 within a literal.
    rest: u64,
}

/// What the next bytes are.
enum Run {
    Over,
    Literal(u64),
    Same(u64),
    Changed(u64),
}

impl<B, S> DeltaReader<B, S>
where
    B: FnMut(u64, &mut [u8]) -> Result<usize, Fault>,
    S: FnMut(&mut [u8]) -> Result<usize, Fault>,
{
    /// `base` reads from an offset, `stream` reads on; both answer how many bytes they filled in, 0 at the end.
    pub(crate) fn new(base: B, stream: S) -> Self {
        Self {
            base,
            stream,
            position: 0,
            now: Run::Over,
            rest: 0,
        }
    }

    /// Fills in some of the next bytes; 0 at the end. Errors: E801 for what is no delta, those of the two readers.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        while self.is_over() {
            if !self.next_run()? {
                return Ok(0);
            }
        }
        let part = |left: u64| into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = match self.now {
            Run::Over => 0,
            Run::Literal(left) | Run::Same(left) | Run::Changed(left) => part(left),
        };
        let into = &mut into[..count];
        let left = |left: u64| left - count as u64;
        self.now = match self.now {
            Run::Over => Run::Over,
            Run::Literal(n) => {
                exactly(into, &mut self.stream)?;
                Run::Literal(left(n))
            }
            Run::Same(n) => {
                self.take_from_base(into)?;
                Run::Same(left(n))
            }
            Run::Changed(n) => {
                let mut xor = vec![0; count];
                exactly(&mut xor, &mut self.stream)?;
                self.take_from_base(into)?;
                into.iter_mut()
                    .zip(&xor)
                    .for_each(|(byte, xor)| *byte ^= xor);
                Run::Changed(left(n))
            }
        };
        Ok(count)
    }

    fn is_over(&self) -> bool {
        matches!(
            self.now,
            Run::Over | Run::Literal(0) | Run::Same(0) | Run::Changed(0)
        )
    }

    /// Goes on to the next run; false at the end of the stream.
    fn next_run(&mut self) -> Result<bool, Fault> {
        if let (Run::Same(_), true) = (&self.now, self.rest > 0) {
            let changed = self.part_of_rest()?;
            self.now = Run::Changed(changed);
            return Ok(true);
        }
        if self.rest > 0 {
            let same = self.part_of_rest()?;
            self.now = Run::Same(same);
            return Ok(true);
        }
        let mut operation = [0];
        if (self.stream)(&mut operation)? == 0 {
            return Ok(false);
        }
        let count = self.number()?;
        match operation[0] {
            LITERAL if count > 0 => self.now = Run::Literal(count),
            FROM_BASE if count > 0 => {
                let shift = self.number()?;
                let shift = (shift >> 1) as i64 ^ -((shift & 1) as i64);
                let position = self.position.checked_add_signed(shift);
                self.position = position.ok_or_else(|| damaged("a place in the base"))?;
                self.rest = count;
                self.now = Run::Over;
            }
            _ => return Err(damaged("a known operation of at least one byte")),
        }
        Ok(true)
    }

    /// A number of bytes that the operation still has.
    fn part_of_rest(&mut self) -> Result<u64, Fault> {
        let count = self.number()?;
        let rest = self.rest.checked_sub(count);
        self.rest = rest.ok_or_else(|| damaged("a run within its operation"))?;
        Ok(count)
    }

    fn take_from_base(&mut self, into: &mut [u8]) -> Result<(), Fault> {
        let base = &mut self.base;
        let mut position = self.position;
        exactly(into, |piece| {
            let count = base(position, piece)?;
            position += count as u64;
            Ok(count)
        })?;
        self.position = position;
        Ok(())
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            exactly(&mut byte, &mut self.stream)?;
            let bits = u64::from(byte[0] & 127);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte[0] < 128 {
                return Ok(number);
            }
        }
        Err(damaged("a number of 64 bits"))
    }
}

fn exactly(
    mut into: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Fault>,
) -> Result<(), Fault> {
    while !into.is_empty() {
        match read(into)? {
            0 => return Err(damaged("more bytes")),
            count => into = &mut into[count..],
        }
    }
    Ok(())
}

fn damaged(expected: &str) -> Fault {
    let expected = format!("a delta with {expected}");
    let remedy = "install the full bundle instead";
    Fault::new(Code::BundleDamaged, expected, "something else", remedy)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut stream = delta;
        let mut reader = DeltaReader::new(
            |offset, into: &mut [u8]| {
                let from = base
                    .len()
                    .min(usize::try_from(offset).unwrap_or(usize::MAX));
                Ok(std::io::Read::read(&mut &base[from..], into).unwrap())
            },
            |into: &mut [u8]| Ok(std::io::Read::read(&mut stream, into).unwrap()),
        );
        let (mut out, mut piece) = (Vec::new(), [0; 77]);
        loop {
            match reader.read(&mut piece)? {
                0 => return Ok(out),
                count => out.extend_from_slice(&piece[..count]),
            }
            if out.len() > 1 << 20 {
                return Ok(out);
            }
        }
    }

    /// Bytes that look like rows: no two alike.
    fn rows(count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..count * 256).map(|_| next()).collect()
    }

    #[test]
    fn a_hundredth_of_changed_rows_costs_little_more_than_these_rows() {
        let base = rows(4_000, 1);
        let mut target = base.clone();
        let fresh = rows(40, 2);
        for (n, row) in fresh.chunks_exact(256).enumerate() {
            target[n * 100 * 256..][..256].copy_from_slice(row);
        }
        let delta = encode(&base, &target);
        assert!(delta.len() < fresh.len() + 40 * 20, "{}", delta.len());
        assert!(apply(&base, &delta).unwrap() == target);
    }

    #[test]
    fn single_changed_bytes_and_rows_put_in_or_taken_out_cost_a_few_bytes() {
        let base = rows(1_000, 3);
        let mut target = base.clone();
        (0..1_000).for_each(|row| target[row * 256 + row % 256] ^= 4);
        let delta = encode(&base, &target);
        assert!(delta.len() < 5_000, "{}", delta.len());
        assert!(apply(&base, &delta).unwrap() == target);

        let put_in = [&base[..51_200], &rows(1, 4), &base[51_200..]].concat();
        for (base, target) in [(&base, &put_in), (&put_in, &base)] {
            let delta = encode(base, target);
            assert!(delta.len() < 400, "{}", delta.len());
            assert!(apply(base, &delta).unwrap() == *target);
        }
    }

    #[test]
    fn a_base_that_is_too_short_or_a_place_outside_is_refused() {
        let base = rows(4, 1);
        let delta = encode(&base, &base);
        assert!(apply(&base[..1000], &delta).is_err());
        for wrong in [
            &[1, 1, 1][..],
            &[1, 1],
            &[2, 1, 0],
            &[0, 0],
            &[1, 5, 0, 9, 1],
            &[0, 3, 1],
        ] {
            assert!(apply(&base, wrong).is_err(), "{wrong:?}");
        }
        let long = [1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0];
        assert!(apply(&base, &long).is_err());
    }

    proptest! {
        #[test]
        fn any_two_files_round_trip(
            base in prop::collection::vec(0u8..4, 0..600),
            target in prop::collection::vec(0u8..4, 0..600),
        ) {
            prop_assert_eq!(apply(&base, &encode(&base, &target)).unwrap(), target);
        }

        #[test]
        fn any_stream_is_read_or_refused_without_a_panic(
            stream in prop::collection::vec(prop_oneof![0u8..3, any::<u8>()], 0..60),
        ) {
            let _ = apply(&[7; 100], &stream);
        }
    }
}
