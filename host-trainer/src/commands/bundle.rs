//! `skueye-train bundle`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use skueye_models::Fault;
use skueye_trainer::bundle::{BundleRequest, Made, SecretKey, make, sign};
use skueye_trainer::files::write_file;
use skueye_trainer::progress::Step;
use skueye_update::{BundleManifest, Digest, Draft, KeySet, UntrustedBundle, Version};

use super::keys::Protection;
use super::print;

#[derive(Subcommand)]
pub enum Bundle {
    /// Makes a bundle of a program, a model, a gallery, settings, or some of them.
    Create(Box<Create>),
    /// Signs a bundle anew.
    Sign(Sign),
    /// Shows what a bundle says about itself; whether that is true only `verify` knows.
    Inspect(Inspect),
    /// Says everything that is wrong with a bundle.
    Verify(Verify),
}

#[derive(Args)]
pub struct Create {
    /// The file to write, NAME.skueye.
    #[arg(long)]
    out: PathBuf,
    /// The release's name, for people.
    #[arg(long)]
    release: String,
    /// Only grows: from the commit of this bundle on, devices take none of a lower one.
    #[arg(long, default_value_t = 1)]
    security_epoch: u64,
    /// The devices it is for; without, all.
    #[arg(long)]
    hardware: Vec<String>,
    /// The oldest device program that can use it.
    #[arg(long, default_value = "0.1.0", value_parser = version)]
    requires_program: Version,
    /// For people.
    #[arg(long, default_value = "")]
    notes: String,
    /// The device program.
    #[arg(long)]
    program: Option<PathBuf>,
    /// A model's folder.
    #[arg(long)]
    model: Option<PathBuf>,
    /// A gallery.
    #[arg(long)]
    gallery: Option<PathBuf>,
    /// The gallery that devices have: what changed goes before the whole one, and is used where it fits.
    #[arg(long, requires = "gallery", value_name = "GALLERY")]
    base: Option<PathBuf>,
    /// Leave the whole gallery out: smaller, and refused by devices without the base.
    #[arg(long, requires = "base")]
    delta_alone: bool,
    /// A settings file.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Signed key sets that bring devices up to the key that signs this bundle, the oldest first.
    #[arg(long, value_name = "SET")]
    keys: Vec<PathBuf>,
    /// The secret key; without, the bundle waits for `bundle sign`.
    #[arg(long)]
    key: Option<PathBuf>,
    #[command(flatten)]
    protection: Protection,
}

#[derive(Args)]
pub struct Sign {
    /// The bundle.
    bundle: PathBuf,
    /// The secret key.
    #[arg(long, required_unless_present = "signature")]
    key: Option<PathBuf>,
    /// Instead: a minisign signature file that was made elsewhere over the manifest (`bundle inspect --extract`).
    #[arg(long, conflicts_with = "key")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    protection: Protection,
}

#[derive(Args)]
pub struct Inspect {
    /// The bundle.
    bundle: PathBuf,
    /// Write the manifest and its signature to FILE and FILE.minisig, for the stock minisign.
    #[arg(long, value_name = "FILE")]
    extract: Option<PathBuf>,
}

#[derive(Args)]
pub struct Verify {
    /// The bundle.
    bundle: PathBuf,
    /// The key set of the devices.
    #[arg(long, value_name = "SET")]
    keys: PathBuf,
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "expected a version such as 1.4.0".into())
}

pub fn run(command: Bundle, json: bool) -> anyhow::Result<bool> {
    match command {
        Bundle::Create(options) => create(*options, json),
        Bundle::Sign(options) => {
            let signature = match &options.signature {
                Some(path) => String::from_utf8_lossy(&read(path)?).into_owned(),
                None => {
                    let key = options.key.unwrap_or_default();
                    let key = SecretKey::open(&key, &options.protection.passphrase())?;
                    key.sign(UntrustedBundle::open(&options.bundle)?.manifest_text())?
                }
            };
            print(json, &sign(&options.bundle, &signature)?, told)
        }
        Bundle::Inspect(options) => inspect(&options, json),
        Bundle::Verify(options) => verify(&options, json),
    }
}

fn create(options: Create, json: bool) -> anyhow::Result<bool> {
    let key = options
        .key
        .as_ref()
        .map(|key| SecretKey::open(key, &options.protection.passphrase()));
    let key = key.transpose()?;
    let made = make(&BundleRequest {
        draft: Draft {
            hardware: options.hardware,
            release: options.release,
            security_epoch: options.security_epoch,
            requires_program: options.requires_program,
            embedding_id: None,
            notes: options.notes,
        },
        program: options.program.as_deref(),
        model: options.model.as_deref(),
        gallery: options.gallery.as_deref(),
        base: options.base.as_deref(),
        delta_alone: options.delta_alone,
        settings: options.settings.as_deref(),
        keys: &options.keys,
        out: &options.out,
        key: key.as_ref(),
    })?;
    print(json, &made, told)
}

fn told(made: &Made) -> String {
    let signed = if made.signed {
        "signed"
    } else {
        "not signed yet"
    };
    format!(
        "{}: {} bytes, {signed}\n{}",
        made.path.display(),
        made.bytes,
        described(&made.manifest, made.digest)
    )
}

fn inspect(options: &Inspect, json: bool) -> anyhow::Result<bool> {
    let bundle = UntrustedBundle::open(&options.bundle)?;
    if let Some(path) = &options.extract {
        write_file(path, bundle.manifest_text())?;
        let signature = PathBuf::from(format!("{}.minisig", path.display()));
        write_file(&signature, bundle.signature())?;
    }
    let digest = Digest::of(bundle.manifest_text());
    let manifest = bundle.claims().map_err(|fault| fault.at(&options.bundle))?;
    let shown = serde_json::json!({ "digest": digest, "signed": !bundle.signature().is_empty(), "manifest": manifest });
    print(json, &shown, |_| described(&manifest, digest))
}

fn verify(options: &Verify, json: bool) -> anyhow::Result<bool> {
    let keys = KeySet::parse(&read(&options.keys)?).map_err(|fault| fault.at(&options.keys))?;
    let bundle = UntrustedBundle::open(&options.bundle)?;
    let bytes = bundle.claims().map_or(0, |manifest| {
        manifest
            .payloads
            .iter()
            .map(|payload| payload.stored.length)
            .sum()
    });
    let step = Step::new("verify", bytes);
    let problems = bundle.problems(&keys, |read| step.advance(read));
    drop(step);
    let good = problems.is_empty();
    let found = serde_json::json!({ "good": good, "problems": problems });
    print(json, &found, |_| match good {
        true => "nothing is wrong with it".into(),
        false => problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    })?;
    Ok(good)
}

/// For people.
fn described(manifest: &BundleManifest, digest: Digest) -> String {
    let hardware = match manifest.hardware.is_empty() {
        true => "all hardware".into(),
        false => manifest.hardware.join(", "),
    };
    let mut text = format!(
        "release {:?} for {hardware}, security epoch {}, program {} or later\ndigest {digest}",
        manifest.release, manifest.security_epoch, manifest.requires_program
    );
    for payload in &manifest.payloads {
        let kind = format!("{:?}", payload.kind).to_lowercase();
        text += &format!(
            "\n  {kind:<9} {:<24} {:>12} bytes",
            payload.name, payload.stored.length
        );
        if let Some(delta) = &payload.delta {
            text += &format!(", a delta to {} bytes", delta.result.length);
        }
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|e| Fault::io("read", path, &e))
}
