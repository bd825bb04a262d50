//! What happens to gradients between backward pass and optimiser step: joined over processes, then clipped.

use skueye_models::Fault;
use tch::Tensor;

/// Joins the gradients of the processes that train together.
pub trait Reducer {
    /// This process's place, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn ranks(&self) -> usize;

    /// Replaces each tensor by its mean over all processes. Every process calls it with the same shapes in the same order.
    /// A gradient may be sparse over its first dimension.
    fn mean(&self, tensors: &mut [Tensor]) -> Result<(), Fault>;

    /// Ends with a fault on every process unless all bring the same `value` of `what`.
    fn agree(&self, what: &str, value: &str) -> Result<(), Fault>;
}

/// One process by itself: every mean is the value.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Reducer for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn mean(&self, _: &mut [Tensor]) -> Result<(), Fault> {
        Ok(())
    }

    fn agree(&self, _: &str, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// Adds a further part's gradients to the `sum` of those before it, which is empty at first.
pub fn add_gradients(sum: &mut Vec<Tensor>, part: Vec<Tensor>) {
    if sum.is_empty() {
        *sum = part;
        return;
    }
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum = match (sum.is_sparse(), part.is_sparse()) {
            (false, false) => sum.g_add_(&part),
            // libtorch adds sparse to dense, not dense to sparse.
            (true, false) => part + &*sum,
            (_, true) => &*sum + part,
        };
    }
}

/// Scales `gradients` in place so that their joint Euclidean norm is at most `most` (Pascanu et al. 2013). Nothing is read
/// back from the device.
pub fn clip_by_global_norm(gradients: &mut [Tensor], most: f64) {
    if gradients.is_empty() {
        return;
    }
    tch::no_grad(|| {
        let norms: Vec<Tensor> = gradients.iter().map(norm).collect();
        let scale = (Tensor::stack(&norms, 0).norm() + 1e-6)
            .reciprocal()
            .g_mul_scalar(most)
            .clamp_max(1.0);
        for gradient in gradients {
            let _ = gradient.g_mul_(&scale);
        }
    });
}

fn norm(gradient: &Tensor) -> Tensor {
    match gradient.is_sparse() {
        true => gradient.coalesce().values().norm(),
        false => gradient.norm(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.view(-1)).unwrap()
    }

    #[test]
    fn only_gradients_that_are_too_long_are_shortened() {
        let long = || {
            vec![
                Tensor::from_slice(&[3.0f64, 0.0]),
                Tensor::from_slice(&[4.0f64]),
            ]
        };
        let mut gradients = long();
        clip_by_global_norm(&mut gradients, 1.0);
        assert!((values(&gradients[0])[0] - 0.6).abs() < 1e-6);
        assert!((values(&gradients[1])[0] - 0.8).abs() < 1e-6);
        let mut gradients = long();
        clip_by_global_norm(&mut gradients, 5.1);
        assert_eq!(values(&gradients[1]), [4.0]);
    }
}
