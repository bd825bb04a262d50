//! How far a set has come, as types. Each carries its slot and record; only the step before makes it.

use crate::manifest::Kind;
use crate::slot::{SlotName, SlotRecord};
use crate::storage::join;

macro_rules! set {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name {
            pub(super) slot: SlotName,
            pub(super) record: SlotRecord,
        }

        impl $name {
            /// Where it lies.
            pub fn slot(&self) -> SlotName {
                self.slot
            }

            /// What it holds.
            pub fn record(&self) -> &SlotRecord {
                &self.record
            }

            /// The files of one kind, as paths relative to the storage's root.
            pub fn files(&self, kind: Kind) -> impl Iterator<Item = String> {
                let of_kind = self.record.files.iter().filter(move |file| file.kind == kind);
                of_kind.map(|file| join(self.slot.folder(), &file.name))
            }
        }
    };
}

set! {
    /// A complete set in the idle slot, synced; the device does not use it yet.
    StagedSlot
}
set! {
    /// The set that the device tries.
    TrialSlot
}
set! {
    /// The set that the device keeps.
    CommittedSlot
}

#[cfg(test)]
impl TrialSlot {
    /// A trial that no activation has made, to try the gate behind it.
    pub(crate) fn for_test(staged: &StagedSlot) -> Self {
        Self {
            slot: staged.slot,
            record: staged.record.clone(),
        }
    }
}
