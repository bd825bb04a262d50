//! Enrolling a product at the device, shot by shot.
//!
//! A person names the product and asks for shots; each is taken from the next still frame and judged: sharp, without glare, of
//! a sensible size, and not the same as a shot before. Nothing is written until the person says so, and the last product
//! that was written can be taken back. While an enrolment is open nothing goes to the till.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use skueye_gallery::Snapshot;
use skueye_models::{Code, Fault, Gtin, Product, Thresholds, UnitEmbedding};
use skueye_page::station::{Candidate, Enrolment, Shot as ShotView};
use skueye_vision::{Region, RgbImage};

use super::{Run, lock, preview};
use crate::config::Enrol;
use crate::vote::Ranked;

/// The longest side of a shot's picture on the page.
const THUMBNAIL: u32 = 96;
/// The longest side of a shot's picture on the disk: what a trainer wants.
const KEPT: u32 = 512;
/// Look-alikes that are named.
const LOOKALIKES: usize = 3;

/// Where products are enrolled.
#[derive(Debug)]
pub struct Studio {
    settings: Enrol,
    open: AtomicBool,
    wanted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Session>,
    /// The last product that was written, for undoing.
    last: Option<Saved>,
}

#[derive(Debug)]
struct Saved {
    rows: Range<u32>,
    pictures: Vec<PathBuf>,
}

#[derive(Debug)]
struct Session {
    product: Product,
    shots: Vec<Shot>,
    refused: Option<Refusal>,
    lookalikes: Vec<Candidate>,
    saved: bool,
}

#[derive(Debug)]
struct Shot {
    embedding: UnitEmbedding,
    thumbnail: Vec<u8>,
    picture: Vec<u8>,
    sharpness: f32,
}

/// Why a try gave no shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Much less sharp than needed, or than the other shots.
    Blurred,
    /// Light is mirrored in it.
    Glare,
    /// The item fills too little of the picture.
    TooSmall,
    /// The item leaves the picture.
    TooLarge,
    /// It shows what a shot before shows.
    Duplicate,
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Self::Blurred => "blurred",
            Self::Glare => "glare",
            Self::TooSmall => "too_small",
            Self::TooLarge => "too_large",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A still item, as recognition saw it.
pub(crate) struct Look<'l> {
    pub image: &'l RgbImage,
    pub region: Region,
    pub probe: &'l [f32],
    pub sharpness: f32,
    pub found: &'l [Ranked],
    pub snapshot: &'l Snapshot,
    pub thresholds: Thresholds,
}

impl Studio {
    pub(super) fn new(settings: Enrol) -> Self {
        Self {
            settings,
            open: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Whether an enrolment is open: nothing is recognised for the till meanwhile.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Whether the next still frame is to become a shot.
    pub(crate) fn wants(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Takes a still item that was asked for, or notes why not.
    pub(crate) fn offer(&self, look: &Look<'_>) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let Some(session) = state.session.as_mut().filter(|_| self.wants()) else {
            return Ok(());
        };
        let embedding = UnitEmbedding::normalise(look.probe.to_vec())?;
        match self.judge(session, look, &embedding) {
            Some(refusal) => session.refused = Some(refusal),
            None => {
                session.shots.push(shot(look, embedding)?);
                session.refused = None;
                session.note_lookalikes(look)?;
            }
        }
        self.wanted.store(false, Ordering::Release);
        Ok(())
    }

    fn judge(
        &self,
        session: &Session,
        look: &Look<'_>,
        embedding: &UnitEmbedding,
    ) -> Option<Refusal> {
        let (width, height) = (look.image.width(), look.image.height());
        let Region { x, y, .. } = look.region;
        let (right, bottom) = (x + look.region.width, y + look.region.height);
        let side = look.region.width.max(look.region.height) as f32;
        let sharpest = session.shots.iter().map(|shot| shot.sharpness);
        let sharpest = sharpest.fold(0.0, f32::max);
        let settings = &self.settings;
        let alike = |shot: &Shot| shot.embedding.cosine(embedding) > settings.duplicate;
        if side < settings.min_side * height as f32 {
            Some(Refusal::TooSmall)
        } else if (x == 0 && right == width) || (y == 0 && bottom == height) {
            Some(Refusal::TooLarge)
        } else if look.sharpness < settings.min_sharpness.max(sharpest * 0.2) {
            Some(Refusal::Blurred)
        } else if glare(look.image, look.region) > settings.max_glare {
            Some(Refusal::Glare)
        } else if session.shots.iter().any(alike) {
            Some(Refusal::Duplicate)
        } else {
            None
        }
    }

    /// What the page shows of the enrolment under way.
    pub(super) fn view(&self) -> Option<Enrolment> {
        let state = lock(&self.state);
        let session = state.session.as_ref()?;
        let shots = session.shots.iter().map(|shot| ShotView {
            thumbnail: BASE64.encode(&shot.thumbnail),
            sharpness: shot.sharpness,
        });
        Some(Enrolment {
            gtin: session.product.gtin,
            title: session.product.title.clone(),
            waiting: self.wants(),
            shots: shots.collect(),
            enough: self.settings.enough,
            most: self.settings.most,
            refused: session.refused.map(|refusal| refusal.name().to_owned()),
            lookalikes: session.lookalikes.clone(),
            saved: session.saved,
        })
    }

    pub(super) fn begin(&self, product: Product) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        if state.session.as_ref().is_some_and(|session| !session.saved) {
            return Err(step("no enrolment under way", "one that is open"));
        }
        state.session = Some(Session {
            product,
            shots: Vec::new(),
            refused: None,
            lookalikes: Vec::new(),
            saved: false,
        });
        self.open.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn ask_for_shot(&self) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let session = open(&mut state)?;
        if session.shots.len() >= self.settings.most as usize {
            let got = format!("{} already", session.shots.len());
            return Err(step(&format!("at most {} shots", self.settings.most), &got));
        }
        session.refused = None;
        self.wanted.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn drop_shot(&self, at: usize) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        let session = open(&mut state)?;
        if at >= session.shots.len() {
            return Err(step("a shot that there is", &format!("number {at}")));
        }
        session.shots.remove(at);
        Ok(())
    }

    /// Writes the product; it is found from the next presentation on. Gives the pictures of its shots.
    pub(super) fn save(&self, run: &Run) -> Result<(Gtin, Vec<Vec<u8>>), Fault> {
        let mut state = lock(&self.state);
        let session = open(&mut state)?;
        if session.shots.is_empty() {
            return Err(step("a shot at least", "none"));
        }
        let rows: Vec<_> = session.shots.iter().map(|s| s.embedding.clone()).collect();
        let gtin = session.product.gtin;
        let rows = run.gallery.enrol(&session.product, &rows)?;
        session.saved = true;
        let pictures = session.shots.iter().map(|shot| shot.picture.clone());
        let pictures = pictures.collect();
        state.last = Some(Saved {
            rows,
            pictures: Vec::new(),
        });
        self.close();
        Ok((gtin, pictures))
    }

    pub(super) fn cancel(&self) {
        lock(&self.state).session = None;
        self.close();
    }

    /// The pictures of the last product that was written lie here.
    pub(super) fn note_pictures(&self, paths: Vec<PathBuf>) {
        if let Some(saved) = &mut lock(&self.state).last {
            saved.pictures = paths;
        }
    }

    /// Where pictures of shots are kept.
    pub(super) fn pictures(&self) -> Option<&Path> {
        self.settings.pictures.as_deref()
    }

    /// Takes the last product back that was written. Its pictures, which are not needed any more.
    pub(super) fn undo(&self, run: &Run) -> Result<Vec<PathBuf>, Fault> {
        let mut state = lock(&self.state);
        let Some(saved) = state.last.take() else {
            return Err(step(
                "a product saved since the start",
                "none, or taken back",
            ));
        };
        if let Err(fault) = run.gallery.remove_rows(saved.rows.clone()) {
            state.last = Some(saved);
            return Err(fault);
        }
        state.session = None;
        self.close();
        Ok(saved.pictures)
    }

    fn close(&self) {
        self.wanted.store(false, Ordering::Release);
        self.open.store(false, Ordering::Release);
    }
}

impl Session {
    /// Other products that the device would take this one for, or hesitate about.
    fn note_lookalikes(&mut self, look: &Look<'_>) -> Result<(), Fault> {
        for found in look.found {
            let product = look.snapshot.product(found.product)?;
            let same = product.gtin.value() == self.product.gtin.value();
            let thresholds = found.own.unwrap_or(look.thresholds);
            if same || found.score < thresholds.reject {
                continue;
            }
            let mut known = self.lookalikes.iter_mut();
            match known.find(|known| known.gtin == product.gtin) {
                Some(known) => known.score = known.score.max(found.score),
                None => self.lookalikes.push(Candidate {
                    gtin: product.gtin,
                    title: product.title.to_owned(),
                    score: found.score,
                    photo: false,
                }),
            }
        }
        self.lookalikes.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.lookalikes.truncate(LOOKALIKES);
        Ok(())
    }
}

fn shot(look: &Look<'_>, embedding: UnitEmbedding) -> Result<Shot, Fault> {
    let encoded = |side, quality| {
        let picture = preview::crop(look.image, look.region, side)?;
        Ok::<_, Fault>(preview::jpeg(&picture, quality).unwrap_or_default())
    };
    Ok(Shot {
        embedding,
        thumbnail: encoded(THUMBNAIL, 60)?,
        picture: encoded(KEPT, 90)?,
        sharpness: look.sharpness,
    })
}

fn open(state: &mut State) -> Result<&mut Session, Fault> {
    let session = state.session.as_mut().filter(|session| !session.saved);
    session.ok_or_else(|| step("an enrolment under way", "none"))
}

fn step(expected: &str, got: &str) -> Fault {
    Fault::new(
        Code::EnrolStep,
        expected,
        got,
        "look at what is shown, then go on or begin again",
    )
}

/// The share of pixels that are burnt out in every channel.
fn glare(image: &RgbImage, region: Region) -> f32 {
    let width = image.width() as usize;
    let columns = region.x as usize * 3..(region.x + region.width) as usize * 3;
    let rows = (region.y..region.y + region.height).step_by(2);
    let (mut burnt, mut count) = (0u32, 0u32);
    for row in rows {
        let start = row as usize * width * 3;
        let row = image.data()[start..].get(columns.clone()).unwrap_or(&[]);
        for pixel in row.chunks_exact(3).step_by(2) {
            count += 1;
            burnt += u32::from(pixel.iter().all(|value| *value >= 253));
        }
    }
    burnt as f32 / count.max(1) as f32
}
