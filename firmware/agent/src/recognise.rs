//! Model and gallery together: a region of a picture to the best products.

use std::path::Path;
use std::sync::Arc;

use skueye_gallery::{Hit, Hits, Request, Searcher, Snapshot, Store};
use skueye_models::{Fault, Thresholds};
use skueye_update::slot;
use skueye_vision::embed::Notice;
use skueye_vision::{ModelSet, Region, RgbImage};

use crate::config::Config;
use crate::latency::{FrameTimes, Stage};
use crate::vote::PRODUCTS_PER_FRAME;

/// Opens the model and the gallery of `config`, with what was enrolled, proven to belong together.
///
/// Errors: those of [`ModelSet::load_with`] and [`Store::open`]; E203 when their embedding ids differ.
pub fn open(config: &Config) -> Result<(ModelSet, Arc<Snapshot>), Fault> {
    let gallery = open_gallery(&config.gallery)?.snapshot();
    let model = ModelSet::load_with(&config.model, &config.runtime)?;
    let base = gallery.base();
    base.expect_embedding_id(model.manifest.embedding_id)?;
    Ok((model, gallery))
}

/// The gallery at `path` with what was enrolled: beside the file, or beside the sets where it belongs to one. Errors: those
/// of [`Store::open`].
pub fn open_gallery(path: &Path) -> Result<Store, Fault> {
    match slot::of_file(path) {
        Some((folder, gallery)) => Store::open_carried(&folder, &gallery),
        None => Store::open(path),
    }
}

/// The same for changing it. E205 while another program does that.
pub fn open_gallery_to_change(path: &Path) -> Result<Store, Fault> {
    match slot::of_file(path) {
        Some((folder, gallery)) => Store::open_carried_to_change(&folder, &gallery),
        None => Store::open_to_change(path),
    }
}

/// Recognises regions, with memory of its own: after [`Recogniser::new`] only the runtime of the network allocates.
pub struct Recogniser<'g> {
    model: ModelSet,
    gallery: &'g Snapshot,
    searcher: Searcher,
    hits: Hits,
    probe: Vec<f32>,
    thresholds: Thresholds,
}

impl<'g> Recogniser<'g> {
    /// Joins a model and a gallery of one embedding id (E203 otherwise). The thresholds are the model's, unless `config`
    /// overrides them (E402 when they then contradict each other).
    pub fn new(model: ModelSet, gallery: &'g Snapshot, config: &Config) -> Result<Self, Fault> {
        let base = gallery.base();
        base.expect_embedding_id(model.manifest.embedding_id)?;
        let thresholds = config.decision.thresholds(&model.manifest.thresholds)?;
        Ok(Self {
            probe: vec![0.0; model.embedder.dim()],
            model,
            gallery,
            searcher: Searcher::new(),
            hits: Hits::new(),
            thresholds,
        })
    }

    /// The thresholds in use.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// The gallery.
    pub fn gallery(&self) -> &'g Snapshot {
        self.gallery
    }

    /// What the network's runtime has to tell, one thing at a time.
    pub fn notice(&mut self) -> Option<Notice> {
        self.model.embedder.notice()
    }

    /// The best products for `region` of `image`, the best first, each by its best row. Times go into `times`.
    pub fn look(
        &mut self,
        image: &RgbImage,
        region: Region,
        times: &mut FrameTimes,
    ) -> Result<&[Hit], Fault> {
        let preprocessor = &mut self.model.preprocessor;
        let tensor = times.time(Stage::Preprocess, || preprocessor.tensor(image, region))?;
        let (embedder, probe) = (&mut self.model.embedder, &mut self.probe);
        times.time(Stage::Embed, || embedder.embed_unit(tensor, probe))?;
        let (searcher, hits, request) = (
            &mut self.searcher,
            &mut self.hits,
            Request::new(PRODUCTS_PER_FRAME),
        );
        times.time(Stage::Search, || {
            searcher.answer_in(self.gallery, probe, &request, hits)
        })?;
        Ok(self.hits.products())
    }
}
