//! Field updates: signed bundles, and the slots they are installed in.
//!
//! A device holds one *set* (program, model, gallery, settings) in one of its slots. An update makes a whole set in an idle
//! slot and then switches one small pointer file, so that at every power cut the old or the new set is there, complete.
//! Types say how far an update has come and only the step before makes them:
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
//! | [`content`] | what the bytes of a file must be, chunk by chunk |
//! | [`delta`] | what turns one file into another |
//! | [`keys`] | who may sign what, and how that changes |
//! | [`epoch`], [`permit`] | no way back to an older security epoch, but by a signed permit |
//! | [`slots`] | stage, activate, commit, return |
//! | [`boot`] | the seam to the system's own two slots |
//! | [`history`] | what was attempted |
//! | [`cable`] | a bundle over a serial line, with resume |
//! | [`stick`] | a bundle on a USB stick |
//! | [`storage`] | the seam to the disk |
#![forbid(unsafe_code)]

pub mod boot;
pub mod bundle;
pub mod cable;
pub mod content;
pub mod delta;
pub mod digest;
pub mod epoch;
pub mod history;
pub mod keys;
pub mod manifest;
pub mod permit;
mod pointer;
mod sealed;
pub mod slot;
pub mod slots;
pub mod stick;
pub mod storage;
#[cfg(test)]
mod tests;
pub mod version;

pub use boot::{BootControl, BootTool, OneSystem};
pub use bundle::{Draft, SignedKeys, Source, SourceDelta, UntrustedBundle, VerifiedManifest};
pub use content::Content;
pub use digest::Digest;
pub use history::History;
pub use keys::{Key, KeySet, Role, Standing};
pub use manifest::{BundleManifest, Kind, Payload};
pub use permit::Permit;
pub use slot::{SlotFile, SlotName, SlotRecord};
pub use slots::{
    CommittedSlot, Device, Slots, StagedSlot, Started, Status, TRIAL_STARTS, TrialSlot, Waiting,
};
pub use storage::Storage;
pub use storage::disk::DiskStorage;
pub use version::Version;
