//! Bundles on USB sticks: which device appeared ([`Watch`], [`uevent`]), its files ([`Mounted`]), and which of them is meant
//! ([`candidate`]).
//!
//! What a stick may do: carry ten thousand files, the files of other systems, links that lead into the device, two bundles,
//! names that draw on a terminal. What it gets: its top folder is looked at once, and one plain file is opened.

mod candidate;
mod mount;
pub mod uevent;
mod watch;

pub use candidate::{MOST_ENTRIES, candidate};
pub use mount::Mounted;
pub use watch::{Heard, Watch};
