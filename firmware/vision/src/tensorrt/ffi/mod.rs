//! Everything here that no compiler checks: TensorRT's C++ objects, the objects of ours that it calls, CUDA's driver.
//!
//! | module | subject |
//! |---|---|
//! | [`slots`] | where each method stands in the virtual tables of a major version |
//! | [`objects`] | TensorRT's objects, created, called and destroyed through those tables |
//! | [`callbacks`] | the logger and the progress monitor, which TensorRT calls |
//! | [`cuda`] | the driver: is there a GPU, which, and its context |
//! | [`lane`] | pinned buffers, a stream and a CUDA graph: one picture in, one embedding out |

pub(super) mod callbacks;
pub(super) mod cuda;
pub(super) mod lane;
pub(super) mod objects;
pub(super) mod slots;
