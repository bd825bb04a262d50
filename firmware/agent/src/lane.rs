//! A fixed queue from one thread to another: `heapless::spsc`, with waiting and an end.
//!
//! When either side is dropped the other learns of it: a receiver gets what is left and then nothing, a sender gets its
//! value back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use heapless::spsc::{Consumer, Producer, Queue};

/// The queue's memory: `N - 1` values.
#[derive(Default)]
pub struct Lane<T, const N: usize> {
    queue: Queue<T, N>,
    shared: Shared,
}

/// What both sides look at.
#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    filled: Arc<Bell>,
    emptied: Bell,
}

impl Shared {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.filled.ring();
        self.emptied.ring();
    }
}

impl<T, const N: usize> Lane<T, N> {
    /// An empty lane.
    pub fn new() -> Self {
        Self {
            queue: Queue::new(),
            shared: Shared::default(),
        }
    }

    /// An empty lane whose receiver waits at `bell`, which others may ring too; see [`Receiver::receive_or`].
    pub fn with_bell(bell: Arc<Bell>) -> Self {
        let mut lane = Self::new();
        lane.shared.filled = bell;
        lane
    }

    /// Its two ends.
    pub fn split(&mut self) -> (Sender<'_, T>, Receiver<'_, T>) {
        let (producer, consumer) = self.queue.split();
        let shared = &self.shared;
        (Sender { producer, shared }, Receiver { consumer, shared })
    }
}

/// The end that fills.
pub struct Sender<'a, T> {
    producer: Producer<'a, T>,
    shared: &'a Shared,
}

impl<T> Sender<'_, T> {
    /// Waits for room. Gives the value back when there is no receiver any more.
    pub fn send(&mut self, mut value: T) -> Result<(), T> {
        loop {
            if self.shared.closed.load(Ordering::Acquire) {
                return Err(value);
            }
            match self.producer.enqueue(value) {
                Ok(()) => {
                    self.shared.filled.ring();
                    return Ok(());
                }
                Err(back) => value = back,
            }
            self.shared.emptied.wait();
        }
    }
}

impl<T> Drop for Sender<'_, T> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The end that empties.
pub struct Receiver<'a, T> {
    consumer: Consumer<'a, T>,
    shared: &'a Shared,
}

impl<T> Receiver<'_, T> {
    /// Waits for a value. `None` when there is no sender any more and nothing is left.
    pub fn receive(&mut self) -> Option<T> {
        self.receive_or(|| None)
    }

    /// Waits for a value of the lane or one of `other`, which is asked whenever the bell has rung. The lane goes first.
    pub fn receive_or(&mut self, mut other: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            // Looked at before the queue: what was sent before the end is still delivered.
            let closed = self.shared.closed.load(Ordering::Acquire);
            if let Some(value) = self.take().or_else(&mut other) {
                return Some(value);
            }
            if closed {
                return None;
            }
            self.shared.filled.wait();
        }
    }

    /// A value, if one is there.
    pub fn take(&mut self) -> Option<T> {
        let value = self.consumer.dequeue()?;
        self.shared.emptied.ring();
        Some(value)
    }

    /// Whether the sender is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }
}

impl<T> Drop for Receiver<'_, T> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Wakes the one thread that waits; a ring that comes before the wait is not lost.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Wakes whoever waits, or the next who would.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            rung = self
                .changed
                .wait(rung)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *rung = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_arrives_once_in_order_across_threads() {
        let mut lane = Lane::<u32, 4>::new();
        let (mut sender, mut receiver) = lane.split();
        std::thread::scope(|scope| {
            scope.spawn(move || (0..10_000).for_each(|value| sender.send(value).unwrap()));
            let received = std::iter::from_fn(|| receiver.receive());
            assert!(received.eq(0..10_000));
        });
    }

    #[test]
    fn a_sender_learns_that_nobody_listens() {
        let mut lane = Lane::<u32, 2>::new();
        let (mut sender, receiver) = lane.split();
        sender.send(1).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || sender.send(2));
            drop(receiver);
            assert_eq!(waiting.join().unwrap(), Err(2));
        });
    }

    #[test]
    fn a_receiver_is_woken_for_what_comes_another_way() {
        let bell = Arc::new(Bell::default());
        let mut lane = Lane::<u32, 4>::with_bell(Arc::clone(&bell));
        let (mut sender, mut receiver) = lane.split();
        let letter = Mutex::new(None);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let other = || letter.lock().unwrap().take();
                [receiver.receive_or(other), receiver.receive_or(other)]
            });
            *letter.lock().unwrap() = Some(7);
            bell.ring();
            sender.send(8).unwrap();
            let mut got = waiting.join().unwrap();
            got.sort();
            assert_eq!(got, [Some(7), Some(8)]);
        });
    }

    #[test]
    fn what_was_sent_before_the_end_is_delivered() {
        let mut lane = Lane::<u32, 4>::new();
        let (mut sender, mut receiver) = lane.split();
        sender.send(7).unwrap();
        assert!(!receiver.is_closed());
        drop(sender);
        assert_eq!((receiver.receive(), receiver.receive()), (Some(7), None));
    }
}
