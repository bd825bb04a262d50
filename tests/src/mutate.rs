//! Mutations of files from a seed: the same on every machine.

/// SplitMix64.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}

/// Changes some bytes, often to extreme values, sometimes the length.
pub fn mutate(bytes: &mut Vec<u8>, state: &mut u64) {
    for _ in 0..1 + next(state) % 4 {
        if bytes.is_empty() {
            return;
        }
        let at = next(state) % bytes.len();
        match next(state) % 6 {
            0 => bytes[at] ^= 1 << (next(state) % 8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][next(state) % 5],
            2 => {
                let end = bytes.len().min(at + 8);
                bytes[at..end].fill(0xff);
            }
            3 => {
                // In the header, where it hurts.
                let at = next(state) % bytes.len().min(640);
                bytes[at] = next(state) as u8;
            }
            4 => bytes.truncate(at.max(bytes.len().saturating_sub(200))),
            _ => {
                let end = bytes.len().min(at + 4);
                bytes[at..end].fill(0);
            }
        }
    }
}
