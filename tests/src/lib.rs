//! What the suites that cross crates share. The suites are in `tests/tests/`.
#![forbid(unsafe_code)]

pub mod device;
pub mod hostile;
pub mod mutate;
pub mod programs;
pub mod promises;
