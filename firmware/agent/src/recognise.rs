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
use crate::live::LiveGallery;
use crate::vote::PRODUCTS_PER_FRAME;

/// Opens the model and the gallery of `config`, with what was enrolled, proven to belong together.
///
/// Errors: those of [`ModelSet::load_with`] and [`Store::open`]; E203 when their embedding ids differ.
pub fn open(config: &Config) -> Result<(ModelSet, Arc<LiveGallery>), Fault> {
    let gallery = LiveGallery::open(&config.gallery)?;
    let model = ModelSet::load_with(&config.model, &config.runtime)?;
    let snapshot = gallery.snapshot();
    let base = snapshot.base();
    base.expect_embedding_id(model.manifest.embedding_id)?;
    Ok((model, Arc::new(gallery)))
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
pub struct Recogniser {
    model: ModelSet,
    gallery: Arc<LiveGallery>,
    /// The state that is searched, and its version.
    snapshot: Arc<Snapshot>,
    version: u64,
    searcher: Searcher,
    hits: Hits,
    probe: Vec<f32>,
    thresholds: Thresholds,
}

impl Recogniser {
    /// Joins a model and a gallery of one embedding id (E203 otherwise). The thresholds are the model's, unless `config`
    /// overrides them (E402 when they then contradict each other).
    pub fn new(model: ModelSet, gallery: Arc<LiveGallery>, config: &Config) -> Result<Self, Fault> {
        let (version, snapshot) = (gallery.version(), gallery.snapshot());
        let base = snapshot.base();
        base.expect_embedding_id(model.manifest.embedding_id)?;
        let thresholds = config.decision.thresholds(&model.manifest.thresholds)?;
        Ok(Self {
            probe: vec![0.0; model.embedder.dim()],
            model,
            gallery,
            snapshot,
            version,
            searcher: Searcher::new(),
            hits: Hits::new(),
            thresholds,
        })
    }

    /// The thresholds in use.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// The state of the gallery that is searched. Products of hits are numbered as in it.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Takes the gallery's newest state. Not while votes are open: products may be numbered anew.
    pub fn follow(&mut self) {
        let version = self.gallery.version();
        if version != self.version {
            (self.version, self.snapshot) = (version, self.gallery.snapshot());
        }
    }

    /// The embedding of the last region that was looked at, of norm 1.
    pub fn probe(&self) -> &[f32] {
        &self.probe
    }

    /// What the network's runtime has to tell, one thing at a time.
    pub fn notice(&mut self) -> Option<Notice> {
        self.model.embedder.notice()
    }

    /// Looks for `region` of `image`: [`Self::hits`] and [`Self::probe`] are then what was found. Times go into `times`.
    pub fn look(
        &mut self,
        image: &RgbImage,
        region: Region,
        times: &mut FrameTimes,
    ) -> Result<(), Fault> {
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
            searcher.answer_in(&self.snapshot, probe, &request, hits)
        })
    }

    /// The best products of the last look, the best first, each by its best row.
    pub fn hits(&self) -> &[Hit] {
        self.hits.products()
    }
}
