//! `skueye doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use skueye_agent::Config;
use skueye_gallery::{Gallery, GalleryInfo, Kernel};
use skueye_models::{EmbeddingId, Fault, Thresholds};
use skueye_vision::ModelSet;
use skueye_vision::runtime::{self, Finding};

use super::print;

/// Options of `skueye doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// Everything that was looked at. A part that failed is missing, and its fault is listed.
#[derive(Debug, Serialize)]
struct Findings {
    healthy: bool,
    backends: Vec<Finding>,
    search_kernel: &'static str,
    model: Option<ModelFindings>,
    gallery: Option<GalleryInfo>,
    faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
struct ModelFindings {
    network: String,
    embedding_id: EmbeddingId,
    dim: u32,
    input_size: u32,
    backend: String,
    self_test_cosine: f32,
    thresholds: Thresholds,
}

impl Doctor {
    pub fn run(self) -> Result<ExitCode, Fault> {
        let config = Config::load(&self.config)?;
        let findings = examine(&config);
        match self.json {
            true => print::json(&findings)?,
            false => findings.print()?,
        }
        Ok(ExitCode::from(if findings.healthy { 0 } else { 1 }))
    }
}

fn examine(config: &Config) -> Findings {
    let mut faults = Vec::new();
    let mut keep = |fault| faults.push(fault);
    let model = ModelSet::load_with(&config.model, &config.runtime);
    let model = model.map_err(&mut keep).ok();
    let gallery = Gallery::open(&config.gallery).map_err(&mut keep).ok();
    if let Some(gallery) = &gallery {
        let _ = gallery.verify().map_err(&mut keep);
        if let Some(model) = &model {
            let id = model.manifest.embedding_id;
            let _ = gallery.expect_embedding_id(id).map_err(&mut keep);
        }
    }
    if let Some(model) = &model {
        let own = &model.manifest.thresholds;
        let _ = config.decision.thresholds(own).map_err(&mut keep);
    }
    Findings {
        healthy: faults.is_empty(),
        backends: match &model {
            Some(model) => model.runtimes().to_vec(),
            None => runtime::look(&config.runtime),
        },
        search_kernel: Kernel::best().name(),
        model: model.as_ref().map(ModelFindings::of),
        gallery: gallery.map(|gallery| gallery.view().info()),
        faults,
    }
}

impl ModelFindings {
    fn of(model: &ModelSet) -> Self {
        let manifest = &model.manifest;
        Self {
            network: manifest.network.clone(),
            embedding_id: manifest.embedding_id,
            dim: manifest.dim,
            input_size: manifest.preprocess.size,
            backend: model.embedder.name().into(),
            self_test_cosine: model.self_test_cosine(),
            thresholds: manifest.thresholds,
        }
    }
}

impl Findings {
    fn print(&self) -> Result<(), Fault> {
        for backend in &self.backends {
            let chosen = if backend.chosen { ", chosen" } else { "" };
            print::line(&format!(
                "back end  {}: {}{chosen}",
                backend.name, backend.why
            ))?;
        }
        print::line(&format!("search    {}", self.search_kernel))?;
        if let Some(model) = &self.model {
            print::line(&format!(
                "model     {}, {} values from {} px, id {}, self-test {:.5} on {}",
                model.network,
                model.dim,
                model.input_size,
                model.embedding_id,
                model.self_test_cosine,
                model.backend
            ))?;
        }
        if let Some(gallery) = &self.gallery {
            print::line(&format!(
                "gallery   {} products, {} rows, id {}",
                gallery.products, gallery.rows, gallery.embedding_id
            ))?;
        }
        for fault in &self.faults {
            print::line(&format!("FAULT     {fault}"))?;
        }
        print::line(if self.healthy {
            "healthy"
        } else {
            "not healthy"
        })
    }
}
