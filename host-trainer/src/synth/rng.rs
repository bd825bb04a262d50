//! Random numbers that depend on what is drawn, never on when: every image owns a generator keyed by its place.

/// What a stream of random numbers is for, so that no two uses share one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Names,
    Line,
    Artwork,
    Title,
    Photo,
    Stage,
    Presentation,
    Frame,
    Grain,
}

/// xoshiro256++ (Blackman and Vigna), its state filled by splitmix64 from a key.
#[derive(Debug, Clone)]
pub(crate) struct Rng([u64; 4]);

impl Rng {
    /// The stream of (`seed`, `purpose`, `a`, `b`).
    pub(crate) fn new(seed: u64, purpose: Purpose, a: u64, b: u64) -> Self {
        let key = [purpose as u64 + 1, a, b]
            .into_iter()
            .fold(mix(seed), |key, part| {
                mix(key ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            });
        Self(
            [1, 2, 3, 4].map(|i: u64| mix(key.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))),
        )
    }

    /// 64 uniform bits.
    pub(crate) fn bits(&mut self) -> u64 {
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
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [`low`, `high`).
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..`n`; `n` must not be 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of `items`, which must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Standard normal, by the sum of four uniforms: tails end at 3.5 sigma, which pictures do not show.
    pub(crate) fn normal(&mut self) -> f32 {
        ((0..4).map(|_| self.unit()).sum::<f32>() - 2.0) * 3f32.sqrt()
    }

    /// Fisher-Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
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
        let first = |s, p, a, b| Rng::new(s, p, a, b).bits();
        let base = first(1, Purpose::Line, 2, 3);
        assert_eq!(base, first(1, Purpose::Line, 2, 3));
        let others = [
            first(2, Purpose::Line, 2, 3),
            first(1, Purpose::Title, 2, 3),
            first(1, Purpose::Line, 3, 2),
            first(1, Purpose::Line, 2, 4),
        ];
        assert!(others.iter().all(|&o| o != base));
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut rng = Rng::new(7, Purpose::Grain, 0, 0);
        let n = 20_000;
        let mean = (0..n).map(|_| rng.unit()).sum::<f32>() / n as f32;
        assert!((mean - 0.5).abs() < 0.01);
        let square = (0..n).map(|_| rng.normal().powi(2)).sum::<f32>() / n as f32;
        assert!((square - 1.0).abs() < 0.05);
    }
}
