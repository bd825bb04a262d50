//! Model and gallery together: a region of a picture to the best products.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use skueye_gallery::{Hits, ProductIndex, Request, Searcher, Snapshot, Store};
use skueye_models::{Fault, Thresholds, Verdict};
use skueye_update::slot;
use skueye_vision::embed::Notice;
use skueye_vision::{ModelSet, Region, RgbImage};

use crate::config::{Config, Own};
use crate::latency::{FrameTimes, Stage};
use crate::live::LiveGallery;
use crate::vote::{PRODUCTS_PER_FRAME, Ranked};

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

/// The share of a region's sides that a second look takes. Of 400 simulated presentations 110 were right without it, 123
/// with 0.93, 136 with 0.85 and 140 with 0.75, with no more wrong ones (5 to 8 in each run).
const CLOSER: f32 = 0.75;

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
    /// The embedding of the first of two looks.
    first: Vec<f32>,
    found: heapless::Vec<Ranked, PRODUCTS_PER_FRAME>,
    thresholds: Thresholds,
    /// The thresholds of single products that the settings name.
    own: BTreeMap<u64, Own>,
    second_look: bool,
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
            first: vec![0.0; model.embedder.dim()],
            model,
            gallery,
            snapshot,
            version,
            searcher: Searcher::new(),
            hits: Hits::new(),
            found: heapless::Vec::new(),
            thresholds,
            own: config.thresholds.clone(),
            second_look: config.decision.second_look,
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

    /// Looks for `region` of `image`: [`Self::found`] and [`Self::probe`] are then what was found. Times go into `times`.
    pub fn look(
        &mut self,
        image: &RgbImage,
        region: Region,
        times: &mut FrameTimes,
    ) -> Result<(), Fault> {
        self.embed(image, region, times)?;
        self.search(times)?;
        if self.second_look && self.verdict() == Verdict::Ask {
            self.first.copy_from_slice(&self.probe);
            self.embed(image, region.inner(CLOSER), times)?;
            to_mean_direction(&mut self.probe, &self.first);
            self.search(times)?;
        }
        Ok(())
    }

    /// What the last look alone would mean.
    pub fn verdict(&self) -> Verdict {
        let Some(best) = self.found.first() else {
            return Verdict::Reject;
        };
        let thresholds = best.own.unwrap_or(self.thresholds);
        thresholds.judge(best.score, self.found.get(1).map(|second| second.score))
    }

    fn embed(
        &mut self,
        image: &RgbImage,
        region: Region,
        times: &mut FrameTimes,
    ) -> Result<(), Fault> {
        let preprocessor = &mut self.model.preprocessor;
        let tensor = times.time(Stage::Preprocess, || preprocessor.tensor(image, region))?;
        let (embedder, probe) = (&mut self.model.embedder, &mut self.probe);
        times.time(Stage::Embed, || embedder.embed_unit(tensor, probe))
    }

    fn search(&mut self, times: &mut FrameTimes) -> Result<(), Fault> {
        let (searcher, hits) = (&mut self.searcher, &mut self.hits);
        let request = Request::new(PRODUCTS_PER_FRAME);
        times.time(Stage::Search, || {
            searcher.answer_in(&self.snapshot, &self.probe, &request, hits)
        })?;
        self.found.clear();
        for hit in self.hits.products() {
            let ranked = Ranked {
                product: hit.product,
                score: hit.score,
                own: self.own(hit.product)?,
            };
            // No more were asked for than there is room for.
            let _ = self.found.push(ranked);
        }
        Ok(())
    }

    /// The thresholds of this product alone: those of the settings, then those that the gallery brings.
    fn own(&self, product: ProductIndex) -> Result<Option<Thresholds>, Fault> {
        let brought = self.snapshot.extras(product);
        let brought = Own {
            accept: brought.accept,
            reject: brought.reject,
            margin: brought.margin,
        };
        let set = match self.own.is_empty() {
            true => Own::default(),
            false => {
                let gtin = self.snapshot.product(product)?.gtin;
                self.own.get(&gtin.value()).copied().unwrap_or_default()
            }
        };
        Ok(set.or(brought).over(&self.thresholds))
    }

    /// The best products of the last look, the best first, each by its best row.
    pub fn found(&self) -> &[Ranked] {
        &self.found
    }
}

/// Puts the direction of the mean of two unit vectors into the first; opposite ones leave it as it is.
fn to_mean_direction(a: &mut [f32], b: &[f32]) {
    let sums = a.iter().zip(b).map(|(a, b)| a + b);
    let norm = sums.map(|sum| sum * sum).sum::<f32>().sqrt();
    if norm > 1e-6 {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = (*a + b) / norm);
    }
}
