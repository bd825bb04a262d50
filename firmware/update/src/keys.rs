//! Who may sign what. Keys are minisign's, so the stock tool can check what they signed.
//!
//! A device keeps its [`KeySet`] in the file `keys`. The next set comes in a bundle, signed by a key of the set before: so a
//! device that was away for years follows the chain, and one stolen key is taken out of use by the next bundle. Threats:
//! 1. a stolen catalogue key cannot change keys at all;
//! 2. a revoked key can never be made good again, whoever signs for it;
//! 3. an old set, played back, has an old number and is passed over;
//! 4. where the key in use is lost, the key announced as the next one can sign for its own promotion.

use minisign_verify::{Error, PublicKey, Signature};
use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

use crate::manifest::Kind;
use crate::sealed;
use crate::storage::Storage;

const PATH: &str = "keys";
const FORMAT: &str = "skueye-keys";
const VERSION: u32 = 1;
const MAX_KEYS: usize = 32;

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// Whether a key is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// What it signs is taken.
    Current,
    /// It is announced: it can sign for a new set of keys alone.
    Next,
    /// Nothing that it signs is taken, ever again.
    Revoked,
}

/// A public key and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What it may sign.
    pub role: Role,
    /// Whether it is in use.
    pub standing: Standing,
    /// The second line of its `minisign.pub`.
    pub public: String,
}

/// The public keys of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySet {
    format: String,
    version: u32,
    /// One more than that of the set before.
    pub sequence: u64,
    /// The keys, revoked ones for ever.
    pub keys: Vec<Key>,
}

impl Default for KeySet {
    fn default() -> Self {
        Self::new(0, Vec::new())
    }
}

/// What a signature must be of.
#[derive(Clone, Copy)]
enum Purpose {
    Bundle,
    Keys,
}

impl KeySet {
    /// A set of `keys`.
    pub fn new(sequence: u64, keys: Vec<Key>) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            sequence,
            keys,
        }
    }

    /// The same with one more key in use: the content of a `minisign.pub`, or its second line. Errors: E802.
    pub fn trust(mut self, role: Role, public_key: &str) -> Result<Self, Fault> {
        let public = public_key.lines().last().unwrap_or_default().trim();
        parse(public)?;
        self.keys.push(Key {
            role,
            standing: Standing::Current,
            public: public.into(),
        });
        Ok(self)
    }

    /// The set of a device. Errors: E805 where it is damaged, E802 where there is none.
    pub fn read(storage: &impl Storage) -> Result<Self, Fault> {
        let set: Option<Self> = sealed::read(storage, PATH)?;
        let set = set.ok_or_else(|| refused("the keys of this device", "none".into()))?;
        set.validate()?;
        Ok(set)
    }

    /// Makes it the device's: old or new, never half. Errors: E901.
    pub fn write(&self, storage: &impl Storage) -> Result<(), Fault> {
        sealed::write(storage, PATH, self)
    }

    /// The text that is signed to make it the next set of devices.
    pub fn to_text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and whole numbers always serialise")
    }

    /// Reads [`KeySet::to_text`]. Errors: E802.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let set: Self =
            serde_json::from_slice(text).map_err(|e| refused("a set of keys", e.to_string()))?;
        if set.to_text() != text {
            return Err(refused(
                "a set of keys in canonical form",
                "another form".into(),
            ));
        }
        set.validate()?;
        Ok(set)
    }

    fn validate(&self) -> Result<(), Fault> {
        if (self.format.as_str(), self.version) != (FORMAT, VERSION) {
            let got = format!("{} version {}", self.format.escape_debug(), self.version);
            return Err(refused(&format!("{FORMAT} version {VERSION}"), got));
        }
        let twice = |n: usize| {
            self.keys[..n]
                .iter()
                .any(|key| key.public == self.keys[n].public)
        };
        if self.keys.len() > MAX_KEYS || (0..self.keys.len()).any(twice) {
            let got = format!("{} keys", self.keys.len());
            return Err(refused(&format!("at most {MAX_KEYS} keys, each once"), got));
        }
        self.keys
            .iter()
            .try_for_each(|key| parse(&key.public).map(|_| ()))
    }

    /// The role of the key that signed the bundle manifest `text`. Errors: E802 for an unknown or revoked key, a signature
    /// that does not match, one that is not prehashed, or more text than a signature has.
    pub(crate) fn verify(&self, text: &[u8], signature: &[u8]) -> Result<Role, Fault> {
        self.check(text, signature, Purpose::Bundle)
    }

    /// The set that `text` makes of this one; itself where it already counts. Errors: E802 where a key of this set that may
    /// do so has not signed it, where sets between are missing, and where it breaks a promise to the device.
    pub(crate) fn succeeded_by(&self, text: &[u8], signature: &[u8]) -> Result<Self, Fault> {
        let next = Self::parse(text)?;
        if next.sequence <= self.sequence {
            return Ok(self.clone());
        }
        self.check(text, signature, Purpose::Keys)?;
        if next.sequence != self.sequence + 1 {
            let expected = format!("key set {}", self.sequence + 1);
            return Err(refused(&expected, format!("key set {}", next.sequence)));
        }
        let is_revoked = |key: &Key| key.standing == Standing::Revoked;
        let stays_revoked = |old: &Key| {
            next.keys
                .iter()
                .any(|key| key.public == old.public && is_revoked(key))
        };
        if !self
            .keys
            .iter()
            .filter(|key| is_revoked(key))
            .all(stays_revoked)
        {
            return Err(refused(
                "every revoked key to stay so",
                "one that does not".into(),
            ));
        }
        if !next
            .keys
            .iter()
            .any(|key| (key.role, key.standing) == (Role::Release, Standing::Current))
        {
            return Err(refused("a release key in use", "none".into()));
        }
        Ok(next)
    }

    fn check(&self, text: &[u8], signature: &[u8], purpose: Purpose) -> Result<Role, Fault> {
        let no_signature = || refused("a minisign signature", "something else".into());
        let lines = std::str::from_utf8(signature).map_err(|_| no_signature())?;
        if lines.lines().count() != 4 || !lines.starts_with("untrusted comment: ") {
            return Err(no_signature());
        }
        let signature = Signature::decode(lines).map_err(|_| no_signature())?;
        let mut reason = "an unknown key".to_owned();
        for key in &self.keys {
            match parse(&key.public)?.verify(text, &signature, false) {
                Ok(()) => match key.may_sign(purpose) {
                    Ok(()) => return Ok(key.role),
                    Err(why) => reason = why.into(),
                },
                Err(Error::UnexpectedKeyId) => {}
                Err(error) => reason = error.to_string(),
            }
        }
        Err(refused("a signature by a key of this device", reason))
    }
}

impl Key {
    fn may_sign(&self, purpose: Purpose) -> Result<(), &'static str> {
        match (purpose, self.standing, self.role) {
            (_, Standing::Revoked, _) => Err("a revoked key"),
            (Purpose::Bundle, Standing::Next, _) => Err("a key that is not in use yet"),
            (Purpose::Keys, _, Role::Catalogue) => Err("a catalogue key, which cannot change keys"),
            _ => Ok(()),
        }
    }
}

fn parse(public: &str) -> Result<PublicKey, Fault> {
    PublicKey::from_base64(public).map_err(|e| refused("a minisign public key", e.to_string()))
}

fn refused(expected: &str, got: String) -> Fault {
    Fault::new(
        Code::BundleSignature,
        expected,
        got,
        "do not install it; ask whoever gave it to you for a signed bundle",
    )
}
