//! Random numbers that depend on a seed and a purpose alone, never on threads or on the order of work.

/// xoshiro256++ (Blackman and Vigna), its state filled by splitmix64 from a key.
#[derive(Debug, Clone)]
pub struct Random([u64; 4]);

impl Random {
    /// The stream of `seed` and a `purpose`: numbers that name what it is for, such as epoch and picture.
    pub fn new(seed: u64, purpose: &[u64]) -> Self {
        let step = |part: u64| part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key = purpose
            .iter()
            .fold(mix(seed), |key, &part| mix(key ^ step(part)));
        Self([1, 2, 3, 4].map(|i: u64| mix(key.wrapping_add(step(i)))))
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [`low`, `high`).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..`n`; `n` must not be 0. The bias is below 2^-32 for `n` below 2^32.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Standard normal, by the sum of four uniforms: tails end at 3.5 sigma, which pictures do not show.
    pub fn normal(&mut self) -> f32 {
        ((0..4).map(|_| self.unit()).sum::<f32>() - 2.0) * 3f32.sqrt()
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// The finaliser of splitmix64: a bijection of 64 bits.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_every_part_of_their_key() {
        let first = |seed, purpose: &[u64]| Random::new(seed, purpose).bits();
        assert_eq!(first(1, &[2, 3]), first(1, &[2, 3]));
        for other in [
            first(2, &[2, 3]),
            first(1, &[3, 2]),
            first(1, &[2]),
            first(1, &[2, 3, 0]),
        ] {
            assert_ne!(other, first(1, &[2, 3]));
        }
    }

    #[test]
    fn numbers_fill_their_range_evenly() {
        let mut random = Random::new(7, &[]);
        let mut counts = [0; 5];
        for _ in 0..10_000 {
            counts[random.below(5)] += 1;
        }
        assert!(
            counts.iter().all(|c| (1_800..2_200).contains(c)),
            "{counts:?}"
        );
        let mut order: Vec<_> = (0..100).collect();
        random.shuffle(&mut order);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        let normals: Vec<f32> = (0..10_000).map(|_| random.normal()).collect();
        let variance = normals.iter().map(|v| v * v).sum::<f32>() / 10_000.0;
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }
}
