//! The trainer's program.
//!
//! Exit codes: 0 done, 1 a fault or a finding, 2 a command line that does not fit.
#![forbid(unsafe_code)]

mod commands;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use skueye_models::{Code, Fault};

/// Mines attributes from titles, trains, distils, exports and evaluates.
#[derive(Parser)]
#[command(name = "skueye-train", version)]
struct Arguments {
    /// Print results and faults as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let json = arguments.json;
    match commands::run(arguments.command, json) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            show(&error, json);
            ExitCode::FAILURE
        }
    }
}

/// Help and versions are no failures; everything else is E104.
fn usage(error: &clap::Error) -> ExitCode {
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if help {
        // Clap's own words, with its colours; nothing can be done if even they cannot be printed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let json = std::env::args().any(|argument| argument == "--json");
    let got = error.to_string();
    if json {
        let first = got.lines().next().unwrap_or_default();
        let fault = unfit(first.trim_start_matches("error: "));
        show(&fault.into(), json);
    } else {
        eprint!("{} ", Code::Usage);
        let _ = error.print();
    }
    ExitCode::from(2)
}

fn unfit(got: &str) -> Fault {
    Fault::new(
        Code::Usage,
        "a known command with its arguments",
        got,
        "run skueye-train --help, or the command with --help",
    )
}

/// On the standard error as text, or on the standard output as one JSON object. What is no [`Fault`] has no number; its
/// words and those of what caused it are printed.
fn show(error: &anyhow::Error, json: bool) {
    match (error.downcast_ref::<Fault>(), json) {
        (Some(fault), true) => println!("{}", serde_json::json!(fault)),
        (Some(fault), false) => eprintln!("{fault}"),
        (None, true) => println!("{}", serde_json::json!({ "title": format!("{error:#}") })),
        (None, false) => eprintln!("{error:#}"),
    }
}
