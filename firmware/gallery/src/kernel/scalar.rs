//! The reference kernel, and the remainder of the others.

use super::Kernel;

pub(super) const KERNEL: Kernel = Kernel {
    name: "scalar",
    dots,
};

pub(super) fn dots(rows: &[u8], probe: &[i8], out: &mut [i32]) {
    if probe.is_empty() {
        return out.fill(0);
    }
    for (out, row) in out.iter_mut().zip(rows.chunks_exact(probe.len())) {
        let terms = row.iter().zip(probe);
        *out = terms
            .map(|(code, probe)| i32::from(code.cast_signed()) * i32::from(*probe))
            .sum();
    }
}
