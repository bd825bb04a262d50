//! The training engine on libtorch (feature `torch`).
//!
//! | module | subject |
//! |---|---|
//! | `module` | a network of `skueye-models` that computes and learns |
//! | `source`, `order` | where batches come from, and which process computes which part |
//! | `objective` | losses and the heads they need |
//! | `trainer` | the one loop; `adamw`, `schedule`, `gradient`, `ema` are its parts |
//! | `ranks` | several processes that train one network |
//! | `checkpoint` | a run's state as a file |
//! | `memory`, `device` | what a machine has and lacks |
//! | `outputs`, `whiten`, `statistics` | after the backbone |

mod adam_step;
mod adamw;
mod attention;
mod checkpoint;
mod curve;
mod device;
mod ema;
mod gradient;
mod memory;
mod module;
#[cfg(test)]
mod module_tests;
pub mod objective;
mod operators;
mod order;
mod outputs;
mod ranks;
#[cfg(test)]
mod ranks_tests;
mod schedule;
mod source;
mod statistics;
mod trainer;
mod whiten;

#[cfg(test)]
mod tests;

pub use adamw::AdamW;
pub use checkpoint::{Checkpoint, Header, Identity};
pub use curve::{Curve, Point};
pub use device::{describe, device};
pub use gradient::{Alone, Reducer};
pub use memory::guarded;
pub use module::{Mode, Module, Precision, to_vec, to_weights};
pub use objective::{Labels, Objective};
pub use order::Division;
pub use outputs::{each_output, output_length, outputs, unit_rows};
pub use ranks::share_state;
pub use source::{Batch, Pick, Source, StoreOptions, pictures};
pub use statistics::normalised_anew;
pub use trainer::{Descent, Diverged, Flow, Observer, Position, Step, TrainOptions, Trainer};
pub use whiten::{to_vectors, whiten};

/// How many threads this machine runs at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Sets libtorch's threads and seed. Two runs with the same seed and thread count compute the same bits on a CPU.
pub fn start(seed: u64) {
    tch::set_num_threads(cores() as i32);
    tch::manual_seed(seed as i64);
}
