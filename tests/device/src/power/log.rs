//! What a block device was asked to do, in order, between the marks of whoever uses it.

use std::fmt;
use std::fs;
use std::path::Path;

use super::disk::Extent;
use crate::trouble::Trouble;

/// Something that happened to a disk, or beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Sectors got another content.
    Change {
        /// Which sectors.
        extent: Extent,
        /// Their content.
        content: Content,
        /// Whether they were durable when this was acknowledged (FUA), whatever becomes of others.
        durable: bool,
    },
    /// All events before the one with this number are durable: those that were acknowledged when the flush was asked for.
    /// What was still under way then may be lost after it.
    Flush {
        /// That number.
        covers: usize,
    },
    /// Somebody said something.
    Mark(Mark),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change {
                extent,
                content,
                durable,
            } => {
                let what = match content {
                    Content::Bytes(_) => "write",
                    Content::Zeros => "zero",
                };
                let through = if *durable { ", written through" } else { "" };
                write!(f, "{what} {extent}{through}")
            }
            Self::Flush { covers } => write!(f, "flush of all before {covers}"),
            Self::Mark(mark) => write!(f, "{mark:?}"),
        }
    }
}

/// What sectors hold after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Zeros: written as such, or given back to the disk (trim).
    Zeros,
}

/// What the guest says about its work; steps are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The step begins.
    Begun(usize),
    /// The step is done: from here on its result must survive.
    Done(usize),
}

/// All that happened.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In order.
    pub events: Vec<Event>,
}

impl Log {
    /// Adds an event; its number.
    pub fn add(&mut self, event: Event) -> usize {
        self.events.push(event);
        self.events.len() - 1
    }

    /// The last step that was done before event `at`, and the step that was under way.
    pub fn steps_before(&self, at: usize) -> (Option<usize>, Option<usize>) {
        let (mut done, mut begun) = (None, None);
        for event in &self.events[..at] {
            match event {
                Event::Mark(Mark::Begun(step)) => begun = Some(*step),
                Event::Mark(Mark::Done(step)) => (done, begun) = (Some(*step), None),
                _ => {}
            }
        }
        (done, begun)
    }

    /// Writes all events to a text file, one a line, without the bytes.
    pub fn save(&self, path: &Path) -> Result<(), Trouble> {
        let events = self.events.iter().enumerate();
        let text: String = events
            .map(|(at, event)| format!("{at} {event}\n"))
            .collect();
        fs::write(path, text).map_err(|e| Trouble::disk(path, &e))
    }
}
