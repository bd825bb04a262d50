//! The last presentations, counts and troubles: an observer of the run.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skueye_models::{Code, Fault, Gtin, Verdict};
use skueye_page::station::{Answer, Candidate, Counts, Presentation, Trouble};

use super::lock;
use crate::report::{Event, Line, Observer, SetStep};
use crate::scanner::Sent;
use crate::sinks::about::{About, Named};

/// Presentations that are kept.
const RECENT: usize = 8;
/// Products of each.
const CANDIDATES: usize = 4;
/// Troubles that are shown at once.
const TROUBLES: usize = 8;
/// A trouble of which nothing was heard again is shown for so long.
const SHOWN: Duration = Duration::from_secs(600);

/// What the page shows of a run.
#[derive(Debug, Default)]
pub struct Board(Mutex<State>);

/// What lies on the board.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub version: u64,
    pub recent: VecDeque<Presentation>,
    pub counts: Counts,
    pub release: Option<String>,
    pub percent: Option<u8>,
    troubles: Vec<(Code, Instant, Trouble)>,
    /// The presentation whose answer was taken back: it asks again until the next item.
    reopened: Option<u32>,
}

/// What becomes of an answer.
#[derive(Debug)]
pub(super) struct Noted {
    /// What the device had said first.
    pub said: Option<Gtin>,
    /// What it is; `None`: not that.
    pub right: Option<Named>,
    /// Whether the device had told the till of a product.
    pub told: bool,
    /// What the till was told and has to forget.
    pub void: Option<Named>,
}

impl State {
    pub fn troubles(&self) -> impl Iterator<Item = (Code, &Trouble)> {
        let fresh = |entry: &&(Code, Instant, Trouble)| lasts(entry.0) || entry.1.elapsed() < SHOWN;
        self.troubles
            .iter()
            .filter(fresh)
            .map(|(code, _, trouble)| (*code, trouble))
    }

    /// The presentation that waits for a person: the newest, where it is unsure and nobody has answered.
    pub fn asks(&self) -> Option<u32> {
        let open = |p: &&Presentation| p.verdict == Verdict::Ask && p.answer.is_none();
        let reopened = self.recent.iter().find(|p| Some(p.number) == self.reopened);
        let asks = reopened.filter(open).or(self.recent.front().filter(open))?;
        Some(asks.number)
    }

    /// The presentation of this number. Errors: E711.
    fn listed(&mut self, number: u32) -> Result<&mut Presentation, Fault> {
        let mut recent = self.recent.iter_mut();
        let listed = recent.find(|presentation| presentation.number == number);
        listed.ok_or_else(|| late(number, "is long over"))
    }

    fn trouble(&mut self, fault: &Fault) {
        self.troubles.retain(|(code, ..)| *code != fault.code());
        if self.troubles.len() == TROUBLES {
            self.troubles.remove(0);
        }
        let code = fault.code();
        self.troubles.push((code, Instant::now(), trouble(fault)));
    }

    fn over(&mut self, of: impl Fn(Code) -> bool) {
        self.troubles.retain(|(code, ..)| !of(*code));
    }

    fn event(&mut self, event: &Event<'_>) {
        let counts = &mut self.counts;
        counts.presentations += 1;
        match event.verdict {
            Verdict::Accept => counts.accepted += 1,
            Verdict::Ask => counts.asked += 1,
            Verdict::Reject => counts.rejected += 1,
        }
        if event.sent == Sent::Sent {
            self.over(is_link);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_back();
        }
        self.recent.push_front(presentation(event));
        self.reopened = None;
    }

    /// Whether the till has forgotten a product.
    fn taken_back(&mut self, number: u32, sent: Sent) {
        if let Ok(presentation) = self.listed(number) {
            presentation.sent = match sent {
                Sent::Nothing => "void".into(),
                Sent::Sent => "taken_back".into(),
                other => other.name().into(),
            };
        }
    }

    fn answered(&mut self, number: u32, sent: Sent) {
        if let Some(presentation) = self.recent.iter_mut().find(|p| p.number == number)
            && sent != Sent::Nothing
        {
            presentation.sent = sent.name().into();
        }
    }
}

/// A trouble as the page shows it.
pub(super) fn trouble(fault: &Fault) -> Trouble {
    Trouble {
        code: format!("E{}", fault.code().number()),
        text: fault.to_string(),
        remedy: fault.remedy().to_owned(),
    }
}

/// Whether a trouble stays until something better is heard: camera and link.
fn lasts(code: Code) -> bool {
    is_camera(code) || is_link(code)
}

pub(super) fn is_camera(code: Code) -> bool {
    (305..400).contains(&code.number())
}

pub(super) fn is_link(code: Code) -> bool {
    // E706 and E708 tell of a webhook whose events are kept: nothing keeps the till from hearing.
    (700..710).contains(&code.number()) && ![706, 708].contains(&code.number())
}

fn presentation(event: &Event<'_>) -> Presentation {
    let candidates = event.candidates.iter().take(CANDIDATES);
    Presentation {
        number: event.presentation,
        verdict: event.verdict,
        reason: event.reason.map(|reason| reason.name().to_owned()),
        candidates: candidates
            .map(|candidate| Candidate {
                gtin: candidate.gtin,
                title: candidate.title.to_owned(),
                score: candidate.score,
                photo: false,
            })
            .collect(),
        answer: None,
        sent: event.sent.name().into(),
        time: seconds(),
    }
}

/// Seconds since 1970 by the device's clock, which may be wrong.
fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Board {
    /// A copy of what lies on it.
    pub(super) fn state(&self) -> State {
        lock(&self.0).clone()
    }

    /// Something is wrong that no line tells.
    pub fn tell(&self, fault: &Fault) {
        let mut state = lock(&self.0);
        state.trouble(fault);
        state.version += 1;
    }

    /// Something outside the board changed that the page shows.
    pub(crate) fn touch(&self) {
        lock(&self.0).version += 1;
    }

    /// Notes a person's answer; the same answer again gives nothing. Errors: E711.
    pub(super) fn answer(&self, number: u32, answer: Answer) -> Result<Option<Noted>, Fault> {
        let mut state = lock(&self.0);
        let presentation = state.listed(number)?;
        match presentation.answer {
            Some(before) if before == answer => return Ok(None),
            Some(_) => return Err(late(number, "was answered otherwise")),
            None => presentation.answer = Some(answer),
        }
        let first = presentation.candidates.first().map(|c| c.gtin);
        let told = presentation.verdict == Verdict::Accept;
        let wrong = first.filter(|_| told && answer == Answer::NotThis && is_told(presentation));
        let noted = Noted {
            said: first,
            right: match answer {
                Answer::Product(gtin) => Some(named(presentation, gtin)),
                Answer::NotThis => None,
            },
            told,
            void: wrong.map(|gtin| named(presentation, gtin)),
        };
        state.counts.corrected += 1;
        state.version += 1;
        Ok(Some(noted))
    }

    /// Takes the answer to a question back, which then asks again: what was chosen, if anything was. Errors: E711.
    pub(super) fn take_back(&self, number: u32) -> Result<Noted, Fault> {
        let mut state = lock(&self.0);
        let presentation = state.listed(number)?;
        if presentation.verdict != Verdict::Ask {
            return Err(late(number, "asked nothing"));
        }
        let Some(answer) = presentation.answer.take() else {
            return Err(late(number, "was not answered"));
        };
        let right = match answer {
            Answer::Product(gtin) => Some(named(presentation, gtin)),
            Answer::NotThis => None,
        };
        let noted = Noted {
            said: presentation.candidates.first().map(|c| c.gtin),
            void: right.clone().filter(|_| is_told(presentation)),
            right,
            told: false,
        };
        if noted.void.is_none() {
            presentation.sent = Sent::Nothing.name().into();
        }
        state.reopened = Some(number);
        state.counts.corrected = state.counts.corrected.saturating_sub(1);
        state.version += 1;
        Ok(noted)
    }
}

/// Whether the till has heard of the presentation's product, or will.
fn is_told(presentation: &Presentation) -> bool {
    [Sent::Sent, Sent::Pending]
        .map(Sent::name)
        .contains(&&*presentation.sent)
}

/// One of its products as the sinks are told of it.
fn named(presentation: &Presentation, gtin: Gtin) -> Named {
    let known = presentation.candidates.iter().find(|c| c.gtin == gtin);
    let (title, score) = known.map_or(("", None), |c| (&*c.title, Some(c.score)));
    let about = About::person(presentation.number, title, score);
    Named { gtin, about }
}

fn late(number: u32, got: &str) -> Fault {
    Fault::new(
        Code::AnswerLate,
        "one of the last presentations, not yet answered",
        format!("presentation {number}, which {got}"),
        "look at the log; present the item again",
    )
}

impl Observer for &Board {
    fn observe(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        let mut state = lock(&self.0);
        match line {
            Line::Event(event) => state.event(event),
            Line::Answer {
                presentation, sent, ..
            } => state.answered(*presentation, *sent),
            Line::TakenBack {
                presentation, sent, ..
            } => state.taken_back(*presentation, *sent),
            Line::Late {
                presentation: Some(number),
                sent,
                ..
            } => state.answered(*number, *sent),
            Line::Fault { fault, .. } => state.trouble(fault),
            Line::Camera { .. } => state.over(is_camera),
            Line::Link { .. } => state.over(is_link),
            Line::Runtime { percent, .. } => state.percent = *percent,
            Line::Set { release, step, .. } if *step == SetStep::InUse => {
                state.release = Some((*release).to_owned());
            }
            _ => {}
        }
        state.version += 1;
        Ok(())
    }
}
