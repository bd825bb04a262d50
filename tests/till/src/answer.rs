//! What the till says to a frame.

use std::fmt;
use std::str::FromStr;

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// ACK: accepted.
    Ack,
    /// NAK: refused.
    Nak,
    /// Nothing at all.
    Silent,
    /// Bytes that are no answer.
    Garbage,
    /// Nothing; the port is closed and opened again.
    Close,
}

impl Answer {
    /// The bytes that say it. The garbage holds the beginning of a command, a command that is none, and no ACK or NAK.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Ack => b"\x06",
            Self::Nak => b"\x15",
            Self::Silent | Self::Close => b"",
            Self::Garbage => b"\x00\xffHELLO\x16\x16X\r\x16T",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Nak => "nak",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
            Self::Close => "close",
        }
    }
}

/// The answers to the frames that come, one after the other: `ack`, `nak`, `silent`, `garbage` or `close`, or one of these
/// with a count, such as `nak:2`, which is ACK from the third frame on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    answer: Answer,
    /// How often; for ever where there is no number.
    left: Option<u32>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            answer: Answer::Ack,
            left: None,
        }
    }
}

impl Answers {
    /// The answer to the next frame.
    pub fn take(&mut self) -> Answer {
        match &mut self.left {
            Some(0) => Answer::Ack,
            None => self.answer,
            Some(left) => {
                *left -= 1;
                self.answer
            }
        }
    }
}

impl FromStr for Answers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, count) = match text.split_once(':') {
            Some((name, count)) => (name, Some(count)),
            None => (text, None),
        };
        let all = [
            Answer::Ack,
            Answer::Nak,
            Answer::Silent,
            Answer::Garbage,
            Answer::Close,
        ];
        let answer = all.into_iter().find(|answer| answer.name() == name);
        let left = count.map(str::parse).transpose();
        match (answer, left) {
            (Some(answer), Ok(left)) => Ok(Self { answer, left }),
            _ => Err(format!(
                "{text:?} is none of ack, nak, silent, garbage, close, alone or with a count such as nak:2"
            )),
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.answer.name();
        match self.left {
            Some(left) => write!(f, "{name}:{left}"),
            None => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_answer_is_given_so_often_and_then_ack() {
        let mut answers: Answers = "nak:2".parse().unwrap();
        let given: Vec<_> = (0..4).map(|_| answers.take()).collect();
        assert_eq!(given, [Answer::Nak, Answer::Nak, Answer::Ack, Answer::Ack]);
        let mut silent: Answers = "silent".parse().unwrap();
        assert!((0..9).all(|_| silent.take() == Answer::Silent));
        for bad in ["", "nack", "nak:", "nak:x", "nak:-1"] {
            assert!(bad.parse::<Answers>().is_err(), "{bad}");
        }
    }
}
