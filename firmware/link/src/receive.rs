//! What the till sends to the scanner, byte by byte: answers, and commands of the form SYN letter CR.
//!
//! | bytes | meaning |
//! |---|---|
//! | `06` | ACK |
//! | `15` | NAK |
//! | `16 54 0D` | SYN `T` CR: look now |
//! | `16 55 0D` | SYN `U` CR: stop looking |
//! | `16 45 0D` | SYN `E` CR: the scanner may send |
//! | `16 44 0D` | SYN `D` CR: the scanner must be silent |

use crate::ack::{ACK, NAK};

const SYN: u8 = 0x16;
const CR: u8 = 0x0d;

/// What the till wants the scanner to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Look now, as if the trigger were pulled.
    Trigger,
    /// Stop looking.
    Release,
    /// Send what is recognised.
    Enable,
    /// Send nothing.
    Disable,
}

impl Command {
    /// The three bytes that say it.
    pub fn bytes(self) -> [u8; 3] {
        let letter = match self {
            Self::Trigger => b'T',
            Self::Release => b'U',
            Self::Enable => b'E',
            Self::Disable => b'D',
        };
        [SYN, letter, CR]
    }

    fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'T' => Some(Self::Trigger),
            b'U' => Some(Self::Release),
            b'E' => Some(Self::Enable),
            b'D' => Some(Self::Disable),
            _ => None,
        }
    }
}

/// One thing the till said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The frame was accepted.
    Ack,
    /// The frame was refused.
    Nak,
    /// A command.
    Command(Command),
    /// A byte that belongs to nothing; noise on the line, to be counted.
    Noise,
}

/// Puts received bytes together. Every byte is taken; none can make it fail.
#[derive(Debug, Default)]
pub struct Receiver {
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Idle,
    Started,
    Named(Command),
}

impl Receiver {
    /// Takes one byte; answers when something is complete. A byte that breaks a command off is itself looked at anew,
    /// so that noise before an ACK does not swallow it.
    pub fn push(&mut self, byte: u8) -> Option<Received> {
        match (core::mem::take(&mut self.state), byte) {
            (_, SYN) => {
                self.state = State::Started;
                None
            }
            (_, ACK) => Some(Received::Ack),
            (_, NAK) => Some(Received::Nak),
            (State::Started, letter) => match Command::from_letter(letter) {
                Some(command) => {
                    self.state = State::Named(command);
                    None
                }
                None => Some(Received::Noise),
            },
            (State::Named(command), CR) => Some(Received::Command(command)),
            (State::Idle | State::Named(_), _) => Some(Received::Noise),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heapless::Vec;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Received, 64> {
        let mut receiver = Receiver::default();
        bytes.iter().filter_map(|b| receiver.push(*b)).collect()
    }

    #[test]
    fn answers_and_commands_are_told_apart() {
        let heard = all(b"\x06\x16T\r\x15\x16D\r\x16U\r\x16E\r");
        assert_eq!(
            &heard[..],
            [
                Received::Ack,
                Received::Command(Command::Trigger),
                Received::Nak,
                Received::Command(Command::Disable),
                Received::Command(Command::Release),
                Received::Command(Command::Enable),
            ]
        );
    }

    #[test]
    fn every_command_is_understood_as_it_is_written() {
        for command in [
            Command::Trigger,
            Command::Release,
            Command::Enable,
            Command::Disable,
        ] {
            assert_eq!(&all(&command.bytes())[..], [Received::Command(command)]);
        }
    }

    #[test]
    fn a_broken_command_does_not_swallow_what_follows() {
        assert_eq!(&all(b"\x16T\x06")[..], [Received::Ack]);
        assert_eq!(
            &all(b"\x16\x16T\r")[..],
            [Received::Command(Command::Trigger)]
        );
        assert_eq!(
            &all(b"\x16TT\r")[..],
            [Received::Noise, Received::Noise],
            "nothing is triggered by half of a command"
        );
    }

    proptest! {
        #[test]
        fn after_any_noise_the_next_answer_is_heard(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut receiver = Receiver::default();
            for byte in noise {
                let _ = receiver.push(byte);
            }
            prop_assert_eq!(receiver.push(ACK), Some(Received::Ack));
        }
    }
}
