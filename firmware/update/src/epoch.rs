//! The security epoch: a number that only grows, apart from any version. A release that closes a hole raises it, and
//! from its commit on no older set is taken, however well it is signed. No date is involved: devices have no clock
//! that can be trusted.

use skueye_models::{Code, Fault};

/// The one gate, passed at stage, at activation, at each trial start and at commit. A [`Permit`](crate::permit::Permit) lowers
/// `device` to the epoch of the one bundle that it is for. Errors: E804.
pub fn admit(device: u64, offered: u64, permitted: Option<u64>) -> Result<(), Fault> {
    if offered >= device || permitted == Some(offered) {
        return Ok(());
    }
    Err(Fault::new(
        Code::BundleEpoch,
        format!("security epoch {device} or later"),
        format!("security epoch {offered}"),
        "use a newer bundle; the way back is closed on purpose, unless the maker gives a signed permit",
    ))
}
