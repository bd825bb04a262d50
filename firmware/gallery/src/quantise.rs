//! From values to int8 codes in +-127 with one scale.

/// Writes the codes of `values` to the front of `codes` and gives the scale, `max |value| / 127`: a value is its code
/// times the scale, rounded half away from zero. `None` where a value is not finite or all are zero.
pub(crate) fn quantise(values: &[f32], codes: &mut [i8]) -> Option<f64> {
    if !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let largest = values
        .iter()
        .fold(0.0f32, |max, value| max.max(value.abs()));
    if largest == 0.0 {
        return None;
    }
    let scale = f64::from(largest) / 127.0;
    for (code, value) in codes.iter_mut().zip(values) {
        *code = (f64::from(*value) / scale).round() as i8;
    }
    Some(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_away_from_zero_and_the_largest_is_127() {
        let mut codes = [0; 5];
        let scale = quantise(&[127.0, 0.5, -0.5, 1.49, -127.0], &mut codes).unwrap();
        assert_eq!((scale, codes), (1.0, [127, 1, -1, 1, -127]));
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for bad in [[0.0; 2], [f32::NAN, 1.0], [1.0, f32::NEG_INFINITY]] {
            assert!(quantise(&bad, &mut [0; 2]).is_none());
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back_to_half_a_scale(values in proptest::collection::vec(-1e30f32..1e30, 1..40)) {
            let mut codes = vec![0; values.len()];
            if let Some(scale) = quantise(&values, &mut codes) {
                for (value, code) in values.iter().zip(codes) {
                    prop_assert!(code != i8::MIN);
                    let error = (f64::from(*value) - f64::from(code) * scale).abs();
                    prop_assert!(error <= scale * 0.500001);
                }
            }
        }

        #[test]
        fn even_the_smallest_numbers_have_codes(value in 1u32..100) {
            let mut codes = [0; 1];
            prop_assert!(quantise(&[f32::from_bits(value)], &mut codes).is_some());
            prop_assert_eq!(codes, [127]);
        }
    }
}
