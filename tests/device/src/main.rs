//! The device without the device (the aliases are in `.cargo/config.toml`): the program cross-built for aarch64, its tests on
//! an emulated processor, a virtual machine with real drivers, and power cuts on a real block device. docs/device-vm.md
#![forbid(unsafe_code)]

mod camera;
mod cross;
mod device;
mod elf;
mod emulated;
mod guest;
mod image;
mod layout;
mod machine;
mod maker;
mod native;
mod packages;
mod plain;
mod ports;
mod power;
mod qmp;
mod scenarios;
mod shop;
mod system;
mod tiny;
mod tools;
mod trouble;

use std::process::ExitCode;

use layout::Layout;
use trouble::Trouble;

const USAGE: &str = "\
cargo device-build
    the device's program for aarch64, in release, with all it needs from Debian's packages; its path is printed
cargo device-test [--vision]
    tests of gallery, link and update (and vision) on emulated processors, with and without the SDOT instruction
cargo device-vm SCENARIO|all|list [--json]
    a virtual device with real drivers: one scenario, or each
cargo device-power [--states N] [--seed N] [--only TRIAL] [--program FILE] [--json]
    power cuts on a block device: N disks as a cut may leave them (300; 5000 for a night), each recovered and judged
    --only     trials whose name contains this, such as ext4, f2fs or stick
    --program  a skueye of this machine to judge with, in place of the one that is built here";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, Trouble> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let layout = Layout::find()?;
    match command.as_str() {
        "build" => cross::run(&layout, rest),
        "test" => emulated::run(&layout, rest),
        "vm" => scenarios::run(&layout, rest),
        "power" => power::run(&layout, rest),
        other => Err(usage(&format!("no command {other:?}"))),
    }
}

/// The trouble of a command line that does not fit.
fn usage(what: &str) -> Trouble {
    Trouble::new(what, format!("use\n{USAGE}"))
}
