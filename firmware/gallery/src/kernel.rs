//! Dot products of int8 rows with one int8 probe, equal to the last bit in every kernel.
//!
//! | kernel | instruction set | found |
//! |---|---|---|
//! | `scalar` | any | always; the reference |
//! | `avx2` | x86-64 | at run time |
//! | `avx512-vnni` | x86-64 | at run time |
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
mod neon;
mod scalar;

use crate::format::{ALIGN, MAX_DIM};

/// `out[i]` = row i of `rows` times the probe; rows and probe have the same length, a multiple of 64.
type Dots = fn(rows: &[u8], probe: &[i8], out: &mut [i32]);

/// A kernel that this processor has: the only way to one is through detection.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    name: &'static str,
    dots: Dots,
}

impl Kernel {
    /// The kernels of this processor, the fastest first.
    pub fn available() -> impl Iterator<Item = Kernel> {
        #[cfg(target_arch = "x86_64")]
        let simd = [avx512::kernel(), avx2::kernel()];
        #[cfg(target_arch = "aarch64")]
        let simd = [neon::kernel()];
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
