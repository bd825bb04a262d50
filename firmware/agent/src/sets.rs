//! The set that the device runs with: of the update folder, the one that counts.
//!
//! A set brings model, gallery or both, and may bring settings; what it does not bring is the device's own. Its settings take
//! the place of the device's but for the section `[update]`: no bundle says where updates lie, what is asked of them, or
//! which command marks the system. Relative paths in them start where those of the device's settings do.

use std::path::Path;

use skueye_gallery::store::carried::kept_aside;
use skueye_models::{Code, Fault};
use skueye_update::{
    CommittedSlot, DiskStorage, Kind, SlotFile, SlotName, SlotRecord, Slots, Started, TrialSlot,
};

use crate::config::Config;
use crate::program::Running;
use crate::recognise;
use crate::report::SetStep;

/// What a start is told of: a set and what happened to it, or a fault that does not keep the device from its work.
pub enum Told<'t> {
    /// A set of this release.
    Set(&'t str, SetStep, Option<&'t Fault>),
    /// Something to look at.
    Fault(&'t Fault),
}

/// The settings with which the device runs from now on: `device`'s own with model, gallery and settings of the set that
/// counts. A set on trial is kept where `check` accepts its settings and the system can be marked as good, and given up
/// otherwise; then the one before counts. Call it once at each start. Errors: E805 where the set that counts is damaged, E901,
/// those of `tell`.
pub fn start(
    device: &Config,
    folder: &Path,
    program: &mut Running,
    check: impl FnOnce(&Config) -> Result<(), Fault>,
    mut tell: impl FnMut(Told<'_>) -> Result<(), Fault>,
) -> Result<Config, Fault> {
    let storage = DiskStorage::open(folder)?;
    // A trial that begins changes the pointer; nothing is staged meanwhile. Whoever else holds the lock is at work on an idle
    // slot, and a device has to start.
    let _lock = storage.lock();
    let mut slots = Slots::open(storage)?;
    let started = match program.take_handed() {
        Some(slot) => slots.go_on(slot)?,
        None => slots.start()?,
    };
    let here = Here {
        device,
        folder,
        program,
    };
    let config = match started {
        Started::Empty => device.clone(),
        Started::Committed(set) => here.keep(&set, &mut tell)?,
        Started::Returned { to, why } => {
            tell(Told::Fault(&why))?;
            here.before(to.as_ref(), &mut tell)?
        }
        Started::Trial(trial) => here.try_out(&mut slots, trial, check, &mut tell)?,
    };
    tell_of_others(&config, folder, &mut tell)?;
    Ok(config)
}

/// What a start begins with.
struct Here<'h> {
    device: &'h Config,
    folder: &'h Path,
    program: &'h Running,
}

impl Here<'_> {
    fn try_out(
        &self,
        slots: &mut Slots<DiskStorage>,
        trial: TrialSlot,
        check: impl FnOnce(&Config) -> Result<(), Fault>,
        tell: &mut impl FnMut(Told<'_>) -> Result<(), Fault>,
    ) -> Result<Config, Fault> {
        let (slot, record) = (trial.slot(), trial.record().clone());
        let release = &record.release;
        let started = self.become_that_of(slot, &record);
        tell(Told::Set(release, SetStep::Tried, None))?;
        let config = started.and_then(|()| of_set(self.device, self.folder, slot, &record));
        let tried = config.and_then(|config| {
            check(&config)?;
            Ok(config)
        });
        let committed = tried.and_then(|config| {
            slots.commit(trial, &self.device.update.boot)?;
            Ok(config)
        });
        match committed {
            Ok(config) => {
                tell(Told::Set(release, SetStep::Committed, None))?;
                Ok(config)
            }
            Err(why) => {
                tell(Told::Set(release, SetStep::Returned, Some(&why)))?;
                let to = slots.give_up(&why.to_string())?;
                self.before(to.as_ref(), tell)
            }
        }
    }

    /// The set before, or the device's own files where there was none.
    fn before(
        &self,
        set: Option<&CommittedSlot>,
        tell: &mut impl FnMut(Told<'_>) -> Result<(), Fault>,
    ) -> Result<Config, Fault> {
        if let Some(set) = set {
            return self.keep(set, tell);
        }
        if let Err(fault) = self.program.become_launcher() {
            tell(Told::Fault(&fault))?;
        }
        Ok(self.device.clone())
    }

    /// A set that is kept is used with the program that runs, where its own cannot be started any more: a device has to scan.
    fn keep(
        &self,
        set: &CommittedSlot,
        tell: &mut impl FnMut(Told<'_>) -> Result<(), Fault>,
    ) -> Result<Config, Fault> {
        let record = set.record();
        if let Err(fault) = self.become_that_of(set.slot(), record) {
            tell(Told::Fault(&fault))?;
        }
        tell(Told::Set(&record.release, SetStep::InUse, None))?;
        of_set(self.device, self.folder, set.slot(), record)
    }

    fn become_that_of(&self, slot: SlotName, record: &SlotRecord) -> Result<(), Fault> {
        let file = the_one(record, Kind::Program)?;
        self.program.become_that_of(self.folder, slot, file)
    }
}

/// Says what was enrolled for another model than the one in use.
fn tell_of_others(
    config: &Config,
    folder: &Path,
    tell: &mut impl FnMut(Told<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // A gallery that cannot be opened is told of by whoever has to work with it.
    let Ok(store) = recognise::open_gallery(&config.gallery) else {
        return Ok(());
    };
    let id = store.snapshot().base().view().embedding_id();
    for aside in kept_aside(folder, id)? {
        let fault = Fault::new(
            Code::EnrolledAside,
            format!("what was enrolled to be of embedding id {id}"),
            format!("{} rows of another", aside.rows),
            "enrol these products again with the new model, or go back with skueye update rollback",
        );
        tell(Told::Fault(&fault.at(folder.join(aside.name))))?;
    }
    Ok(())
}

/// The settings in use, for commands that look at the device: those of the set that is kept, where there is one. A trial is
/// left alone. Errors: E805, E901.
pub fn in_use(device: &Config) -> Result<Config, Fault> {
    let Some(folder) = &device.update.folder else {
        return Ok(device.clone());
    };
    let status = Slots::look(DiskStorage::open(folder)?)?.status();
    let kept = match status.starts_left {
        Some(_) => status.previous,
        None => status.running,
    };
    kept.map_or_else(
        || Ok(device.clone()),
        |(slot, record)| of_set(device, folder, slot, &record),
    )
}

/// The device's settings with what the set brings. Errors: E10x for settings, E805 for two galleries, E901.
fn of_set(
    device: &Config,
    folder: &Path,
    slot: SlotName,
    record: &SlotRecord,
) -> Result<Config, Fault> {
    let home = folder.join(slot.folder());
    let mut config = match the_one(record, Kind::Settings)? {
        Some(file) => Config::load_for(&home.join(&file.name), &device.home)?,
        None => device.clone(),
    };
    config.update.clone_from(&device.update);
    config.model.clone_from(&device.model);
    config.gallery.clone_from(&device.gallery);
    if record.files.iter().any(|file| file.kind == Kind::Model) {
        config.model.clone_from(&home);
    }
    if let Some(file) = the_one(record, Kind::Gallery)? {
        config.gallery = home.join(&file.name);
    }
    Ok(config)
}

/// The file of a kind of which a set has one at most.
fn the_one(record: &SlotRecord, kind: Kind) -> Result<Option<&SlotFile>, Fault> {
    let mut files = record.files.iter().filter(|file| file.kind == kind);
    match (files.next(), files.next()) {
        (Some(one), None) => Ok(Some(one)),
        (None, _) => Ok(None),
        (Some(one), Some(two)) => Err(Fault::new(
            Code::TrialFailed,
            format!("one file of the kind {kind:?}"),
            format!("{} and {}", one.name, two.name),
            "ask the maker for a bundle with one of them",
        )),
    }
}
