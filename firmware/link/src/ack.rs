//! Waiting for the till's answer to a frame. A state machine without a clock: the caller says what time it is.

/// Accepted by the till.
pub const ACK: u8 = 0x06;
/// Refused by the till: send it again.
pub const NAK: u8 = 0x15;

/// How long to wait and how often to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckSettings {
    /// Milliseconds from sending until a missing answer counts as a refusal.
    pub timeout_ms: u32,
    /// How often a refused frame is sent again; 0: never.
    pub retries: u8,
}

/// What the sender must do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing; call again at this time or when a byte arrives.
    Wait {
        /// Milliseconds on the caller's clock.
        until_ms: u64,
    },
    /// Send the same frame again, now.
    Resend,
    /// The till has it.
    Delivered,
    /// The retries are used up. What the last try met:
    GaveUp(Refusal),
}

/// Why a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The till answered NAK.
    Nak,
    /// The till did not answer.
    Silence,
}

/// One frame under way.
#[derive(Debug, Clone)]
pub struct AwaitAck {
    settings: AckSettings,
    deadline_ms: u64,
    retries_left: u8,
    end: Option<Step>,
}

impl AwaitAck {
    /// The frame was sent at `now_ms`, on a clock that does not run backwards.
    pub fn sent(settings: AckSettings, now_ms: u64) -> Self {
        Self {
            settings,
            deadline_ms: now_ms.saturating_add(settings.timeout_ms.into()),
            retries_left: settings.retries,
            end: None,
        }
    }

    /// The till accepted. Also right when the answer comes late, to an earlier try.
    pub fn on_ack(&mut self) -> Step {
        *self.end.get_or_insert(Step::Delivered)
    }

    /// The till refused.
    pub fn on_nak(&mut self, now_ms: u64) -> Step {
        self.refused(Refusal::Nak, now_ms)
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64) -> Step {
        match self.end {
            Some(end) => end,
            None if now_ms < self.deadline_ms => Step::Wait {
                until_ms: self.deadline_ms,
            },
            None => self.refused(Refusal::Silence, now_ms),
        }
    }

    /// The end stays the end: an answer after it changes nothing.
    fn refused(&mut self, refusal: Refusal, now_ms: u64) -> Step {
        if let Some(end) = self.end {
            return end;
        }
        let Some(left) = self.retries_left.checked_sub(1) else {
            return *self.end.insert(Step::GaveUp(refusal));
        };
        self.retries_left = left;
        self.deadline_ms = now_ms.saturating_add(self.settings.timeout_ms.into());
        Step::Resend
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: AckSettings = AckSettings {
        timeout_ms: 100,
        retries: 2,
    };

    #[test]
    fn an_acknowledged_frame_is_delivered_once_and_for_all() {
        let mut wait = AwaitAck::sent(SETTINGS, 1000);
        assert_eq!(wait.on_time(1099), Step::Wait { until_ms: 1100 });
        assert_eq!(wait.on_ack(), Step::Delivered);
        assert_eq!(wait.on_nak(1099), Step::Delivered);
        assert_eq!(wait.on_time(9999), Step::Delivered);
    }

    #[test]
    fn refusal_and_silence_each_cost_one_retry_and_the_wait_starts_anew() {
        let mut wait = AwaitAck::sent(SETTINGS, 0);
        assert_eq!(wait.on_nak(10), Step::Resend);
        assert_eq!(wait.on_time(109), Step::Wait { until_ms: 110 });
        assert_eq!(wait.on_time(110), Step::Resend);
        assert_eq!(wait.on_time(210), Step::GaveUp(Refusal::Silence));
        assert_eq!(wait.on_ack(), Step::GaveUp(Refusal::Silence));
    }

    #[test]
    fn without_retries_the_first_refusal_is_the_end() {
        let once = AckSettings {
            retries: 0,
            ..SETTINGS
        };
        assert_eq!(
            AwaitAck::sent(once, 0).on_nak(1),
            Step::GaveUp(Refusal::Nak)
        );
    }

    #[test]
    fn a_clock_at_its_end_does_not_overflow() {
        let mut wait = AwaitAck::sent(SETTINGS, u64::MAX);
        assert_eq!(wait.on_time(u64::MAX), Step::Resend);
    }
}
