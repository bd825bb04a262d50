//! NEON: 16 codes at a time, products widened to i16 (128 x 127 fits) and added in pairs to i32.

use std::arch::aarch64::*;

use super::{Kernel, scalar};

const LANES: usize = 16;

pub(super) fn kernel() -> Option<Kernel> {
    let detected = std::arch::is_aarch64_feature_detected!("neon");
    detected.then_some(Kernel { name: "neon", dots })
}

fn dots(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    // SAFETY: this function leaves the module only inside the `Kernel` that `kernel` gives after it found NEON.
    unsafe { dots_neon(rows, probe, out) }
}

#[target_feature(enable = "neon")]
fn dots_neon(rows: &[u8], probe: &[i8], out: &mut [i32]) {
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
#[target_feature(enable = "neon")]
fn four(rows: &[u8], probe: &[[i8; LANES]]) -> [i32; 4] {
    let blocks = rows.as_chunks::<LANES>().0;
    let (ab, cd) = blocks.split_at(2 * probe.len());
    let ((a, b), (c, d)) = (ab.split_at(probe.len()), cd.split_at(probe.len()));
    let mut sums = [vdupq_n_s32(0); 4];
    for ((((p, a), b), c), d) in probe.iter().zip(a).zip(b).zip(c).zip(d) {
        let p = load_probe(p);
        sums[0] = add_products(sums[0], load(a), p);
        sums[1] = add_products(sums[1], load(b), p);
        sums[2] = add_products(sums[2], load(c), p);
        sums[3] = add_products(sums[3], load(d), p);
    }
    [
        vaddvq_s32(sums[0]),
        vaddvq_s32(sums[1]),
        vaddvq_s32(sums[2]),
        vaddvq_s32(sums[3]),
    ]
}

#[target_feature(enable = "neon")]
fn add_products(sums: int32x4_t, row: int8x16_t, probe: int8x16_t) -> int32x4_t {
    let low = vmull_s8(vget_low_s8(row), vget_low_s8(probe));
    let high = vmull_high_s8(row, probe);
    vpadalq_s16(vpadalq_s16(sums, low), high)
}

#[target_feature(enable = "neon")]
fn load(block: &[u8; LANES]) -> int8x16_t {
    // SAFETY: the reference proves 16 readable bytes; the load asks for no alignment.
    unsafe { vld1q_s8(block.as_ptr().cast()) }
}

#[target_feature(enable = "neon")]
fn load_probe(block: &[i8; LANES]) -> int8x16_t {
    // SAFETY: the reference proves 16 readable bytes; the load asks for no alignment.
    unsafe { vld1q_s8(block.as_ptr()) }
}
