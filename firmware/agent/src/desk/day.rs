//! A day of the decision log, for the page.

use std::collections::HashMap;
use std::path::Path;

use skueye_models::{Code, Fault, Gtin};
use skueye_page::station::{
    Answer, Candidate, Confusion, Counts, DayLog, Presentation, ProductLine,
};

use crate::decision_log::entry::Decision;
use crate::decision_log::report::DayReport;
use crate::decision_log::{Day, Entry, Line, reading, system_clock};

/// `text` (`YYYY-MM-DD`), or today by the device's clock. Errors: E103 for another text, E901.
pub(super) fn read(folder: &Path, text: Option<&str>, most: usize) -> Result<DayLog, Fault> {
    let day = match text {
        None => Day::of(system_clock()),
        Some(text) => text.parse().map_err(|_| {
            Fault::new(
                Code::SettingsValue,
                "a day written YYYY-MM-DD",
                text.chars().take(40).collect::<String>(),
                "choose another day",
            )
        })?,
    };
    let lines = reading::day(folder, day)?;
    let report = DayReport::new(day, &lines);
    Ok(DayLog {
        day: day.to_string(),
        presentations: presentations(&lines.lines, most),
        counts: Counts {
            frames: 0,
            presentations: report.presentations,
            accepted: report.accepted,
            asked: report.asked,
            rejected: report.rejected,
            corrected: report.answered,
        },
        confusions: report.confusions.into_iter().map(confusion).collect(),
    })
}

/// The newest first, each with what a person said last.
fn presentations(lines: &[Line], most: usize) -> Vec<Presentation> {
    let mut answers: HashMap<(u32, u32), Answer> = HashMap::new();
    for line in lines {
        match &line.entry {
            Entry::Correction {
                presentation, was, ..
            } => {
                let answer = was.map_or(Answer::NotThis, Answer::Product);
                answers.insert((line.boot, *presentation), answer);
            }
            Entry::Undone { presentation } => {
                answers.remove(&(line.boot, *presentation));
            }
            _ => {}
        }
    }
    let events = lines.iter().rev().filter_map(|line| match &line.entry {
        Entry::Event(decision) => Some((line, &**decision)),
        _ => None,
    });
    let presentation = |(line, decision): (&Line, &Decision)| {
        let candidates = decision.candidates.iter().map(|candidate| Candidate {
            gtin: candidate.gtin,
            title: candidate.title.clone(),
            score: candidate.score,
            photo: false,
        });
        Presentation {
            number: decision.presentation,
            verdict: decision.verdict,
            reason: decision.reason.clone(),
            candidates: candidates.collect(),
            answer: answers.get(&(line.boot, decision.presentation)).copied(),
            sent: decision.sent.clone(),
            time: line.time / 1000,
        }
    };
    events.take(most).map(presentation).collect()
}

fn confusion(of: crate::decision_log::report::Confusion) -> Confusion {
    let line = |gtin: Gtin, title: Option<String>| ProductLine {
        gtin,
        title: title.unwrap_or_default(),
        category: String::new(),
    };
    Confusion {
        said: line(of.said, Some(of.said_title)),
        was: of.was.map(|gtin| line(gtin, of.was_title)),
        times: of.times,
    }
}
