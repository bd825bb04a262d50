//! Stage, activate, commit, return.
//!
//! ```text
//! storage root/  pointer     which slot counts; switched by write, sync, rename, sync of the folder
//!                keys        whose bundles are taken ([`crate::keys`])
//!                history     what was attempted ([`crate::history`])
//!                a/ .slot    record of a complete set, written last
//!                a/ FILES
//!                b/ c/ ...
//! ```
//!
//! An update writes to a slot that does not count; nothing that counts is ever changed, only the pointer is. Of three slots
//! one holds the set in use, one the set before it, and the third is idle, so that a failed or half-written update never
//! costs the way back. Files are not copied from set to set: the idle slot gets one more name (hard link) of what the
//! device already has, whichever set brought it. A file that no slot names any more is gone by itself, which is all the
//! garbage collection there is, and the file system does it.

use skueye_models::{Code, Fault};

use crate::boot::BootControl;
use crate::epoch;
use crate::history::{History, Step};
use crate::pointer::{Pointer, State};
use crate::slot::{self, SlotName, SlotRecord};
use crate::storage::Storage;

mod sets;
mod stage;

pub use sets::{CommittedSlot, StagedSlot, TrialSlot};
pub use stage::Device;

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

/// What a device could go on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing new.
    Nothing,
    /// A set that is staged.
    Staged,
    /// A set that was activated: it is tried from the next start on.
    Trial,
}

/// What a device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The set in use.
    pub running: Option<(SlotName, SlotRecord)>,
    /// Starts that it still has where it is on trial.
    pub starts_left: Option<u8>,
    /// The set before it.
    pub previous: Option<(SlotName, SlotRecord)>,
    /// The set that waits to be activated.
    pub staged: Option<(SlotName, SlotRecord)>,
    /// That of the newest set that was ever committed.
    pub security_epoch: u64,
}

/// The slots of a device.
#[derive(Debug)]
pub struct Slots<S> {
    storage: S,
    pointer: Pointer,
}

impl<S: Storage> Slots<S> {
    /// Opens the slots, making them on a new device. Errors: E805 when the pointer is damaged, E901.
    pub fn open(storage: S) -> Result<Self, Fault> {
        let slots = Self::look(storage)?;
        for slot in SlotName::ALL {
            slots.storage.create_folder(slot.folder())?;
        }
        slots.storage.sync_folder("")?;
        Ok(slots)
    }

    /// As [`Slots::open`], for looking alone: nothing is made on the disk. Errors: E805, E901.
    pub fn look(storage: S) -> Result<Self, Fault> {
        let pointer = Pointer::read(&storage)?;
        Ok(Self { storage, pointer })
    }

    /// What waits, by a look at the pointer alone; cheap enough to be asked every few seconds. Errors: E805, E901.
    pub fn waiting(storage: &S) -> Result<Waiting, Fault> {
        let pointer = Pointer::read(storage)?;
        Ok(match (pointer.state, pointer.staged) {
            (State::Trial { .. }, _) => Waiting::Trial,
            (_, Some(_)) => Waiting::Staged,
            _ => Waiting::Nothing,
        })
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
            State::Committed { slot, .. } => self.committed(slot).map(Started::Committed),
            State::Trial {
                slot, starts_left, ..
            } => {
                let tried = self.take_start(starts_left).and_then(|()| self.prove(slot));
                self.tried(slot, tried)
            }
        }
    }

    /// As [`Slots::start`], for a program that lies in `slot` and was handed a start which the slot has paid for.
    pub fn go_on(&mut self, slot: SlotName) -> Result<Started, Fault> {
        match self.pointer.state {
            State::Trial { slot: tried, .. } if tried == slot => {
                let proven = self.prove(slot);
                self.tried(slot, proven)
            }
            _ => self.start(),
        }
    }

    fn tried(
        &mut self,
        slot: SlotName,
        proven: Result<SlotRecord, Fault>,
    ) -> Result<Started, Fault> {
        match proven {
            Ok(record) => Ok(Started::Trial(TrialSlot { slot, record })),
            Err(why) => Ok(Started::Returned {
                to: self.return_to_before(&why.to_string())?,
                why,
            }),
        }
    }

    /// Takes one of the trial's starts.
    fn take_start(&mut self, starts_left: u8) -> Result<(), Fault> {
        let starts_left = starts_left.checked_sub(1).ok_or_else(used_up)?;
        let mut state = self.pointer.state;
        if let State::Trial {
            starts_left: left, ..
        } = &mut state
        {
            *left = starts_left;
        }
        self.switch(state)
    }

    /// Asks the epoch's gate and reads every byte of a slot.
    fn prove(&self, tried: SlotName) -> Result<SlotRecord, Fault> {
        let record = SlotRecord::read(&self.storage, tried)?;
        self.admit(&record)?;
        record.verify(&self.storage, tried)?;
        Ok(record)
    }

    fn admit(&self, record: &SlotRecord) -> Result<(), Fault> {
        let permitted = match self.pointer.state {
            State::Trial { permitted, .. } => permitted,
            _ => None,
        };
        epoch::admit(
            self.pointer.security_epoch,
            record.security_epoch,
            permitted,
        )
    }

    /// Switches to the staged set, on trial. Use it from the next start on, or at once. Errors: E804, E807, E901.
    pub fn activate(&mut self, staged: StagedSlot) -> Result<TrialSlot, Fault> {
        let (before, previous) = match self.pointer.state {
            State::Trial { .. } => return Err(on_trial()),
            State::Empty => (None, None),
            State::Committed { slot, previous } => (Some(slot), previous),
        };
        let StagedSlot { slot, record } = staged;
        let permitted = record.permit.map(|_| record.security_epoch);
        epoch::admit(
            self.pointer.security_epoch,
            record.security_epoch,
            permitted,
        )?;
        self.still_holds(slot, &record)?;
        if record
            .permit
            .is_some_and(|number| number <= self.pointer.permits)
        {
            return Err(stage::used_permit());
        }
        self.pointer.permits = record.permit.unwrap_or(self.pointer.permits);
        self.pointer.staged = None;
        self.switch(State::Trial {
            slot,
            before,
            // A set that is returned to is not the one before itself.
            previous: previous.filter(|previous| *previous != slot),
            starts_left: TRIAL_STARTS,
            permitted,
        })?;
        self.note(Step::Activated, &record.release, String::new());
        Ok(TrialSlot { slot, record })
    }

    /// Keeps the set on trial: call it once the device has proven that it works. The system that it ran on is marked as
    /// good first, so that a system that would be taken back never has the newer set. From here on no set of an older epoch
    /// is taken. Errors: E804, E806 when this set is not on trial any more, E813, E901.
    pub fn commit(
        &mut self,
        trial: TrialSlot,
        boot: &dyn BootControl,
    ) -> Result<CommittedSlot, Fault> {
        self.admit(&trial.record)?;
        let before = self.still_tried(&trial)?;
        let system = boot.active_slot()?;
        boot.mark_good()?;
        let TrialSlot { slot, record } = trial;
        self.point(Pointer {
            state: State::keeping(Some(slot), before),
            security_epoch: record.security_epoch,
            ..self.pointer
        })?;
        let system = system.map_or(String::new(), |slot| format!("system slot {slot}"));
        self.note(Step::Committed, &record.release, system);
        Ok(CommittedSlot { slot, record })
    }

    /// Gives the set on trial up, and says `why`; answers the one before, if there was one. Errors: E806 where none is on
    /// trial, E805, E901.
    pub fn give_up(&mut self, why: &str) -> Result<Option<CommittedSlot>, Fault> {
        self.return_to_before(why)
    }

    /// The set that was staged and waits to be activated, every byte of it verified. Errors: E804, E805, E807 during a trial.
    pub fn staged(&self) -> Result<Option<StagedSlot>, Fault> {
        match (self.pointer.state, self.pointer.staged) {
            (State::Trial { .. }, _) => Err(on_trial()),
            (_, None) => Ok(None),
            (_, Some(slot)) => {
                let record = SlotRecord::read(&self.storage, slot)?;
                record.verify(&self.storage, slot)?;
                Ok(Some(StagedSlot { slot, record }))
            }
        }
    }

    /// What is known without reading any file of a set.
    pub fn status(&self) -> Status {
        let of = |slot: Option<SlotName>| {
            let slot = slot?;
            SlotRecord::read(&self.storage, slot)
                .ok()
                .map(|record| (slot, record))
        };
        let (running, previous, starts_left) = match self.pointer.state {
            State::Empty => (None, None, None),
            State::Committed { slot, previous } => (Some(slot), previous, None),
            State::Trial {
                slot,
                before,
                starts_left,
                ..
            } => (Some(slot), before, Some(starts_left)),
        };
        Status {
            running: of(running),
            starts_left,
            previous: of(previous),
            staged: of(self.pointer.staged),
            security_epoch: self.pointer.security_epoch,
        }
    }

    /// The set before the one in use, to be activated as any other. Errors: E804 where it is too old to return to, E805 where
    /// it is damaged, E807 during a trial.
    pub fn previous(&self) -> Result<Option<StagedSlot>, Fault> {
        match self.pointer.state {
            State::Trial { .. } => Err(on_trial()),
            State::Committed {
                previous: Some(slot),
                ..
            } => {
                let mut record = SlotRecord::read(&self.storage, slot)?;
                // A permit that it came with is used up.
                record.permit = None;
                epoch::admit(self.pointer.security_epoch, record.security_epoch, None)?;
                record.verify(&self.storage, slot)?;
                Ok(Some(StagedSlot { slot, record }))
            }
            _ => Ok(None),
        }
    }

    /// Empties the slots that nothing needs, so that their space is free before the next update. Errors: E901.
    pub fn collect(&self) -> Result<(), Fault> {
        let is_idle = |slot: &SlotName| {
            !self.pointer.state.holds(*slot) && self.pointer.staged != Some(*slot)
        };
        let mut idle = SlotName::ALL.into_iter().filter(is_idle);
        idle.try_for_each(|slot| slot::clear(&self.storage, slot))
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
        let now = SlotRecord::read(&self.storage, slot)?;
        match (&now.release, &now.files) == (&record.release, &record.files) {
            true => Ok(()),
            false => Err(used_up()),
        }
    }

    fn return_to_before(&mut self, why: &str) -> Result<Option<CommittedSlot>, Fault> {
        let State::Trial {
            slot,
            before,
            previous,
            ..
        } = self.pointer.state
        else {
            return Err(used_up());
        };
        self.switch(State::keeping(before, previous))?;
        let given_up = SlotRecord::read(&self.storage, slot);
        let release = given_up.map_or("unknown".into(), |record| record.release);
        self.note(Step::Returned, &release, why.to_owned());
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

    /// Says in the history that a bundle of this name was refused.
    pub fn note_refusal(&self, name: &str, why: &Fault) {
        self.note(Step::Refused, name, why.to_string());
    }

    fn note(&self, step: Step, release: &str, reason: String) {
        // What happened has happened; a full disk must not keep a device from its set.
        let _ = History::add(&self.storage, step, release, reason);
    }

    fn switch(&mut self, state: State) -> Result<(), Fault> {
        self.point(Pointer {
            state,
            ..self.pointer
        })
    }

    fn point(&mut self, pointer: Pointer) -> Result<(), Fault> {
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
