//! Where the page is served, who sees it, and its limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Everything that a person may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address and port. Port 0 takes a free one: see [`crate::Server::address`].
    pub listen: SocketAddr,
    /// Names by which browsers may call the device, besides `localhost` and plain IP addresses.
    pub names: Vec<String>,
    /// Who sees the display without a login.
    pub display: Display,
    /// Bounds on what is served.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            names: Vec::new(),
            display: Display::Here,
            limits: Limits::default(),
        }
    }
}

/// Who sees preview and answers without a login. Answering without one is for browsers on the device alone, whatever
/// is set: an answer goes to the till. Products, log and settings need a login everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Browsers on the device itself.
    Here,
    /// Whoever reaches the address.
    Everyone,
    /// Nobody: the device's own browser needs a login too, for looking and for answering. To be set where a proxy on
    /// the device passes requests on, since they all seem to come from the device.
    Nobody,
}

/// Bounds on what is served.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections of the device itself, and as many of all others together.
    pub connections: usize,
    /// Open connections from one other machine.
    pub per_address: usize,
    /// For the head of a request, and between two of them.
    pub head: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// For a client to take what it is sent.
    pub write: Duration,
    /// For the device to answer.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 64,
            head: Duration::from_secs(15),
            body: Duration::from_secs(10),
            write: Duration::from_secs(15),
            answer: Duration::from_secs(20),
        }
    }
}
