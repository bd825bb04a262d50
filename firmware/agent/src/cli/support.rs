//! `skueye support-bundle`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use skueye_agent::decision_log::{self, reading, system_clock};
use skueye_agent::{Config, secrets, sets, status};
use skueye_models::Fault;

use super::{doctor, print};

/// The largest part, in bytes; of what is longer the end goes in.
const MOST_PART: usize = 2 << 20;
/// All pictures together, in bytes.
const MOST_PICTURES: u64 = 64 << 20;
/// Lines of the decision log.
const LOG_LINES: usize = 2000;

/// Options of `skueye support-bundle`.
#[derive(Debug, Args)]
pub struct SupportBundle {
    /// The file to write, such as help.tar.gz.
    file: PathBuf,
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Put the pictures of enrolled products in.
    #[arg(long)]
    with_pictures: bool,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// What went in.
#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    bytes: u64,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    name: String,
    bytes: u64,
    /// What is not in it, where it is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

impl SupportBundle {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let mut bundle = Bundle::default();
        self.settings(&mut bundle);
        // A device in trouble may have settings that are refused: everything that can be known without them still goes in.
        match Config::load(&self.config).and_then(|config| sets::in_use(&config)) {
            Ok(config) => self.device(&config, &mut bundle),
            Err(fault) => bundle.text("problem.txt", &fault.to_string()),
        }
        machine(&mut bundle);
        let written = bundle.write(&self.file)?;
        match self.json {
            true => print::json(&written)?,
            false => written.print()?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn settings(&self, bundle: &mut Bundle) {
        let text = fs::read(&self.config).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.unwrap_or_else(|error| format!("# {}: {error}\n", self.config.display()));
        bundle.text("settings.toml", &secrets::removed(&text));
        if let Ok(Err(problems)) = Config::check(&self.config) {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bundle.text(
                "settings-problems.txt",
                &secrets::removed(&problems.join("\n")),
            );
        }
    }

    fn device(&self, config: &Config, bundle: &mut Bundle) {
        eprintln!("skueye: looking at model, gallery and cameras ...");
        bundle.json("doctor.json", &doctor::examine(config));
        if let Some(path) = &config.status {
            match status::Status::read(path) {
                Ok(status) => bundle.json("status.json", &status),
                Err(fault) => bundle.text("status.txt", &fault.to_string()),
            }
        }
        if let Some(folder) = &config.log.folder {
            log(folder, bundle);
        }
        if let Some(folder) = &config.update.folder {
            bundle.file("update-history.txt", &folder.join("history"));
        }
        if let (true, Some(folder)) = (self.with_pictures, &config.enrol.pictures) {
            pictures(folder, bundle);
        }
    }
}

fn log(folder: &Path, bundle: &mut Bundle) {
    match decision_log::verify(folder) {
        Ok(verified) => bundle.json("log-verified.json", &verified),
        Err(fault) => bundle.text("log-verified.txt", &fault.to_string()),
    }
    let days = decision_log::days(folder).unwrap_or_default();
    let mut lines = Vec::new();
    for day in days.into_iter().rev() {
        let read = reading::day(folder, day).unwrap_or_default();
        let json = read
            .lines
            .iter()
            .rev()
            .filter_map(|line| serde_json::to_string(line).ok());
        lines.extend(json.take(LOG_LINES - lines.len()));
        if lines.len() >= LOG_LINES {
            break;
        }
    }
    lines.reverse();
    bundle.text("log.jsonl", &lines.join("\n"));
}

/// The system in general: nothing of it names a person.
fn machine(bundle: &mut Bundle) {
    let mut text = format!("skueye {}\n", env!("CARGO_PKG_VERSION"));
    for path in [
        "/proc/version",
        "/etc/os-release",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/mounts",
        "/etc/nv_tegra_release",
    ] {
        if let Ok(content) = fs::read_to_string(path) {
            text.push_str(&format!("\n== {path}\n{content}"));
        }
    }
    for (program, arguments) in [
        ("df", &["-h"][..]),
        ("lsusb", &[]),
        (
            "systemctl",
            &["status", "--no-pager", "--lines=0", "skueye.service"],
        ),
    ] {
        if let Some(output) = said(program, arguments) {
            text.push_str(&format!("\n== {program} {}\n{output}", arguments.join(" ")));
        }
    }
    bundle.text("machine.txt", &text);
    if let Some(journal) = said(
        "journalctl",
        &["--no-pager", "--unit=skueye.service", "--lines=2000"],
    ) {
        bundle.text("journal.txt", &secrets::removed(&journal));
    }
}

/// What a program of the system says, where it is there.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn pictures(folder: &Path, bundle: &mut Bundle) {
    let mut left = MOST_PICTURES;
    let mut folders = vec![folder.to_owned()];
    while let Some(now) = folders.pop() {
        let entries = fs::read_dir(&now).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if meta.is_dir() {
                folders.push(path);
            } else if meta.is_file() && meta.len() <= left {
                left -= meta.len();
                let name = path.strip_prefix(folder).unwrap_or(&path).display();
                bundle.file(&format!("pictures/{name}"), &path);
            }
        }
    }
}

/// The parts of a bundle.
#[derive(Default)]
struct Bundle(Vec<(String, Vec<u8>, Option<String>)>);

impl Bundle {
    fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes().to_vec());
    }

    fn json(&mut self, name: &str, value: &impl Serialize) {
        if let Ok(bytes) = serde_json::to_vec_pretty(value) {
            self.bytes(name, bytes);
        }
    }

    fn file(&mut self, name: &str, path: &Path) {
        if let Ok(bytes) = fs::read(path) {
            self.bytes(name, bytes);
        }
    }

    /// Of what is too long the end is what counts.
    fn bytes(&mut self, name: &str, mut bytes: Vec<u8>) {
        let over = bytes.len().saturating_sub(MOST_PART);
        bytes.drain(..over);
        let left_out = (over > 0).then(|| format!("the first {over} bytes"));
        self.0.push((name.to_owned(), bytes, left_out));
    }

    fn write(self, path: &Path) -> Result<Written, Fault> {
        let failed = |error| Fault::io("write", path, &error);
        let bytes = self.packed().map_err(failed)?;
        skueye_agent::files::replace(path, &bytes).map_err(failed)?;
        let parts = self.0.into_iter().map(|(name, bytes, left_out)| Part {
            name,
            bytes: bytes.len() as u64,
            left_out,
        });
        Ok(Written {
            file: path.to_owned(),
            bytes: bytes.len() as u64,
            parts: parts.collect(),
        })
    }

    fn packed(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (name, bytes, _) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(system_clock() / 1000);
            archive.append_data(&mut header, format!("skueye-support/{name}"), &bytes[..])?;
        }
        let mut packed = archive.into_inner()?.finish()?;
        packed.flush()?;
        Ok(packed)
    }
}

impl Written {
    fn print(&self) -> Result<(), Fault> {
        for part in &self.parts {
            let left_out = part
                .left_out
                .as_ref()
                .map_or(String::new(), |what| format!(", without {what}"));
            print::line(&format!("{:>9} {}{left_out}", part.bytes, part.name))?;
        }
        print::line(&format!("{} bytes in {}", self.bytes, self.file.display()))
    }
}
