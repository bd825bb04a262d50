//! What `cargo demo`, `cargo ci` and `cargo deb-package` run (the aliases are in `.cargo/config.toml`). It uses the standard library alone,
//! so it is built in a second before anything else is.
#![forbid(unsafe_code)]

mod browser;
mod ci;
mod deb;
mod demo;
mod exported;
mod gallery;
mod libtorch;
mod machine;
mod packages;
mod readme;
mod steps;
mod workspace;

use std::process::ExitCode;

use steps::Trouble;
use workspace::Workspace;

const USAGE: &str = "\
cargo demo [--without-training] [--data synth|makers] [--seed N]
    the whole way once: data, training, export, gallery, recognition; writes target/demo/report.html and summary.json
    --without-training  the device's half alone, with the model in models/zoo/default; needs Rust alone
    --data              synth: packages drawn by the trainer (default); makers: one item drawn by several makers
    --seed N            another seed for data and training (default: the trainer's own)
cargo ci [--quick]
    every check, cheapest first; --quick leaves the demos, README examples and the emulated device out
cargo deb-package [--arm64]
    the device's program, with V4L2 cameras, as a Debian package in target/debian: for x86-64, or for the boards it is made for";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Trouble> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return Ok(());
    };
    if rest.iter().any(|a| matches!(a.as_str(), "-h" | "--help")) {
        println!("{USAGE}");
        return Ok(());
    }
    let workspace = Workspace::find()?;
    match command.as_str() {
        "demo" => demo::run(&workspace, &demo::Options::parse(rest)?),
        "deb-package" => deb::run(&workspace, deb::Options::parse(rest)?),
        "ci" => ci::run(&workspace, ci::quick_is_wanted(rest)?),
        other => Err(usage(&format!("no command {other:?}"))),
    }
}

/// The trouble of a command line that does not fit.
fn usage(what: &str) -> Trouble {
    Trouble::new(what, format!("use\n{USAGE}"))
}
