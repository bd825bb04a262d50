//! One connection: its place among the others, and how long a client may take to read.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::settings::Limits;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) is_here: bool,
}

impl Peer {
    /// The other end `from` of a connection that came in at `at`. A device that calls itself by its address in the network
    /// has the same address at both ends.
    pub(crate) fn new(from: IpAddr, at: Option<IpAddr>) -> Self {
        Self {
            is_here: from.is_loopback() || at == Some(from),
        }
    }
}

/// The open connections by address.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<IpAddr, usize>>);

/// A connection's place, given back when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// A place for a connection from `address`, if there is one. Those of the device itself and those of the network are
    /// counted apart: nobody on the network takes the place of the device's own screen.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr, limits: &Limits) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = address.is_loopback();
        let alike = open.iter().filter(|(of, _)| of.is_loopback() == is_here);
        let all: usize = alike.map(|(_, count)| count).sum();
        let of_address = open.get(&address).copied().unwrap_or(0);
        let crowded = !is_here && of_address >= limits.per_address;
        if all >= limits.connections || crowded {
            return None;
        }
        open.insert(address, of_address + 1);
        Some(Place {
            places: self.clone(),
            address,
        })
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// A stream whose reader must take what is written within a time; otherwise writing fails.
pub(crate) struct Paced<S> {
    stream: S,
    limit: Duration,
    /// Runs while something waits to be taken.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            waiting: None,
        }
    }

    /// Passes `done` on; while it is pending, the time runs.
    fn paced<T>(
        &mut self,
        context: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.waiting = None;
            return done;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.paced(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.paced(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.paced(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(context);
        self.paced(context, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_on_the_device_is_known_by_any_of_its_addresses() {
        let here = |from: [u8; 4], at: [u8; 4]| Peer::new(from.into(), Some(at.into())).is_here;
        assert!(here([127, 0, 0, 1], [127, 0, 0, 1]));
        assert!(here([192, 168, 0, 7], [192, 168, 0, 7]));
        assert!(!here([192, 168, 0, 8], [192, 168, 0, 7]));
        assert!(!Peer::new([192, 168, 0, 8].into(), None).is_here);
    }

    #[test]
    fn the_network_takes_no_place_of_the_device() {
        let limits = Limits {
            connections: 5,
            per_address: 3,
            ..Limits::default()
        };
        let places = Arc::new(Places::default());
        let take = |address: [u8; 4], count: usize| -> Vec<Place> {
            let places = (0..count).filter_map(|_| places.take(address.into(), &limits));
            places.collect()
        };
        let one = take([192, 168, 0, 7], 9);
        let other = take([192, 168, 0, 8], 9);
        assert_eq!((one.len(), other.len()), (3, 2));
        let here = take([127, 0, 0, 1], 9);
        assert_eq!((here.len(), places.open()), (5, 10));
        drop(one);
        assert_eq!(take([192, 168, 0, 9], 9).len(), 3);
        drop((other, here));
        assert_eq!(places.open(), 0);
    }
}
