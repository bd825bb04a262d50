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
    ) -> Result<Enrolment, Fault> {
        let enrolment = match step {
            EnrolStep::Begin {
                gtin,
                title,
                category,
            } => self.begin(&gtin, title, category, products)?,
            EnrolStep::Undo => {
                let saved = self
                    .now
                    .take_if(|now| now.saved)
                    .ok_or_else(|| refused("nothing saved"))?;
                products.retain(|product| product.line.gtin != saved.gtin);
                saved
            }
            step => self.go_on(step, products)?,
        };
        *count = u32::try_from(products.len()).unwrap_or(u32::MAX);
        Ok(enrolment)
    }

    fn begin(
        &mut self,
        gtin: &str,
        title: String,
        category: String,
        products: &[Product],
    ) -> Result<Enrolment, Fault> {
        if self.now.as_ref().is_some_and(|now| !now.saved) {
            return Err(refused("one under way"));
        }
        let gtin: Gtin = gtin.parse()?;
        let known = products.iter().any(|product| product.line.gtin == gtin);
        if title.trim().is_empty() || known {
            let got = if known {
                "a number that is known"
            } else {
                "no name"
            };
            return Err(Fault::new(
                Code::GalleryInput,
                "a new product with a name",
                got,
                "give it a name; remove the product first where it is to be made anew",
            ));
        }
        self.category = category;
        let enrolment = Enrolment {
            gtin,
            title,
            waiting: false,
            shots: Vec::new(),
            enough: ENOUGH,
            most: MOST,
            refused: None,
            lookalikes: Vec::new(),
            saved: false,
        };
        self.now = Some(enrolment.clone());
        Ok(enrolment)
    }

    fn go_on(&mut self, step: EnrolStep, products: &mut Vec<Product>) -> Result<Enrolment, Fault> {
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
                products.push(Product { line, photo: true });
            }
            EnrolStep::Cancel => {
                let over = now.clone();
                self.now = None;
                return Ok(over);
            }
            _ => return Err(refused("another")),
        }
        Ok(now.clone())
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
