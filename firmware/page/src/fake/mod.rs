//! A device without a device. It is as strict as the real one: a step that does not fit is refused with the same numbers.

mod day;
mod draw;
mod enrolment;
mod shelf;
mod station;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use skueye_models::{Gtin, Verdict};

pub use shelf::{Product, shelf};

use crate::station::{Answer, Health, Presentation, Stage, Trouble, UpdateView, View};
use enrolment::Desk;

/// The fake's today.
pub const TODAY: &str = "2026-03-14";

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

/// What is wrong when the camera is unplugged.
pub fn camera_gone() -> Trouble {
    Trouble {
        code: "E305".into(),
        text: "the camera stopped delivering".into(),
        remedy: "check the camera's plug".into(),
    }
}
