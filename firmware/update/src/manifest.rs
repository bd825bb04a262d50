//! What a bundle says about itself. The text is canonical: compact JSON with the fields in the order of the structs
//! below, so one manifest has one text, and a field that comes twice, in another order or with spaces is refused.

use serde::{Deserialize, Serialize};
use skueye_models::{Code, EmbeddingId, Fault};

use crate::content::Content;
use crate::digest::Digest;
use crate::version::Version;

/// The longest manifest, in bytes: chunk digests of about 15 GB.
pub const MAX_MANIFEST_BYTES: usize = 1024 * 1024;
const MAX_PAYLOADS: usize = 64;
const MAX_HARDWARE: usize = 32;
const MAX_NOTES_BYTES: usize = 4096;
const FORMAT: &str = "skueye-bundle";
const PRODUCT: &str = "skueye";
const VERSION: u32 = 1;

/// What a payload is for. All files of one kind are replaced together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The device program.
    Program,
    /// The network: manifest, ONNX, golden self-test.
    Model,
    /// The gallery of products.
    Gallery,
    /// The settings.
    Settings,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// A plain file name: letters, digits, `.`, `-`, `_`, not beginning with a dot.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Where it begins, in bytes after the last signature.
    pub offset: u64,
    /// Its bytes in the bundle.
    pub stored: Content,
    /// Where these are a delta: what it changes and into what.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delta: Option<Delta>,
}

/// What a delta ([`crate::delta`]) is applied to, and what it makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// SHA-256 of the file that the device must have.
    pub base: Digest,
    /// The file that results.
    pub result: Content,
}

impl Payload {
    /// The bytes that the device will have.
    pub fn result(&self) -> &Content {
        self.delta
            .as_ref()
            .map_or(&self.stored, |delta| &delta.result)
    }
}

/// A bundle's table of contents and what it demands of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleManifest {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) product: String,
    /// The devices it is for; empty: all.
    pub hardware: Vec<String>,
    /// The release's name, for people.
    pub release: String,
    /// See [`crate::epoch`].
    pub security_epoch: u64,
    /// The oldest device program that can use it.
    pub requires_program: Version,
    /// The embedding space of its model and gallery; always there when it holds one of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub embedding_id: Option<EmbeddingId>,
    /// For people.
    pub notes: String,
    /// The files; they lie behind each other without gaps. A file may come twice: as a delta, and behind it whole for
    /// devices that lack what the delta changes.
    pub payloads: Vec<Payload>,
}

impl BundleManifest {
    pub(crate) fn new(draft: crate::bundle::Draft, payloads: Vec<Payload>) -> Result<Self, Fault> {
        let manifest = Self {
            format: FORMAT.into(),
            version: VERSION,
            product: PRODUCT.into(),
            hardware: draft.hardware,
            release: draft.release,
            security_epoch: draft.security_epoch,
            requires_program: draft.requires_program,
            embedding_id: draft.embedding_id,
            notes: draft.notes,
            payloads,
        };
        manifest.validate()?;
        Ok(manifest)
    }

    /// Parses and proves the canonical text.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let manifest: Self =
            serde_json::from_slice(text).map_err(|e| refused("a bundle manifest", e))?;
        if manifest.to_canonical() != text {
            return Err(refused("a manifest in canonical form", "another form"));
        }
        manifest.validate()?;
        Ok(manifest)
    }

    pub(crate) fn to_canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and whole numbers always serialise")
    }

    /// Whether it holds a payload of this kind.
    pub fn ships(&self, kind: Kind) -> bool {
        self.payloads.iter().any(|p| p.kind == kind)
    }

    fn validate(&self) -> Result<(), Fault> {
        let head = (self.format.as_str(), self.version, self.product.as_str());
        if head != (FORMAT, VERSION, PRODUCT) {
            let expected = format!("{FORMAT} version {VERSION} for {PRODUCT}");
            return Err(refused(&expected, format!("{head:?}")));
        }
        let hardware_ok = self.hardware.len() <= MAX_HARDWARE;
        if !hardware_ok || !self.hardware.iter().all(|name| is_label(name)) {
            return Err(refused("at most 32 short hardware names", "others"));
        }
        let notes_ok = self.notes.len() <= MAX_NOTES_BYTES
            && !self.notes.chars().any(|c| c.is_control() && c != '\n');
        if !is_label(&self.release) || !notes_ok {
            return Err(refused(
                "a release name and notes in plain text",
                format!("{:?}", self.release.chars().take(80).collect::<String>()),
            ));
        }
        if (self.ships(Kind::Model) || self.ships(Kind::Gallery)) && self.embedding_id.is_none() {
            return Err(refused("an embedding id with a model or gallery", "none"));
        }
        self.validate_payloads()
    }

    fn validate_payloads(&self) -> Result<(), Fault> {
        if self.payloads.len() > MAX_PAYLOADS {
            let got = self.payloads.len();
            return Err(refused(&format!("at most {MAX_PAYLOADS} payloads"), got));
        }
        for (index, payload) in self.payloads.iter().enumerate() {
            let before = &self.payloads[..index];
            let mut twins = before
                .iter()
                .filter(|p| p.name.eq_ignore_ascii_case(&payload.name));
            let twins_fit = match (twins.next(), twins.next()) {
                (None, _) => true,
                (Some(delta), None) => is_alternative(delta, payload),
                _ => false,
            };
            if !is_file_name(&payload.name) || !twins_fit {
                let got = payload.name.escape_debug().to_string();
                return Err(refused("plain file names, each once", got));
            }
            let contents = [&payload.stored, payload.result()];
            if !contents.iter().all(|content| content.is_well_formed()) {
                let expected = format!("a digest for each chunk of {}", payload.name);
                return Err(refused(&expected, "more or fewer"));
            }
        }
        self.payload_bytes().map(|_| ())
    }

    /// The bytes of all payloads together, proven to lie behind each other without gap or overlap.
    pub(crate) fn payload_bytes(&self) -> Result<u64, Fault> {
        let mut end = 0u64;
        for payload in &self.payloads {
            let next = end
                .checked_add(payload.stored.length)
                .filter(|_| payload.offset == end && payload.stored.length > 0);
            end = next.ok_or_else(|| {
                let got = format!("{} + {}", payload.offset, payload.stored.length);
                refused(&format!("{} to begin at byte {end}", payload.name), got)
            })?;
        }
        Ok(end)
    }
}

/// Whether `whole` is the file that `delta` makes, for devices that lack its base.
fn is_alternative(delta: &Payload, whole: &Payload) -> bool {
    delta.delta.is_some()
        && whole.delta.is_none()
        && (&delta.name, delta.kind, delta.result()) == (&whole.name, whole.kind, &whole.stored)
}

/// Printable ASCII, 1 to 64 characters.
fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// A name that cannot leave its folder and cannot be one of the device's own, which begin with a dot.
pub(crate) fn is_file_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

fn refused(expected: &str, got: impl ToString) -> Fault {
    Fault::new(
        Code::BundleDamaged,
        expected,
        got.to_string(),
        "copy the bundle again; if that does not help, ask its maker",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in "[{}\\[\\]\",:a-z0-9]{0,200}") {
            let _ = BundleManifest::parse(text.as_bytes());
        }
    }
}
