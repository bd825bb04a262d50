//! `skueye`: the device's command line.
//!
//! Exit codes: 0 done, 1 a fault, 2 the command line or the settings are wrong.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use skueye_models::{Code, Fault};

use cli::Cli;

fn main() -> ExitCode {
    let json = std::env::args().any(|arg| arg == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error, json),
    };
    match cli.run() {
        Ok(code) => code,
        Err(fault) => {
            show(&fault, json);
            exit_code(fault.code())
        }
    }
}

/// Help and versions are no failures; everything else is E104.
fn usage(error: &clap::Error, json: bool) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_help || !json {
        // Clap's own words, with its colours; nothing can be done if even they cannot be printed.
        let _ = error.print();
        return ExitCode::from(if is_help { 0 } else { 2 });
    }
    let got = error.to_string();
    let first = got.lines().next().unwrap_or_default();
    let fault = Fault::new(
        Code::Usage,
        "a known command with its arguments",
        first.trim_start_matches("error: "),
        "run skueye --help",
    );
    show(&fault, json);
    ExitCode::from(2)
}

/// On the standard error as text, or on the standard output as one JSON object.
fn show(fault: &Fault, json: bool) {
    match serde_json::to_string(fault) {
        Ok(object) if json => println!("{object}"),
        _ => eprintln!("skueye: {fault}"),
    }
}

/// 2 for settings and command lines, 1 for everything else.
fn exit_code(code: Code) -> ExitCode {
    ExitCode::from(if (100..200).contains(&code.number()) {
        2
    } else {
        1
    })
}
