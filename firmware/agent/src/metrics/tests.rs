use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use skueye_camera::fake::ScriptedSource;
use skueye_models::{Code, EmbeddingId, Gtin};

use super::*;
use crate::decision_log::scores::Baseline;
use crate::latency::StageMillis;
use crate::report::Candidate;

/// Samples by name and labels.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads the text format and refuses everything that its definition does not allow.
fn parse(text: &str) -> Result<Samples, String> {
    let (mut samples, mut types) = (Samples::new(), BTreeMap::new());
    let mut closed = BTreeSet::new();
    let mut family = String::new();
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').ok_or("a help without text")?;
            if !closed.insert(name.to_owned()) {
                return Err(format!("{name} comes twice"));
            }
            family = name.to_owned();
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or("a type without a kind")?;
            if name != family || !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(format!("a type out of place: {line}"));
            }
            types.insert(family.clone(), kind.to_owned());
            continue;
        }
        let (name, labels, value) = sample(line)?;
        let kind = types.get(&family).ok_or("a sample without a type")?;
        let base = match kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|s| name.strip_suffix(s)),
            "counter" if !name.ends_with("_total") => None,
            _ => Some(name.as_str()),
        };
        if base != Some(&family) {
            return Err(format!("{name} in the family {family}"));
        }
        if samples.insert((name, labels), value).is_some() {
            return Err(format!("the same series twice: {line}"));
        }
    }
    Ok(samples)
}

fn sample(line: &str) -> Result<(String, BTreeMap<String, String>, f64), String> {
    let bad = |what: &str| format!("{what}: {line}");
    let end = line.find(['{', ' ']).ok_or(bad("no value"))?;
    let (name, mut rest) = line.split_at(end);
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !is_name(name) {
        return Err(bad("no name"));
    }
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or(bad("no label"))?;
            if !is_name(label) {
                return Err(bad("no label's name"));
            }
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let at = loop {
                match chars.next().ok_or(bad("an open label"))? {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().map(|(_, c)| c) {
                        Some('n') => value.push('\n'),
                        Some(c @ ('\\' | '"')) => value.push(c),
                        _ => return Err(bad("an unknown escape")),
                    },
                    (_, c) => value.push(c),
                }
            };
            if value.chars().count() > 64 || labels.insert(label.to_owned(), value).is_some() {
                return Err(bad("a label that is too long or comes twice"));
            }
            rest = &after[at + 1..];
            match rest.split_at(1) {
                (",", next) => rest = next,
                ("}", next) => {
                    rest = next;
                    break;
                }
                _ => return Err(bad("labels that do not end")),
            }
        }
    }
    let value = rest
        .strip_prefix(' ')
        .ok_or(bad("no space before the value"))?;
    let value = value.parse().map_err(|_| bad("no number"))?;
    Ok((name.to_owned(), labels, value))
}

fn of(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels = labels
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    samples[&(name.to_owned(), labels.collect())]
}

fn metrics() -> Metrics {
    Metrics::new("/".into())
}

fn event(verdict: Verdict, score: f32, sent: Sent) -> Event<'static> {
    let gtin = Gtin::from_body(400_638_133_393, 13).unwrap();
    let title = "tea";
    Event {
        presentation: 1,
        verdict,
        gtin: None,
        title: None,
        score: Some(score),
        margin: None,
        own_thresholds: None,
        reason: None,
        votes: 1,
        agreeing: 1,
        sharpness: 1.0,
        first_frame: 0,
        last_frame: 1,
        candidates: vec![Candidate { gtin, title, score }],
        sent,
        latency_ms: StageMillis::default(),
    }
}

#[test]
fn what_happened_is_counted() {
    let metrics = metrics();
    let fault = Fault::new(Code::LinkWrite, "", "", "");
    let lines = [
        Line::Event(event(Verdict::Accept, 0.8, Sent::Sent)),
        Line::Event(event(Verdict::Accept, 0.8, Sent::Failed)),
        Line::Event(event(Verdict::Ask, 0.5, Sent::Nothing)),
        Line::Fault {
            frame: None,
            fault: &fault,
        },
        Line::Set {
            release: "spring \"27\"\n\\",
            step: SetStep::InUse,
            why: None,
        },
    ];
    for line in &lines {
        (&metrics).observe(line).unwrap();
    }
    let mut times = FrameTimes::default();
    times.time(Stage::Embed, || ());
    metrics.looked(&times);
    let samples = parse(&metrics.text()).unwrap();
    let verdicts = ["accept", "ask", "reject"]
        .map(|v| of(&samples, "skueye_presentations_total", &[("verdict", v)]));
    assert_eq!(verdicts, [2.0, 1.0, 0.0]);
    let sent = ["nothing", "sent", "duplicate", "failed"]
        .map(|r| of(&samples, "skueye_sent_total", &[("result", r)]));
    assert_eq!(sent, [1.0, 1.0, 0.0, 1.0]);
    assert_eq!(
        of(&samples, "skueye_faults_total", &[("subject", "link")]),
        1.0
    );
    let sets = ["tried", "in_use"].map(|s| of(&samples, "skueye_sets_total", &[("step", s)]));
    assert_eq!(sets, [0.0, 1.0]);
    let release = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("release", "spring \"27\"\n\\"),
    ];
    assert_eq!(of(&samples, "skueye_info", &release), 1.0);
    for (stage, count) in [("embed", 1.0), ("search", 0.0)] {
        assert_eq!(
            of(&samples, "skueye_stage_seconds_count", &[("stage", stage)]),
            count
        );
        let last = [("stage", stage), ("le", "+Inf")];
        assert_eq!(of(&samples, "skueye_stage_seconds_bucket", &last), count);
    }
    assert!(of(&samples, "skueye_disk_size_bytes", &[]) > 0.0);
    assert!(of(&samples, "skueye_resident_bytes", &[]) > 1e6);
}

#[test]
fn buckets_add_up_to_the_bound_they_name() {
    let metrics = metrics();
    for micros in [400, 500, 501, 9_000_000] {
        metrics.stages[Stage::Total as usize].add(Duration::from_micros(micros));
    }
    let samples = parse(&metrics.text()).unwrap();
    let below = |le| {
        of(
            &samples,
            "skueye_stage_seconds_bucket",
            &[("stage", "total"), ("le", le)],
        )
    };
    assert_eq!(
        ["0.0005", "0.001", "2.5", "+Inf"].map(below),
        [2.0, 3.0, 3.0, 4.0]
    );
}

#[test]
fn falling_scores_show_as_drift() {
    let metrics = metrics();
    let baseline = Some(Baseline {
        model: EmbeddingId([1; 16]),
        median: 0.8,
    });
    let found = Found {
        baseline,
        ..Found::default()
    };
    metrics.begin_scores(0.05, found);
    for _ in 0..60 {
        (&metrics)
            .observe(&Line::Event(event(Verdict::Accept, 0.7, Sent::Sent)))
            .unwrap();
    }
    let samples = parse(&metrics.text()).unwrap();
    let drift = of(&samples, "skueye_score_drift", &[]);
    assert!((drift + 0.1).abs() < 1e-3, "{drift}");
    assert_eq!(metrics.fallen().unwrap().code(), Code::ScoresFallen);
    assert!(metrics.news_of_scores().is_some() && metrics.news_of_scores().is_none());
}

#[test]
fn frames_losses_and_damage_of_a_camera_are_counted() {
    let metrics = metrics();
    let bad = CameraError::PictureTooLarge { path: "1".into() };
    let last = Frame {
        sequence: 2,
        ..Frame::default()
    };
    let script = vec![Ok(Frame::default()), Err(bad), Ok(last)];
    let mut source = Counted::new(ScriptedSource::new(script), &metrics);
    let mut into = Frame::default();
    while source.next_frame(&mut into) != Ok(SourceEvent::EndOfReplay) {}
    let samples = parse(&metrics.text()).unwrap();
    assert_eq!(of(&samples, "skueye_frames_total", &[]), 3.0);
    assert_eq!(of(&samples, "skueye_frames_damaged_total", &[]), 1.0);
    assert_eq!(of(&samples, "skueye_camera_open", &[]), 0.0);
}

proptest! {
    #[test]
    fn no_release_breaks_the_format(release in any::<String>()) {
        let metrics = metrics();
        (&metrics).observe(&Line::Set { release: &release, step: SetStep::InUse, why: None }).unwrap();
        let parsed = parse(&metrics.text());
        prop_assert!(parsed.is_ok(), "{:?}", parsed);
    }
}

#[test]
fn a_zone_that_cannot_be_read_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for (zone, temp) in [(0, "45500\n"), (1, "broken"), (3, "-5000")] {
        let zone = folder.path().join(format!("thermal_zone{zone}"));
        std::fs::create_dir(&zone).unwrap();
        std::fs::write(zone.join("temp"), temp).unwrap();
        std::fs::write(zone.join("type"), "cpu-thermal\n").unwrap();
    }
    let found = machine::temperatures(folder.path());
    let celsius: Vec<f64> = found.iter().map(|(.., celsius)| *celsius).collect();
    assert_eq!(celsius, [45.5, -5.0]);
}
