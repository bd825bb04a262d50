//! `skueye-train keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use skueye_models::Fault;
use skueye_trainer::bundle::{Passphrase, SecretKey, new_key, public_key, sign_file};
use skueye_trainer::files::write_file;
use skueye_update::{Digest, Key, KeySet, Permit, Role, Standing};

use super::print;

#[derive(Subcommand)]
pub enum Keys {
    /// Makes a pair of keys: NAME.key, which signs and stays secret, and NAME.pub.
    New(New),
    /// Writes which keys devices trust, for `keys sign`.
    Set(Set),
    /// Writes a permit for one bundle to take devices back to an older security epoch, once, for `keys sign`.
    Permit(PermitOptions),
    /// Signs a set of keys or a permit; the signature goes beside the file.
    Sign(Sign),
}

/// How the secret key is protected.
#[derive(Args)]
pub struct Protection {
    /// A file whose first line is the passphrase; without it, the passphrase is asked for.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The key has no passphrase.
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
}

impl Protection {
    pub fn passphrase(&self) -> Passphrase {
        match (&self.passphrase_file, self.no_passphrase) {
            (Some(path), _) => Passphrase::File(path.clone()),
            (None, true) => Passphrase::None,
            (None, false) => Passphrase::Ask,
        }
    }
}

#[derive(Args)]
pub struct New {
    /// Path without ending.
    name: PathBuf,
    #[command(flatten)]
    protection: Protection,
}

#[derive(Args)]
pub struct Set {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// The set that devices have now; without it, this is the first.
    #[arg(long, value_name = "SET")]
    after: Option<PathBuf>,
    /// Public keys (files or text) that may sign everything.
    #[arg(long, value_name = "PUB")]
    release: Vec<String>,
    /// Public keys that may sign galleries and settings.
    #[arg(long, value_name = "PUB")]
    catalogue: Vec<String>,
    /// Public release keys that are announced: they can sign for a later set alone.
    #[arg(long, value_name = "PUB")]
    next: Vec<String>,
    /// Public keys whose signatures are never taken again. Those that were revoked before stay so by themselves.
    #[arg(long, value_name = "PUB")]
    revoked: Vec<String>,
}

#[derive(Args)]
pub struct PermitOptions {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// The bundle's digest, as `bundle inspect` prints it.
    #[arg(long, value_parser = digest)]
    bundle: Digest,
    /// Its number: higher than that of every permit before.
    #[arg(long)]
    number: u64,
}

#[derive(Args)]
pub struct Sign {
    /// What is signed.
    file: PathBuf,
    /// The secret key.
    #[arg(long)]
    key: PathBuf,
    #[command(flatten)]
    protection: Protection,
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| "expected 64 lower-case hexadecimal digits".into())
}

pub fn run(command: Keys, json: bool) -> anyhow::Result<bool> {
    match command {
        Keys::New(options) => {
            let public = new_key(&options.name, &options.protection.passphrase())?;
            let made = serde_json::json!({ "public": public });
            print(json, &made, |_| public.clone())
        }
        Keys::Set(options) => set(&options, json),
        Keys::Permit(options) => {
            let permit = Permit::new(options.bundle, options.number);
            write_file(&options.out, &permit.to_text())?;
            print(json, &permit, |_| options.out.display().to_string())
        }
        Keys::Sign(options) => {
            let key = SecretKey::open(&options.key, &options.protection.passphrase())?;
            let signature = sign_file(&options.file, &key)?;
            let made = serde_json::json!({ "signature": signature });
            print(json, &made, |_| signature.display().to_string())
        }
    }
}

fn set(options: &Set, json: bool) -> anyhow::Result<bool> {
    let before = options.after.as_ref().map(|path| {
        let text = std::fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
        KeySet::parse(&text).map_err(|fault| fault.at(path))
    });
    let before = before.transpose()?;
    let kinds = [
        (&options.release, Role::Release, Standing::Current),
        (&options.catalogue, Role::Catalogue, Standing::Current),
        (&options.next, Role::Release, Standing::Next),
        (&options.revoked, Role::Release, Standing::Revoked),
    ];
    let mut keys: Vec<Key> = Vec::new();
    for (files, role, standing) in kinds {
        for file in files {
            let public = public_key(file)?;
            let role = match (&before, standing) {
                // What a revoked key was is kept, for people who look back.
                (Some(before), Standing::Revoked) => {
                    let was = before.keys.iter().find(|key| key.public == public);
                    was.map_or(role, |key| key.role)
                }
                _ => role,
            };
            keys.push(Key {
                role,
                standing,
                public,
            });
        }
    }
    let revoked = before.iter().flat_map(|set| &set.keys);
    let revoked = revoked.filter(|key| key.standing == Standing::Revoked);
    for key in revoked {
        if !keys.iter().any(|listed| listed.public == key.public) {
            keys.push(key.clone());
        }
    }
    let set = KeySet::new(before.map_or(0, |set| set.sequence + 1), keys);
    let text = set.to_text();
    KeySet::parse(&text)?;
    write_file(&options.out, &text)?;
    print(json, &set, |set| {
        format!(
            "key set {} of {} keys in {}",
            set.sequence,
            set.keys.len(),
            options.out.display()
        )
    })
}
