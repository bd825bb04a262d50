//! AVX-512 VNNI: 64 codes at a time. `vpdpbusd` multiplies unsigned by signed bytes, so each code of a row is taken as
//! `code + 128` (its sign bit turned), and `128 x sum(probe)` is taken off at the end.

use std::arch::x86_64::*;

use super::{Kernel, avx2, scalar};

const LANES: usize = 64;

pub(super) fn kernel() -> Option<Kernel> {
    let detected = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vnni");
    detected.then_some(Kernel {
        name: "avx512-vnni",
        dots,
    })
}

fn dots(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    // SAFETY: this function leaves the module only inside the `Kernel` that `kernel` gives after it found the features
    // that `dots_vnni` is compiled for.
    unsafe { dots_vnni(rows, probe, out) }
}

#[target_feature(enable = "avx2,avx512f,avx512vnni")]
fn dots_vnni(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    let bias = 128 * probe.iter().map(|code| i32::from(*code)).sum::<i32>();
    let quads = rows.chunks_exact((4 * probe.len()).max(1));
    let rest = quads.remainder();
    let (fours, last) = out.as_chunks_mut::<4>();
    for (out, quad) in fours.iter_mut().zip(quads) {
        *out = four(quad, probe_blocks).map(|biased| biased - bias);
    }
    scalar::dots(rest, probe, last);
}

/// The sums of `(code + 128) x probe` of four rows, which lie one after the other in `rows`. At most
/// 1,024 x 255 x 127: no i32 overflows, and `vpdpbusd` does not saturate on the way.
#[target_feature(enable = "avx2,avx512f,avx512vnni")]
fn four(rows: &[u8], probe: &[[i8; LANES]]) -> [i32; 4] {
    let blocks = rows.as_chunks::<LANES>().0;
    let (ab, cd) = blocks.split_at(2 * probe.len());
    let ((a, b), (c, d)) = (ab.split_at(probe.len()), cd.split_at(probe.len()));
    let mut sums = [_mm512_setzero_si512(); 4];
    for ((((p, a), b), c), d) in probe.iter().zip(a).zip(b).zip(c).zip(d) {
        let p = load_probe(p);
        sums[0] = _mm512_dpbusd_epi32(sums[0], load_biased(a), p);
        sums[1] = _mm512_dpbusd_epi32(sums[1], load_biased(b), p);
        sums[2] = _mm512_dpbusd_epi32(sums[2], load_biased(c), p);
        sums[3] = _mm512_dpbusd_epi32(sums[3], load_biased(d), p);
    }
    avx2::totals([fold(sums[0]), fold(sums[1]), fold(sums[2]), fold(sums[3])])
}

/// The upper half added to the lower one.
#[target_feature(enable = "avx2,avx512f")]
fn fold(sums: __m512i) -> __m256i {
    let upper = _mm512_extracti64x4_epi64::<1>(sums);
    _mm256_add_epi32(_mm512_castsi512_si256(sums), upper)
}

#[target_feature(enable = "avx512f")]
fn load_biased(block: &[u8; LANES]) -> __m512i {
    // SAFETY: the reference proves 64 readable bytes; the load asks for no alignment.
    let codes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    _mm512_xor_si512(codes, _mm512_set1_epi8(i8::MIN))
}

#[target_feature(enable = "avx512f")]
fn load_probe(block: &[i8; LANES]) -> __m512i {
    // SAFETY: the reference proves 64 readable bytes; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}
