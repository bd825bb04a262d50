//! Tests of the firmware's crates, built for aarch64 and run on emulated processors: a Cortex-A76, which has the SDOT
//! instruction as Jetsons have, and a Cortex-A72, which has not. Among them are those that hold every kernel's results against
//! a file of what x86-64 gave, bit by bit.

use std::process::ExitCode;
use std::time::Instant;

use crate::cross::{cargo, done};
use crate::layout::Layout;
use crate::trouble::Trouble;
use crate::{packages, usage};

const PROCESSORS: [&str; 2] = ["cortex-a76", "cortex-a72"];
const TEST: &str = "test --release --target aarch64-unknown-linux-gnu -p skueye-gallery -p skueye-link -p skueye-update --no-fail-fast";
/// Its tests need the runtime that the program has, with other features: another build of some minutes.
const VISION: &str = "-p skueye-vision";

/// `cargo device-test`
pub fn run(layout: &Layout, words: &[String]) -> Result<ExitCode, Trouble> {
    let vision = match words {
        [] => false,
        [word] if word == "--vision" => true,
        other => return Err(usage(&format!("cargo device-test knows no {other:?}"))),
    };
    packages::ensure(layout)?;
    for processor in PROCESSORS {
        let begin = Instant::now();
        let emulator = layout.host().join("usr/bin/qemu-aarch64-static");
        let system = layout.host().join("usr/aarch64-linux-gnu");
        let runner = format!(
            "{} -cpu {processor} -L {}",
            emulator.display(),
            system.display()
        );
        let mut cargo = cargo(layout)?;
        // In a folder of its own: the tests ask more of common packages than the program does.
        cargo.env("CARGO_TARGET_DIR", layout.made().join("tests"));
        cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
        cargo
            .env("PROPTEST_CASES", "8")
            .env("PROPTEST_RNG_SEED", "2022");
        cargo.args(TEST.split(' '));
        if vision {
            cargo.args(VISION.split(' '));
        }
        done(&mut cargo, &format!("the tests on {processor}"))?;
        println!(
            "{processor}: passed in {:.0} s",
            begin.elapsed().as_secs_f64()
        );
    }
    Ok(ExitCode::SUCCESS)
}
