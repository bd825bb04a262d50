//! The eigenvectors of a covariance, and the maps that are made from them.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatRef, Par};
use skueye_models::{Code, Fault, Whitening};

use super::{Moments, Recipe};
use crate::vectors::times;

/// The variances of a set of vectors along the directions in which they are uncorrelated.
#[derive(Debug, Clone)]
pub struct Spectrum {
    mean: Vec<f64>,
    /// The mean variance of a dimension: what ridges and `values` are shares of.
    unit: f64,
    /// Descending, not negative.
    values: Vec<f64>,
    /// Row i is the unit eigenvector of the i-th value.
    vectors: Vec<f64>,
    /// How many values are more than rounding. There are no more than one less than there were vectors.
    rank: usize,
}

impl Spectrum {
    /// Of what `moments` has seen. One core, so that the result does not depend on how many there are; the time grows
    /// with the cube of the dimension. Errors: E605 where no two vectors differ.
    pub fn of(moments: &Moments) -> Result<Self, Fault> {
        let dim = moments.dim();
        let mut covariance = moments.covariance();
        let unit = (0..dim).map(|i| covariance[i * dim + i]).sum::<f64>() / dim.max(1) as f64;
        if !(unit > 0.0 && unit.is_finite()) {
            let got = format!("{} vectors with a variance of {unit}", moments.count());
            return Err(refuse(got));
        }
        covariance.iter_mut().for_each(|value| *value /= unit);
        let (values, vectors) = decompose(&covariance, dim)?;
        let most = values.first().copied().unwrap_or(0.0);
        let rounding = dim as f64 * f64::EPSILON * most;
        let rank = values.partition_point(|value| *value > rounding);
        let rank = rank.min(moments.count().saturating_sub(1) as usize);
        Ok(Self {
            mean: moments.mean().to_vec(),
            unit,
            values,
            vectors,
            rank,
        })
    }

    /// From `values`, variances in descending order, and their directions, row by row, of `count` vectors of that mean. `unit`
    /// is the mean variance of a dimension. Errors: E605 where no two vectors differ.
    pub(super) fn from_parts(
        mean: Vec<f64>,
        unit: f64,
        values: Vec<f64>,
        mut vectors: Vec<f64>,
        count: u64,
    ) -> Result<Self, Fault> {
        decide_signs(&mut vectors, mean.len());
        if !(unit > 0.0 && unit.is_finite()) {
            return Err(refuse(format!("{count} vectors with a variance of {unit}")));
        }
        let values: Vec<f64> = values.into_iter().map(|value| value / unit).collect();
        let rounding = values.first().copied().unwrap_or(0.0) * f64::from(f32::EPSILON);
        let rank = values.partition_point(|value| *value > rounding);
        Ok(Self {
            mean,
            unit,
            values,
            vectors,
            rank: rank.min(count.saturating_sub(1) as usize),
        })
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// In how many directions the vectors vary at all.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The variances along the directions, descending.
    pub fn variances(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().map(|value| value * self.unit)
    }

    /// The map of `recipe`; none for [`Recipe::Raw`]. Directions in which the vectors do not vary get weight zero: nothing
    /// is known of them, and a small ridge would let their noise drown everything else. Errors: E605.
    pub fn fit(&self, recipe: Recipe) -> Result<Option<Whitening>, Fault> {
        let dim = recipe.output_dim(self.dim());
        if dim > self.dim() || dim == 0 {
            return Err(refuse(format!("{dim} directions of {}", self.dim())));
        }
        if recipe.ridge().is_some_and(|r| !(r >= 0.0 && r.is_finite())) {
            return Err(refuse(format!("{recipe}")));
        }
        let matrix = match recipe {
            Recipe::Raw => return Ok(None),
            Recipe::Zca { ridge } => self.turned_back(ridge),
            Recipe::Pca { dim, ridge } => self.scaled(dim, |value| self.shrink(value, ridge)),
            Recipe::Projection { dim } => self.scaled(dim, |_| 1.0),
        };
        let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect();
        Whitening::new(narrow(&self.mean), narrow(&matrix)).map(Some)
    }

    fn shrink(&self, value: f64, ridge: f64) -> f64 {
        (self.unit * (value + ridge)).sqrt().recip()
    }

    /// The first `dim` eigenvectors, each times the factor of its value; zeros beyond the rank.
    fn scaled(&self, dim: usize, factor: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut matrix = vec![0.0; dim * self.dim()];
        let rows = matrix.chunks_mut(self.dim());
        let known = self.vectors.chunks(self.dim()).zip(&self.values);
        for (row, (vector, value)) in rows.zip(known.take(self.rank)) {
            let factor = factor(*value);
            row.iter_mut()
                .zip(vector)
                .for_each(|(to, v)| *to = v * factor);
        }
        matrix
    }

    /// `Σ v vᵀ / sqrt(variance + ridge)` over the known directions.
    fn turned_back(&self, ridge: f64) -> Vec<f64> {
        let (dim, rank) = (self.dim(), self.rank);
        let right = &self.vectors[..rank * dim];
        let mut left = vec![0.0; dim * rank];
        for (i, vector) in right.chunks(dim).enumerate() {
            let factor = self.shrink(self.values[i], ridge);
            for (j, value) in vector.iter().enumerate() {
                left[j * rank + i] = value * factor;
            }
        }
        let mut matrix = vec![0.0; dim * dim];
        times(&left, right, rank, &mut matrix);
        matrix
    }
}

/// Eigenvalues of the symmetric `matrix` in descending order, with their vectors as rows.
pub(super) fn decompose(matrix: &[f64], dim: usize) -> Result<(Vec<f64>, Vec<f64>), Fault> {
    let (par, parameters) = (Par::Seq, Default::default());
    let with = ComputeEigenvectors::Yes;
    let scratch = self_adjoint_evd_scratch::<f64>(dim, with, par, parameters);
    let mut memory = MemBuffer::new(scratch);
    let mut values = Diag::<f64>::zeros(dim);
    let mut vectors = Mat::<f64>::zeros(dim, dim);
    self_adjoint_evd(
        MatRef::from_row_major_slice(matrix, dim, dim),
        values.as_mut(),
        Some(vectors.as_mut()),
        par,
        MemStack::new(&mut memory),
        parameters,
    )
    .map_err(|e| refuse(format!("a covariance without eigenvectors ({e:?})")))?;
    let ascending = values.column_vector();
    let descending = (0..dim).rev();
    let values = descending.clone().map(|i| ascending[i].max(0.0)).collect();
    let mut rows = Vec::with_capacity(dim * dim);
    for column in descending {
        rows.extend_from_slice(vectors.col_as_slice(column));
    }
    decide_signs(&mut rows, dim);
    Ok((values, rows))
}

pub(super) fn refuse(got: String) -> Fault {
    Fault::new(
        Code::WhiteningInput,
        "at least two different vectors, no more directions than values, ridges not negative",
        got,
        "use more pictures, or a smaller dimension",
    )
}

/// Turns each direction so that its largest component (the first of equals) is positive: the equations leave the sign open,
/// and the same vectors must give the same map however it was found.
fn decide_signs(directions: &mut [f64], dim: usize) {
    for direction in directions.chunks_mut(dim.max(1)) {
        let larger = |most: f64, v: &f64| if v.abs() > most.abs() { *v } else { most };
        let sign = direction.iter().fold(0.0, larger).signum();
        direction.iter_mut().for_each(|value| *value *= sign);
    }
}
