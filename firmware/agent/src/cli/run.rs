//! `skueye run`

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use skueye_agent::pipeline::Output;
use skueye_agent::report::{Format, Line, Reporter};
use skueye_agent::{Config, run};
use skueye_models::Fault;

/// Options of `skueye run`.
#[derive(Debug, Args)]
pub struct Run {
    /// In place of the camera of the settings: a folder whose pictures are played in the order of their names, or a .y4m
    /// video. The first frames must show the empty stage.
    #[arg(long, value_name = "PATH")]
    replay: Option<PathBuf>,
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Write JSON lines.
    #[arg(long)]
    json: bool,
    /// Write a copy of every byte that the till is sent to this file.
    #[arg(long, value_name = "FILE")]
    link_log: Option<PathBuf>,
}

impl Run {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let config = Config::load(&self.config)?;
        let (source, policy) = config.camera.source(self.replay.as_deref())?;
        let mut events = Events::open(&config, self.format())?;
        let (out, format) = events.parts();
        let output = Output {
            out,
            format,
            link_log: self.link_log.as_deref(),
        };
        let summary = run(&config, source, policy, output)?;
        if config.events.is_some() {
            let mut out = std::io::stdout();
            Reporter::new(&mut out, self.format()).write(&Line::Summary(&summary))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => Format::Text,
        }
    }
}

/// Where the events go: an events file is always JSON lines.
enum Events {
    Stdout(std::io::Stdout, Format),
    File(File),
}

impl Events {
    fn open(config: &Config, format: Format) -> Result<Self, Fault> {
        match &config.events {
            None => Ok(Self::Stdout(std::io::stdout(), format)),
            Some(path) => append(path).map(Self::File),
        }
    }

    fn parts(&mut self) -> (&mut (dyn Write + Send), Format) {
        match self {
            Self::Stdout(out, format) => (out, *format),
            Self::File(file) => (file, Format::Json),
        }
    }
}

fn append(path: &Path) -> Result<File, Fault> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| Fault::io("append to", path, &error))
}
