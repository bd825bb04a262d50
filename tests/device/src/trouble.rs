//! What went wrong and what to do about it.

use std::fmt;
use std::path::Path;

/// What went wrong, and the remedy that a person can apply.
#[derive(Debug)]
pub struct Trouble {
    what: String,
    remedy: String,
}

impl Trouble {
    /// `what` went wrong, and the `remedy`.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Something on this machine's disk could not be read or written.
    pub fn disk(path: &Path, error: &std::io::Error) -> Self {
        Self::new(
            format!("{}: {error}", path.display()),
            "check the disk and the rights of the folder",
        )
    }

    /// A program could not be started.
    pub fn start(program: &Path, error: &std::io::Error) -> Self {
        Self::new(
            format!("{} does not start ({error})", program.display()),
            "remove target/device and try again",
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl From<skueye_models::Fault> for Trouble {
    fn from(fault: skueye_models::Fault) -> Self {
        Self::new(
            fault.to_string(),
            "this is a mistake in the test's own goods",
        )
    }
}
