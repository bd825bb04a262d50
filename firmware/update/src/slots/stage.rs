//! A verified bundle becomes a whole set in the idle slot.

use std::io::{Read, Seek};

use skueye_models::{Code, EmbeddingId, Fault};

use super::{CommittedSlot, Slots, StagedSlot, on_trial};
use crate::bundle::VerifiedManifest;
use crate::content::Content;
use crate::epoch;
use crate::history::Step;
use crate::keys::{KeySet, Role};
use crate::manifest::{Kind, Payload};
use crate::permit::Permit;
use crate::pointer::{Pointer, State};
use crate::sealed::damaged;
use crate::slot::{self, SlotFile, SlotName, SlotRecord};
use crate::storage::{Storage, join};
use crate::version::Version;

/// Bytes that stay free for what the device writes itself.
const SPARE: u64 = 4 << 20;

/// Bytes after which a file is synced though it is not whole: the disk works while the next are hashed, and little is left
/// to wait for at the end.
const SYNC_BYTES: u64 = 16 << 20;

/// What a bundle must fit.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// Its name in the hardware lists of bundles.
    pub hardware: &'a str,
    /// The program that runs.
    pub program: Version,
}

/// How a file comes into the idle slot.
enum Way {
    /// The device has these very bytes, proven, at this path.
    Keep(String),
    /// From the bundle.
    Write(Payload),
    /// From the bundle and the file at this path.
    Patch(Payload, String),
}

impl<S: Storage> Slots<S> {
    /// Makes a whole set in the idle slot: the bundle's files, and those of the running set of the kinds it does not ship.
    /// Nothing that counts is touched, but for keys: those that the bundle brings count at once. On failure the idle slot is
    /// emptied. Errors: E803, E804, E807, E808 before anything is written; E801, E805, E901.
    pub fn stage<R: Read + Seek>(
        &mut self,
        mut bundle: VerifiedManifest<R>,
        device: &Device,
        permit: Option<&Permit>,
    ) -> Result<StagedSlot, Fault> {
        let running = match self.pointer.state {
            State::Trial { .. } => return Err(on_trial()),
            State::Empty => None,
            State::Committed { slot, .. } => Some(self.committed(slot)?),
        };
        let idle = |slot: &SlotName| !self.pointer.state.holds(*slot);
        let slot = SlotName::ALL
            .into_iter()
            .find(idle)
            .expect("two of three are in use at most");
        let running = running.as_ref();
        let record = self.plan(&bundle, device, permit, running)?;
        let ways = self.ways(&bundle, &record)?;
        self.take_keys(&bundle)?;
        self.set_staged(None)?;
        let filled = self.fill(slot, &record, &ways, &mut bundle);
        if let Err(fault) = filled {
            // The slot has no record, so it counts for nothing; emptying it only saves space.
            let _ = slot::clear(&self.storage, slot);
            return Err(fault);
        }
        self.set_staged(Some(slot))?;
        self.note(Step::Staged, &record.release, String::new());
        Ok(StagedSlot { slot, record })
    }

    fn set_staged(&mut self, staged: Option<SlotName>) -> Result<(), Fault> {
        if self.pointer.staged == staged {
            return Ok(());
        }
        self.point(Pointer {
            staged,
            ..self.pointer
        })
    }

    /// The record of the set to be, with every demand of the bundle checked against this device.
    fn plan<R: Read + Seek>(
        &self,
        bundle: &VerifiedManifest<R>,
        device: &Device,
        permit: Option<&Permit>,
        running: Option<&CommittedSlot>,
    ) -> Result<SlotRecord, Fault> {
        let manifest = bundle.manifest();
        let permit = permit.filter(|permit| permit.manifest == bundle.digest());
        if permit.is_some_and(|permit| permit.sequence <= self.pointer.permits) {
            return Err(used_permit());
        }
        let permitted = permit.map(|_| manifest.security_epoch);
        epoch::admit(
            self.pointer.security_epoch,
            manifest.security_epoch,
            permitted,
        )?;
        if !manifest.hardware.is_empty()
            && !manifest.hardware.iter().any(|name| name == device.hardware)
        {
            let expected = format!("a bundle for {}", device.hardware);
            return Err(unfit(&expected, manifest.hardware.join(", ")));
        }
        if manifest.requires_program > device.program && !manifest.ships(Kind::Program) {
            let expected = format!("a bundle for program {} or older", device.program);
            return Err(unfit(&expected, manifest.requires_program.to_string()));
        }
        let old = running.map(CommittedSlot::record);
        Ok(SlotRecord {
            release: manifest.release.clone(),
            // A catalogue key must not be able to close the way for all releases to come.
            security_epoch: match bundle.role() {
                Role::Release => manifest.security_epoch,
                Role::Catalogue => self.pointer.security_epoch,
            },
            embedding_id: self.embedding_id(bundle, old)?,
            permit: permit.map(|permit| permit.sequence),
            files: files(&manifest.payloads, old, |kind| manifest.ships(kind))?,
        })
    }

    /// Model and gallery must come from one embedding space, whichever of the two is carried over.
    fn embedding_id<R: Read + Seek>(
        &self,
        bundle: &VerifiedManifest<R>,
        old: Option<&SlotRecord>,
    ) -> Result<Option<EmbeddingId>, Fault> {
        let manifest = bundle.manifest();
        let old_id = old.and_then(|record| record.embedding_id);
        let Some(new_id) = manifest.embedding_id else {
            return Ok(old_id);
        };
        let stays = |kind| {
            let has = |r: &SlotRecord| r.files.iter().any(|file| file.kind == kind);
            !manifest.ships(kind) && old.is_some_and(has)
        };
        let alone = manifest.ships(Kind::Gallery) && !manifest.ships(Kind::Model);
        if (alone || stays(Kind::Gallery) || stays(Kind::Model)) && old_id != Some(new_id) {
            let expected = old_id.map_or("a model with the gallery".into(), |id| {
                format!("embedding id {id}, or model and gallery together")
            });
            return Err(unfit(&expected, format!("embedding id {new_id}")));
        }
        Ok(Some(new_id))
    }

    /// How each file of `record` comes into the slot, and whether there is room for it.
    fn ways<R: Read + Seek>(
        &self,
        bundle: &VerifiedManifest<R>,
        record: &SlotRecord,
    ) -> Result<Vec<Way>, Fault> {
        let held = self.held();
        let way = |file: &SlotFile| self.way(&bundle.manifest().payloads, file, &held);
        let ways = record
            .files
            .iter()
            .map(way)
            .collect::<Result<Vec<Way>, Fault>>()?;
        let is_new = |(way, _): &(&Way, &SlotFile)| !matches!(way, Way::Keep(_));
        let new = ways.iter().zip(&record.files).filter(is_new);
        let needed = new
            .map(|(_, file)| file.content.length)
            .fold(SPARE, u64::saturating_add);
        match self.storage.free()? {
            Some(free) if free < needed => Err(Fault::new(
                Code::UpdateSpace,
                format!("{needed} bytes free"),
                format!("{free} bytes, {} too few", needed - free),
                "remove pictures and old logs from the device's disk, then try again",
            )),
            _ => Ok(ways),
        }
    }

    fn way(
        &self,
        payloads: &[Payload],
        file: &SlotFile,
        held: &[(String, Content)],
    ) -> Result<Way, Fault> {
        let kept = held.iter().find(|(path, content)| {
            *content == file.content && slot::prove(&self.storage, path, content).is_ok()
        });
        if let Some((path, _)) = kept {
            return Ok(Way::Keep(path.clone()));
        }
        let mut bases = Vec::new();
        for payload in payloads.iter().filter(|payload| payload.name == file.name) {
            let Some(delta) = &payload.delta else {
                return Ok(Way::Write(payload.clone()));
            };
            match held
                .iter()
                .find(|(_, content)| content.sha256 == delta.base)
            {
                Some((base, _)) => return Ok(Way::Patch(payload.clone(), base.clone())),
                None => bases.push(delta.base.to_string()),
            }
        }
        match bases.is_empty() {
            true => Err(damaged(
                &file.name,
                "the file as it was installed",
                "another",
            )),
            false => {
                let remedy = "install the full bundle of this release";
                let expected = format!("a device with the file {}", bases.join(" or "));
                Err(Fault::new(Code::BundleRefused, expected, "none", remedy).at(&file.name))
            }
        }
    }

    /// The files of all complete sets.
    fn held(&self) -> Vec<(String, Content)> {
        let holding = SlotName::ALL
            .into_iter()
            .filter(|slot| self.pointer.state.holds(*slot));
        let records = holding.filter_map(|slot| {
            let record = SlotRecord::read(&self.storage, slot).ok()?;
            Some((slot, record))
        });
        let of_slot = |(slot, record): (SlotName, SlotRecord)| {
            let file = move |file: SlotFile| (join(slot.folder(), &file.name), file.content);
            record.files.into_iter().map(file)
        };
        records.flat_map(of_slot).collect()
    }

    /// A device that was made without keys keeps those that its maker's program trusts.
    fn take_keys<R: Read + Seek>(&self, bundle: &VerifiedManifest<R>) -> Result<(), Fault> {
        let newer =
            KeySet::read(&self.storage).is_ok_and(|keys| keys.sequence < bundle.keys().sequence);
        if newer {
            bundle.keys().write(&self.storage)?;
            let release = &bundle.manifest().release;
            let reason = format!("key set {}", bundle.keys().sequence);
            self.note(Step::Rotated, release, reason);
        }
        Ok(())
    }

    /// Files first, each synced, the record last; its writing syncs the folder.
    fn fill<R: Read + Seek>(
        &self,
        slot: SlotName,
        record: &SlotRecord,
        ways: &[Way],
        bundle: &mut VerifiedManifest<R>,
    ) -> Result<(), Fault> {
        let storage = &self.storage;
        slot::clear(storage, slot)?;
        for (file, way) in record.files.iter().zip(ways) {
            let path = join(slot.folder(), &file.name);
            if let Way::Keep(held) = way
                && storage.link(held, &path)?
            {
                continue;
            }
            storage.create(&path)?;
            let mut unsynced = 0;
            let append = |bytes: &[u8]| {
                storage.append(&path, bytes)?;
                unsynced += bytes.len() as u64;
                match unsynced < SYNC_BYTES {
                    true => Ok(()),
                    false => {
                        unsynced = 0;
                        storage.sync_file(&path)
                    }
                }
            };
            let no_base = |_: u64, _: &mut [u8]| Ok(0);
            match way {
                Way::Keep(held) => {
                    let mut offset = 0;
                    let read = |into: &mut [u8]| {
                        let count = storage.read_at(held, offset, into)?;
                        offset += count as u64;
                        Ok(count)
                    };
                    file.content.copy(read, append)?;
                }
                Way::Write(payload) => bundle.copy_payload(payload, no_base, append)?,
                Way::Patch(payload, base) => {
                    let base = |offset: u64, into: &mut [u8]| storage.read_at(base, offset, into);
                    bundle.copy_payload(payload, base, append)?;
                }
            }
            storage.sync_file(&path)?;
        }
        record.write(storage, slot)
    }
}

/// The files of a set: those of the payloads, each name once, and those of `old` of the kinds that are not shipped.
fn files(
    payloads: &[Payload],
    old: Option<&SlotRecord>,
    ships: impl Fn(Kind) -> bool,
) -> Result<Vec<SlotFile>, Fault> {
    let mut files: Vec<SlotFile> = Vec::new();
    let has = |files: &[SlotFile], name: &str| {
        files
            .iter()
            .any(|file| file.name.eq_ignore_ascii_case(name))
    };
    for payload in payloads {
        if !has(&files, &payload.name) {
            files.push(payload.into());
        }
    }
    let carried = old.into_iter().flat_map(|record| &record.files);
    for file in carried.filter(|file| !ships(file.kind)) {
        if has(&files, &file.name) {
            return Err(unfit("names that the set does not have", file.name.clone()));
        }
        files.push(file.clone());
    }
    Ok(files)
}

pub(super) fn used_permit() -> Fault {
    let remedy = "ask the maker for a new permit";
    Fault::new(
        Code::BundleEpoch,
        "a permit that was never used",
        "a used one",
        remedy,
    )
}

fn unfit(expected: &str, got: String) -> Fault {
    let remedy = "use a bundle that was made for this device and its model";
    Fault::new(Code::BundleRefused, expected, got, remedy)
}
