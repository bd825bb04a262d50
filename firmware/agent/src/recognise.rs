//! Model and gallery together: a region of a picture to the best products.

use skueye_gallery::{Gallery, Hit, Hits, Searcher};
use skueye_models::{Fault, Thresholds};
use skueye_vision::{ModelSet, Region, RgbImage};

use crate::config::Config;
use crate::latency::{FrameTimes, Stage};
use crate::vote::PRODUCTS_PER_FRAME;

/// Opens the model and the gallery of `config`, proven to belong together.
///
/// Errors: those of [`ModelSet::load_with`] and [`Gallery::open`]; E203 when their embedding ids differ.
pub fn open(config: &Config) -> Result<(ModelSet, Gallery), Fault> {
    let gallery = Gallery::open(&config.gallery)?;
    let model = ModelSet::load_with(&config.model, &config.runtime)?;
    gallery.expect_embedding_id(model.manifest.embedding_id)?;
    Ok((model, gallery))
}

/// Recognises regions, with memory of its own: after [`Recogniser::new`] only the runtime of the network allocates.
pub struct Recogniser<'g> {
    model: ModelSet,
    gallery: &'g Gallery,
    searcher: Searcher,
    hits: Hits,
    probe: Vec<f32>,
    thresholds: Thresholds,
}

impl<'g> Recogniser<'g> {
    /// Joins a model and a gallery of one embedding id (E203 otherwise). The thresholds are the model's, unless `config`
    /// overrides them (E402 when they then contradict each other).
    pub fn new(model: ModelSet, gallery: &'g Gallery, config: &Config) -> Result<Self, Fault> {
        gallery.expect_embedding_id(model.manifest.embedding_id)?;
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
    pub fn gallery(&self) -> &'g Gallery {
        self.gallery
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
        let (searcher, hits, view) = (&mut self.searcher, &mut self.hits, self.gallery.view());
        times.time(Stage::Search, || {
            searcher.search(&view, probe, PRODUCTS_PER_FRAME, hits)
        })?;
        Ok(self.hits.products())
    }
}
