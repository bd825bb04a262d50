//! The seam to the system's own two slots: RAUC, NVIDIA's `nvbootctrl`, or any other tool that takes a system back which
//! nobody has called good.
//!
//! The sets of this crate hold what the device knows; the operating system below them is updated by the system's own tool,
//! which starts a new system on trial as well. Whoever commits a set says with it that the system works:
//! [`Slots::commit`](crate::Slots::commit) asks for the system's slot, which the history keeps, and marks it as good. Nobody
//! marks it as bad: a set that fails says nothing about the system, and one that is never marked is taken back by its own
//! counter of starts.

use std::process::{Command, Output};

use skueye_models::{Code, Fault};

/// The longest name of a slot that is kept, in characters.
const MAX_NAME: usize = 40;

/// What tells the boot loader that the running system works.
pub trait BootControl {
    /// The system slot that is running, in the tool's own words; `None` where nobody asks. Errors: E813.
    fn active_slot(&self) -> Result<Option<String>, Fault>;
    /// Keeps the running system; calling it again changes nothing. Errors: E813.
    fn mark_good(&self) -> Result<(), Fault>;
}

/// A system without slots of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneSystem;

impl BootControl for OneSystem {
    fn active_slot(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn mark_good(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// The system's own tool, by the commands that its release takes. A command without words is not run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BootTool {
    /// Such as `rauc status mark-good booted`: ends with success once the running system is marked.
    pub mark_good: Vec<String>,
    /// Such as `nvbootctrl get-current-slot`: prints the running slot on its first line.
    pub active_slot: Vec<String>,
}

impl BootControl for BootTool {
    fn active_slot(&self) -> Result<Option<String>, Fault> {
        let Some(output) = run(&self.active_slot)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next().unwrap_or_default().trim();
        let name: String = line.chars().filter(|c| !c.is_control()).collect();
        match name.is_empty() {
            true => Err(refused(&self.active_slot, "nothing".into())),
            false => Ok(Some(name.chars().take(MAX_NAME).collect())),
        }
    }

    fn mark_good(&self) -> Result<(), Fault> {
        run(&self.mark_good).map(|_| ())
    }
}

/// What a command printed; `None` for no command.
fn run(words: &[String]) -> Result<Option<Output>, Fault> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(None);
    };
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| refused(words, error.to_string()))?;
    if output.status.success() {
        return Ok(Some(output));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    let said: String = last.unwrap_or_default().chars().take(200).collect();
    Err(refused(words, format!("{}: {said}", output.status)))
}

fn refused(words: &[String], got: String) -> Fault {
    Fault::new(
        Code::BootControl,
        format!("an answer of `{}`", words.join(" ")),
        got,
        "run the command by hand, then correct update.mark_good and update.active_slot",
    )
}

/// A boot loader that is stricter than any real one.
#[cfg(any(test, feature = "fake"))]
pub mod fake {
    use std::cell::{Cell, RefCell};

    use skueye_models::Fault;

    use super::{BootControl, refused};

    /// Panics where a system is marked before anybody asked which it is, or marked twice in one start.
    #[derive(Debug)]
    pub struct FakeBoot {
        slot: RefCell<String>,
        asked: Cell<bool>,
        good: Cell<bool>,
        fails: Cell<bool>,
    }

    impl FakeBoot {
        /// Started from `slot`, which is on trial.
        pub fn started(slot: &str) -> Self {
            Self {
                slot: RefCell::new(slot.to_owned()),
                asked: Cell::new(false),
                good: Cell::new(false),
                fails: Cell::new(false),
            }
        }

        /// Lets marking fail from now on.
        pub fn fail(&self) {
            self.fails.set(true);
        }

        /// Whether the running system was marked.
        pub fn is_good(&self) -> bool {
            self.good.get()
        }
    }

    impl BootControl for FakeBoot {
        fn active_slot(&self) -> Result<Option<String>, Fault> {
            self.asked.set(true);
            Ok(Some(self.slot.borrow().clone()))
        }

        fn mark_good(&self) -> Result<(), Fault> {
            assert!(self.asked.get(), "a system was marked unseen");
            if self.fails.get() {
                return Err(refused(&["mark".into()], "no such slot".into()));
            }
            assert!(!self.good.replace(true), "a system was marked twice");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn the_tools_answer_is_the_slot_and_its_failure_a_numbered_fault() {
        let tool = BootTool {
            mark_good: words("true"),
            active_slot: words("printf|\\033[31mB\\nmore\\n"),
        };
        assert_eq!(tool.active_slot().unwrap().unwrap(), "[31mB");
        tool.mark_good().unwrap();
        for (command, got) in [
            (
                "sh|-c|echo no such slot >&2; exit 3",
                "exit status: 3: no such slot",
            ),
            ("/no/such/tool", "No such file"),
        ] {
            let tool = BootTool {
                mark_good: words(command),
                active_slot: words("true"),
            };
            let fault = tool.mark_good().unwrap_err();
            assert_eq!(fault.code(), Code::BootControl);
            assert!(fault.got().contains(got), "{fault}");
            assert_eq!(tool.active_slot().unwrap_err().got(), "nothing");
        }
    }

    #[test]
    fn without_commands_nothing_is_run() {
        let tool = BootTool::default();
        assert_eq!(tool.active_slot(), Ok(None));
        assert_eq!(tool.mark_good(), Ok(()));
    }
}
