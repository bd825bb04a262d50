//! A device without a device. It is as strict as the real one: a step that does not fit is refused with the same numbers.

mod draw;
mod enrolment;
mod shelf;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use skueye_models::{Code, Fault, Gtin, Verdict};

pub use shelf::{Product, shelf};

use crate::station::{
    Answer, Candidate, Confusion, Counts, DayLog, EnrolStep, Enrolment, Health, Presentation,
    ProductLine, Stage, Station, Trouble, UpdateView, View,
};
use enrolment::Desk;

/// 2026-03-14 09:00 UTC, when the fake's day begins.
const MORNING: u64 = 1_773_478_800;
/// The fake's today.
pub const TODAY: &str = "2026-03-14";
/// The view lists so many presentations.
const LISTED: usize = 8;

/// A device in memory whose scans are told by a script.
pub struct FakeStation {
    state: Mutex<State>,
    views: AtomicU64,
}

struct State {
    products: Vec<Product>,
    view: View,
    log: Vec<Presentation>,
    desk: Desk,
    sent: Vec<Gtin>,
    health: Health,
    settings: Vec<String>,
}

impl FakeStation {
    /// A device that knows `products`; its stage is empty.
    pub fn new(products: Vec<Product>) -> Arc<Self> {
        let view = View {
            version: 1,
            stage: Stage::Empty,
            fps: 29.9,
            latency_ms: Some(21.4),
            products: u32::try_from(products.len()).unwrap_or(u32::MAX),
            update: UpdateView {
                release: Some("2026.03".into()),
                ..UpdateView::default()
            },
            ..View::default()
        };
        let state = State {
            products,
            view,
            log: Vec::new(),
            desk: Desk::default(),
            sent: Vec::new(),
            health: Health::default(),
            settings: Vec::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            views: AtomicU64::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        state.view.version += 1;
        change(&mut state)
    }

    /// How often the view was asked for.
    pub fn views(&self) -> u64 {
        self.views.load(Ordering::Relaxed)
    }

    /// Puts the stage in another state.
    pub fn stage(&self, stage: Stage) {
        self.change(|state| state.view.stage = stage);
    }

    /// A presentation is over: `candidates` are places among the products with their scores, the best first. Its number.
    pub fn present(
        &self,
        verdict: Verdict,
        reason: Option<&str>,
        candidates: &[(usize, f32)],
    ) -> u32 {
        self.change(|state| state.present(verdict, reason, candidates))
    }

    /// What the next shots of an enrolment will be: sound, or refused for a reason. After these all are sound.
    pub fn shots(&self, next: impl IntoIterator<Item = Result<(), &'static str>>) {
        self.change(|state| state.desk.next = next.into_iter().collect::<VecDeque<_>>());
    }

    /// Products that the next enrolment will look like, as places among the products with their scores.
    pub fn lookalikes(&self, like: &[(usize, f32)]) {
        self.change(|state| {
            state.desk.like = like
                .iter()
                .map(|&(at, score)| state.candidate(at, score))
                .collect();
        });
    }

    /// Changes what the view shows besides.
    pub fn set(&self, change: impl FnOnce(&mut View)) {
        self.change(|state| change(&mut state.view));
    }

    /// Breaks or mends parts.
    pub fn set_health(&self, health: Health) {
        self.change(|state| {
            let parts = [&health.camera, &health.model, &health.gallery, &health.link];
            state.view.troubles = parts.into_iter().flatten().cloned().collect();
            state.health = health;
        });
    }

    /// What the settings check finds.
    pub fn set_settings_problems(&self, problems: &[&str]) {
        self.change(|state| state.settings = problems.iter().map(|&p| p.to_owned()).collect());
    }

    /// What the till got, in order.
    pub fn sent(&self) -> Vec<Gtin> {
        self.state().sent.clone()
    }

    /// What a person said about presentation `number`.
    pub fn answer_to(&self, number: u32) -> Option<Answer> {
        let state = self.state();
        state.log.iter().find(|p| p.number == number)?.answer
    }

    /// The number of the product at a place on the shelf.
    pub fn candidate(&self, at: usize) -> Gtin {
        self.state().products[at].line.gtin
    }

    /// The titles of the products, in order.
    pub fn titles(&self) -> Vec<String> {
        self.state()
            .products
            .iter()
            .map(|p| p.line.title.clone())
            .collect()
    }
}

impl State {
    fn candidate(&self, at: usize, score: f32) -> Candidate {
        let product = &self.products[at];
        Candidate {
            gtin: product.line.gtin,
            title: product.line.title.clone(),
            score,
            photo: product.photo,
        }
    }

    fn present(&mut self, verdict: Verdict, reason: Option<&str>, of: &[(usize, f32)]) -> u32 {
        let number = self.view.counts.presentations + 1;
        let candidates: Vec<Candidate> = of.iter().map(|&(at, s)| self.candidate(at, s)).collect();
        let accepted = (verdict == Verdict::Accept).then(|| candidates[0].gtin);
        self.sent.extend(accepted);
        let counts = &mut self.view.counts;
        counts.presentations = number;
        match verdict {
            Verdict::Accept => counts.accepted += 1,
            Verdict::Ask => counts.asked += 1,
            Verdict::Reject => counts.rejected += 1,
        }
        self.log.insert(
            0,
            Presentation {
                number,
                verdict,
                reason: reason.map(str::to_owned),
                candidates,
                answer: None,
                sent: if accepted.is_some() {
                    "sent"
                } else {
                    "nothing"
                }
                .into(),
                time: MORNING + 37 * u64::from(number),
            },
        );
        self.view.asks = (verdict == Verdict::Ask).then_some(number);
        self.view.stage = Stage::Decided;
        self.show();
        number
    }

    /// Brings the view's list up to date.
    fn show(&mut self) {
        self.view.recent = self.log.iter().take(LISTED).cloned().collect();
    }

    fn answer(&mut self, number: u32, answer: Answer) -> Result<(), Fault> {
        let listed = self
            .log
            .iter_mut()
            .take(LISTED)
            .find(|p| p.number == number);
        let presentation = listed.ok_or_else(|| late("one that is long over"))?;
        if let Some(given) = presentation.answer {
            return match given == answer {
                true => Ok(()),
                false => Err(late("one that was answered otherwise")),
            };
        }
        match (presentation.verdict, answer) {
            (Verdict::Ask, Answer::Product(gtin)) => {
                if !presentation.candidates.iter().any(|c| c.gtin == gtin) {
                    return Err(late("a product that was not shown"));
                }
                presentation.sent = "sent".into();
                self.sent.push(gtin);
            }
            (Verdict::Ask, Answer::NotThis) => {}
            (Verdict::Accept, Answer::NotThis) => self.view.counts.corrected += 1,
            _ => return Err(late("one that asks nothing")),
        }
        presentation.answer = Some(answer);
        if self.view.asks == Some(number) {
            self.view.asks = None;
        }
        self.show();
        Ok(())
    }

    fn line(&self, gtin: Gtin) -> Option<&ProductLine> {
        let mut lines = self.products.iter().map(|product| &product.line);
        lines.find(|line| line.gtin == gtin)
    }

    fn confusions(&self) -> Vec<Confusion> {
        let mut found: Vec<Confusion> = Vec::new();
        for presentation in &self.log {
            let Some(answer) = presentation.answer else {
                continue;
            };
            let Some(said) = presentation.candidates.first() else {
                continue;
            };
            let was = match answer {
                Answer::Product(gtin) if gtin == said.gtin => continue,
                Answer::Product(gtin) => self.line(gtin).cloned(),
                Answer::NotThis => None,
            };
            let Some(said) = self.line(said.gtin).cloned() else {
                continue;
            };
            match found.iter_mut().find(|c| c.said == said && c.was == was) {
                Some(known) => known.times += 1,
                None => found.push(Confusion {
                    said,
                    was,
                    times: 1,
                }),
            }
        }
        found.sort_by_key(|confusion| std::cmp::Reverse(confusion.times));
        found
    }
}

fn late(got: &str) -> Fault {
    Fault::new(
        Code::AnswerLate,
        "a presentation of the last few",
        got,
        "look at the log; present the item again",
    )
}

impl Station for FakeStation {
    fn view(&self) -> View {
        self.views.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        if state.desk.settle() {
            state.view.version += 1;
        }
        let enrolment = state.desk.now.clone();
        state.view.enrolment = enrolment;
        state.view.clone()
    }

    fn preview(&self) -> Option<Arc<[u8]>> {
        let state = self.state();
        let newest = state.view.recent.first().and_then(|p| p.candidates.first());
        let item = match state.view.stage {
            Stage::Starting => return None,
            Stage::Learning | Stage::Empty => None,
            Stage::Moving | Stage::Looking | Stage::Decided => newest.map(|c| c.gtin.value()),
        };
        let item = state.desk.item().or(item);
        Some(draw::stage(item).into())
    }

    fn photo(&self, gtin: Gtin) -> Option<Arc<[u8]>> {
        let state = self.state();
        let product = state
            .products
            .iter()
            .find(|product| product.line.gtin == gtin)?;
        product.photo.then(|| draw::photo(gtin.value(), 320).into())
    }

    fn answer(&self, number: u32, answer: Answer) -> Result<(), Fault> {
        self.change(|state| state.answer(number, answer))
    }

    fn enrol(&self, step: EnrolStep) -> Result<Option<Enrolment>, Fault> {
        self.change(|state| {
            let (products, count) = (&mut state.products, &mut state.view.products);
            state.desk.take(step, products, count)?;
            Ok(state.desk.now.clone())
        })
    }

    fn find(&self, text: &str, most: usize) -> Vec<ProductLine> {
        let text = text.to_lowercase();
        let state = self.state();
        let lines = state.products.iter().map(|product| &product.line);
        let fits = |line: &&ProductLine| {
            line.title.to_lowercase().contains(&text) || line.gtin.to_string().contains(&text)
        };
        lines.filter(fits).take(most).cloned().collect()
    }

    fn log(&self, day: Option<&str>, most: usize) -> Result<DayLog, Fault> {
        let state = self.state();
        let day = day.unwrap_or(TODAY).to_owned();
        if day != TODAY {
            return Ok(DayLog {
                day,
                ..DayLog::default()
            });
        }
        Ok(DayLog {
            day,
            presentations: state.log.iter().take(most).cloned().collect(),
            confusions: state.confusions(),
            counts: Counts {
                frames: 0,
                ..state.view.counts
            },
        })
    }

    fn health(&self) -> Health {
        self.state().health.clone()
    }

    fn metrics(&self) -> String {
        let counts = self.state().view.counts;
        format!(
            "# TYPE skueye_presentations_total counter\nskueye_presentations_total {}\n",
            counts.presentations
        )
    }

    fn settings_problems(&self) -> Vec<String> {
        self.state().settings.clone()
    }
}

/// What is wrong when the camera is unplugged.
pub fn camera_gone() -> Trouble {
    Trouble {
        code: "E305".into(),
        text: "the camera stopped delivering".into(),
        remedy: "check the camera's plug".into(),
    }
}
