//! AVX2: 32 codes at a time. `maddubs` multiplies unsigned by signed bytes, so the row gives its absolute values and the
//! probe takes over the row's signs. The coarse scan looks up 32 rows at a time with `vpshufb`.

use std::arch::x86_64::*;

use super::prefetch::ask_ahead;
use super::{Kernel, record, scalar};
use crate::sketch::coarse::{ALWAYS, BLOCK, CoarseProbe, Survivors};

const LANES: usize = 32;

pub(super) fn kernel() -> Option<Kernel> {
    let detected = is_x86_feature_detected!("avx2");
    detected.then_some(Kernel {
        name: "avx2",
        dots,
        gather,
        fine,
        coarse,
    })
}

fn dots(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    // SAFETY: this function leaves the module only inside the `Kernel` that `kernel` gives after it found AVX2.
    unsafe { dots_avx2(rows, probe, out) }
}

fn gather(rows: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    // SAFETY: as in `dots`.
    unsafe { gather_avx2(rows, at, probe, out) }
}

fn fine(records: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    // SAFETY: as in `dots`.
    unsafe { fine_avx2(records, at, probe, out) }
}

fn coarse(blocks: &[u8], probe: &CoarseProbe, least: i16, first: u32, found: &mut Survivors) {
    // SAFETY: as in `dots`.
    unsafe { coarse_avx2(blocks, probe, least, first, found) }
}

#[target_feature(enable = "avx2")]
fn dots_avx2(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    let quads = rows.chunks_exact((4 * probe.len()).max(1));
    let rest = quads.remainder();
    let (fours, last) = out.as_chunks_mut::<4>();
    for (out, quad) in fours.iter_mut().zip(quads) {
        ask_ahead(quad);
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

#[target_feature(enable = "avx2")]
fn gather_avx2(rows: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0;
    for (out, row) in out.iter_mut().zip(at) {
        let row = record(rows, *row, probe.len()).as_chunks::<LANES>().0;
        let mut sums = [_mm256_setzero_si256(); 4];
        for (i, (row, p)) in row.iter().zip(probe_blocks).enumerate() {
            sums[i % 4] = _mm256_add_epi32(sums[i % 4], products(load(row), load_probe(p)));
        }
        *out = totals(sums).iter().sum();
    }
}

#[target_feature(enable = "avx2")]
fn fine_avx2(records: &[u8], at: &[u32], probe: &[i8], out: &mut [i32]) {
    let probe_blocks = probe.as_chunks::<LANES>().0.as_chunks::<2>().0;
    let shifts = [
        _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2),
        _mm256_setr_epi32(4, 4, 4, 4, 6, 6, 6, 6),
    ];
    let (three, ones) = (_mm256_set1_epi8(3), _mm256_set1_epi16(1));
    for (out, row) in out.iter_mut().zip(at) {
        let groups = record(records, *row, probe.len() / 4).as_chunks::<16>().0;
        let mut sums = [_mm256_setzero_si256(); 4];
        for (group, probe) in groups.iter().zip(probe_blocks) {
            let both = _mm256_broadcastsi128_si256(load_half(group));
            for (half, p) in probe.iter().enumerate() {
                let codes = _mm256_and_si256(_mm256_srlv_epi32(both, shifts[half]), three);
                // At most 2 x 3 x 127: no pair saturates.
                let pairs = _mm256_maddubs_epi16(codes, load_probe(p));
                sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(pairs, ones));
            }
        }
        *out = totals(sums).iter().sum();
    }
}

#[target_feature(enable = "avx2")]
fn coarse_avx2(blocks: &[u8], probe: &CoarseProbe, least: i16, first: u32, found: &mut Survivors) {
    let tables = probe.tables().as_chunks::<4>().0;
    let len = BLOCK * (2 * tables.len() + 1);
    for (block, first) in blocks.chunks_exact(len).zip((first..).step_by(BLOCK)) {
        let (mut unpacked, mut mask) = ([0; BLOCK], 0);
        for half in 0..2 {
            let keys = half_keys(block, tables, probe.bias, half);
            for (odd, keys) in keys.into_iter().enumerate() {
                let at = 32 * odd + 16 * half;
                if let Some(room) = unpacked[at..].first_chunk_mut() {
                    store(keys, room);
                }
                mask |= u64::from(at_least(keys, least)) << at;
            }
        }
        if mask != 0 {
            found.push(first, mask, &unpacked);
        }
    }
}

/// The keys of the rows 16 to a `half` of the first 32 rows of a block, and of the same among the last 32.
#[target_feature(enable = "avx2")]
fn half_keys(block: &[u8], tables: &[[[u8; 16]; 4]], bias: i16, half: usize) -> [__m256i; 2] {
    let (groups, factors) = block.as_chunks::<BLOCK>().0.split_at(2 * tables.len());
    let (mut both, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for (pair, tables) in groups.as_chunks::<2>().0.iter().zip(tables) {
        ask_ahead(&pair[half]);
        let first = look_up(load_part(&pair[0], half), &tables[0], &tables[1]);
        let second = look_up(load_part(&pair[1], half), &tables[2], &tables[3]);
        // Four entries of at most 62: no byte overflows.
        let four = _mm256_add_epi8(first, second);
        both = _mm256_add_epi16(both, four);
        odd = _mm256_add_epi16(odd, _mm256_srli_epi16::<8>(four));
    }
    let even = _mm256_sub_epi16(both, _mm256_slli_epi16::<8>(odd));
    let factors = factors
        .first()
        .map_or(_mm256_setzero_si256(), |f| load_part(f, half));
    let low = _mm256_and_si256(factors, _mm256_set1_epi16(0xff));
    let bias = _mm256_set1_epi16(bias);
    [
        keys(even, low, bias),
        keys(odd, _mm256_srli_epi16::<8>(factors), bias),
    ]
}

#[target_feature(enable = "avx2")]
fn look_up(bits: __m256i, low: &[u8; 16], high: &[u8; 16]) -> __m256i {
    let nibble = _mm256_set1_epi8(15);
    let table = |table| _mm256_broadcastsi128_si256(load_half(table));
    let low = _mm256_shuffle_epi8(table(low), _mm256_and_si256(bits, nibble));
    let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bits), nibble);
    _mm256_add_epi8(low, _mm256_shuffle_epi8(table(high), upper))
}

/// As [`crate::sketch::coarse::key`], of 16 rows.
#[target_feature(enable = "avx2")]
fn keys(sums: __m256i, factors: __m256i, bias: __m256i) -> __m256i {
    let sums = _mm256_slli_epi16::<1>(_mm256_sub_epi16(sums, bias));
    let weights = _mm256_add_epi16(factors, _mm256_set1_epi16(128));
    let keys = _mm256_mulhrs_epi16(sums, _mm256_slli_epi16::<6>(weights));
    let always = _mm256_cmpeq_epi16(factors, _mm256_set1_epi16(i16::from(ALWAYS)));
    _mm256_blendv_epi8(keys, _mm256_set1_epi16(i16::MAX), always)
}

/// A bit for each of 16 keys that is at least `least`.
#[target_feature(enable = "avx2")]
fn at_least(keys: __m256i, least: i16) -> u16 {
    let below = _mm256_cmpgt_epi16(_mm256_set1_epi16(least), keys);
    let bytes = _mm_packs_epi16(
        _mm256_castsi256_si128(below),
        _mm256_extracti128_si256::<1>(below),
    );
    !(_mm_movemask_epi8(bytes) as u16)
}

#[target_feature(enable = "avx2")]
fn store(keys: __m256i, room: &mut [i16; 16]) {
    // SAFETY: the reference proves room for 32 bytes; the store asks for no alignment.
    unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), keys) }
}

/// One half of 64 bytes.
#[target_feature(enable = "avx2")]
fn load_part(bytes: &[u8; 2 * LANES], half: usize) -> __m256i {
    load(&bytes.as_chunks::<LANES>().0[half % 2])
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_half(block: &[u8; LANES / 2]) -> __m128i {
    // SAFETY: the reference proves 16 readable bytes; the load asks for no alignment.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}
