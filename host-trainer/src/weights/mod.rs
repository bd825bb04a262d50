//! Reading of published weights.

mod pickle;
mod pth;

pub use pth::read_pth;
