//! Several processes that train one network, as the training loop sees them.

use skueye_distributed::ProcessGroup;
use skueye_models::Fault;
use tch::Tensor;

use super::gradient::Reducer;
use super::trainer::Trainer;

impl Reducer for ProcessGroup {
    fn rank(&self) -> usize {
        self.rank()
    }

    fn ranks(&self) -> usize {
        self.ranks()
    }

    fn mean(&self, tensors: &mut [Tensor]) -> Result<(), Fault> {
        self.mean(tensors)
    }

    fn agree(&self, what: &str, value: &str) -> Result<(), Fault> {
        self.agree(what, value)
    }
}

/// Gives every process the first one's state. They have made or read the same; this keeps them equal, to the bit, also
/// where their machines draw or round differently. Errors: E642.
pub fn share_state(trainer: &Trainer, group: &ProcessGroup) -> Result<(), Fault> {
    let state = trainer.state();
    tch::no_grad(|| state.values().try_for_each(|own| group.broadcast(own, 0)))
}
