//! The arithmetic of an AdamW step, a stretch of memory at a time.
//!
//! Each of libtorch's operations passes over its whole operands, and a step needs eight. On a CPU millions of parameters
//! would travel between memory and processor eight times, and each intermediate result would take fresh memory; a
//! stretch that stays in the processor's cache travels once. That is what PyTorch's fused kernels gain, which `tch` does
//! not offer. A GPU launches a kernel for each operation, so there the stretch is everything.

use rayon::prelude::*;
use tch::{Device, Tensor};

/// Numbers of a stretch on a CPU. Six tensors of this length fit a second-level cache, and libtorch does not divide
/// them among threads of its own, whose waking would cost more than the work.
const STRETCH: i64 = 1 << 15;
/// Numbers that one thread takes at a time.
const BLOCK: i64 = 1 << 19;

/// What a step does beside the gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdamStep {
    /// Decay of the first and second moment.
    pub(super) betas: [f64; 2],
    /// Keeps the divisor from 0.
    pub(super) eps: f64,
    /// `1 - beta^steps` for both moments.
    pub(super) bias: [f64; 2],
    /// Learning rate.
    pub(super) rate: f64,
    /// What the parameters are multiplied by before the step.
    pub(super) shrink: f64,
}

impl AdamStep {
    /// Moves `[values, first, second]`, each `[n]`, along the `gradients`, which are together as long.
    pub(super) fn along(&self, tensors: [&Tensor; 3], gradients: &[Tensor]) {
        let least = match tensors[0].device() {
            Device::Cpu => BLOCK,
            _ => i64::MAX,
        };
        let (mut start, mut pending, mut length) = (0, Vec::new(), 0);
        let mut blocks = Vec::new();
        for (i, gradient) in gradients.iter().enumerate() {
            length += gradient.numel() as i64;
            pending.push(gradient);
            if length < least && i + 1 < gradients.len() {
                continue; // short ones go together
            }
            let gradient = match pending.as_slice() {
                [gradient] => gradient.shallow_clone(),
                several => Tensor::cat(several, 0),
            };
            let [values, first, second] = tensors.map(|tensor| tensor.narrow(0, start, length));
            blocks.extend(divided([values, first, second, gradient], least));
            start += length;
            (pending, length) = (Vec::new(), 0);
        }
        match tensors[0].device() {
            Device::Cpu => blocks.into_par_iter().for_each(|block| {
                divided(block, STRETCH).for_each(|part| self.one(part));
            }),
            _ => blocks.into_iter().for_each(|block| self.one(block)),
        }
    }

    fn one(&self, [mut values, mut first, mut second, gradient]: [Tensor; 4]) {
        // Each thread has a switch of its own for gradients.
        tch::no_grad(|| self.apply([&mut values, &mut first, &mut second], &gradient));
    }

    /// `values = shrink values - rate / bias1 * first / (sqrt(second / bias2) + eps)` on tensors of any one shape, with the
    /// constants moved to where they cost no pass of their own. The caller has gradients switched off.
    pub(super) fn apply(&self, [values, first, second]: [&mut Tensor; 3], gradient: &Tensor) {
        let [bias1, root2] = [self.bias[0], self.bias[1].sqrt()];
        let _ = first.lerp_(gradient, 1.0 - self.betas[0]);
        let _ = second.lerp_(&gradient.square(), 1.0 - self.betas[1]);
        let mut divisor = second.sqrt();
        let _ = divisor.g_add_scalar_(self.eps * root2);
        let _ = divisor.g_mul_scalar_(-bias1 / (self.rate * root2));
        if self.shrink != 1.0 {
            let _ = values.g_mul_scalar_(self.shrink);
        }
        let _ = values.addcdiv_(first, &divisor);
    }
}

/// Tensors `[n]` in parts of at most `most` numbers.
fn divided(tensors: [Tensor; 4], most: i64) -> impl Iterator<Item = [Tensor; 4]> {
    let length = tensors[0].numel() as i64;
    let mut start = 0;
    std::iter::from_fn(move || {
        let count = most.min(length - start);
        let part = || {
            tensors
                .each_ref()
                .map(|tensor| tensor.narrow(0, start, count))
        };
        let part = (count > 0).then(part);
        start += count;
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::to_vec;
    use tch::Kind;

    /// Short gradients that go together, one that is divided, and one of just a stretch move what each would alone.
    #[test]
    fn stretches_move_what_the_whole_would() {
        tch::manual_seed(5);
        let step = AdamStep {
            betas: [0.9, 0.999],
            eps: 1e-8,
            bias: [0.19, 0.001_999],
            rate: 0.01,
            shrink: 0.999,
        };
        let random = |length: i64| Tensor::randn([length], (Kind::Float, Device::Cpu));
        let lengths = [7, 100, 2 * BLOCK + STRETCH + 5, 3, BLOCK, 11];
        let total = lengths.iter().sum();
        let state = [random(total), random(total), random(total).square()];
        let mut alone = state.each_ref().map(Tensor::copy);
        let gradients = lengths.map(random);
        step.along(state.each_ref(), &gradients);
        tch::no_grad(|| step.apply(alone.each_mut(), &Tensor::cat(&gradients, 0)));
        for (parts, whole) in state.iter().zip(&alone) {
            assert!(to_vec(parts) == to_vec(whole));
        }
    }

    #[test]
    fn a_rate_of_nought_only_shrinks() {
        let step = AdamStep {
            betas: [0.9, 0.999],
            eps: 1e-8,
            bias: [0.1, 0.001],
            rate: 0.0,
            shrink: 0.5,
        };
        let state = [2.0f32, 0.0, 0.0].map(|v| Tensor::from_slice(&[v, v]));
        step.along(state.each_ref(), &[Tensor::from_slice(&[3.0f32, 0.0])]);
        assert_eq!(to_vec(&state[0]), [1.0, 1.0]);
    }
}
