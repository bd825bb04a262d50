//! Where frames come from: the [`FrameSource`] seam and what stands behind it.
//!
//! | module | subject |
//! |---|---|
//! | [`v4l2`] | cameras of the kernel's Video4Linux |
//! | [`program`] | cameras behind another program: GStreamer's pipelines |
//! | [`replay`] | the pictures of a folder as if a camera had delivered them |
//! | [`video`] | the frames of a `.y4m` file |
//! | [`paced`] | a recording in its own time, over and over |
//! | [`supervise`] | a camera that is opened again whenever it is lost |
//!
//! A source writes into a [`Frame`] that the caller keeps, so a run loop allocates nothing once the largest frame has
//! been seen.
#![deny(unsafe_code)]

mod error;
mod frame;
#[allow(unsafe_code)]
mod kernel;
mod loss;
pub mod paced;
pub mod program;
pub mod replay;
mod source;
pub mod supervise;
pub mod v4l2;
pub mod video;
mod y4m;

#[cfg(any(test, feature = "fake"))]
pub mod fake;

pub use error::CameraError;
pub use frame::{Colour, Frame, PixelFormat};
pub use loss::Loss;
pub use paced::{Pace, Paced};
pub use program::{Program, ProgramSettings};
pub use replay::{MAX_PICTURE_BYTES, ReplayFolder};
pub use source::{Event, FrameSource};
pub use supervise::Supervised;
pub use v4l2::V4l2Source;
pub use video::ReplayVideo;
