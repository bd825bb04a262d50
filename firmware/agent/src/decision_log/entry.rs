//! What a line says.

use serde::{Deserialize, Serialize};
use skueye_gallery::Gallery;
use skueye_models::{EmbeddingId, Fault, Gtin, Manifest, Thresholds, Verdict};
use skueye_update::Digest;

use super::day::Day;
use crate::config::{self, Config};
use crate::recognise;
use crate::report::Event;
use skueye_vision::model::MANIFEST_NAME;

/// The version of the lines' format.
pub const FORMAT: u32 = 1;
/// The longest text that a line takes over from elsewhere, in characters.
const MOST_TEXT: usize = 300;

/// A line as it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counted from 1 over all files; it gives the order.
    #[serde(rename = "n")]
    pub number: u64,
    /// Which start of the program wrote it, counted from 1.
    pub boot: u32,
    /// Milliseconds since 1970 by the device's clock, which may have been wrong: for information.
    pub time: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The first line of a file.
    File {
        /// The version of the format.
        format: u32,
        /// The day of the device's clock to which its lines belong.
        day: Day,
        /// The digest of the line before, in the file before; none at the very first.
        before: Option<Digest>,
        /// The program's version.
        program: String,
    },
    /// A run begins.
    Start(Setup),
    /// A presentation is over.
    Event(Box<Decision>),
    /// A person's answer to a presentation of the same start.
    Correction {
        /// Its number.
        presentation: u32,
        /// What the device had taken it for, where that is still known: the best candidate.
        said: Option<Gtin>,
        /// What it is; none for "not this".
        was: Option<Gtin>,
    },
    /// A person took the answer to a presentation of the same start back.
    Undone {
        /// Its number.
        presentation: u32,
    },
    /// A product that the till had been told of was taken back.
    TakenBack {
        /// The presentation's number.
        presentation: u32,
        /// The product.
        gtin: Gtin,
        /// As in a decision; `nothing`: the till cannot be told.
        sent: String,
    },
    /// What became of a frame for the till that was pending when its presentation was written.
    Late {
        /// Its number.
        presentation: Option<u32>,
        /// The product; none where it was not recognised.
        gtin: Option<Gtin>,
        /// As in a decision.
        sent: String,
    },
    /// Something failed and the work went on.
    Fault(Failure),
    /// A set of the update folder.
    Set {
        /// Its release.
        release: String,
        /// What happened to it.
        step: String,
        /// Why it was given up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Lines that could be neither written nor kept.
    Gap {
        /// How many.
        lines: u64,
        /// Why.
        why: String,
    },
    /// A part of a line that a power cut left was cut off here.
    Cut {
        /// Its bytes.
        bytes: u64,
    },
    /// Everything before was wiped by command.
    Wiped {
        /// Files that were removed.
        files: u32,
    },
    /// The frames were over.
    End {
        /// Frames that were delivered.
        frames: u64,
        /// Presentations.
        presentations: u32,
    },
}

/// What decides: part of every decision, as it can change with a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The model's and the gallery's embedding id.
    pub model: EmbeddingId,
    /// The gallery's length and checksum.
    pub gallery: String,
    /// The bands in use.
    pub thresholds: Thresholds,
}

impl Setup {
    /// Of a run with this model and gallery.
    pub fn new(
        manifest: &Manifest,
        gallery: &Gallery,
        decision: &config::Decision,
    ) -> Result<Self, Fault> {
        Ok(Self {
            model: manifest.embedding_id,
            gallery: gallery.fingerprint(),
            thresholds: decision.thresholds(&manifest.thresholds)?,
        })
    }

    /// The same from the files that the settings name. Errors: E201 to E203, E401, E402, E901.
    pub fn read(config: &Config) -> Result<Self, Fault> {
        let path = config.model.join(MANIFEST_NAME);
        let text = std::fs::read_to_string(&path).map_err(|e| Fault::io("read", &path, &e))?;
        let manifest = Manifest::parse(&text).map_err(|fault| fault.at(&path))?;
        let gallery = recognise::open_gallery(&config.gallery)?.snapshot();
        Self::new(&manifest, gallery.base(), &config.decision)
    }
}

/// One presentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Its number since the start.
    pub presentation: u32,
    /// What the device made of it.
    pub verdict: Verdict,
    /// Why an answer was withheld.
    pub reason: Option<String>,
    /// The answer, where it was accepted.
    pub gtin: Option<Gtin>,
    /// Its distance to the second.
    pub margin: Option<f32>,
    /// Frames that voted.
    pub votes: u32,
    /// Frames that voted for the best product.
    pub agreeing: u32,
    /// The best products, the best first.
    pub candidates: Vec<Candidate>,
    /// What became of it on the way to the till: `sent`, `nothing`, `duplicate`, `failed`.
    pub sent: String,
    /// What decided.
    #[serde(flatten)]
    pub setup: Setup,
}

/// One product of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its number.
    pub gtin: Gtin,
    /// Its name.
    pub title: String,
    /// Its score, -1 to 1.
    pub score: f32,
}

/// A fault, shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its number, as `E305`.
    pub code: String,
    /// The file or device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What was found.
    pub got: String,
    /// How often it happened since it was last written.
    pub times: u64,
}

impl Decision {
    /// What `event` says, decided with `setup`, or with the thresholds that the best product has for itself.
    pub fn new(event: &Event<'_>, mut setup: Setup) -> Self {
        setup.thresholds = event.own_thresholds.unwrap_or(setup.thresholds);
        let candidates = event.candidates.iter().map(|candidate| Candidate {
            gtin: candidate.gtin,
            title: short(candidate.title),
            score: candidate.score,
        });
        Self {
            presentation: event.presentation,
            verdict: event.verdict,
            reason: event.reason.and_then(name),
            gtin: event.gtin,
            margin: event.margin,
            votes: event.votes,
            agreeing: event.agreeing,
            candidates: candidates.collect(),
            sent: name(event.sent).unwrap_or_default(),
            setup,
        }
    }
}

impl Failure {
    /// `fault`, which happened `times` times.
    pub fn new(fault: &Fault, times: u64) -> Self {
        Self {
            code: fault.code().to_string(),
            path: fault.path().map(|path| short(&path.to_string_lossy())),
            got: short(fault.got()),
            times,
        }
    }
}

/// The name that a plain enumeration has in JSON.
pub(crate) fn name(value: impl Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    value.as_str().map(str::to_owned)
}

/// The first characters of a text from elsewhere.
pub(super) fn short(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}
