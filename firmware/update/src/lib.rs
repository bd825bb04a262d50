//! Field updates: signed bundles, and the two slots they are installed in.
//!
//! A device holds one *set* (program, model, gallery, settings) in one of two slots. An update writes a whole set into
//! the other slot and then switches one small pointer file, so that at every power cut the old or the new set is there,
//! complete. Types say how far an update has come and only the step before makes them:
//!
//! ```text
//! UntrustedBundle -verify-> VerifiedManifest -stage-> StagedSlot -activate-> TrialSlot -commit-> CommittedSlot
//!    any bytes              signed, tiles the file    in the idle slot       tried, may go back   the set to keep
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`bundle`] | the file `*.skueye`: reading and writing |
//! | [`manifest`] | what a bundle says about itself |
//! | [`keys`] | who may sign what |
//! | [`epoch`] | no way back to an older security epoch |
//! | [`slots`] | stage, activate, commit, return |
//! | [`storage`] | the seam to the disk |
#![forbid(unsafe_code)]

pub mod bundle;
pub mod digest;
pub mod epoch;
pub mod keys;
pub mod manifest;
mod pointer;
mod sealed;
pub mod slot;
pub mod slots;
pub mod storage;
#[cfg(test)]
mod tests;
mod transfer;

pub use bundle::{Draft, Source, UntrustedBundle, VerifiedManifest};
pub use digest::Digest;
pub use keys::{KeyRing, Role};
pub use manifest::{BundleManifest, Kind, Payload};
pub use slot::{SlotFile, SlotName, SlotRecord};
pub use slots::{CommittedSlot, Slots, StagedSlot, Started, TRIAL_STARTS, TrialSlot};
pub use storage::Storage;
pub use storage::disk::DiskStorage;
