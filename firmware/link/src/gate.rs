//! Whether a till wants to hear of what was recognised now: its commands, as a state machine without clock or port.
//!
//! | `link.trigger` | a frame is sent |
//! |---|---|
//! | `always` | unless the till has said Disable |
//! | `till` | once for every Trigger, unless the till has said Disable or Release since |

use crate::receive::Command;

/// When frames are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TriggerMode {
    /// Whenever there is something to say.
    #[default]
    Always,
    /// One frame for each trigger of the till.
    Till,
}

impl TriggerMode {
    /// The setting of this name: `always` or `till`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "always" => Some(Self::Always),
            "till" => Some(Self::Till),
            _ => None,
        }
    }
}

/// What becomes of a frame that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is sent.
    Send,
    /// The till has said that the scanner must be silent.
    Disabled,
    /// The till has not asked for it.
    Untriggered,
}

/// What one till has commanded so far. A new connection begins anew, as a scanner does that is plugged in: enabled and
/// without a trigger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gate {
    mode: TriggerMode,
    disabled: bool,
    triggered: bool,
}

impl Gate {
    /// Nothing has been commanded yet.
    pub fn new(mode: TriggerMode) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    /// Takes a command. A trigger while the scanner must be silent is not kept for later.
    pub fn hear(&mut self, command: Command) {
        match command {
            Command::Enable => self.disabled = false,
            Command::Disable => (self.disabled, self.triggered) = (true, false),
            Command::Trigger => self.triggered = !self.disabled,
            Command::Release => self.triggered = false,
        }
    }

    /// What becomes of a frame that is ready now; one that is sent uses the trigger up.
    pub fn pass(&mut self) -> Pass {
        match (self.disabled, self.mode) {
            (true, _) => Pass::Disabled,
            (false, TriggerMode::Always) => Pass::Send,
            (false, TriggerMode::Till) if core::mem::take(&mut self.triggered) => Pass::Send,
            (false, TriggerMode::Till) => Pass::Untriggered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disable_silences_until_enable() {
        let mut gate = Gate::new(TriggerMode::Always);
        assert_eq!((gate.pass(), gate.pass()), (Pass::Send, Pass::Send));
        gate.hear(Command::Disable);
        gate.hear(Command::Trigger);
        assert_eq!((gate.pass(), gate.pass()), (Pass::Disabled, Pass::Disabled));
        gate.hear(Command::Enable);
        assert_eq!(gate.pass(), Pass::Send);
    }

    #[test]
    fn a_trigger_is_good_for_one_frame_and_ends_with_release() {
        let mut gate = Gate::new(TriggerMode::Till);
        assert_eq!(gate.pass(), Pass::Untriggered);
        gate.hear(Command::Trigger);
        gate.hear(Command::Trigger);
        assert_eq!((gate.pass(), gate.pass()), (Pass::Send, Pass::Untriggered));
        gate.hear(Command::Trigger);
        gate.hear(Command::Release);
        assert_eq!(gate.pass(), Pass::Untriggered);
    }

    #[test]
    fn a_trigger_of_a_silent_scanner_is_not_kept() {
        let mut gate = Gate::new(TriggerMode::Till);
        for command in [
            Command::Trigger,
            Command::Disable,
            Command::Trigger,
            Command::Enable,
        ] {
            gate.hear(command);
        }
        assert_eq!(gate.pass(), Pass::Untriggered);
    }
}
