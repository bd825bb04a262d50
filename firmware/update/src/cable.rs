//! A bundle over a cable: USB CDC serial between a technician's computer and the device, at any speed, with resume.
//!
//! Frames ([`Frame`]) are told apart by a zero byte, which COBS keeps out of their content, and end with a CRC-32, so noise, lost
//! bytes and a plug pulled in the middle cost one frame. The two sides:
//!
//! ```text
//! Sender (host)                      Receiver (device)
//! Offer(head's SHA-256, length)  ->  has it a part of this very bundle?
//!                                <-  Have(bytes so far)
//! Data(offset, bytes) ...        ->  written in order; what comes twice or too early is passed over
//!                                <-  Have(bytes so far), after each
//! Offer again after silence      ->  which is also how a new cable begins
//!                                <-  Done(nothing) or Done(why not), when all of it is there and was looked at
//! Heard                          ->  the device may hang up
//! ```
//!
//! The sender is at most [`WINDOW`] bytes ahead of the last `Have`. A bundle that came over the cable is trusted no more than
//! one from a stick: it is verified when it is staged. Both sides are values that take and give bytes; ports, clocks and files
//! belong to their callers.

mod frame;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use frame::{Decoder, Frame, MAX_DATA_BYTES};
pub use receiver::{Arrived, Receiver};
pub use sender::{Next, Sender, WINDOW, identity};
