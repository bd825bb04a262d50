//! The operator page: what a person at the device sees and does, in a browser.
//!
//! | module | subject |
//! |---|---|
//! | [`station`] | what the page asks of the device: the seam behind which the run loop stands |
#![forbid(unsafe_code)]

pub mod station;

pub use station::Station;
