//! Dot products of int8 rows with one int8 probe, and the scan of sketches, equal to the last bit in every kernel.
//!
//! | kernel | instruction set | found |
//! |---|---|---|
//! | `scalar` | any | always; the reference |
//! | `avx2` | x86-64 | at run time |
//! | `avx512-vnni` | x86-64 | at run time |
//! | `neon-sdot` | aarch64 with dot products | at run time |
//! | `neon` | aarch64 | at run time |
//!
//! The sums are exact: at most 1,024 products of at most 128 x 127, which i32 (and even f32) holds. The codes of a
//! damaged row may be -128, which no builder writes; the kernels agree there too. The probe's codes are in +-127.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx512;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod dotprod;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod neon;
#[allow(unsafe_code)]
mod prefetch;
mod scalar;

pub(crate) use prefetch::ask_for;

use crate::format::{ALIGN, MAX_DIM};
use crate::sketch::coarse::{CoarseProbe, Survivors};

/// `out[i]` = row i of `rows` times the probe; rows and probe have the same length, a multiple of 64.
type Dots = fn(rows: &[u8], probe: &[i8], out: &mut [i32]);
/// `out[i]` = record `at[i]` of `records` times the probe; zero for a record that is not there.
type Gather = fn(records: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]);
/// Puts the rows of `blocks` (numbered from `first`) whose key is at least `least` into `found`.
type Coarse = fn(blocks: &[u8], probe: &CoarseProbe, least: i16, first: u32, found: &mut Survivors);

/// A kernel that this processor has: the only way to one is through detection.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    name: &'static str,
    dots: Dots,
    gather: Gather,
    fine: Gather,
    coarse: Coarse,
}

impl Kernel {
    /// The kernels of this processor, the fastest first.
    pub fn available() -> impl Iterator<Item = Kernel> {
        #[cfg(target_arch = "x86_64")]
        let simd = [avx512::kernel(), avx2::kernel()];
        #[cfg(target_arch = "aarch64")]
        let simd = [dotprod::kernel(), neon::kernel()];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let simd = [None];
        simd.into_iter().flatten().chain([scalar::KERNEL])
    }

    /// The fastest kernel of this processor.
    pub fn best() -> Kernel {
        Self::available().next().unwrap_or(scalar::KERNEL)
    }

    /// Its name, as in the table above.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Writes the dot product of each row with the `probe` to `out`. `rows` holds `out.len()` rows as long as the probe.
    pub(crate) fn dots(&self, rows: &[u8], probe: &Codes, out: &mut [i32]) {
        debug_assert_eq!(rows.len(), out.len() * probe.as_slice().len());
        (self.dots)(rows, probe.as_slice(), out);
    }

    /// Writes the dot product of the rows numbered `at` with the `probe` to `out`, as far as `out` goes.
    pub(crate) fn gather(&self, rows: &[u8], at: &[u32], probe: &Codes, out: &mut [i32]) {
        (self.gather)(rows, at, probe.as_slice(), out);
    }

    /// The same for records of two bits per value ([`crate::sketch`]), taken as 0 to 3.
    pub(crate) fn fine(&self, records: &[u8], at: &[u32], probe: &Codes, out: &mut [i32]) {
        (self.fine)(records, at, probe.as_slice(), out);
    }

    /// Scans whole blocks of coarse sketches, the first row of which has the position `first`.
    pub(crate) fn coarse(
        &self,
        blocks: &[u8],
        probe: &CoarseProbe,
        least: i16,
        first: u32,
        found: &mut Survivors,
    ) {
        (self.coarse)(blocks, probe, least, first, found);
    }
}

/// The record numbered `at` of `len` bytes; empty where there is none.
fn record(records: &[u8], at: u32, len: usize) -> &[u8] {
    let start = at as usize * len;
    records.get(start..start + len).unwrap_or(&[])
}

/// The codes of a probe: all in +-127, zeros up to a multiple of 64.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    codes: [i8; MAX_DIM],
    len: usize,
}

impl Codes {
    /// No codes yet.
    pub(crate) fn new() -> Self {
        Self {
            codes: [0; MAX_DIM],
            len: 0,
        }
    }

    /// Makes room for `dim` codes (at most [`MAX_DIM`]), lets `fill` write them, and gives what it returns. A -128 becomes
    /// -127.
    pub(crate) fn set<T>(&mut self, dim: usize, fill: impl FnOnce(&mut [i8]) -> T) -> T {
        let dim = dim.min(MAX_DIM);
        self.len = dim.next_multiple_of(ALIGN);
        self.codes[dim..].fill(0);
        let filled = fill(&mut self.codes[..dim]);
        self.codes.iter_mut().for_each(|c| *c = (*c).max(-i8::MAX));
        filled
    }

    pub(crate) fn as_slice(&self) -> &[i8] {
        &self.codes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Head;
    use proptest::prelude::*;

    /// Bytes that follow from the seed; a quarter of them are extreme.
    fn bytes(seed: u64, count: usize) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 48).to_le_bytes()
        };
        let byte = |_| match next() {
            [byte, 0..=191, ..] => byte,
            [byte, ..] => [0x80, 0x81, 0x7f, 0][usize::from(byte >> 6)],
        };
        (0..count).map(byte).collect()
    }

    fn codes(values: &[i8]) -> Codes {
        let mut codes = Codes::new();
        codes.set(values.len(), |out| out.copy_from_slice(values));
        codes
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_same_integers(seed in any::<u64>(), blocks in 1usize..=16, count in 0usize..10) {
            let rows = bytes(seed, count * blocks * ALIGN);
            let probe: Vec<i8> = bytes(!seed, blocks * ALIGN).into_iter().map(u8::cast_signed).collect();
            let probe = codes(&probe);
            let expected: Vec<i32> = rows
                .chunks(probe.as_slice().len())
                .map(|row| {
                    let terms = row.iter().zip(probe.as_slice());
                    terms.map(|(r, p)| i32::from(*r as i8) * i32::from(*p)).sum()
                })
                .collect();
            for kernel in Kernel::available() {
                let mut found = vec![i32::MIN; expected.len()];
                kernel.dots(&rows, &probe, &mut found);
                prop_assert_eq!(&found, &expected, "{}", kernel.name());
            }
        }
    }

    /// A probe for the coarse scan of `dim` values.
    fn coarse_probe(seed: u64, dim: usize, head: f32) -> CoarseProbe {
        let values: Vec<f32> = bytes(seed, dim)
            .into_iter()
            .map(|b| f32::from(b) - 127.0)
            .collect();
        let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        let head = Head {
            coarse: head,
            fine: 0.4,
        };
        let mut probe = CoarseProbe::new();
        probe.set(
            &values.iter().map(|v| v / norm).collect::<Vec<_>>(),
            1.0,
            head,
        );
        probe
    }

    proptest! {
        #[test]
        fn every_kernel_gathers_the_same(seed in any::<u64>(), blocks in 1usize..=16, count in 1u32..40) {
            let rows = bytes(seed, count as usize * blocks * ALIGN);
            let probe: Vec<i8> = bytes(!seed, blocks * ALIGN).into_iter().map(u8::cast_signed).collect();
            let probe = codes(&probe);
            // Some lie behind the end.
            let at: Vec<u32> = (0..50).map(|n| (seed >> (n % 50)) as u32 % (count + 2)).collect();
            let all = |gather: &dyn Fn(&Kernel, &mut [i32])| -> Vec<Vec<i32>> {
                let found = Kernel::available().map(|kernel| {
                    let mut found = vec![i32::MIN; at.len()];
                    gather(&kernel, &mut found);
                    found
                });
                found.collect()
            };
            let mut expected = vec![0; count as usize];
            scalar::KERNEL.dots(&rows, &probe, &mut expected);
            let row = |at: &u32| expected.get(*at as usize).copied().unwrap_or(0);
            let expected: Vec<i32> = at.iter().map(row).collect();
            for found in all(&|kernel, out| kernel.gather(&rows, &at, &probe, out)) {
                prop_assert_eq!(&found, &expected);
            }
            let fine = all(&|kernel, out| kernel.fine(&rows, &at, &probe, out));
            for found in &fine {
                prop_assert_eq!(found, &fine[fine.len() - 1], "the scalar kernel is the last");
            }
        }

        #[test]
        fn every_kernel_scans_sketches_alike(
            seed in any::<u64>(), dims in 1usize..=32, blocks in 0usize..4, head in 1.02f32..4.0, least in any::<i16>(),
        ) {
            let probe = coarse_probe(seed, 32 * dims, head);
            let sketches = bytes(!seed, blocks * crate::sketch::coarse::block_len(32 * dims));
            let scan = |kernel: Kernel, least| {
                let mut found = Survivors::new(blocks * 64);
                kernel.coarse(&sketches, &probe, least, 640, &mut found);
                found.as_slice().to_vec()
            };
            for least in [least, least / 64, i16::MIN] {
                let expected = scan(scalar::KERNEL, least);
                prop_assert!(least > i16::MIN || expected.len() == blocks * 64);
                for kernel in Kernel::available() {
                    prop_assert_eq!(&scan(kernel, least), &expected, "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn the_largest_sums_do_not_saturate() {
        for (row, probe) in [(0x80u8, -127i8), (0x80, 127), (0x7f, 127), (0x81, 127)] {
            let expected = i32::from(row as i8) * i32::from(probe) * MAX_DIM as i32;
            for kernel in Kernel::available() {
                let mut found = [0; 5];
                kernel.dots(&[row; 5 * MAX_DIM], &codes(&[probe; MAX_DIM]), &mut found);
                assert_eq!(found, [expected; 5], "{}", kernel.name());
            }
        }
    }

    #[test]
    fn a_shorter_probe_leaves_nothing_of_a_longer_one() {
        let mut codes = codes(&[5; 96]);
        codes.set(32, |out| out.fill(i8::MIN));
        assert_eq!(codes.as_slice()[..32], [-127; 32]);
        assert_eq!(codes.as_slice()[32..], [0; 32]);
    }
}
