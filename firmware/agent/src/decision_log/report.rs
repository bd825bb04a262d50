//! A day in figures: what was accepted, asked and refused, what people said about it, and which products were taken for each
//! other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use skueye_models::{Gtin, Verdict};

use super::day::Day;
use super::entry::{Decision, Entry};
use super::reading::DayLines;

/// So many rows a list has.
const MOST_ROWS: usize = 20;

/// A day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayReport {
    /// Of the device's clock.
    pub day: Day,
    /// Starts of the program.
    pub starts: u32,
    /// Presentations.
    pub presentations: u32,
    /// Of those, accepted.
    pub accepted: u32,
    /// Of those, asked about.
    pub asked: u32,
    /// Of those, unknown.
    pub rejected: u32,
    /// The till did not take them.
    pub failed: u32,
    /// Presentations that a person answered: accepted ones taken back, and asked ones chosen for.
    pub answered: u32,
    /// Accepted answers that a person took back: wrong, as far as anybody said so.
    pub taken_back: u32,
    /// Asked answers of which the best candidate was the one chosen.
    pub best_chosen: u32,
    /// Accepted and not taken back, per 1,000 presentations.
    pub accepted_per_1000: Option<f64>,
    /// Products that were taken for each other, the most frequent first.
    pub confusions: Vec<Confusion>,
    /// Products that were asked about most.
    pub most_asked: Vec<Asked>,
    /// Why answers were withheld.
    pub reasons: BTreeMap<String, u32>,
    /// Faults by number.
    pub faults: BTreeMap<String, u64>,
    /// Lines that are missing because they could not be written.
    pub dropped: u64,
    /// Lines that cannot be read.
    pub damaged: u64,
}

/// What the device said, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// What the device took it for.
    pub said: Gtin,
    /// Its name.
    pub said_title: String,
    /// What it was; none where a person said only "not this".
    pub was: Option<Gtin>,
    /// Its name, where it was seen that day.
    pub was_title: Option<String>,
    /// How often.
    pub times: u32,
}

/// A product that was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The best candidate.
    pub gtin: Gtin,
    /// Its name.
    pub title: String,
    /// How often.
    pub times: u32,
}

/// What is gathered on the way.
#[derive(Default)]
struct Gathered<'l> {
    titles: BTreeMap<Gtin, &'l str>,
    asked: BTreeMap<Gtin, u32>,
    pairs: BTreeMap<(Gtin, Option<Gtin>), u32>,
    decisions: BTreeMap<(u32, u32), &'l Decision>,
    /// The same answer given twice counts once; of two different ones the last counts.
    answers: BTreeMap<(u32, u32), (Option<Gtin>, Option<Gtin>)>,
}

impl DayReport {
    /// The report of `day` from its lines.
    pub fn new(day: Day, read: &DayLines) -> Self {
        let mut report = Self::empty(day, read.damaged);
        let mut gathered = Gathered::default();
        for line in &read.lines {
            report.line(line.boot, &line.entry, &mut gathered);
        }
        let answers = std::mem::take(&mut gathered.answers);
        for (key, (said, was)) in answers {
            report.answer(key, said, was, &mut gathered);
        }
        report.finish(gathered);
        report
    }

    fn empty(day: Day, damaged: u64) -> Self {
        Self {
            day,
            starts: 0,
            presentations: 0,
            accepted: 0,
            asked: 0,
            rejected: 0,
            failed: 0,
            answered: 0,
            taken_back: 0,
            best_chosen: 0,
            accepted_per_1000: None,
            confusions: Vec::new(),
            most_asked: Vec::new(),
            reasons: BTreeMap::new(),
            faults: BTreeMap::new(),
            dropped: 0,
            damaged,
        }
    }

    fn line<'l>(&mut self, boot: u32, entry: &'l Entry, gathered: &mut Gathered<'l>) {
        match entry {
            Entry::Start(_) => self.starts += 1,
            Entry::Event(decision) => self.decision(boot, decision, gathered),
            Entry::Correction {
                presentation,
                said,
                was,
            } => {
                let key = (boot, *presentation);
                gathered.answers.insert(key, (*said, *was));
            }
            Entry::Undone { presentation } => {
                gathered.answers.remove(&(boot, *presentation));
            }
            Entry::Late { sent, .. } => self.failed += u32::from(sent == "failed"),
            Entry::Fault(fault) => {
                *self.faults.entry(fault.code.clone()).or_default() += fault.times;
            }
            Entry::Gap { lines, .. } => self.dropped += lines,
            _ => {}
        }
    }

    fn decision<'l>(&mut self, boot: u32, decision: &'l Decision, gathered: &mut Gathered<'l>) {
        self.presentations += 1;
        match decision.verdict {
            Verdict::Accept => self.accepted += 1,
            Verdict::Ask => self.asked += 1,
            Verdict::Reject => self.rejected += 1,
        }
        self.failed += u32::from(decision.sent == "failed");
        if let Some(reason) = &decision.reason {
            *self.reasons.entry(reason.clone()).or_default() += 1;
        }
        for candidate in &decision.candidates {
            gathered.titles.insert(candidate.gtin, &candidate.title);
        }
        if let (Verdict::Ask, Some(best)) = (decision.verdict, decision.candidates.first()) {
            *gathered.asked.entry(best.gtin).or_default() += 1;
        }
        let key = (boot, decision.presentation);
        gathered.decisions.insert(key, decision);
    }

    fn answer(
        &mut self,
        key: (u32, u32),
        said: Option<Gtin>,
        was: Option<Gtin>,
        gathered: &mut Gathered<'_>,
    ) {
        self.answered += 1;
        let verdict = gathered.decisions.get(&key).map(|d| d.verdict);
        let is_same = was.is_some() && said == was;
        self.taken_back += u32::from(verdict == Some(Verdict::Accept) && !is_same);
        self.best_chosen += u32::from(verdict == Some(Verdict::Ask) && is_same);
        if let (Some(said), false) = (said, is_same) {
            *gathered.pairs.entry((said, was)).or_default() += 1;
        }
    }

    fn finish(&mut self, gathered: Gathered<'_>) {
        let right = f64::from(self.accepted.saturating_sub(self.taken_back));
        if self.presentations > 0 {
            self.accepted_per_1000 = Some(1000.0 * right / f64::from(self.presentations));
        }
        let title = |gtin: Gtin| gathered.titles.get(&gtin).map(|title| (*title).to_owned());
        let confusions = most(gathered.pairs).into_iter();
        let confusions = confusions.map(|((said, was), times)| Confusion {
            said,
            said_title: title(said).unwrap_or_default(),
            was,
            was_title: was.and_then(title),
            times,
        });
        self.confusions = confusions.collect();
        let asked = most(gathered.asked).into_iter().map(|(gtin, times)| Asked {
            gtin,
            title: title(gtin).unwrap_or_default(),
            times,
        });
        self.most_asked = asked.collect();
    }
}

/// The most frequent, in the order of the keys where they are equal.
fn most<K: Ord>(counts: BTreeMap<K, u32>) -> Vec<(K, u32)> {
    let mut sorted: BTreeSet<(std::cmp::Reverse<u32>, K)> = BTreeSet::new();
    sorted.extend(counts.into_iter().map(|(k, n)| (std::cmp::Reverse(n), k)));
    let first = sorted.into_iter().take(MOST_ROWS);
    first.map(|(n, key)| (key, n.0)).collect()
}
