//! `skueye update`: sets of program, model, gallery and settings, from signed bundles.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use skueye_agent::report::printable;
use skueye_models::{Code, Fault};
use skueye_update::{
    Device, Digest, DiskStorage, History, KeySet, Permit, SlotName, SlotRecord, Slots, StagedSlot,
    Status, UntrustedBundle, Version, storage::disk::UpdateLock,
};

use super::print;

mod receive;
mod watch;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what a bundle says about itself; whether that is true only `verify` knows.
    Inspect(Bundle),
    /// Say everything that is wrong with a bundle, for this device's keys.
    Verify(Checked),
    /// Make a whole set of a bundle in an idle slot; the set in use stays in use.
    Stage(Stage),
    /// Try the staged set from the next start on; with a bundle, stage it first.
    Apply(Apply),
    /// Show the sets of this device.
    Status(Target),
    /// Try the set before the one in use again.
    Rollback(Target),
    /// Show what was attempted.
    History(Target),
    /// Give a new device its first keys; later ones come in bundles.
    Trust(Trust),
    /// Wait for USB sticks and stage the bundle that is on one. Needs the right to mount.
    Watch(Sticks),
    /// Wait at a serial port for bundles that `skueye-push` sends, and stage them.
    Receive(Receive),
}

/// The device's sets.
#[derive(Debug, Args)]
pub struct Target {
    /// The update folder.
    #[arg(long, default_value = "/var/lib/skueye/update", value_name = "FOLDER")]
    folder: PathBuf,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Bundle {
    /// The bundle.
    bundle: PathBuf,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Checked {
    /// The bundle.
    bundle: PathBuf,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct Stage {
    /// The bundle.
    bundle: PathBuf,
    #[command(flatten)]
    fit: Fit,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// The bundle; without, the set that is staged.
    bundle: Option<PathBuf>,
    #[command(flatten)]
    fit: Fit,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct Trust {
    /// A key set, as `skueye-train keys set` writes it.
    keys: PathBuf,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct Receive {
    /// The port, such as /dev/ttyGS0; `pty` makes a pseudo-terminal and prints its path.
    port: String,
    /// Bits a second; USB serial does not care.
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// End after the first bundle that was staged.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    fit: Fit,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct Sticks {
    /// Write what became of the bundle to the stick, as skueye-result.json.
    #[arg(long)]
    result: bool,
    /// The folder that sticks are mounted on.
    #[arg(long, default_value = "/run/skueye/stick", value_name = "FOLDER")]
    mount: PathBuf,
    /// End after the first bundle that was staged.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    fit: Fit,
    #[command(flatten)]
    target: Target,
}

/// What decides whether a bundle fits.
#[derive(Debug, Args)]
pub struct Fit {
    /// This device's name in the hardware lists of bundles.
    #[arg(long, default_value = "", value_name = "NAME")]
    hardware: String,
    /// A permit to go back to an older security epoch; its signature lies beside it (FILE.minisig).
    #[arg(long, value_name = "FILE")]
    permit: Option<PathBuf>,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Inspect(options) => inspect(&options)?,
            Self::Verify(options) => return verify(&options),
            Self::Stage(options) => {
                let (_lock, mut slots) = options.target.open_to_change()?;
                let staged = stage(&mut slots, &options.bundle, &options.fit)?;
                options.target.tell(&told(&staged), || {
                    format!(
                        "release {} is staged; it is tried when the stage is quiet, or after `skueye update apply`",
                        release(&staged)
                    )
                })?;
            }
            Self::Apply(options) => apply(&options)?,
            Self::Status(target) => status(&target)?,
            Self::Rollback(target) => rollback(&target)?,
            Self::History(target) => history(&target)?,
            Self::Trust(options) => trust(&options)?,
            Self::Watch(options) => watch::run(&options)?,
            Self::Receive(options) => receive::run(&options)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Target {
    fn look(&self) -> Result<Slots<DiskStorage>, Fault> {
        Slots::look(DiskStorage::open(&self.folder)?)
    }

    /// For a command that changes the sets, for as long as the lock is kept. Errors: E816 while another does.
    fn open_to_change(&self) -> Result<(UpdateLock, Slots<DiskStorage>), Fault> {
        let storage = DiskStorage::open(&self.folder)?;
        Ok((storage.lock()?, Slots::open(storage)?))
    }

    fn tell(&self, value: &impl Serialize, text: impl Fn() -> String) -> Result<(), Fault> {
        match self.json {
            true => print::json(value),
            false => print::line(&text()),
        }
    }
}

fn inspect(options: &Bundle) -> Result<(), Fault> {
    let bundle = UntrustedBundle::open(&options.bundle)?;
    let digest = Digest::of(bundle.manifest_text());
    let manifest = bundle.claims().map_err(|fault| fault.at(&options.bundle))?;
    if options.json {
        return print::json(&json!({ "digest": digest, "manifest": manifest }));
    }
    print::line(&format!(
        "says of itself: release {}, security epoch {}, for program {} or later\ndigest {digest}",
        printable(&manifest.release),
        manifest.security_epoch,
        manifest.requires_program
    ))?;
    for payload in &manifest.payloads {
        let bytes = payload.stored.length;
        let delta = if payload.delta.is_some() {
            ", a delta"
        } else {
            ""
        };
        print::line(&format!(
            "  {:?} {} {bytes} bytes{delta}",
            payload.kind, payload.name
        ))?;
    }
    Ok(())
}

fn verify(options: &Checked) -> Result<ExitCode, Fault> {
    let keys = KeySet::read(&DiskStorage::open(&options.target.folder)?)?;
    let problems = UntrustedBundle::open(&options.bundle)?.problems(&keys, |_| {});
    let good = problems.is_empty();
    options.target.tell(
        &json!({ "good": good, "problems": problems }),
        || match good {
            true => "nothing is wrong with it".into(),
            false => problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        },
    )?;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Stages a bundle; the history says where it was refused.
fn stage(slots: &mut Slots<DiskStorage>, path: &Path, fit: &Fit) -> Result<StagedSlot, Fault> {
    let staged = try_to_stage(slots, path, fit);
    if let Err(fault) = &staged {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        slots.note_refusal(&name, fault);
    }
    staged
}

fn try_to_stage(
    slots: &mut Slots<DiskStorage>,
    path: &Path,
    fit: &Fit,
) -> Result<StagedSlot, Fault> {
    let keys = KeySet::read(slots.storage())?;
    let bundle = UntrustedBundle::open(path)?
        .verify(&keys)
        .map_err(|fault| fault.at(path))?;
    let permit = fit
        .permit
        .as_ref()
        .map(|path| permit(path, bundle.keys()))
        .transpose()?;
    let program = Version::parse(env!("CARGO_PKG_VERSION"));
    let device = Device {
        hardware: &fit.hardware,
        program: program.expect("cargo's own version"),
    };
    slots.stage(bundle, &device, permit.as_ref())
}

fn permit(path: &Path, keys: &KeySet) -> Result<Permit, Fault> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| Fault::io("read", path, &e));
    let signature = PathBuf::from(format!("{}.minisig", path.display()));
    Permit::verify(&read(path)?, &read(&signature)?, keys).map_err(|fault| fault.at(path))
}

fn apply(options: &Apply) -> Result<(), Fault> {
    let (_lock, mut slots) = options.target.open_to_change()?;
    let staged = match &options.bundle {
        Some(path) => stage(&mut slots, path, &options.fit)?,
        None => slots
            .staged()?
            .ok_or_else(|| none("a staged set", "stage a bundle first"))?,
    };
    try_out(&mut slots, staged, &options.target)
}

fn rollback(target: &Target) -> Result<(), Fault> {
    let (_lock, mut slots) = target.open_to_change()?;
    let previous = slots.previous()?;
    let previous =
        previous.ok_or_else(|| none("a set before the one in use", "install a bundle"))?;
    try_out(&mut slots, previous, target)
}

fn try_out(
    slots: &mut Slots<DiskStorage>,
    staged: StagedSlot,
    target: &Target,
) -> Result<(), Fault> {
    let (told, release) = (told(&staged), release(&staged));
    slots.activate(staged)?;
    target.tell(&told, || {
        format!("release {release} is tried from the next start on")
    })
}

fn none(expected: &str, remedy: &str) -> Fault {
    Fault::new(Code::NothingStaged, expected, "none", remedy)
}

fn told(staged: &StagedSlot) -> serde_json::Value {
    json!({ "slot": staged.slot(), "set": staged.record() })
}

fn release(staged: &StagedSlot) -> String {
    printable(&staged.record().release).to_string()
}

fn status(target: &Target) -> Result<(), Fault> {
    let slots = target.look()?;
    let Status {
        running,
        starts_left,
        previous,
        staged,
        security_epoch,
    } = slots.status();
    let keys = KeySet::read(slots.storage()).ok().map(|keys| keys.sequence);
    if target.json {
        let of = |set: &Option<(SlotName, SlotRecord)>| {
            set.as_ref()
                .map(|(slot, record)| json!({ "slot": slot, "set": record }))
        };
        return print::json(&json!({
            "running": of(&running),
            "starts_left": starts_left,
            "previous": of(&previous),
            "staged": of(&staged),
            "security_epoch": security_epoch,
            "key_set": keys,
        }));
    }
    let trial = starts_left.map(|left| format!(", on trial, {left} starts left"));
    let shown = [
        ("in use", &running, trial.unwrap_or_default()),
        ("before", &previous, String::new()),
        ("staged", &staged, String::new()),
    ];
    for (what, set, more) in shown {
        print::line(&match set {
            Some((slot, record)) => format!(
                "{what:<8} release {} in slot {}, {} files{more}",
                printable(&record.release),
                slot.folder(),
                record.files.len()
            ),
            None => format!("{what:<8} none"),
        })?;
    }
    let keys = keys.map_or("none: no bundle is taken".into(), |number| {
        format!("set {number}")
    });
    print::line(&format!("epoch    {security_epoch}\nkeys     {keys}"))
}

/// Whoever may run this may replace the whole program, so it asks for no signature; but it never replaces keys.
fn trust(options: &Trust) -> Result<(), Fault> {
    let storage = DiskStorage::open(&options.target.folder)?;
    let _lock = storage.lock()?;
    if let Ok(keys) = KeySet::read(&storage) {
        let remedy = "put the next key set into a bundle: `skueye-train bundle create --keys`";
        let got = format!("key set {}", keys.sequence);
        return Err(Fault::new(
            Code::BundleSignature,
            "a device without keys",
            got,
            remedy,
        ));
    }
    let path = &options.keys;
    let text = std::fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
    let keys = KeySet::parse(&text).map_err(|fault| fault.at(path))?;
    keys.write(&storage)?;
    let told = format!("key set {} of {} keys", keys.sequence, keys.keys.len());
    options.target.tell(&keys, || told.clone())
}

fn history(target: &Target) -> Result<(), Fault> {
    let history = History::read(&DiskStorage::open(&target.folder)?)?;
    if target.json {
        return print::json(&history.entries());
    }
    for entry in history.entries() {
        let step = format!("{:?}", entry.step).to_lowercase();
        let (release, reason) = (printable(&entry.release), printable(&entry.reason));
        print::line(format!("{:>5} {step:<10} {release}  {reason}", entry.number).trim_end())?;
    }
    Ok(())
}
