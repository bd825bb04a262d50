//! `skueye recognise`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use skueye_agent::latency::{FrameTimes, Stage, StageMillis};
use skueye_agent::report::{Candidate, printable};
use skueye_agent::{Config, Recogniser, recognise, sets};
use skueye_models::{Fault, Verdict};
use skueye_vision::{Region, decode_file};

use super::print;

/// Options of `skueye recognise`.
#[derive(Debug, Args)]
pub struct Recognise {
    /// A JPEG or PNG that shows one item, filling the picture.
    file: PathBuf,
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// The answer for one picture.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    verdict: Verdict,
    score: Option<f32>,
    margin: Option<f32>,
    candidates: Vec<Candidate<'a>>,
    latency_ms: StageMillis,
}

impl Recognise {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let mut config = sets::in_use(&Config::load(&self.config)?)?;
        config.runtime = config.runtime.at_once();
        let mut times = FrameTimes::default();
        let image = times.time(Stage::Decode, || decode_file(&self.file))?;
        let (model, gallery) = recognise::open(&config)?;
        let mut recogniser = Recogniser::new(model, gallery, &config)?;
        let gallery = Arc::clone(recogniser.snapshot());
        recogniser.look(&image, Region::whole(&image), &mut times)?;
        let found = recogniser.found();
        let scores = (
            found.first().map(|r| r.score),
            found.get(1).map(|r| r.score),
        );
        let candidates = found
            .iter()
            .take(config.decision.candidates as usize)
            .map(|ranked| {
                let product = gallery.product(ranked.product)?;
                Ok(Candidate {
                    gtin: product.gtin,
                    title: product.title,
                    score: ranked.score,
                })
            });
        let answer = Answer {
            verdict: recogniser.verdict(),
            score: scores.0,
            margin: scores.0.zip(scores.1).map(|(best, second)| best - second),
            candidates: candidates.collect::<Result<_, Fault>>()?,
            latency_ms: times.millis(),
        };
        match self.json {
            true => print::json(&answer)?,
            false => answer.print()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Answer<'_> {
    fn print(&self) -> Result<(), Fault> {
        print::line(match self.verdict {
            Verdict::Accept => "accept",
            Verdict::Ask => "ask",
            Verdict::Reject => "reject: not in the gallery",
        })?;
        self.candidates.iter().try_for_each(|c| {
            print::line(&format!(
                "{:.4}  {:<14}  {}",
                c.score,
                c.gtin,
                printable(c.title)
            ))
        })
    }
}
