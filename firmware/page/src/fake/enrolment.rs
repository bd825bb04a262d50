//! The steps of enrolling, each refused where it does not fit.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skueye_models::{Code, Fault, Gtin};

use super::draw;
use super::shelf::Product;
use crate::station::{Candidate, EnrolStep, Enrolment, ProductLine, Shot};

const ENOUGH: u32 = 3;
const MOST: u32 = 8;

/// Where an enrolment stands.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) now: Option<Enrolment>,
    pub(super) next: VecDeque<Result<(), &'static str>>,
    pub(super) like: Vec<Candidate>,
    category: String,
    /// Whether the last product that was saved was unknown before.
    is_new: bool,
}

impl Desk {
    /// Takes the shot that is waited for; true where there was one.
    pub(super) fn settle(&mut self) -> bool {
        let Some(now) = self.now.as_mut().filter(|now| now.waiting) else {
            return false;
        };
        now.waiting = false;
        match self.next.pop_front().unwrap_or(Ok(())) {
            Ok(()) => {
                let turn = now.shots.len() as u64;
                let thumbnail = draw::photo(now.gtin.value().rotate_left(8 * turn as u32), 160);
                now.shots.push(Shot {
                    thumbnail: STANDARD.encode(thumbnail),
                    sharpness: 0.8,
                });
                now.refused = None;
                now.lookalikes.clone_from(&self.like);
            }
            Err(reason) => now.refused = Some(reason.into()),
        }
        true
    }

    /// The item that lies on the stage while an enrolment goes on.
    pub(super) fn item(&self) -> Option<u64> {
        let now = self.now.as_ref().filter(|now| !now.saved)?;
        Some(now.gtin.value())
    }

    pub(super) fn take(
        &mut self,
        step: EnrolStep,
        products: &mut Vec<Product>,
        count: &mut u32,
    ) -> Result<(), Fault> {
        match step {
            EnrolStep::Begin {
                gtin,
                title,
                category,
            } => self.begin(&gtin, title, category, products)?,
            EnrolStep::Undo => {
                let saved = self.now.take_if(|now| now.saved);
                let saved = saved.ok_or_else(|| refused("nothing saved"))?;
                products.retain(|product| !self.is_new || product.line.gtin != saved.gtin);
            }
            step => self.go_on(step, products)?,
        }
        *count = u32::try_from(products.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    fn begin(
        &mut self,
        gtin: &str,
        mut title: String,
        mut category: String,
        products: &[Product],
    ) -> Result<(), Fault> {
        if self.now.as_ref().is_some_and(|now| !now.saved) {
            return Err(refused("one under way"));
        }
        let gtin: Gtin = gtin.parse()?;
        // A product that is known keeps its name and category.
        let mut lines = products.iter().map(|product| &product.line);
        if let Some(known) = lines.find(|line| line.gtin.value() == gtin.value()) {
            (title, category) = (known.title.clone(), known.category.clone());
        }
        if title.trim().is_empty() {
            return Err(Fault::new(
                Code::GalleryInput,
                "a name for a product that the gallery does not have",
                "none",
                "type the product's name",
            ));
        }
        self.category = category;
        self.now = Some(Enrolment {
            gtin,
            title,
            waiting: false,
            shots: Vec::new(),
            enough: ENOUGH,
            most: MOST,
            refused: None,
            lookalikes: Vec::new(),
            saved: false,
        });
        Ok(())
    }

    fn go_on(&mut self, step: EnrolStep, products: &mut Vec<Product>) -> Result<(), Fault> {
        let now = self.now.as_mut().filter(|now| !now.saved);
        let now = now.ok_or_else(|| refused("none under way"))?;
        match step {
            EnrolStep::Shot if !now.waiting && now.shots.len() < MOST as usize => {
                now.waiting = true;
                now.refused = None;
            }
            EnrolStep::Drop(at) if at < now.shots.len() => drop(now.shots.remove(at)),
            EnrolStep::Save if now.shots.len() >= ENOUGH as usize => {
                now.saved = true;
                let line = ProductLine {
                    gtin: now.gtin,
                    title: now.title.clone(),
                    category: self.category.clone(),
                };
                self.is_new = products.iter().all(|product| product.line.gtin != now.gtin);
                if self.is_new {
                    products.push(Product { line, photo: true });
                }
            }
            EnrolStep::Cancel => self.now = None,
            _ => return Err(refused("another")),
        }
        Ok(())
    }
}

fn refused(got: &str) -> Fault {
    Fault::new(
        Code::EnrolStep,
        "an enrolment that this step fits",
        got,
        "look at what is shown, then go on or begin again",
    )
}
