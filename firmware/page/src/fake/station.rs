//! The seam.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use skueye_models::{Fault, Gtin};

use super::{FakeStation, TODAY, draw};
use crate::station::{
    Answer, Counts, DayLog, EnrolStep, Enrolment, Health, ProductLine, Stage, Station, View,
};

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

    fn take_back(&self, number: u32) -> Result<(), Fault> {
        self.change(|state| state.take_back(number))
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
