//! Keys on the host: minisign's own files, so that its stock tool works with them too.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PublicKey, SecretKeyBox};
use skueye_models::{Code, Fault};
use skueye_update::KeySet;

use crate::files::write_file;

/// What signatures made here say in their trusted comment. A time would make two signing runs differ for no use: nothing in
/// an update trusts a date.
const COMMENT: &str = "skueye";

/// What protects a secret key.
#[derive(Debug, Clone)]
pub enum Passphrase {
    /// Nothing: for tests and for keys that a machine guards.
    None,
    /// The first line of this file.
    File(PathBuf),
    /// Asked for on the terminal.
    Ask,
}

impl Passphrase {
    /// Errors: E901 for a file that cannot be read.
    fn text(&self) -> Result<Option<String>, Fault> {
        let Self::File(path) = self else {
            return Ok(None);
        };
        let text = fs::read_to_string(path).map_err(|e| Fault::io("read", path, &e))?;
        Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
    }
}

/// A key that can sign.
pub struct SecretKey(minisign::SecretKey);

impl SecretKey {
    /// The key in the file at `path`. Errors: E802 where it is none or the passphrase is another, E901.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, Fault> {
        let text = fs::read_to_string(path).map_err(|e| Fault::io("read", path, &e))?;
        let refused = |e: minisign::PError| refused("a minisign secret key", e).at(path);
        let key = SecretKeyBox::from_string(&text).map_err(refused)?;
        let key = match passphrase {
            Passphrase::None => key.into_unencrypted_secret_key(),
            other => key.into_secret_key(other.text()?),
        };
        key.map(Self).map_err(refused)
    }

    /// The content of a signature file over `text`, prehashed.
    pub fn sign(&self, text: &[u8]) -> Result<String, Fault> {
        let signature = minisign::sign(None, &self.0, text, Some(COMMENT), None);
        let signature = signature.map_err(|e| refused("a key that can sign", e))?;
        Ok(signature.into_string())
    }
}

/// Makes a pair of keys: `NAME.key`, readable by its owner alone, and `NAME.pub`. Answers the public key. Errors: E901, also
/// where one of the files is there already: a key is never overwritten.
pub fn new_key(name: &Path, passphrase: &Passphrase) -> Result<String, Fault> {
    let pair = match passphrase {
        Passphrase::None => KeyPair::generate_unencrypted_keypair(),
        other => KeyPair::generate_encrypted_keypair(other.text()?),
    };
    let pair = pair.map_err(|e| refused("a passphrase, twice the same", e))?;
    let secret = pair.sk.to_box(Some("skueye secret key"));
    let secret = secret.map_err(|e| refused("a secret key", e))?;
    let public = pair.pk.to_box().map_err(|e| refused("a public key", e))?;
    let files = [
        (name.with_extension("key"), secret.into_string(), 0o600),
        (name.with_extension("pub"), public.into_string(), 0o644),
    ];
    for (path, text, mode) in files {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|e| Fault::io("make", &path, &e))?;
    }
    Ok(pair.pk.to_base64())
}

/// The public key in the file at `path` or, where there is none, in the text itself. Errors: E802.
pub fn public_key(path: &str) -> Result<String, Fault> {
    let text = fs::read_to_string(path).unwrap_or_else(|_| path.to_owned());
    let line = text.lines().last().unwrap_or_default().trim();
    let key = PublicKey::from_base64(line);
    let key = key.map_err(|e| refused("a minisign public key", e).at(path))?;
    Ok(key.to_base64())
}

/// Signs the key set or permit in the file at `path`; the signature goes to `PATH.minisig`. Errors: E802, E901.
pub fn sign_file(path: &Path, key: &SecretKey) -> Result<PathBuf, Fault> {
    let text = fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
    // A set of keys that devices would refuse is better found here.
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        KeySet::parse(&text).map_err(|fault| fault.at(path))?;
    }
    let out = PathBuf::from(format!("{}.minisig", path.display()));
    write_file(&out, key.sign(&text)?.as_bytes())?;
    Ok(out)
}

fn refused(expected: &str, error: minisign::PError) -> Fault {
    let remedy = "check the key's file and its passphrase";
    Fault::new(Code::BundleSignature, expected, error.to_string(), remedy)
}
