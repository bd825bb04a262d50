//! A link that follows a script and is stricter than any port: misuse is a panic.

use std::collections::VecDeque;
use std::thread;
use std::vec::Vec;

use skueye_models::Fault;

use crate::port::Link;

/// The bytes that arrive after a frame, or why it is not taken.
type Answer = Result<Vec<u8>, Fault>;

/// Expects exactly the scripted frames, one a call, and answers each with scripted bytes or a fault.
///
/// Panics on any other bytes, on more frames than scripted, and when it is dropped with a part of the script left.
#[derive(Debug, Default)]
pub struct ScriptedLink {
    script: VecDeque<(Vec<u8>, Answer)>,
    arrived: VecDeque<u8>,
}

impl ScriptedLink {
    /// A link that expects nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Next, expect `frame` and let `answer` arrive.
    #[must_use]
    pub fn expect(mut self, frame: &[u8], answer: &[u8]) -> Self {
        self.script.push_back((frame.into(), Ok(answer.into())));
        self
    }

    /// Next, expect `frame` and fail to take it.
    #[must_use]
    pub fn expect_failing(mut self, frame: &[u8], fault: Fault) -> Self {
        self.script.push_back((frame.into(), Err(fault)));
        self
    }
}

impl Link for ScriptedLink {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some((frame, answer)) = self.script.pop_front() else {
            panic!("a frame that was not expected: {}", bytes.escape_ascii());
        };
        assert_eq!(frame, bytes, "another frame was expected");
        self.arrived.extend(answer?);
        Ok(())
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let count = into.len().min(self.arrived.len());
        for (slot, byte) in into.iter_mut().zip(self.arrived.drain(..count)) {
            *slot = byte;
        }
        Ok(count)
    }
}

impl Drop for ScriptedLink {
    fn drop(&mut self) {
        let done = self.script.is_empty() || thread::panicking();
        assert!(done, "{} expected frames were not sent", self.script.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skueye_models::Code;

    #[test]
    fn answers_arrive_after_the_expected_frame_and_faults_are_handed_out() {
        let fault = Fault::new(Code::LinkWrite, "", "", "");
        let mut link = ScriptedLink::new()
            .expect(b"1\r", b"\x06")
            .expect_failing(b"2\r", fault.clone());
        let mut into = [0; 4];
        assert_eq!(link.receive(&mut into), Ok(0));
        link.send(b"1\r").unwrap();
        assert_eq!(link.receive(&mut into), Ok(1));
        assert_eq!(into[0], 6);
        assert_eq!(link.send(b"2\r"), Err(fault));
    }

    #[test]
    #[should_panic(expected = "another frame was expected")]
    fn another_frame_is_a_panic() {
        let _ = ScriptedLink::new().expect(b"1\r", b"").send(b"2\r");
    }

    #[test]
    #[should_panic(expected = "1 expected frames were not sent")]
    fn an_unsent_frame_is_a_panic() {
        drop(ScriptedLink::new().expect(b"1\r", b""));
    }
}
