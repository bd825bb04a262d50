//! The one way back to an older security epoch: a permit, signed by a release key, for one bundle and used once.

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

use crate::digest::Digest;
use crate::keys::{KeySet, Role};

const FORMAT: &str = "skueye-permit";
const VERSION: u32 = 1;

/// What a permit says; its text is canonical JSON with the fields in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    format: String,
    version: u32,
    /// SHA-256 of the bundle's manifest, as `skueye update inspect` prints it.
    pub manifest: Digest,
    /// Higher than that of every permit that the device has used: no permit works twice.
    pub sequence: u64,
}

impl Permit {
    /// For the bundle whose manifest has this SHA-256.
    pub fn new(manifest: Digest, sequence: u64) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            manifest,
            sequence,
        }
    }

    /// The text that is signed.
    pub fn to_text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and whole numbers always serialise")
    }

    /// Reads and proves a permit. Errors: E802 for the signature, or one by a catalogue key; E801 for the text.
    pub fn verify(text: &[u8], signature: &[u8], keys: &KeySet) -> Result<Self, Fault> {
        if keys.verify(text, signature)? != Role::Release {
            let remedy = "have it signed with the release key";
            return Err(Fault::new(
                Code::BundleSignature,
                "a permit by a release key",
                "one by a catalogue key",
                remedy,
            ));
        }
        let permit: Option<Self> = serde_json::from_slice(text).ok();
        let fits = |permit: &Self| {
            (permit.format.as_str(), permit.version) == (FORMAT, VERSION)
                && permit.to_text() == text
        };
        permit.filter(fits).ok_or_else(|| {
            let expected = format!("{FORMAT} version {VERSION} in canonical form");
            Fault::new(
                Code::BundleDamaged,
                expected,
                "another text",
                "ask for the permit again",
            )
        })
    }
}
