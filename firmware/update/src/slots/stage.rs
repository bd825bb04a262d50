//! A verified bundle becomes a whole set in the idle slot.

use std::io::{Read, Seek};

use skueye_models::{Code, EmbeddingId, Fault};

use super::{CommittedSlot, Slots, StagedSlot, on_trial};
use crate::bundle::VerifiedManifest;
use crate::epoch;
use crate::keys::Role;
use crate::manifest::Kind;
use crate::pointer::State;
use crate::slot::{self, SlotFile, SlotName, SlotRecord};
use crate::storage::{Storage, join};

impl<S: Storage> Slots<S> {
    /// Writes the bundle's files, and those of the running set of the kinds it does not ship, into the idle slot.
    /// `hardware` is this device's name. Nothing that counts is touched; on failure the idle slot is emptied. Errors:
    /// E803, E804, E807 before anything is written; E801, E805, E901.
    pub fn stage<R: Read + Seek>(
        &mut self,
        mut bundle: VerifiedManifest<R>,
        hardware: &str,
    ) -> Result<StagedSlot, Fault> {
        let (slot, running) = match self.pointer.state {
            State::Trial { .. } => return Err(on_trial()),
            State::Empty => (SlotName::A, None),
            State::Committed { slot } => (slot.other(), Some(self.committed(slot)?)),
        };
        let record = self.plan(&bundle, hardware, running.as_ref())?;
        let written = self.fill(slot, &record, &mut bundle, running.as_ref());
        if let Err(fault) = written {
            // The slot has no record, so it counts for nothing; emptying it only saves space.
            let _ = slot::clear(&self.storage, slot);
            return Err(fault);
        }
        Ok(StagedSlot { slot, record })
    }

    /// The record of the set to be, with every demand of the bundle checked against this device.
    fn plan<R: Read + Seek>(
        &self,
        bundle: &VerifiedManifest<R>,
        hardware: &str,
        running: Option<&CommittedSlot>,
    ) -> Result<SlotRecord, Fault> {
        let manifest = bundle.manifest();
        epoch::admit(self.pointer.security_epoch, manifest.security_epoch)?;
        if !manifest.hardware.is_empty() && !manifest.hardware.iter().any(|name| name == hardware) {
            let expected = format!("a bundle for {hardware}");
            return Err(unfit(&expected, manifest.hardware.join(", ")));
        }
        let old = running.map(CommittedSlot::record);
        let carried = old
            .iter()
            .flat_map(|record| &record.files)
            .filter(|file| !manifest.ships(file.kind));
        let mut files: Vec<SlotFile> = manifest.payloads.iter().map(SlotFile::from).collect();
        for file in carried {
            if files
                .iter()
                .any(|f| f.name.eq_ignore_ascii_case(&file.name))
            {
                return Err(unfit("names that the set does not have", file.name.clone()));
            }
            files.push(file.clone());
        }
        Ok(SlotRecord {
            release: manifest.release.clone(),
            // A catalogue key must not be able to close the way for all releases to come.
            security_epoch: match bundle.role() {
                Role::Release => manifest.security_epoch,
                Role::Catalogue => self.pointer.security_epoch,
            },
            embedding_id: self.embedding_id(bundle, old)?,
            files,
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

    /// Files first, each synced, the record last; its writing syncs the folder.
    fn fill<R: Read + Seek>(
        &self,
        slot: SlotName,
        record: &SlotRecord,
        bundle: &mut VerifiedManifest<R>,
        running: Option<&CommittedSlot>,
    ) -> Result<(), Fault> {
        let storage = &self.storage;
        slot::clear(storage, slot)?;
        let (shipped, carried) = record.files.split_at(bundle.manifest().payloads.len());
        let payloads = bundle.manifest().payloads.clone();
        for (file, payload) in shipped.iter().zip(&payloads) {
            self.write_file(slot, file, |append| bundle.copy_payload(payload, append))?;
        }
        for (file, running) in carried.iter().zip(running.into_iter().cycle()) {
            self.write_file(slot, file, |append| {
                slot::copy_file(storage, running.slot, file, append)
            })?;
        }
        record.write(storage, slot)
    }

    fn write_file(
        &self,
        slot: SlotName,
        file: &SlotFile,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let path = join(slot.folder(), &file.name);
        self.storage.create(&path)?;
        fill(&mut |bytes| self.storage.append(&path, bytes))?;
        self.storage.sync_file(&path)
    }
}

fn unfit(expected: &str, got: String) -> Fault {
    let remedy = "use a bundle that was made for this device and its model";
    Fault::new(Code::BundleRefused, expected, got, remedy)
}
