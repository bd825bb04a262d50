//! `skueye-train launch`: several processes that train together on this machine.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "torch")]
use skueye_models::Fault;

#[derive(Args)]
pub struct Launch {
    /// How many processes; on a machine with GPUs one for each of them.
    #[arg(long, short = 'n')]
    processes: NonZeroUsize,
    /// A folder for what each process prints, rank-N.log; without it all print here.
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Seconds that the others may take to end after one has failed; then they are ended.
    #[arg(long, default_value_t = 30)]
    grace: u64,
    /// This program's command for every process, such as: train DATA --out RUN --resume.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
pub fn run(_: Launch) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Runs the command in all processes to their end; what they print is their own.
#[cfg(feature = "torch")]
pub fn run(options: Launch) -> anyhow::Result<bool> {
    use std::time::Duration;

    use skueye_distributed::launch;

    if let Some(logs) = &options.logs {
        std::fs::create_dir_all(logs).map_err(|e| Fault::io("create", logs, &e))?;
    }
    let program = std::env::current_exe().map_err(|e| Fault::io("find", "skueye-train", &e))?;
    launch(&skueye_distributed::Launch {
        processes: options.processes.get(),
        program,
        arguments: options.command,
        grace: Duration::from_secs(options.grace),
        logs: options.logs,
    })?;
    Ok(true)
}
