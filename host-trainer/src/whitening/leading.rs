//! The leading eigenvectors alone, where there are too many dimensions for all of them: subspace iteration (Halko,
//! Martinsson and Tropp 2011, "Finding structure with randomness", algorithm 4.4).

use faer::traits::ComplexField;
use rayon::prelude::*;
use skueye_models::Fault;

use super::moments::Moments;
use super::spectrum::{Spectrum, decompose, refuse};
use crate::random::Random;
use crate::vectors::{Vectors, inner_products, times};

/// Directions that are followed beside those asked for; they make the others exact sooner.
const MORE: usize = 32;
/// Each round sharpens what separates one direction from the next.
const ROUNDS: usize = 8;
/// Rows that one thread computes at a time: fixed, so that no sum depends on the threads.
const BLOCK: usize = 256;

impl Spectrum {
    /// The `count` leading directions of the rows of `vectors` (`[n, d]`), for maps of no more directions. The time grows
    /// with `n d count`. Errors: E605 where no two vectors differ.
    pub fn leading(vectors: &Vectors, count: usize) -> Result<Self, Fault> {
        let (dim, rows) = (vectors.dim(), vectors.rows());
        let mean = mean(vectors);
        let centred = centred(vectors, &mean);
        let total: f64 = centred
            .par_chunks(BLOCK * dim)
            .map(squares)
            .collect::<Vec<_>>()
            .iter()
            .sum();
        let divisor = rows.saturating_sub(1).max(1) as f64;
        let unit = total / divisor / dim as f64;
        let width = (count + MORE).min(dim).min(rows.max(1));
        let transposed = transpose(&centred, dim);
        let basis = sharpened(dim, width, |basis| {
            let seen = products(&centred, basis, dim); // [n, width]
            let seen = transpose(&seen, width); // [width, n]
            transpose(&products(&transposed, &seen, rows), width) // [width, d]
        });
        let seen = transpose(&products(&centred, &basis, dim), width);
        let wide: Vec<f64> = seen.iter().map(|v| f64::from(*v)).collect();
        let mut small = vec![0.0f64; width * width];
        inner_products(&wide, &wide, rows, &mut small);
        small.iter_mut().for_each(|value| *value /= divisor);
        Self::turned(mean, unit, &small, &basis, rows as u64)
    }

    /// As [`Self::leading`] of vectors that were not kept. The time grows with `d² count`. Errors: E605.
    pub fn leading_of(moments: &Moments, count: usize) -> Result<Self, Fault> {
        let (dim, rows) = (moments.dim(), moments.count());
        let covariance = moments.covariance();
        let unit = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim as f64;
        if !(unit > 0.0 && unit.is_finite()) {
            return Err(refuse(format!("{rows} vectors with a variance of {unit}")));
        }
        let width = (count + MORE).min(dim).min(rows.max(1) as usize);
        let basis = sharpened(dim, width, |basis| {
            let basis: Vec<f64> = basis.iter().map(|v| f64::from(*v)).collect();
            let seen = products(&basis, &covariance, dim); // [width, d]: the covariance is symmetric
            seen.iter().map(|v| (*v / unit) as f32).collect()
        });
        let basis64: Vec<f64> = basis.iter().map(|v| f64::from(*v)).collect();
        let seen = products(&basis64, &covariance, dim);
        let small = products(&seen, &basis64, dim);
        Self::turned(moments.mean().to_vec(), unit, &small, &basis, rows)
    }

    /// The directions within `basis` (`[width, d]`) of the covariance that is `small` (`[width, width]`) in it.
    fn turned(
        mean: Vec<f64>,
        unit: f64,
        small: &[f64],
        basis: &[f32],
        rows: u64,
    ) -> Result<Self, Fault> {
        let (dim, width) = (mean.len(), basis.len() / mean.len());
        let (values, turns) = decompose(small, width)?;
        let basis: Vec<f64> = basis.iter().map(|v| f64::from(*v)).collect();
        let mut turned = vec![0.0; width * dim];
        times(&turns, &basis, width, &mut turned);
        Self::from_parts(mean, unit, values, turned, rows)
    }
}

/// `width` orthonormal directions (`[width, d]`) near the leading ones of the covariance that `apply` multiplies by.
fn sharpened(dim: usize, width: usize, apply: impl Fn(&[f32]) -> Vec<f32>) -> Vec<f32> {
    let mut random = Random::new(0, &[dim as u64, width as u64]);
    let mut basis: Vec<f32> = (0..width * dim).map(|_| random.normal()).collect();
    orthonormalise(&mut basis, dim);
    for _ in 0..ROUNDS {
        basis = apply(&basis);
        orthonormalise(&mut basis, dim);
    }
    basis
}

fn mean(vectors: &Vectors) -> Vec<f64> {
    let mut sum = vec![0.0; vectors.dim()];
    for row in vectors.values().chunks(vectors.dim()) {
        sum.iter_mut()
            .zip(row)
            .for_each(|(s, v)| *s += f64::from(*v));
    }
    let rows = vectors.rows().max(1) as f64;
    sum.into_iter().map(|sum| sum / rows).collect()
}

fn centred(vectors: &Vectors, mean: &[f64]) -> Vec<f32> {
    let rows = vectors.values().chunks(vectors.dim());
    rows.flat_map(|row| {
        row.iter()
            .zip(mean)
            .map(|(v, m)| (f64::from(*v) - m) as f32)
    })
    .collect()
}

fn squares(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum()
}

/// `a[m, k] · b[n, k]ᵀ`, `[m, n]`, on all cores.
fn products<T: ComplexField + Copy + Default + Send + Sync>(a: &[T], b: &[T], k: usize) -> Vec<T> {
    let (m, n) = (a.len() / k, b.len() / k);
    let mut out = vec![T::default(); m * n];
    let blocks = a.par_chunks(BLOCK * k).zip(out.par_chunks_mut(BLOCK * n));
    blocks.for_each(|(a, out)| inner_products(a, b, k, out));
    out
}

/// `[rows, width]` to `[width, rows]`.
fn transpose(values: &[f32], width: usize) -> Vec<f32> {
    let rows = values.len() / width;
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(rows)
        .enumerate()
        .for_each(|(column, to)| {
            let from = values[column..].iter().step_by(width);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        });
    out
}

/// Makes the rows of `basis` orthonormal, in order (Gram and Schmidt, twice, which is enough). A row that the others span
/// becomes zeros.
fn orthonormalise(basis: &mut [f32], dim: usize) {
    for row in 0..basis.len() / dim {
        let (before, rest) = basis.split_at_mut(row * dim);
        let own = &mut rest[..dim];
        let length = squares(own).sqrt();
        for _ in 0..2 {
            let shares: Vec<f32> = before
                .par_chunks(dim)
                .map(|other| dot(other, own))
                .collect();
            for (other, share) in before.chunks(dim).zip(shares) {
                own.iter_mut().zip(other).for_each(|(v, o)| *v -= share * o);
            }
        }
        let left = squares(own).sqrt();
        let factor = if left > length * 1e-5 {
            1.0 / left
        } else {
            0.0
        };
        own.iter_mut()
            .for_each(|v| *v = (f64::from(*v) * factor) as f32);
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whitening::Recipe;

    /// Variances that fall as those of networks' vectors do.
    fn table(rows: usize, dim: usize) -> Vectors {
        let mut random = Random::new(3, &[]);
        let value = |i: usize, r: &mut Random| r.normal() / (1.0 + (i % dim) as f32) + 0.5;
        let values = (0..rows * dim).map(|i| value(i, &mut random)).collect();
        Vectors::new(dim, values).unwrap()
    }

    #[test]
    fn the_leading_directions_are_those_of_the_whole_spectrum() {
        let vectors = table(400, 60);
        let whole = Spectrum::of(&Moments::of(&vectors)).unwrap();
        let streamed = Spectrum::leading_of(&Moments::of(&vectors), 8).unwrap();
        for leading in [Spectrum::leading(&vectors, 8).unwrap(), streamed] {
            for (a, b) in leading.variances().zip(whole.variances()).take(8) {
                assert!((a - b).abs() < 1e-3 * b, "{a} {b}");
            }
            let recipe = Recipe::Pca { dim: 8, ridge: 0.1 };
            let maps = [&leading, &whole].map(|s| s.fit(recipe).unwrap().unwrap());
            let row = vectors.row(7);
            let [a, b] = maps.map(|map| map.apply(row));
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 0.02, "{a} {b}");
            }
        }
    }

    #[test]
    fn fewer_vectors_than_directions_leave_zeros_and_equal_ones_are_refused() {
        let few = table(5, 40);
        let map = Spectrum::leading(&few, 8).unwrap();
        let map = map.fit(Recipe::Projection { dim: 8 }).unwrap().unwrap();
        let found = map.apply(few.row(0));
        assert!(found[..4].iter().any(|v| *v != 0.0) && found[4..].iter().all(|v| *v == 0.0));
        let equal = Vectors::new(40, vec![1.0; 400]).unwrap();
        assert!(Spectrum::leading(&equal, 8).is_err());
        assert!(Spectrum::leading_of(&Moments::of(&equal), 8).is_err());
        let streamed = Spectrum::leading_of(&Moments::of(&few), 8).unwrap();
        let map = streamed.fit(Recipe::Projection { dim: 8 });
        let found = map.unwrap().unwrap().apply(few.row(0));
        assert!(found[..4].iter().any(|v| *v != 0.0) && found[4..].iter().all(|v| *v == 0.0));
    }
}
