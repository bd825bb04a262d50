//! Fitting of the whitening (METHOD 3.1): PCA with a ridge, truncated to the device's dimension.

use skueye_models::{Code, Fault, Whitening};
use tch::{Kind, Tensor};

use super::module::to_vec;

/// Fits `W (x - m)` on the rows of `features` (`[n, d]`): the `dim` directions of largest variance, each divided by
/// `sqrt(variance + ridge * mean variance)`. Statistics are summed in f64. METHOD 3.1: on few vectors a ridge of 1 % of the
/// mean eigenvalue and truncation gain where full whitening loses.
pub fn fit_whitening(features: &Tensor, dim: usize, ridge: f64) -> Result<Whitening, Fault> {
    let (n, d) = features
        .size2()
        .map_err(|e| refuse(format!("a tensor of another shape: {e}")))?;
    if n < 2 || dim as i64 > d {
        return Err(refuse(format!(
            "{n} vectors of {d} values for {dim} directions"
        )));
    }
    let x = features.to_kind(Kind::Double);
    let mean = x.mean_dim([0i64].as_slice(), true, Kind::Double);
    let centred = x - &mean;
    let covariance = centred.tr().matmul(&centred) / (n - 1) as f64;
    let (values, vectors) = covariance.linalg_eigh("L");
    let values = values.clamp_min(0.0).flip([0]).narrow(0, 0, dim as i64);
    let vectors = fix_signs(&vectors.flip([1]).narrow(1, 0, dim as i64));
    let shrunk = values + covariance.trace().double_value(&[]) / d as f64 * ridge;
    let matrix = (vectors / shrunk.clamp_min(1e-12).sqrt().unsqueeze(0)).tr();
    Whitening::new(to_vec(&mean), to_vec(&matrix))
}

/// The whitening of `features` whose ridge, among `ridges`, is judged best by `judge` (the larger the better; the first of
/// equals). METHOD 3.1: choose by validation.
pub fn choose_whitening(
    features: &Tensor,
    dim: usize,
    ridges: &[f64],
    judge: impl Fn(&Whitening) -> Result<f64, Fault>,
) -> Result<(Whitening, f64), Fault> {
    let mut best: Option<(Whitening, f64, f64)> = None;
    for &ridge in ridges {
        let whitening = fit_whitening(features, dim, ridge)?;
        let figure = judge(&whitening)?;
        if best.as_ref().is_none_or(|(_, _, most)| figure > *most) {
            best = Some((whitening, ridge, figure));
        }
    }
    let (whitening, ridge, _) = best.ok_or_else(|| refuse("no ridge to try".into()))?;
    Ok((whitening, ridge))
}

/// `W (x - m)` for every row of `features` (`[n, d]`).
pub fn whiten(features: &Tensor, whitening: &Whitening) -> Tensor {
    let (weight, bias) = whitening.as_linear();
    let shape = [whitening.output_dim() as i64, whitening.input_dim() as i64];
    features.linear(
        &Tensor::from_slice(&weight).view(shape),
        Some(&Tensor::from_slice(&bias)),
    )
}

/// An eigenvector's sign is arbitrary; its largest component is made positive, so that every library gives the same.
fn fix_signs(vectors: &Tensor) -> Tensor {
    let largest = vectors.abs().argmax(0, true);
    vectors * vectors.gather(0, &largest, false).sign()
}

fn refuse(got: String) -> Fault {
    Fault::new(
        Code::WhiteningInput,
        "at least two feature vectors with no fewer values than directions",
        got,
        "use more pictures, or a smaller dimension",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitened_vectors_have_unit_covariance() {
        tch::manual_seed(3);
        let mixing = Tensor::randn([6, 6], (Kind::Float, tch::Device::Cpu));
        let x = Tensor::randn([4000, 6], (Kind::Float, tch::Device::Cpu)).matmul(&mixing) + 5.0;
        let whitening = fit_whitening(&x, 4, 0.0).unwrap();
        let rows: Vec<f32> = to_vec(&x)
            .chunks(6)
            .flat_map(|row| whitening.apply(row))
            .collect();
        let y = Tensor::from_slice(&rows)
            .view([4000, 4])
            .to_kind(Kind::Double);
        let covariance = y.tr().matmul(&y) / 3999.0;
        let error = (covariance - Tensor::eye(4, (Kind::Double, tch::Device::Cpu)))
            .abs()
            .max()
            .double_value(&[]);
        assert!(error < 1e-3, "{error}");
    }

    #[test]
    fn a_flat_direction_does_not_blow_up() {
        let x = Tensor::from_slice2(&[[1.0f32, 2.0], [3.0, 2.0], [5.0, 2.0]]);
        let whitening = fit_whitening(&x, 2, 0.01).unwrap();
        assert!(whitening.apply(&[1e3, 2.0]).iter().all(|v| v.is_finite()));
        assert_eq!(
            fit_whitening(&x.narrow(0, 0, 1), 2, 0.01)
                .unwrap_err()
                .code(),
            Code::WhiteningInput
        );
    }
}
