//! A point of sale in place of the real one, for trying a device out and for tests: it reads the frames of a scanner, checks
//! them, and acknowledges, refuses or stays silent as it is told; it also receives the events of the webhook.
//!
//! | module | subject |
//! |---|---|
//! | [`answer`] | what the till says to a frame |
//! | [`check`] | what a frame says, and what is wrong with it |
//! | [`till`] | bytes in, frames and answers out; no port, no clock |
//! | [`port`] | the ways to a device: serial port, pseudo-terminal, TCP |
//! | [`http`] | the webhook's receiver |
#![forbid(unsafe_code)]

pub mod answer;
pub mod check;
pub mod http;
pub mod port;
pub mod till;

pub use answer::{Answer, Answers};
pub use check::{Checked, Reads};
pub use port::Port;
pub use till::{Heard, Till};
