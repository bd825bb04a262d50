//! What the generator draws random numbers for: every image owns a stream keyed by its place.

pub(crate) use crate::random::Random as Rng;

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

/// The stream of (`seed`, `purpose`, `a`, `b`).
pub(crate) fn stream(seed: u64, purpose: Purpose, a: u64, b: u64) -> Rng {
    Rng::new(seed, &[purpose as u64 + 1, a, b])
}
