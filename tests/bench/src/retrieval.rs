//! `skueye-bench retrieval`: hands over to `skueye-train bench retrieval`, which lies beside it. Sets, networks and measures are the
//! trainer's; linked into this program, its engine would count as memory of the device that is measured here.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;
use clap::Args;

/// What to measure.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct RetrievalBench {
    /// The words of `skueye-train bench retrieval`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl RetrievalBench {
    /// Becomes the trainer.
    pub fn run(self) -> anyhow::Result<()> {
        let own = std::env::current_exe().context("where this program lies")?;
        let trainer = own.with_file_name("skueye-train");
        let mut command = Command::new(&trainer);
        let failed = command.args(["bench", "retrieval"]).args(self.words).exec();
        Err(failed).with_context(|| format!("{} does not start", trainer.display()))
    }
}
