//! Hearing of sticks from the kernel itself: no udev is needed.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};
use skueye_models::{Code, Fault};

use super::uevent::{MAX_BYTES, Uevent, parse};

/// The multicast group of the kernel's own messages; udev's are in group 2.
const KERNEL: u32 = 1;

/// What the watch heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Event(Uevent),
    /// More messages came than there was room for: look at what is plugged in.
    Missed,
    /// Nothing in the given time.
    Silence,
}

/// A socket at which the kernel tells of devices.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Begins to listen. Errors: E901.
    pub fn open() -> Result<Self, Fault> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            flags,
            Some(KOBJECT_UEVENT),
        );
        let socket = socket.map_err(failed)?;
        bind(&socket, &SocketAddrNetlink::new(0, KERNEL)).map_err(failed)?;
        Ok(Self(socket))
    }

    /// The next message about a block device, waited for at most `patience`. Errors: E901.
    pub fn next(&self, patience: Duration) -> Result<Heard, Fault> {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        let patience = Timespec::try_from(patience).ok();
        match poll(&mut ready, patience.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(Heard::Silence),
            other => other.map_err(failed)?,
        };
        let mut message = [0; MAX_BYTES];
        let (count, from) = match recvfrom(&self.0, &mut message[..], RecvFlags::empty()) {
            Ok((count, _, from)) => (count, from),
            Err(Errno::NOBUFS) => return Ok(Heard::Missed),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Heard::Silence),
            Err(error) => return Err(failed(error)),
        };
        // Any program may send to this group; the kernel alone has the port 0.
        let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
        let is_kernel = from.is_some_and(|from| from.pid() == 0);
        let event = parse(&message[..count]).filter(|_| is_kernel);
        Ok(event.map_or(Heard::Silence, Heard::Event))
    }
}

fn failed(error: Errno) -> Fault {
    let remedy = "check that the kernel has netlink and that the service may use it (RestrictAddressFamilies)";
    Fault::new(
        Code::Io,
        "the kernel's messages about devices",
        error.to_string(),
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_machine_is_silent() {
        let watch = Watch::open().unwrap();
        assert_eq!(watch.next(Duration::ZERO).unwrap(), Heard::Silence);
    }
}
