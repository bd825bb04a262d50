//! What the page asks of the device.
//!
//! Everything here answers at once and never waits for the recognition: [`Station::view`] is a copy of what the run loop
//! last put down, and what a person wants done is put down for it in turn. The one exception is enrolment, which writes to the
//! disk before it answers; call it where waiting is allowed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use skueye_models::{Fault, Gtin, Verdict};

/// The device as the page sees it. Shared by every request.
pub trait Station: Send + Sync + 'static {
    /// How things stand. Cheap: it is called several times a second.
    fn view(&self) -> View;

    /// The newest picture of the stage as JPEG, at most 640 pixels wide; `None` before the first frame. Asking for it is
    /// what makes the device keep one: nobody watching costs nothing.
    fn preview(&self) -> Option<Arc<[u8]>>;

    /// A product's photo as JPEG, where the device has one.
    fn photo(&self, gtin: Gtin) -> Option<Arc<[u8]>>;

    /// A person's answer to presentation `number`, which must be among the last that the view lists. An answer to an
    /// unsure presentation is sent to the till; "not this" to an accepted one takes the product back in the log and is kept
    /// as a hard negative. The same answer given twice counts once. Errors: E711 the presentation is over or was answered
    /// otherwise.
    fn answer(&self, number: u32, answer: Answer) -> Result<(), Fault>;

    /// Takes a person's answer to an unsure presentation back: it asks again, and a product that the till was told of is taken
    /// back there, where the till knows how. Errors: E711 the presentation is over, or there is no such answer.
    fn take_back(&self, number: u32) -> Result<(), Fault>;

    /// One step of enrolling a product, and where the enrolment then stands; `None`: there is none. While one is open nothing
    /// is sent to the till. Errors: E712 the step does not fit
    /// where the enrolment stands, E204 a product that cannot be enrolled, E901.
    fn enrol(&self, step: EnrolStep) -> Result<Option<Enrolment>, Fault>;

    /// Products whose number or title contains `text`, at most `most`.
    fn find(&self, text: &str, most: usize) -> Vec<ProductLine>;

    /// What happened on `day` (`YYYY-MM-DD` of the device's clock; `None`: today), the newest first, at most `most`.
    /// Errors: E901.
    fn log(&self, day: Option<&str>, most: usize) -> Result<DayLog, Fault>;

    /// Each part of the device and whether it works.
    fn health(&self) -> Health;

    /// The same and more for Prometheus, in its text format.
    fn metrics(&self) -> String;

    /// What the settings file would be refused for, or else should be changed, one line each; empty where it is sound.
    fn settings_problems(&self) -> Vec<String>;
}

/// What is on the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The program starts, or the camera is gone.
    #[default]
    Starting,
    /// The empty stage is being learnt.
    Learning,
    /// Nothing.
    Empty,
    /// Something that moves.
    Moving,
    /// An item that is being looked at.
    Looking,
    /// An item whose answer has fallen.
    Decided,
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct View {
    /// Grows with every change of anything below but the frame rate.
    pub version: u64,
    /// What is on the stage.
    pub stage: Stage,
    /// The last presentations, the newest first; at most eight.
    pub recent: Vec<Presentation>,
    /// The presentation that waits for a person's answer.
    pub asks: Option<u32>,
    /// The enrolment under way.
    pub enrolment: Option<Enrolment>,
    /// The update folder's set in use, and whether one is staged.
    pub update: UpdateView,
    /// Counts since the start.
    pub counts: Counts,
    /// What is wrong now, in words, with error number and remedy; empty where all is well.
    pub troubles: Vec<Trouble>,
    /// Frames a second, over the last few seconds.
    pub fps: f32,
    /// Milliseconds from a frame to its hits, smoothed.
    pub latency_ms: Option<f32>,
    /// Products in the gallery.
    pub products: u32,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is what its name says")]
pub struct Counts {
    pub frames: u64,
    pub presentations: u32,
    pub accepted: u32,
    pub asked: u32,
    pub rejected: u32,
    pub corrected: u32,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The error number, as `E305`.
    pub code: String,
    /// What happened.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

/// One presentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Presentation {
    /// Its number, from 1 since the start.
    pub number: u32,
    /// What the device made of it.
    pub verdict: Verdict,
    /// Why an answer was withheld: `below_accept`, `small_margin`, `split_vote`, `too_few_frames`, `corrected` (a person has
    /// said "not this" of such a look), `blurred`, `unknown`, `unreadable`.
    pub reason: Option<String>,
    /// The best products, the best first; at most four.
    pub candidates: Vec<Candidate>,
    /// What a person said.
    pub answer: Option<Answer>,
    /// What became of it on the way to the till: `nothing`, `sent`, `duplicate`, `failed`; of one that is taken back
    /// `taken_back`, or `void` where the till has it still.
    pub sent: String,
    /// Seconds since 1970 by the device's clock.
    pub time: u64,
}

/// One product of a presentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its number.
    pub gtin: Gtin,
    /// Its name. Any text: it is shown as text, never as markup.
    pub title: String,
    /// Cosine, -1 to 1.
    pub score: f32,
    /// Whether [`Station::photo`] has a picture.
    pub photo: bool,
}

/// What a person said about a presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is this product.
    Product(Gtin),
    /// It is none of those shown; for an accepted one: not that.
    NotThis,
}

/// One step of enrolling a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolStep {
    /// Begins with the product's number, name and category.
    Begin {
        /// GTIN-8, -12, -13 or -14 with its check digit.
        gtin: String,
        /// Its name.
        title: String,
        /// May be empty.
        category: String,
    },
    /// Takes a picture of the item as soon as it lies still. The answer comes at once; the shot appears in the view.
    Shot,
    /// Takes a shot out again, by its place from 0.
    Drop(usize),
    /// Writes the product with its shots; it can be recognised from then on.
    Save,
    /// Ends without a trace.
    Cancel,
    /// Takes back the last product that was saved since the start.
    Undo,
}

/// An enrolment under way, or just over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The product.
    pub gtin: Gtin,
    /// Its name.
    pub title: String,
    /// Whether a shot is waited for.
    pub waiting: bool,
    /// The shots so far.
    pub shots: Vec<Shot>,
    /// How many shots are enough.
    pub enough: u32,
    /// How many there may be.
    pub most: u32,
    /// Why the last try gave no shot: `blurred`, `glare`, `too_small`, `too_large`, `duplicate`.
    pub refused: Option<String>,
    /// Products that look much the same, the nearest first.
    pub lookalikes: Vec<Candidate>,
    /// It was written; the product can be recognised.
    pub saved: bool,
}

/// One shot of an enrolment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// The crop as JPEG in Base64, at most 96 pixels wide and high.
    pub thumbnail: String,
    /// How sharp it is.
    pub sharpness: f32,
}

/// A product of the gallery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductLine {
    /// Its number.
    pub gtin: Gtin,
    /// Its name.
    pub title: String,
    /// Its category; may be empty.
    pub category: String,
}

/// The update folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateView {
    /// The release in use; `None` where the device runs with its own files.
    pub release: Option<String>,
    /// The release that waits to be tried.
    pub staged: Option<String>,
    /// Percent of an engine that is being built or a bundle that is being copied.
    pub percent: Option<u8>,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DayLog {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// The presentations, the newest first.
    pub presentations: Vec<Presentation>,
    /// Of the whole day, pairs of products that were taken for each other: what the device said, what it was, how often;
    /// the most frequent first.
    pub confusions: Vec<Confusion>,
    /// Counts of the whole day.
    pub counts: Counts,
}

/// Two products that were taken for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// What the device said.
    pub said: ProductLine,
    /// What it was, where a person said so.
    pub was: Option<ProductLine>,
    /// How often.
    pub times: u32,
}

/// Whether the parts work: each with `None`, or what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is what its name says")]
pub struct Health {
    pub camera: Option<Trouble>,
    pub model: Option<Trouble>,
    pub gallery: Option<Trouble>,
    pub link: Option<Trouble>,
    /// A warning: the device works, but not as well as it did.
    #[serde(default)]
    pub scores: Option<Trouble>,
}

impl Health {
    /// Whether the device can do its work.
    pub fn ready(&self) -> bool {
        let parts = [&self.camera, &self.model, &self.gallery, &self.link];
        parts.iter().all(|part| part.is_none())
    }
}
