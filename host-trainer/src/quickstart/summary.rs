//! `summary.json`: every figure of a quick start, all computed in that run.

use serde::Serialize;

use super::device::Tally;
use super::timing::Timing;
use crate::evaluate::{Calibration, Metrics};

/// The rows of METHOD 4 that a quick start has. A row is null where its network was not part of the run.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs, reason = "the names of METHOD 4")]
pub struct Rows<T> {
    pub pretrained_raw: Option<T>,
    pub teacher_raw: Option<T>,
    pub teacher_whitened: Option<T>,
    pub student_f32: Option<T>,
    pub student_int8: Option<T>,
    pub student_int8_reranked: Option<T>,
}

// Derived, it would ask the figures for a default as well.
impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            pretrained_raw: None,
            teacher_raw: None,
            teacher_whitened: None,
            student_f32: None,
            student_int8: None,
            student_int8_reranked: None,
        }
    }
}

impl<T: Copy> Rows<T> {
    /// The rows with one figure of each.
    pub fn map<U>(&self, figure: impl Fn(T) -> U) -> Rows<U> {
        Rows {
            pretrained_raw: self.pretrained_raw.map(&figure),
            teacher_raw: self.teacher_raw.map(&figure),
            teacher_whitened: self.teacher_whitened.map(&figure),
            student_f32: self.student_f32.map(&figure),
            student_int8: self.student_int8.map(&figure),
            student_int8_reranked: self.student_int8_reranked.map(&figure),
        }
    }

    /// Name and value of each row, in order.
    pub fn named(&self) -> [(&'static str, Option<T>); 6] {
        [
            ("pretrained_raw", self.pretrained_raw),
            ("teacher_raw", self.teacher_raw),
            ("teacher_whitened", self.teacher_whitened),
            ("student_f32", self.student_f32),
            ("student_int8", self.student_int8),
            ("student_int8_reranked", self.student_int8_reranked),
        ]
    }
}

/// The content of `summary.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Name of the data set.
    pub data: String,
    /// Whether its pictures were computed.
    pub synthetic: bool,
    /// Seed of the run.
    pub seed: u64,
    /// The model's embedding space.
    pub embedding_id: String,
    /// Attributes mined from the titles.
    pub attributes: usize,
    /// Pictures trained on; 0 where a shipped model served.
    pub images_train: usize,
    /// Pictures in the index.
    pub images_index: usize,
    /// Queries, known and unknown.
    pub queries: usize,
    /// MAR@10 divided by `min(10, |relevant|)`.
    pub mar10: Rows<f64>,
    /// MAR@10 divided by `|relevant|`.
    pub mar10_of_all: Rows<f64>,
    /// Share of first answers that are right.
    pub recall1: Rows<f64>,
    /// Mean average precision at ten.
    pub map10: Rows<f64>,
    /// Known against unknown queries by the best score, on the int8 gallery.
    pub open_set_auroc: Option<f64>,
    /// Least cosine between the training engine and the exported f32 model on the evaluation pictures.
    pub onnx_parity_min_cosine: Option<f32>,
    /// The same for the typed FP16 file, widened to f32 at load.
    pub onnx_f16_parity_min_cosine: Option<f32>,
    /// The whitening's ridge, chosen on the validation pictures.
    pub whitening_ridge: Option<f64>,
    /// How the thresholds were set.
    pub calibration: Option<Calibration>,
    /// Frames of the replay.
    pub frames: u64,
    /// What the device made of the replay.
    #[serde(flatten)]
    pub tally: Tally,
    /// Median milliseconds per stage on the device program.
    pub latency_ms: serde_json::Value,
    /// Seconds per step.
    pub seconds: Timing,
}

/// The figure that the open-set AUROC comes from.
pub fn auroc(rows: &Rows<Metrics>) -> Option<f64> {
    rows.student_int8.and_then(|metrics| metrics.auroc)
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.synthetic { "synthetic" } else { "real" };
        writeln!(
            f,
            "{} ({kind}): {} attributes, {} training pictures",
            self.data, self.attributes, self.images_train
        )?;
        writeln!(f, "{:24} {:>8} {:>8}", "", "MAR@10", "R@1")?;
        for ((name, mar10), (_, recall1)) in self.mar10.named().iter().zip(self.recall1.named()) {
            if let (Some(mar10), Some(recall1)) = (mar10, recall1) {
                writeln!(f, "{name:24} {mar10:8.4} {recall1:8.4}")?;
            }
        }
        if let Some(auroc) = self.open_set_auroc {
            writeln!(f, "{:24} {auroc:8.4}", "open-set AUROC")?;
        }
        let t = &self.tally;
        if t.presentations > 0 {
            writeln!(
                f,
                "replay: {} frames, {} presentations ({} of unknown items): {} right, {} wrong, {} asked, {} rejected",
                self.frames,
                t.presentations,
                t.unknown_presentations,
                t.events_correct,
                t.events_wrong,
                t.events_asked,
                t.events_rejected,
            )?;
        }
        Ok(())
    }
}
