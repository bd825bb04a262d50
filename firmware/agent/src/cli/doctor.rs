//! `skueye doctor`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use skueye_agent::Config;
use skueye_agent::camera::{Camera, Kind};
use skueye_agent::config::Problem;
use skueye_agent::report::printable;
use skueye_agent::sets;
use skueye_camera::FrameSource;
use skueye_camera::v4l2::survey::{CLASS, Found, survey};
use skueye_gallery::{Gallery, GalleryInfo, Kernel};
use skueye_models::{EmbeddingId, Fault, Thresholds};
use skueye_vision::ModelSet;
use skueye_vision::runtime::{self, Finding};
use skueye_vision::tensorrt::power;

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
pub(super) struct Findings {
    healthy: bool,
    backends: Vec<Finding>,
    /// Of a Jetson.
    power_mode: Option<String>,
    search_kernel: &'static str,
    model: Option<ModelFindings>,
    gallery: Option<GalleryInfo>,
    camera: CameraFindings,
    /// What should be changed in the settings, though they are accepted.
    warnings: Vec<Problem>,
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
        let device = Config::load(&self.config)?;
        let config = sets::in_use(&device)?;
        let mut findings = examine(&config);
        findings.warnings = device.warnings;
        match self.json {
            true => print::json(&findings)?,
            false => findings.print()?,
        }
        Ok(ExitCode::from(if findings.healthy { 0 } else { 1 }))
    }
}

pub(super) fn examine(config: &Config) -> Findings {
    let mut faults = Vec::new();
    let camera = CameraFindings::look(&config.camera, &mut faults);
    let mut keep = |fault| faults.push(fault);
    let model = ModelSet::load_with(&config.model, &config.runtime);
    let mut model = model.map_err(&mut keep).ok();
    if let Some(model) = &mut model {
        let mut troubles = Vec::new();
        let settled = model.settle(&mut |notice| troubles.extend(print::progress(notice)));
        troubles
            .into_iter()
            .chain(settled.err())
            .for_each(&mut keep);
    }
    let power_mode = power::mode();
    if let Some(wanted) = &config.power_mode {
        let _ = power::check(wanted, power_mode.as_deref()).map_err(&mut keep);
    }
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
        power_mode,
        search_kernel: Kernel::best().name(),
        model: model.as_ref().map(ModelFindings::of),
        gallery: gallery.map(|gallery| gallery.view().info()),
        camera,
        warnings: Vec::new(),
        faults,
    }
}

/// The cameras of this machine and the one of the settings.
#[derive(Debug, Serialize)]
struct CameraFindings {
    source: &'static str,
    /// What it would deliver.
    opened: Option<String>,
    found: Vec<FoundCamera>,
}

#[derive(Debug, Serialize)]
struct FoundCamera {
    path: PathBuf,
    name: String,
    /// Forms and sizes, one text each.
    offers: Vec<String>,
    /// Why they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

impl CameraFindings {
    /// Opens the camera of the settings, unless frames are replayed, and closes it again.
    fn look(camera: &Camera, faults: &mut Vec<Fault>) -> Self {
        let source = match (camera.kind, &camera.replay) {
            (Kind::Replay, None) => None,
            (Kind::Replay, Some(path)) => Some(camera.source(Some(path)).map(|(source, _)| source)),
            _ => Some(camera.open()),
        };
        let opened = source.and_then(|source| source.map_err(|fault| faults.push(fault)).ok());
        Self {
            source: camera.kind.name(),
            // Released before the others are looked at.
            opened: opened.map(|source| source.describe()),
            found: survey(Path::new(CLASS))
                .into_iter()
                .map(FoundCamera::of)
                .collect(),
        }
    }

    fn print(&self) -> Result<(), Fault> {
        let opened = self.opened.as_deref().unwrap_or("not opened");
        print::line(&format!("camera    {}: {}", self.source, printable(opened)))?;
        self.found.iter().try_for_each(|camera| {
            let offers = match &camera.trouble {
                Some(trouble) => trouble.clone(),
                None if camera.offers.is_empty() => "no camera".into(),
                None => camera.offers.join("; "),
            };
            let (path, name) = (camera.path.display(), printable(&camera.name));
            print::line(&format!("found     {path} {name}: {offers}"))
        })
    }
}

impl FoundCamera {
    fn of(found: Found) -> Self {
        let (offers, trouble) = match found.offers {
            Ok(offers) => (offers, None),
            Err(trouble) => (Vec::new(), Some(trouble)),
        };
        let shown = offers.iter().map(|offer| {
            let sizes: Vec<_> = offer
                .sizes
                .iter()
                .map(|(w, h)| format!("{w}x{h}"))
                .collect();
            let readable = if offer.readable {
                ""
            } else {
                " (cannot be read)"
            };
            format!("{}{readable} {}", offer.pixels, sizes.join(" "))
        });
        Self {
            offers: shown.collect(),
            path: found.path,
            name: found.name,
            trouble,
        }
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
            let about = match backend.about.is_empty() {
                true => String::new(),
                false => format!(": {}", printable(&backend.about)),
            };
            print::line(&format!(
                "back end  {}: {}{chosen}{about}",
                backend.name, backend.why
            ))?;
        }
        if let Some(mode) = &self.power_mode {
            print::line(&format!("power     {}", printable(mode)))?;
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
        self.camera.print()?;
        for warning in &self.warnings {
            print::line(&format!("warning   {warning}"))?;
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
