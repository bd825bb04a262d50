//! AVX-512 VNNI: 64 codes at a time. `vpdpbusd` multiplies unsigned by signed bytes, so each code of a row is taken as
//! `code + 128` (its sign bit turned), and `128 x sum(probe)` is taken off at the end. The coarse scan looks up 64 rows at
//! a time with `vpshufb`.

use std::arch::x86_64::*;

use super::prefetch::ask_ahead;
use super::{Kernel, avx2, record, scalar};
use crate::sketch::coarse::{ALWAYS, BLOCK, CoarseProbe, Survivors};

const LANES: usize = 64;

pub(super) fn kernel() -> Option<Kernel> {
    let detected = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni");
    detected.then_some(Kernel {
        name: "avx512-vnni",
        dots,
        gather,
        fine,
        coarse,
    })
}

fn dots(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    // SAFETY: this function leaves the module only inside the `Kernel` that `kernel` gives after it found the features
    // that `dots_vnni` is compiled for.
    unsafe { dots_vnni(rows, probe, out) }
}

fn gather(rows: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    // SAFETY: as in `dots`.
    unsafe { gather_vnni(rows, at, probe, out) }
}

fn fine(records: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    // SAFETY: as in `dots`.
    unsafe { fine_vnni(records, at, probe, out) }
}

fn coarse(blocks: &[u8], probe: &CoarseProbe, least: i16, first: u32, found: &mut Survivors) {
    // SAFETY: as in `dots`.
    unsafe { coarse_bw(blocks, probe, least, first, found) }
}

#[target_feature(enable = "avx2,avx512f,avx512vnni")]
fn dots_vnni(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    let bias = 128 * probe.iter().map(|code| i32::from(*code)).sum::<i32>();
    let quads = rows.chunks_exact((4 * probe.len()).max(1));
    let rest = quads.remainder();
    let (fours, last) = out.as_chunks_mut::<4>();
    for (out, quad) in fours.iter_mut().zip(quads) {
        ask_ahead(quad);
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
    _mm512_xor_si512(load(block), _mm512_set1_epi8(i8::MIN))
}

#[target_feature(enable = "avx512f")]
fn load_probe(block: &[i8; LANES]) -> __m512i {
    // SAFETY: the reference proves 64 readable bytes; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,avx512f,avx512vnni")]
fn gather_vnni(rows: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    let bias = 128 * probe.iter().map(|code| i32::from(*code)).sum::<i32>();
    for (out, row) in out.iter_mut().zip(at) {
        let row = record(rows, *row, probe.len()).as_chunks::<LANES>().0;
        let mut sums = [_mm512_setzero_si512(); 2];
        for (i, (row, p)) in row.iter().zip(probe_blocks).enumerate() {
            sums[i % 2] = _mm512_dpbusd_epi32(sums[i % 2], load_biased(row), load_probe(p));
        }
        let total = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
        *out = if row.is_empty() { 0 } else { total - bias };
    }
}

#[target_feature(enable = "avx2,avx512f,avx512vnni")]
fn fine_vnni(records: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    let shifts = _mm512_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6);
    let three = _mm512_set1_epi8(3);
    for (out, row) in out.iter_mut().zip(at) {
        let groups = record(records, *row, probe.len() / 4).as_chunks::<16>().0;
        let mut sums = [_mm512_setzero_si512(); 2];
        for (i, (group, p)) in groups.iter().zip(probe_blocks).enumerate() {
            let four = _mm512_broadcast_i32x4(avx2::load_half(group));
            let codes = _mm512_and_si512(_mm512_srlv_epi32(four, shifts), three);
            sums[i % 2] = _mm512_dpbusd_epi32(sums[i % 2], codes, load_probe(p));
        }
        *out = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn coarse_bw(blocks: &[u8], probe: &CoarseProbe, least: i16, first: u32, found: &mut Survivors) {
    let tables = probe.tables().as_chunks::<4>().0;
    let len = BLOCK * (2 * tables.len() + 1);
    let bias = _mm512_set1_epi16(probe.bias);
    let least = _mm512_set1_epi16(least);
    for (block, first) in blocks.chunks_exact(len).zip((first..).step_by(BLOCK)) {
        let (groups, factors) = block.split_at(len - BLOCK);
        let (even, odd) = sums(groups, tables);
        let Some(factors) = factors.first_chunk() else {
            continue;
        };
        let factors = load(factors);
        let low = _mm512_and_si512(factors, _mm512_set1_epi16(0xff));
        let keys = [
            keys(even, low, bias),
            keys(odd, _mm512_srli_epi16::<8>(factors), bias),
        ];
        let masks = keys.map(|keys| u64::from(_mm512_cmpge_epi16_mask(keys, least)));
        let mask = masks[0] | masks[1] << 32;
        if mask != 0 {
            found.push(first, mask, &unpack(keys));
        }
    }
}

/// The sums of tables of the rows 0 to 31 and 32 to 63 of a block.
#[target_feature(enable = "avx512f,avx512bw")]
fn sums(groups: &[u8], tables: &[[[u8; 16]; 4]]) -> (__m512i, __m512i) {
    let (mut both, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let groups = groups.as_chunks::<BLOCK>().0.as_chunks::<2>().0;
    for (pair, tables) in groups.iter().zip(tables) {
        ask_ahead(pair.as_flattened());
        let first = look_up(load(&pair[0]), &tables[0], &tables[1]);
        let second = look_up(load(&pair[1]), &tables[2], &tables[3]);
        // Four entries of at most 62: no byte overflows.
        let four = _mm512_add_epi8(first, second);
        both = _mm512_add_epi16(both, four);
        odd = _mm512_add_epi16(odd, _mm512_srli_epi16::<8>(four));
    }
    (_mm512_sub_epi16(both, _mm512_slli_epi16::<8>(odd)), odd)
}

#[target_feature(enable = "avx512f,avx512bw")]
fn look_up(bits: __m512i, low: &[u8; 16], high: &[u8; 16]) -> __m512i {
    let nibble = _mm512_set1_epi8(15);
    let low = _mm512_shuffle_epi8(table(low), _mm512_and_si512(bits, nibble));
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(bits), nibble);
    _mm512_add_epi8(low, _mm512_shuffle_epi8(table(high), upper))
}

#[target_feature(enable = "avx512f,avx512bw")]
fn table(table: &[u8; 16]) -> __m512i {
    _mm512_broadcast_i32x4(avx2::load_half(table))
}

/// As [`crate::sketch::coarse::key`], of 32 rows.
#[target_feature(enable = "avx512f,avx512bw")]
fn keys(sums: __m512i, factors: __m512i, bias: __m512i) -> __m512i {
    let sums = _mm512_slli_epi16::<1>(_mm512_sub_epi16(sums, bias));
    let weights = _mm512_add_epi16(factors, _mm512_set1_epi16(128));
    let keys = _mm512_mulhrs_epi16(sums, _mm512_slli_epi16::<6>(weights));
    let always = _mm512_cmpeq_epi16_mask(factors, _mm512_set1_epi16(i16::from(ALWAYS)));
    _mm512_mask_blend_epi16(always, keys, _mm512_set1_epi16(i16::MAX))
}

#[target_feature(enable = "avx512f,avx512bw")]
fn unpack(keys: [__m512i; 2]) -> [i16; BLOCK] {
    let mut unpacked = [0; BLOCK];
    let (low, high) = unpacked.split_at_mut(BLOCK / 2);
    // SAFETY: each half has room for 32 i16, that is 64 bytes; the store asks for no alignment.
    unsafe { _mm512_storeu_si512(low.as_mut_ptr().cast(), keys[0]) };
    // SAFETY: as above.
    unsafe { _mm512_storeu_si512(high.as_mut_ptr().cast(), keys[1]) };
    unpacked
}

#[target_feature(enable = "avx512f")]
fn load(block: &[u8; LANES]) -> __m512i {
    // SAFETY: the reference proves 64 readable bytes; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}
