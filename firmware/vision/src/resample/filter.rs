//! The triangle filter along one axis: which samples an output sample is made of, and how much of each.

/// The weights of an output sample add up to this.
pub(super) const ONE: i32 = 1 << 14;

/// A stretch of samples that becomes `out` samples. Parts of samples are possible: chroma has half of luma's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// Where it begins, in samples.
    pub start: f64,
    /// How many samples it covers.
    pub length: f64,
    /// How many samples it becomes.
    pub out: usize,
}

impl Span {
    /// The first sample that is read, and the one after the last.
    pub fn bounds(&self) -> (usize, usize) {
        let end = (self.start + self.length).ceil() as usize;
        (self.start as usize, end)
    }
}

/// The weights of a [`Span`], computed anew only when the span changes.
///
/// For a reduction the triangle is as wide as two output samples, so that it antialiases; for an enlargement it is two
/// input samples wide, which is linear interpolation.
#[derive(Debug)]
pub(super) struct Filter {
    span: Option<Span>,
    /// Weights of each output sample, rounded up.
    taps: usize,
    /// Samples that are read.
    samples: usize,
    /// Of each output sample, counted from the first sample that is read.
    starts: Vec<usize>,
    /// `[out][taps]`, unused ones zero, each row's sum [`ONE`].
    weights: Vec<i16>,
    exact: Vec<f64>,
}

impl Filter {
    /// With memory for any span of up to `longest` samples to `out`.
    pub fn new(longest: usize, out: usize) -> Self {
        let taps = most_taps(longest as f64 / out as f64);
        Self {
            span: None,
            taps: 0,
            samples: 0,
            starts: Vec::with_capacity(out),
            // Rows are shorter where the reduction is smaller, never longer.
            weights: Vec::with_capacity(taps * out),
            exact: Vec::with_capacity(taps),
        }
    }

    pub fn set(&mut self, span: Span) {
        if self.span == Some(span) {
            return;
        }
        self.span = Some(span);
        let scale = span.length / span.out as f64;
        self.taps = most_taps(scale);
        self.samples = span.bounds().1 - span.bounds().0;
        self.starts.clear();
        self.weights.clear();
        for at in 0..span.out {
            self.push(span, scale, at);
        }
    }

    /// The first sample of output sample `at`, counted from the first that is read, and its weights.
    pub fn taps(&self, at: usize) -> (usize, &[i16]) {
        let start = self.starts[at];
        let count = self.taps.min(self.samples - start);
        (start, &self.weights[at * self.taps..][..count])
    }

    fn push(&mut self, span: Span, scale: f64, at: usize) {
        let (low, high) = span.bounds();
        let radius = scale.max(1.0);
        let centre = span.start + (at as f64 + 0.5) * scale;
        let first = ((centre - radius).floor() as isize).max(low as isize) as usize;
        // So many weights that the row never reaches beyond the last sample; where it would, it begins earlier.
        let first = first.min(high.saturating_sub(self.taps)).max(low);
        let count = self.taps.min(high - first);
        self.exact.clear();
        let weight = |i: usize| (1.0 - ((first + i) as f64 + 0.5 - centre).abs() / radius).max(0.0);
        self.exact.extend((0..count).map(weight));
        self.starts.push(first - low);
        self.push_rounded();
    }

    /// Rounds so that the sum stays exact: what rounding leaves goes to the largest weight.
    fn push_rounded(&mut self) {
        let sum: f64 = self.exact.iter().sum();
        let begin = self.weights.len();
        let scaled = self.exact.iter().map(|w| w / sum * f64::from(ONE));
        self.weights.extend(scaled.map(|w| w.round() as i16));
        let row = &mut self.weights[begin..];
        let total: i32 = row.iter().map(|w| i32::from(*w)).sum();
        if let Some(largest) = row.iter_mut().max() {
            *largest += (ONE - total) as i16;
        }
        self.weights.resize(begin + self.taps, 0);
    }
}

/// Samples within a triangle for a reduction by `scale`.
fn most_taps(scale: f64) -> usize {
    2 * scale.max(1.0).ceil() as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_add_up_and_stay_inside(start in 0u32..500, halves in 1u32..1000, out in 32usize..300) {
            let span = Span { start: f64::from(start) / 2.0, length: f64::from(halves) / 2.0, out };
            let mut filter = Filter::new(600, out);
            let memory = (filter.weights.capacity(), filter.starts.capacity());
            filter.set(span);
            let (low, high) = span.bounds();
            for at in 0..out {
                let (first, weights) = filter.taps(at);
                prop_assert_eq!(weights.iter().map(|w| i32::from(*w)).sum::<i32>(), ONE);
                prop_assert!(weights.iter().all(|w| *w >= 0));
                let used = weights.iter().rposition(|w| *w > 0).unwrap() + 1;
                prop_assert!(low + first + used <= high);
            }
            prop_assert_eq!(memory, (filter.weights.capacity(), filter.starts.capacity()));
        }
    }

    #[test]
    fn the_same_size_copies() {
        let mut filter = Filter::new(40, 40);
        filter.set(Span {
            start: 0.0,
            length: 40.0,
            out: 40,
        });
        for at in 0..40 {
            let (first, weights) = filter.taps(at);
            assert_eq!(weights[at - first], ONE as i16);
        }
    }
}
