//! Power cuts on a block device.

use std::process::ExitCode;

use crate::layout::Layout;
use crate::trouble::Trouble;
use crate::usage;

/// `cargo device-power`
pub fn run(_layout: &Layout, _words: &[String]) -> Result<ExitCode, Trouble> {
    Err(usage("power cuts are not there yet"))
}
