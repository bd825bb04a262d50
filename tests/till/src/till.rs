//! Bytes in, frames and answers out.

use crate::answer::{Answer, Answers};
use crate::check::{Checked, LONGEST, Reads};

/// A frame that came, and what is said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its bytes, terminator included.
    pub frame: Vec<u8>,
    /// What it says.
    pub checked: Checked,
    /// What the till says.
    pub answer: Answer,
}

/// One till.
#[derive(Debug, Clone)]
pub struct Till {
    reads: Reads,
    answers: Answers,
    pending: Vec<u8>,
}

impl Till {
    /// A till that expects frames so made and answers so.
    pub fn new(reads: Reads, answers: Answers) -> Self {
        Self {
            reads,
            answers,
            pending: Vec::new(),
        }
    }

    /// Answers so from the next frame on.
    pub fn answer(&mut self, answers: Answers) {
        self.answers = answers;
    }

    /// Takes bytes as they come; answers the frames that are complete. What grows beyond any frame is a frame without a
    /// terminator.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for byte in bytes {
            self.pending.push(*byte);
            if self.pending.ends_with(self.reads.terminator()) || self.pending.len() == LONGEST {
                let frame = std::mem::take(&mut self.pending);
                heard.push(Heard {
                    checked: self.reads.check(&frame),
                    answer: self.answers.take(),
                    frame,
                });
            }
        }
        heard
    }

    /// The port went away: a half frame is none.
    pub fn cut(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skueye_link::{TemplateText, Terminator};

    fn till(answers: &str) -> Till {
        let text = TemplateText {
            terminator: Terminator::CrLf,
            ..Default::default()
        };
        Till::new(Reads::new(&text).unwrap(), answers.parse().unwrap())
    }

    #[test]
    fn frames_are_put_together_from_any_pieces() {
        let mut till = till("nak:1");
        assert_eq!(till.push(b"40063813339"), []);
        let heard = till.push(b"31\r\n96385074\r\n9638");
        let answers: Vec<_> = heard.iter().map(|h| (h.answer, h.checked.gtin)).collect();
        let gtin = |text: &str| text.parse().ok();
        assert_eq!(
            answers,
            [
                (Answer::Nak, gtin("4006381333931")),
                (Answer::Ack, gtin("96385074"))
            ]
        );
        till.cut();
        assert_eq!(till.push(b"96385074\r\n")[0].frame, b"96385074\r\n");
    }

    #[test]
    fn bytes_without_an_end_do_not_pile_up() {
        let heard = till("silent").push(&[b'1'; 3 * LONGEST]);
        assert_eq!(heard.len(), 3);
        assert!(heard.iter().all(|h| h.checked.problem.is_some()));
    }
}
