//! What the till hears: the frames of a barcode scanner, acknowledgement, repetition, and the ports they leave by.
//!
//! The protocol is `no_std` and allocates nothing: fixed-capacity buffers, times as milliseconds that the caller reads
//! from its own monotonic clock, no panics for any received byte. The ports need the feature `std`.
//!
//! | module | subject |
//! |---|---|
//! | [`aim`] | AIM symbology identifiers |
//! | [`template`] | the settings of a frame, parsed once |
//! | [`frame`] | a GTIN or a no-read as the bytes to send, and back |
//! | [`ack`] | waiting for ACK or NAK, retries |
//! | [`duplicate`] | the window in which the same product is not sent again |
//! | [`receive`] | what the till sends to the scanner |
//! | [`gate`] | whether the till wants to hear something now |
//! | [`port`] | the seam to a port; `serial`, `pty` and `tcp` behind it |
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

pub mod ack;
pub mod aim;
pub mod duplicate;
#[cfg(any(feature = "fake", all(test, feature = "std")))]
pub mod fake;
pub mod frame;
pub mod gate;
#[cfg(feature = "std")]
pub mod port;
#[cfg(feature = "std")]
pub mod pty;
pub mod receive;
#[cfg(feature = "std")]
pub mod serial;
#[cfg(feature = "std")]
pub mod tcp;
pub mod template;

pub use ack::{AckSettings, AwaitAck, Step};
pub use aim::Aim;
pub use duplicate::DuplicateWindow;
pub use frame::{FRAME_BYTES, Frame, Reading};
pub use gate::{Gate, Pass, TriggerMode};
#[cfg(feature = "std")]
pub use port::Link;
#[cfg(feature = "std")]
pub use pty::PseudoTerminal;
pub use receive::{Command, Received, Receiver};
#[cfg(feature = "std")]
pub use serial::SerialLink;
#[cfg(feature = "std")]
pub use tcp::TcpLink;
pub use template::{Template, TemplateError, TemplateText, Terminator};
