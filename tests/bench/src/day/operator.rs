//! The person at the page: looks at it, answers when the device asks, corrects it where it was wrong, and enrols newcomers.
//! Everything goes through the seam behind which the page's server stands.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skueye_models::{Fault, Gtin, Verdict};
use skueye_page::Station;
use skueye_page::station::{Answer, EnrolStep, Presentation, View};

use super::camera::locked;
use super::ledger::Ledger;
use super::script::SHOTS;

/// Between two looks at the page: in the shop's time, and in real time at least.
const LOOK: Duration = Duration::from_millis(100);
const LEAST: Duration = Duration::from_millis(10);
/// Of so many looks one asks for the picture too.
const PREVIEW: u64 = 10;
/// A shot that did not come in so long never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// An enrolment, as shop and operator see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolling {
    pub gtin: Gtin,
    pub title: String,
    /// The view that is shown, from 0.
    pub view: usize,
    /// Whether the item lies.
    pub lies: bool,
    /// What the operator has done.
    pub done: Done,
}

/// How far the operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Done {
    Nothing,
    Begun,
    /// So many shots.
    Shots(usize),
    Saved,
    GivenUp,
}

/// What shop and operator share.
pub type Counter = Arc<Mutex<Option<Enrolling>>>;

/// What the operator did.
#[derive(Debug, Default)]
pub struct Page {
    pub views: u64,
    pub previews: u64,
    pub answers: u64,
    /// Answers that the device did not take.
    pub refused: u64,
    pub enrolments: u64,
    pub enrolments_failed: u64,
    pub save_ms: Vec<f32>,
}

/// The person.
pub struct Operator<'s, S> {
    pub station: &'s S,
    pub ledger: Arc<Mutex<Ledger>>,
    pub counter: Counter,
    look: Duration,
    page: Page,
    /// The newest presentation that was answered or found right.
    answered: u32,
    /// When the shot under way was asked for.
    asked: Option<Instant>,
}

impl<'s, S: Station> Operator<'s, S> {
    /// In a shop whose time goes `speed` times as fast as the clock.
    pub fn new(station: &'s S, ledger: Arc<Mutex<Ledger>>, counter: Counter, speed: f64) -> Self {
        let page = Page {
            save_ms: Vec::with_capacity(1024),
            ..Page::default()
        };
        Self {
            station,
            ledger,
            counter,
            look: LOOK.div_f64(speed).max(LEAST),
            page,
            answered: 0,
            asked: None,
        }
    }

    /// Works until `over`.
    pub fn work(mut self, over: impl Fn() -> bool) -> Page {
        while !over() {
            std::thread::sleep(self.look);
            let view = self.station.view();
            self.page.views += 1;
            if self.page.views.is_multiple_of(PREVIEW) {
                self.page.previews += u64::from(self.station.preview().is_some());
            }
            self.answer(&view);
            self.enrol(&view);
        }
        self.page
    }

    /// Answers what the page shows and what is not right, the oldest first.
    fn answer(&mut self, view: &View) {
        for shown in view.recent.iter().rev() {
            if shown.number <= self.answered {
                continue;
            }
            let Some((gtin, known)) = locked(&self.ledger).truth(shown.number) else {
                continue;
            };
            self.answered = shown.number;
            if let Some(answer) = correction(shown, gtin, known) {
                self.page.answers += 1;
                let taken = self.station.answer(shown.number, answer);
                self.page.refused += u64::from(taken.is_err());
            }
        }
    }

    fn enrol(&mut self, view: &View) {
        let Some(now) = locked(&self.counter).clone() else {
            return;
        };
        match self.step(&now, view) {
            Ok(None) => {}
            Ok(Some(done)) => self.reach(done),
            Err(fault) => {
                eprintln!("enrolment of {}: {fault}", now.gtin);
                self.give_up();
            }
        }
    }

    /// What is to be done next of the enrolment under way, once it is done.
    fn step(&mut self, now: &Enrolling, view: &View) -> Result<Option<Done>, Fault> {
        match now.done {
            Done::Nothing => {
                self.station.enrol(EnrolStep::Begin {
                    gtin: now.gtin.to_string(),
                    title: now.title.clone(),
                    category: "new".into(),
                })?;
                Ok(Some(Done::Begun))
            }
            Done::Begun | Done::Shots(_) if now.lies => self.shot(now, view),
            _ => Ok(None),
        }
    }

    fn shot(&mut self, now: &Enrolling, view: &View) -> Result<Option<Done>, Fault> {
        let shots = match now.done {
            Done::Shots(shots) => shots,
            _ => 0,
        };
        if shots > now.view {
            return Ok(None);
        }
        let Some(asked) = self.asked else {
            self.station.enrol(EnrolStep::Shot)?;
            self.asked = Some(Instant::now());
            return Ok(None);
        };
        let enrolment = view.enrolment.as_ref();
        if enrolment.is_some_and(|e| e.shots.len() > shots) {
            self.asked = None;
            if shots + 1 < SHOTS {
                return Ok(Some(Done::Shots(shots + 1)));
            }
            let begin = Instant::now();
            self.station.enrol(EnrolStep::Save)?;
            self.page.save_ms.push(begin.elapsed().as_secs_f32() * 1e3);
            self.page.enrolments += 1;
            return Ok(Some(Done::Saved));
        }
        let refused = enrolment.is_some_and(|e| !e.waiting && e.refused.is_some());
        if refused || asked.elapsed() > PATIENCE {
            let why = enrolment.and_then(|e| e.refused.clone());
            eprintln!("shot {} of {}: {:?}", shots + 1, now.gtin, why);
            self.give_up();
        }
        Ok(None)
    }

    fn give_up(&mut self) {
        self.page.enrolments_failed += 1;
        self.asked = None;
        // Without an enrolment there is nothing to cancel.
        let _ = self.station.enrol(EnrolStep::Cancel);
        self.reach(Done::GivenUp);
    }

    fn reach(&self, done: Done) {
        if let Some(enrolling) = &mut *locked(&self.counter) {
            enrolling.done = done;
        }
    }
}

/// What a person would say of it; `None` where there is nothing to say.
fn correction(shown: &Presentation, gtin: Gtin, known: bool) -> Option<Answer> {
    let first = shown.candidates.first().map(|candidate| candidate.gtin);
    let right = match known {
        true => Answer::Product(gtin),
        false => Answer::NotThis,
    };
    match shown.verdict {
        Verdict::Ask => Some(right),
        Verdict::Accept => (first != Some(gtin) || !known).then_some(right),
        Verdict::Reject => None,
    }
}
