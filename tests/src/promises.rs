//! What the demo promises, held against the figures of its `summary.json`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// Which run the figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Trained on the drawn packages.
    Synth,
    /// Trained on the items drawn by several makers.
    Makers,
    /// The shipped model on the drawn packages.
    WithoutTraining,
}

impl FromStr for Run {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "synth" => Ok(Self::Synth),
            "makers" => Ok(Self::Makers),
            "without-training" => Ok(Self::WithoutTraining),
            other => Err(format!(
                "no run {other:?}; there are synth, makers, without-training"
            )),
        }
    }
}

/// A promise with what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is kept.
    pub kept: bool,
    /// The promise and the figure.
    pub text: String,
}

impl Finding {
    fn new(kept: bool, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kept, text }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.kept { "kept  " } else { "BROKEN" };
        write!(f, "{mark} {}", self.text)
    }
}

/// Figures that every run has.
const ALWAYS: [&str; 11] = [
    "/attributes",
    "/images_train",
    "/mar10/student_f32",
    "/mar10/student_int8",
    "/mar10/student_int8_reranked",
    "/recall1/student_int8",
    "/frames",
    "/presentations",
    "/events_correct",
    "/events_wrong",
    "/events_rejected",
];
/// What only training can tell.
const OF_TRAINING: [&str; 5] = [
    "/mar10/pretrained_raw",
    "/mar10/teacher_raw",
    "/mar10/teacher_whitened",
    "/open_set_auroc",
    "/onnx_parity_min_cosine",
];
/// What differs from run to run.
const TIMINGS: [&str; 2] = ["latency_ms", "seconds"];

/// Every promise about `run` with its finding in `summary`.
pub fn check(summary: &Value, run: Run) -> Vec<Finding> {
    let figures = figures_are_there(summary, run);
    let int8 = int8_keeps_f32(summary);
    match run {
        Run::Synth => vec![
            figures,
            int8,
            gain(summary, 0.10),
            parity(summary),
            times(summary, &TIMINGS),
            replay(summary),
        ],
        // The makers' drawings are no camera frames: there is no replay of them, so no latency on the frame path.
        Run::Makers => vec![
            figures,
            int8,
            gain(summary, f64::EPSILON),
            parity(summary),
            times(summary, &["seconds"]),
        ],
        Run::WithoutTraining => vec![figures, int8, times(summary, &TIMINGS), replay(summary)],
    }
}

fn figures_are_there(summary: &Value, run: Run) -> Finding {
    let trained: &[&str] = match run {
        Run::WithoutTraining => &[],
        Run::Synth | Run::Makers => &OF_TRAINING,
    };
    let missing: Vec<&str> = ALWAYS
        .iter()
        .chain(trained)
        .filter(|key| number(summary, key).is_none())
        .copied()
        .collect();
    Finding::new(
        missing.is_empty(),
        format!("every figure is there; missing: {missing:?}"),
    )
}

fn times(summary: &Value, keys: &[&str]) -> Finding {
    let filled = |key: &&str| {
        let times = summary[*key].as_object();
        times.is_some_and(|t| !t.is_empty() && t.values().all(Value::is_number))
    };
    Finding::new(
        keys.iter().all(filled),
        format!("times are there: {keys:?}"),
    )
}

fn replay(summary: &Value) -> Finding {
    let count = |key| number(summary, key).unwrap_or_default();
    let (right, wrong) = (count("/events_correct"), count("/events_wrong"));
    let shown = count("/presentations");
    Finding::new(
        count("/frames") > 0.0 && shown > 0.0 && right > wrong,
        format!(
            "the device is right more often than wrong: {right} and {wrong} of {shown} presentations"
        ),
    )
}

fn int8_keeps_f32(summary: &Value) -> Finding {
    let loss = difference(summary, "/mar10/student_int8", "/mar10/student_f32");
    Finding::new(
        loss.is_some_and(|d| d.abs() <= 0.005),
        format!("int8 within 0.005 of f32: {}", shown(loss)),
    )
}

fn gain(summary: &Value, least: f64) -> Finding {
    let gain = difference(summary, "/mar10/student_int8", "/mar10/pretrained_raw");
    Finding::new(
        gain.is_some_and(|g| g >= least),
        format!(
            "student_int8 above pretrained_raw by {least:.2} or more: {}",
            shown(gain)
        ),
    )
}

fn parity(summary: &Value) -> Finding {
    let cosine = number(summary, "/onnx_parity_min_cosine");
    Finding::new(
        cosine.is_some_and(|c| c >= 0.999),
        format!(
            "the ONNX file computes what was trained, cosine 0.999: {}",
            shown(cosine)
        ),
    )
}

fn number(summary: &Value, pointer: &str) -> Option<f64> {
    summary.pointer(pointer)?.as_f64().filter(|n| n.is_finite())
}

fn difference(summary: &Value, a: &str, b: &str) -> Option<f64> {
    Some(number(summary, a)? - number(summary, b)?)
}

fn shown(figure: Option<f64>) -> String {
    figure.map_or("missing".to_owned(), |f| format!("{f:.4}"))
}

/// Whether two runs of one seed tell the same, timings aside.
pub fn same(first: &Value, second: &Value) -> Finding {
    let differing: Vec<String> = keys(first)
        .into_iter()
        .chain(keys(second))
        .filter(|key| !TIMINGS.contains(&key.as_str()) && first[key] != second[key])
        .collect();
    Finding::new(
        differing.is_empty(),
        format!("a second run with the same seed tells the same; differing: {differing:?}"),
    )
}

fn keys(summary: &Value) -> Vec<String> {
    summary
        .as_object()
        .map_or(Vec::new(), |o| o.keys().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary() -> Value {
        json!({
            "attributes": 40, "images_train": 500, "recall1": {"student_int8": 0.9}, "open_set_auroc": 0.8,
            "mar10": {
                "pretrained_raw": 0.5, "teacher_raw": 0.7, "teacher_whitened": 0.72, "student_f32": 0.71,
                "student_int8": 0.708, "student_int8_reranked": 0.73
            },
            "onnx_parity_min_cosine": 0.9999, "frames": 90, "presentations": 9,
            "events_correct": 7, "events_wrong": 1, "events_rejected": 1,
            "latency_ms": {"embed": 9.5}, "seconds": {"mine": 0.1}
        })
    }

    /// How many promises about `run` are broken when the figure at `pointer` is `value`.
    fn broken(pointer: &str, value: Value, run: Run) -> usize {
        let mut changed = summary();
        *changed.pointer_mut(pointer).unwrap() = value;
        check(&changed, run).iter().filter(|f| !f.kept).count()
    }

    #[test]
    fn a_good_run_keeps_every_promise() {
        for run in [Run::Synth, Run::Makers, Run::WithoutTraining] {
            assert_eq!(broken("/frames", json!(90), run), 0, "{run:?}");
        }
    }

    #[test]
    fn each_broken_promise_is_found() {
        let cases = [
            ("/mar10/student_f32", json!(0.72), [1, 1, 1]),
            ("/mar10/pretrained_raw", json!(0.65), [1, 0, 0]),
            ("/mar10/pretrained_raw", json!(0.708), [1, 1, 0]),
            ("/mar10/pretrained_raw", json!(null), [2, 2, 0]),
            ("/onnx_parity_min_cosine", json!(0.9), [1, 1, 0]),
            ("/frames", json!(0), [1, 0, 1]),
            ("/events_wrong", json!(7), [1, 0, 1]),
            ("/events_rejected", json!(null), [1, 1, 1]),
            ("/latency_ms", json!({}), [1, 0, 1]),
            ("/seconds", json!({}), [1, 1, 1]),
        ];
        for (pointer, value, expected) in cases {
            let runs = [Run::Synth, Run::Makers, Run::WithoutTraining];
            let found = runs.map(|run| broken(pointer, value.clone(), run));
            assert_eq!(found, expected, "{pointer} = {value}");
        }
    }

    #[test]
    fn only_timings_may_differ_between_runs() {
        let mut second = summary();
        second["seconds"] = json!({"mine": 0.2});
        assert!(same(&summary(), &second).kept);
        second["events_wrong"] = json!(0);
        assert!(!same(&summary(), &second).kept);
        assert!(!same(&summary(), &json!({})).kept);
    }
}
