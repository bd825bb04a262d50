//! Stage, activate, commit, return.
//!
//! ```text
//! storage root/  pointer     which slot counts; switched by write, sync, rename, sync of the folder
//!                a/ .slot    record of a complete set, written last
//!                a/ FILES
//!                b/ ...
//! ```
//!
//! An update writes to the slot that does not count; nothing that counts is ever changed, only the pointer is. While
//! a set is on trial, the other slot holds the one before, so nothing can be staged.

use skueye_models::{Code, Fault};

use crate::epoch;
use crate::pointer::{Pointer, State};
use crate::slot::{SlotName, SlotRecord};
use crate::storage::Storage;

mod sets;
mod stage;

pub use sets::{CommittedSlot, StagedSlot, TrialSlot};

/// How many times a new set may start without being committed before the one before returns.
pub const TRIAL_STARTS: u8 = 3;

/// What the device finds when it starts.
#[derive(Debug, PartialEq, Eq)]
pub enum Started {
    /// Nothing was ever installed.
    Empty,
    /// Use this.
    Committed(CommittedSlot),
    /// Use this, and [`Slots::commit`] it once it works; every byte of it was just verified.
    Trial(TrialSlot),
    /// The new set failed; the one before counts again, if there was one.
    Returned {
        /// Use this.
        to: Option<CommittedSlot>,
        /// Why the new set was given up.
        why: Fault,
    },
}

/// The two slots of a device.
#[derive(Debug)]
pub struct Slots<S> {
    storage: S,
    pointer: Pointer,
}

impl<S: Storage> Slots<S> {
    /// Opens the slots, making them on a new device. Errors: E805 when the pointer is damaged, E901.
    pub fn open(storage: S) -> Result<Self, Fault> {
        let pointer = Pointer::read(&storage)?;
        for slot in [SlotName::A, SlotName::B] {
            storage.create_folder(slot.folder())?;
        }
        storage.sync_folder("")?;
        Ok(Self { storage, pointer })
    }

    /// The storage, for paths.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Call once at every start of the device. A set on trial costs one of its starts *before* it is handed out, so a
    /// set that crashes the device uses them up. Errors: E805 when the committed set is damaged, E901.
    pub fn start(&mut self) -> Result<Started, Fault> {
        match self.pointer.state {
            State::Empty => Ok(Started::Empty),
            State::Committed { slot } => self.committed(slot).map(Started::Committed),
            State::Trial {
                slot,
                before,
                starts_left,
            } => self.start_trial(slot, before, starts_left),
        }
    }

    fn start_trial(
        &mut self,
        slot: SlotName,
        before: Option<SlotName>,
        starts_left: u8,
    ) -> Result<Started, Fault> {
        let tried = match starts_left.checked_sub(1) {
            None => Err(used_up()),
            Some(starts_left) => {
                self.switch(State::Trial {
                    slot,
                    before,
                    starts_left,
                })?;
                self.prove(slot)
            }
        };
        match tried {
            Ok(record) => Ok(Started::Trial(TrialSlot { slot, record })),
            Err(why) => Ok(Started::Returned {
                to: self.return_to(before)?,
                why,
            }),
        }
    }

    /// Reads every byte of a slot and asks the epoch's gate.
    fn prove(&self, slot: SlotName) -> Result<SlotRecord, Fault> {
        let record = SlotRecord::read(&self.storage, slot)?;
        epoch::admit(self.pointer.security_epoch, record.security_epoch)?;
        record.verify(&self.storage, slot)?;
        Ok(record)
    }

    /// Switches to the staged set, on trial. Use it from the next start on, or at once. Errors: E804, E807, E901.
    pub fn activate(&mut self, staged: StagedSlot) -> Result<TrialSlot, Fault> {
        let before = match self.pointer.state {
            State::Trial { .. } => return Err(on_trial()),
            State::Empty => None,
            State::Committed { slot } => Some(slot),
        };
        let StagedSlot { slot, record } = staged;
        epoch::admit(self.pointer.security_epoch, record.security_epoch)?;
        self.still_holds(slot, &record)?;
        self.switch(State::Trial {
            slot,
            before,
            starts_left: TRIAL_STARTS,
        })?;
        Ok(TrialSlot { slot, record })
    }

    /// Keeps the set on trial: call it once the device has proven that it works. From here on no set of an older
    /// epoch is taken. Errors: E804, E806 when this set is not on trial any more, E901.
    pub fn commit(&mut self, trial: TrialSlot) -> Result<CommittedSlot, Fault> {
        epoch::admit(self.pointer.security_epoch, trial.record.security_epoch)?;
        self.still_tried(&trial)?;
        let TrialSlot { slot, record } = trial;
        let pointer = Pointer {
            state: State::Committed { slot },
            security_epoch: record.security_epoch,
        };
        pointer.write(&self.storage)?;
        self.pointer = pointer;
        Ok(CommittedSlot { slot, record })
    }

    /// Gives the set on trial up; answers the one before, if there was one. Errors: E806, E805, E901.
    pub fn give_up(&mut self, trial: TrialSlot) -> Result<Option<CommittedSlot>, Fault> {
        let before = self.still_tried(&trial)?;
        self.return_to(before)
    }

    /// The slot that counted before.
    fn still_tried(&self, trial: &TrialSlot) -> Result<Option<SlotName>, Fault> {
        match self.pointer.state {
            State::Trial { slot, before, .. } if slot == trial.slot => {
                self.still_holds(slot, &trial.record)?;
                Ok(before)
            }
            _ => Err(used_up()),
        }
    }

    /// Whether the slot was left alone since the caller got its proof.
    fn still_holds(&self, slot: SlotName, record: &SlotRecord) -> Result<(), Fault> {
        match SlotRecord::read(&self.storage, slot)? == *record {
            true => Ok(()),
            false => Err(used_up()),
        }
    }

    fn return_to(&mut self, before: Option<SlotName>) -> Result<Option<CommittedSlot>, Fault> {
        self.switch(State::keeping(before))?;
        before.map(|slot| self.committed(slot)).transpose()
    }

    fn committed(&self, slot: SlotName) -> Result<CommittedSlot, Fault> {
        let record = SlotRecord::read(&self.storage, slot)?;
        record.check(&self.storage, slot)?;
        Ok(CommittedSlot { slot, record })
    }

    /// Reads every byte of the committed set. Errors: E805, E901.
    pub fn verify(&self, set: &CommittedSlot) -> Result<(), Fault> {
        set.record.verify(&self.storage, set.slot)
    }

    fn switch(&mut self, state: State) -> Result<(), Fault> {
        let pointer = Pointer {
            state,
            ..self.pointer
        };
        pointer.write(&self.storage)?;
        self.pointer = pointer;
        Ok(())
    }
}

fn on_trial() -> Fault {
    Fault::new(
        Code::TrialPending,
        "no set on trial",
        "one that is neither committed nor given up",
        "wait until the device has committed the last update, then try again",
    )
}

fn used_up() -> Fault {
    Fault::new(
        Code::TrialFailed,
        format!("a commit within {TRIAL_STARTS} starts"),
        "none",
        "the device uses the set before; report the log and install a corrected bundle",
    )
}
