//! Where frames come from: the [`FrameSource`] seam and the [`ReplayFolder`], which plays the pictures of a folder as
//! if a camera had delivered them.
//!
//! A source writes into a [`Frame`] that the caller keeps, so a run loop allocates nothing once the largest frame has
//! been seen.
#![forbid(unsafe_code)]

mod error;
mod frame;
mod replay;
mod source;

#[cfg(any(test, feature = "fake"))]
pub mod fake;

pub use error::CameraError;
pub use frame::{Frame, PixelFormat};
pub use replay::{MAX_PICTURE_BYTES, ReplayFolder};
pub use source::{Event, FrameSource};
