//! `cargo demo`: builds the trainer and the device program and runs the trainer's quick start.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use crate::libtorch::Libtorch;
use crate::machine;
use crate::steps::{Step, Trouble, seconds};
use crate::usage;
use crate::workspace::Workspace;

/// Whether a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Training {
    /// Yes, or the demo fails.
    Required,
    /// Yes where the training engine can be had, otherwise the shipped model serves.
    Preferred,
    /// No: the device's half alone.
    Without,
}

/// Which pictures and titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Packages drawn by the trainer.
    Synth,
    /// One item drawn by several makers.
    Makers,
}

impl Data {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synth => "synth",
            Self::Makers => "makers",
        }
    }
}

/// The command line of `cargo demo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether a network is trained.
    pub training: Training,
    /// Which pictures and titles.
    pub data: Data,
    /// The seed of data and training, where the trainer's own is not wanted.
    pub seed: Option<u64>,
}

impl Options {
    /// From the words after `demo`.
    pub fn parse(words: &[String]) -> Result<Self, Trouble> {
        let mut options = Self {
            training: Training::Preferred,
            data: Data::Synth,
            seed: None,
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--without-training" => options.training = Training::Without,
                "--data" => options.data = parse_data(words.next())?,
                "--seed" => options.seed = Some(parse_seed(words.next())?),
                other => return Err(usage(&format!("cargo demo knows no {other:?}"))),
            }
        }
        Ok(options)
    }
}

fn parse_data(word: Option<&str>) -> Result<Data, Trouble> {
    match word {
        Some("synth") => Ok(Data::Synth),
        Some("makers") => Ok(Data::Makers),
        _ => Err(usage("--data wants synth or makers")),
    }
}

fn parse_seed(word: Option<&str>) -> Result<u64, Trouble> {
    let seed = word.and_then(|w| w.parse().ok());
    seed.ok_or_else(|| usage("--seed wants a whole number"))
}

/// The demo from its machine checks to the place of its report.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), Trouble> {
    let began = Instant::now();
    if options.data == Data::Makers {
        machine::npm()?;
    }
    let engine = training_engine(workspace, options.training)?;
    build(workspace, engine.as_ref()).run()?;
    quickstart(workspace, options, engine.as_ref()).run()?;
    let folder = output(workspace);
    println!("\nThe demo took {}.", seconds(began.elapsed()));
    println!("  report   {}", folder.join("report.html").display());
    println!("  figures  {}", folder.join("summary.json").display());
    Ok(())
}

/// Where the demo writes: `target/demo`.
pub fn output(workspace: &Workspace) -> PathBuf {
    workspace.made().join("demo")
}

fn training_engine(workspace: &Workspace, training: Training) -> Result<Option<Libtorch>, Trouble> {
    let found = match training {
        Training::Without => return Ok(None),
        // pip fetches the pretrained weights as well, so a libtorch that is there does not do without it.
        Training::Required | Training::Preferred => {
            machine::python_with_pip().and_then(|()| Libtorch::ensure(workspace))
        }
    };
    match found {
        Ok(engine) => Ok(Some(engine)),
        Err(trouble) if training == Training::Preferred => {
            println!("no training: {trouble}");
            println!("The demo goes on with the model in models/zoo/default (--without-training).");
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

fn build(workspace: &Workspace, engine: Option<&Libtorch>) -> Step {
    let arguments = match engine {
        Some(_) => "build --release -p skueye-trainer --features torch -p skueye-agent",
        None => "build --release -p skueye-trainer -p skueye-agent",
    };
    workspace
        .cargo("build trainer and device program", arguments)
        .envs(&engine.map_or(Vec::new(), Libtorch::variables))
}

fn quickstart(workspace: &Workspace, options: &Options, engine: Option<&Libtorch>) -> Step {
    let title = match engine {
        Some(_) => "train, export, recognise",
        None => "recognise with the shipped model",
    };
    let mut arguments: Vec<OsString> = vec!["quickstart".into(), "--out".into()];
    arguments.push("target/demo".into());
    arguments.extend(["--data", options.data.name()].map(OsString::from));
    if let Some(seed) = options.seed {
        arguments.extend(["--seed".into(), seed.to_string().into()]);
    }
    if engine.is_none() {
        arguments.extend(["--model", "models/zoo/default"].map(OsString::from));
    }
    workspace
        .step(title, workspace.program("skueye-train"))
        .args(arguments)
        .envs(&engine.map_or(Vec::new(), Libtorch::variables))
        .env("OMP_WAIT_POLICY", "passive")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Trouble> {
        Options::parse(
            &line
                .split_whitespace()
                .map(String::from)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_command_line() {
        let options = parse("--data makers --seed 7 --without-training").unwrap();
        assert_eq!(
            options,
            Options {
                training: Training::Without,
                data: Data::Makers,
                seed: Some(7),
            }
        );
        assert_eq!(parse("").unwrap().training, Training::Preferred);
        for bad in ["--data", "--data other", "--seed x", "--seed", "--fast"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
