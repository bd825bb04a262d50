//! IEEE 754 half precision, by arithmetic that compilers turn into vector code.

/// The nearest half to a finite `value` of at most 1 (a value of a unit vector), ties to even.
pub(crate) fn from_f32(value: f32) -> u16 {
    let sign = (value.to_bits() >> 16) as u16 & 0x8000;
    let magnitude = value.abs().min(1.0);
    // The sum rounds to the half's last place: that of 2^-24 below 2^-14, and 2^(e - 10) for a value of 2^e and above.
    let exponent = (magnitude.to_bits() >> 23).max(127 - 14);
    let anchor = f32::from_bits((exponent + 13) << 23);
    let rounded = (magnitude + anchor) - anchor;
    // 2^-112 turns the exponent's bias of 127 into 15.
    let bits = (rounded * f32::from_bits((127 - 112) << 23)).to_bits();
    sign | (bits >> 13) as u16
}

/// The halves nearest to `values`, as the file keeps them.
pub(crate) fn bytes(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(|v| from_f32(v).to_le_bytes()).collect()
}

/// The value of a half; an infinity or a NaN comes out as a finite number.
pub(crate) fn to_f32(half: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13);
    let value = magnitude * f32::from_bits((127 + 112) << 23);
    f32::from_bits(value.to_bits() | u32::from(half & 0x8000) << 16)
}

/// Lanes of [`dot`].
const LANES: usize = 16;

/// The dot product of a row of halves with `probe`. The order of the additions is fixed, so that every processor gives
/// the same bits.
pub(crate) fn dot(row: &[u8], probe: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let row = row.as_chunks::<2>().0.as_chunks::<LANES>().0;
    for (row, probe) in row.iter().zip(probe.as_chunks::<LANES>().0) {
        for ((sum, half), probe) in sums.iter_mut().zip(row).zip(probe) {
            *sum += to_f32(u16::from_le_bytes(*half)) * probe;
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_up_to_one_comes_back() {
        for half in (0..=0x3c00).chain(0x8000..=0xbc00) {
            assert_eq!(from_f32(to_f32(half)), half, "{half:#x}");
        }
        assert_eq!(to_f32(0x3c00), 1.0);
        assert_eq!(to_f32(0x0001), 2f32.powi(-24));
        assert_eq!(to_f32(0xb800), -0.5);
        assert!((0..=u16::MAX).all(|half| to_f32(half).is_finite()));
    }

    #[test]
    fn values_between_halves_go_to_the_nearer_and_ties_to_even() {
        for half in 0..0x3c00u16 {
            let (low, high) = (to_f32(half), to_f32(half + 1));
            let middle = (low + high) / 2.0;
            assert_eq!(from_f32(middle), half + (half & 1), "{half:#x}");
            assert_eq!(from_f32(f32::from_bits(middle.to_bits() - 1)), half);
            assert_eq!(
                from_f32(-f32::from_bits(middle.to_bits() + 1)),
                0x8000 | (half + 1)
            );
        }
    }
}
