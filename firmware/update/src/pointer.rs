//! The one small file that says which slot counts.

use serde::{Deserialize, Serialize};
use skueye_models::Fault;

use crate::sealed;
use crate::slot::SlotName;
use crate::storage::Storage;

const PATH: &str = "pointer";

/// How far the last update has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum State {
    /// Nothing was ever committed.
    Empty,
    /// This set is kept; the one before it can still be returned to.
    Committed {
        slot: SlotName,
        previous: Option<SlotName>,
    },
    /// This set is tried; if it fails, the one before counts again.
    Trial {
        slot: SlotName,
        before: Option<SlotName>,
        /// The one before that.
        previous: Option<SlotName>,
        starts_left: u8,
        /// The epoch that a permit lets it have.
        permitted: Option<u64>,
    },
}

impl State {
    /// The state with `slot` kept, or nothing.
    pub(crate) fn keeping(slot: Option<SlotName>, previous: Option<SlotName>) -> Self {
        slot.map_or(Self::Empty, |slot| Self::Committed { slot, previous })
    }

    /// The slots that hold what may be needed.
    pub(crate) fn holds(self, name: SlotName) -> bool {
        let slots = match self {
            Self::Empty => [None; 3],
            Self::Committed { slot, previous } => [Some(slot), previous, None],
            Self::Trial {
                slot,
                before,
                previous,
                ..
            } => [Some(slot), before, previous],
        };
        slots.contains(&Some(name))
    }
}

/// The content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pointer {
    pub(crate) state: State,
    /// The epoch of the newest set that was ever committed.
    pub(crate) security_epoch: u64,
    /// The highest number of a permit that was used.
    pub(crate) permits: u64,
    /// An idle slot with a complete set that waits to be activated.
    pub(crate) staged: Option<SlotName>,
}

impl Pointer {
    /// Reads it; a device without one is new. Errors: E805 when it is damaged.
    pub(crate) fn read(storage: &impl Storage) -> Result<Self, Fault> {
        Ok(sealed::read(storage, PATH)?.unwrap_or(Self {
            state: State::Empty,
            security_epoch: 0,
            permits: 0,
            staged: None,
        }))
    }

    /// Switches it: from this moment on, and not before, the new state counts.
    pub(crate) fn write(&self, storage: &impl Storage) -> Result<(), Fault> {
        sealed::write(storage, PATH, self)
    }
}
