//! The operator page: what a person at the device sees and does, in a browser.
//!
//! | module | subject |
//! |---|---|
//! | [`station`] | what the page asks of the device: the seam behind which the run loop stands |
//! | [`settings`] | where it listens, who sees it, its limits |
//! | [`access`] | one-time code, password, sessions, and how often a wrong one may be tried |
//! | [`server`] | the thread that serves: connections, their limits and times |
//! | `api` | what each address answers |
//! | `shared` | what every request shares, and how the device is asked |
//! | `guard` | what every request must show before it is looked at |
//! | `feed` | one look at the device for all browsers |
//! | `assets` | the page itself, embedded |
//! | [`refusals`] | what was refused, counted |
//! | `fake` | a strict device in memory, for tests and for looking at the page (feature `fake`) |
//!
//! Who could attack, and what stands against it:
//!
//! 1. A web page that a person opens elsewhere in the same browser: host names other than the device's own are refused (so
//!    a name that is pointed at the device gets nothing), every change needs a header that no foreign page can send, and
//!    cookies do not travel from other sites.
//! 2. Someone who guesses codes: growing waits across all connections; the person at the device is not locked out by it.
//! 3. Slow, many or oversized requests: times for head, body and writing, bounds on connections, sizes and waiting work.
//! 4. Text from outside, such as product names: it reaches the page as JSON and is set as text; no markup is made of it,
//!    and the browser is told to run nothing but the embedded scripts.
#![forbid(unsafe_code)]

pub mod access;
mod api;
mod assets;
mod clock;
mod connection;
#[cfg(feature = "fake")]
pub mod fake;
mod feed;
mod guard;
pub mod refusals;
mod reply;
pub mod server;
pub mod settings;
mod shared;
pub mod station;

pub use access::Access;
pub use clock::{Clock, SystemClock};
pub use server::{Server, serve};
pub use settings::{Display, Limits, Settings};
pub use station::Station;
