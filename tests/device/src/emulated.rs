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
const TEST: &str = "test --release --target aarch64-unknown-linux-gnu -p skueye-gallery -p skueye-link -p skueye-update --lib --tests --no-fail-fast";
/// What the emulation of a single process cannot do: the newer calls for serial ports, and telling a parent that a program is not
/// there. Both are real in the virtual device.
const SKIP: [&str; 5] = [
    "a_refused_frame_is_sent_again_and_then_acknowledged",
    "a_serial_port_is_opened_by_its_path_and_a_vanished_one_is_a_fault",
    "every_byte_passes_unchanged_both_ways",
    "the_till_reads_exactly_the_bytes_that_were_sent_though_it_came_late",
    "the_tools_answer_is_the_slot_and_its_failure_a_numbered_fault",
];
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
        cargo.arg("--");
        for name in SKIP {
            cargo.args(["--skip", name]);
        }
        done(&mut cargo, &format!("the tests on {processor}"))?;
        println!(
            "{processor}: passed in {:.0} s",
            begin.elapsed().as_secs_f64()
        );
    }
    Ok(ExitCode::SUCCESS)
}
