//! Who may sign what. Keys are minisign's, so the stock tool can check a bundle's manifest too.

use minisign_verify::{Error, PublicKey, Signature};
use skueye_models::{Code, Fault};

use crate::manifest::Kind;

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Release,
    /// Galleries and settings: what a shop chain makes itself.
    Catalogue,
}

impl Role {
    /// Whether this role may ship payloads of `kind`.
    pub fn may_ship(self, kind: Kind) -> bool {
        self == Self::Release || matches!(kind, Kind::Gallery | Kind::Settings)
    }
}

/// The public keys a device trusts.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: Vec<(Role, PublicKey)>,
}

impl KeyRing {
    /// Trusts nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts one more key: the content of a `minisign.pub`, or its second line. Errors: E802.
    pub fn trust(mut self, role: Role, public_key: &str) -> Result<Self, Fault> {
        let line = public_key.lines().last().unwrap_or_default().trim();
        let key = PublicKey::from_base64(line)
            .map_err(|e| refused("a minisign public key", format!("{e}")))?;
        self.keys.push((role, key));
        Ok(self)
    }

    /// The role of the key that signed `message`. Errors: E802 for an unknown key, a signature that does not match,
    /// one that is not prehashed, or more text than a signature has.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<Role, Fault> {
        let no_signature = || refused("a minisign signature", "something else".into());
        let text = std::str::from_utf8(signature).map_err(|_| no_signature())?;
        if text.lines().count() != 4 || !text.starts_with("untrusted comment: ") {
            return Err(no_signature());
        }
        let signature = Signature::decode(text).map_err(|_| no_signature())?;
        let mut reason = "an unknown key".to_owned();
        for (role, key) in &self.keys {
            match key.verify(message, &signature, false) {
                Ok(()) => return Ok(*role),
                Err(Error::UnexpectedKeyId) => {}
                Err(error) => reason = error.to_string(),
            }
        }
        Err(refused("a signature by a key of this device", reason))
    }
}

fn refused(expected: &str, got: String) -> Fault {
    Fault::new(
        Code::BundleSignature,
        expected,
        got,
        "do not install it; ask whoever gave it to you for a signed bundle",
    )
}
