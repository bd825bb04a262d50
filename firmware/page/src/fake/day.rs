//! The day's presentations and what people said about them.

use skueye_models::{Code, Fault, Gtin, Verdict};

use super::State;
use crate::station::{Answer, Candidate, Confusion, Presentation, ProductLine, Stage};

/// 2026-03-14 09:00 UTC, when the fake's day begins.
const MORNING: u64 = 1_773_478_800;
/// The view lists so many presentations.
const LISTED: usize = 8;

impl State {
    pub(super) fn candidate(&self, at: usize, score: f32) -> Candidate {
        let product = &self.products[at];
        Candidate {
            gtin: product.line.gtin,
            title: product.line.title.clone(),
            score,
            photo: product.photo,
        }
    }

    pub(super) fn present(
        &mut self,
        verdict: Verdict,
        reason: Option<&str>,
        of: &[(usize, f32)],
    ) -> u32 {
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

    pub(super) fn answer(&mut self, number: u32, answer: Answer) -> Result<(), Fault> {
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

    pub(super) fn take_back(&mut self, number: u32) -> Result<(), Fault> {
        let mut listed = self.log.iter_mut().take(LISTED);
        let presentation = listed.find(|p| p.number == number);
        let presentation = presentation.ok_or_else(|| late("one that is long over"))?;
        if presentation.verdict != Verdict::Ask {
            return Err(late("one that asked nothing"));
        }
        match presentation.answer.take() {
            None => return Err(late("one that was not answered")),
            Some(Answer::NotThis) => {}
            Some(Answer::Product(gtin)) => {
                self.sent.retain(|sent| *sent != gtin);
                presentation.sent = "void".into();
            }
        }
        self.view.asks = Some(number);
        self.show();
        Ok(())
    }

    fn line(&self, gtin: Gtin) -> Option<&ProductLine> {
        let mut lines = self.products.iter().map(|product| &product.line);
        lines.find(|line| line.gtin == gtin)
    }

    pub(super) fn confusions(&self) -> Vec<Confusion> {
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
