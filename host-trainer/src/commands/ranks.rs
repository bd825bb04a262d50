//! Which of the processes that train together this one is.

use std::rc::Rc;

use skueye_distributed::{Place, ProcessGroup, Timeouts};
use skueye_models::Fault;
use skueye_trainer::engine::{cores, device};
use tch::Device;

/// This process among those that `launch`, `torchrun` or `srun` started; alone where it was started by itself.
pub struct Ranks {
    /// What it computes on.
    pub device: Device,
    /// Threads that it may use.
    pub threads: usize,
    /// All of them, connected.
    pub group: Option<Rc<ProcessGroup>>,
}

impl Ranks {
    /// Meets the others. `wanted` is the option `--device`. Errors: E609, E640 to E643.
    pub fn join(wanted: &str) -> Result<Self, Fault> {
        let place = Place::from_environment()?;
        let local_rank = place.as_ref().map_or(0, |place| place.local_rank);
        let device = device(wanted, local_rank)?;
        let threads = place
            .as_ref()
            .map_or(cores(), |place| place.threads(cores()));
        let group = place.map(|place| ProcessGroup::join(&place, device, Timeouts::default()));
        Ok(Self {
            device,
            threads,
            group: group.transpose()?.map(Rc::new),
        })
    }

    /// Whether it prints the result: of several processes the first does.
    pub fn speaks(&self) -> bool {
        self.group.as_ref().is_none_or(|group| group.rank() == 0)
    }
}
