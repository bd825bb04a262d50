//! AVX2: 32 codes at a time. `maddubs` multiplies unsigned by signed bytes, so the row gives its absolute values and the
//! probe takes over the row's signs.

use std::arch::x86_64::*;

use super::{Kernel, scalar};

const LANES: usize = 32;

pub(super) fn kernel() -> Option<Kernel> {
    let detected = is_x86_feature_detected!("avx2");
    detected.then_some(Kernel { name: "avx2", dots })
}

fn dots(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    // SAFETY: this function leaves the module only inside the `Kernel` that `kernel` gives after it found AVX2.
    unsafe { dots_avx2(rows, probe, out) }
}

#[target_feature(enable = "avx2")]
fn dots_avx2(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    let quads = rows.chunks_exact((4 * probe.len()).max(1));
    let rest = quads.remainder();
    let (fours, last) = out.as_chunks_mut::<4>();
    for (out, quad) in fours.iter_mut().zip(quads) {
        *out = four(quad, probe_blocks);
    }
    scalar::dots(rest, probe, last);
}

/// The dot products of four rows, which lie one after the other in `rows`.
#[target_feature(enable = "avx2")]
fn four(rows: &[u8], probe: &[[i8; LANES]]) -> [i32; 4] {
    let blocks = rows.as_chunks::<LANES>().0;
    let (ab, cd) = blocks.split_at(2 * probe.len());
    let ((a, b), (c, d)) = (ab.split_at(probe.len()), cd.split_at(probe.len()));
    let mut sums = [_mm256_setzero_si256(); 4];
    for ((((p, a), b), c), d) in probe.iter().zip(a).zip(b).zip(c).zip(d) {
        let p = load_probe(p);
        sums[0] = _mm256_add_epi32(sums[0], products(load(a), p));
        sums[1] = _mm256_add_epi32(sums[1], products(load(b), p));
        sums[2] = _mm256_add_epi32(sums[2], products(load(c), p));
        sums[3] = _mm256_add_epi32(sums[3], products(load(d), p));
    }
    totals(sums)
}

/// Sums of four neighbouring products in each i32. No pair saturates: 2 x 128 x 127 = 32,512 fits in i16.
#[target_feature(enable = "avx2")]
fn products(row: __m256i, probe: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(probe, row));
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// The total of each of four registers of i32.
#[target_feature(enable = "avx2")]
pub(super) fn totals(sums: [__m256i; 4]) -> [i32; 4] {
    let ab = _mm256_hadd_epi32(sums[0], sums[1]);
    let cd = _mm256_hadd_epi32(sums[2], sums[3]);
    let halves = _mm256_hadd_epi32(ab, cd);
    let low = _mm256_castsi256_si128(halves);
    let total = _mm_add_epi32(low, _mm256_extracti128_si256::<1>(halves));
    [
        _mm_extract_epi32::<0>(total),
        _mm_extract_epi32::<1>(total),
        _mm_extract_epi32::<2>(total),
        _mm_extract_epi32::<3>(total),
    ]
}

#[target_feature(enable = "avx2")]
fn load(block: &[u8; LANES]) -> __m256i {
    // SAFETY: the reference proves 32 readable bytes; the load asks for no alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn load_probe(block: &[i8; LANES]) -> __m256i {
    // SAFETY: the reference proves 32 readable bytes; the load asks for no alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}
