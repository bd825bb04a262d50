//! The browser in which the operator page is tested: Debian's Chromium with its driver.

use crate::machine;
use crate::steps::{Step, Trouble};
use crate::workspace::Workspace;

/// A program and the package that brings it.
const NEEDED: [(&str, &str); 2] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];
/// Without a font the page would be tested with empty boxes.
const FONT: &str = "fonts-dejavu-core";

/// Sees to it that both programs are here: installs the packages where it may, otherwise says which are missing.
pub fn ensure(workspace: &Workspace) -> Result<(), Trouble> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let apt = |title: &str, arguments: &str| {
        let step = workspace.step(title, "apt-get");
        step.args(arguments.split_whitespace())
            .env("DEBIAN_FRONTEND", "noninteractive")
    };
    if machine::may_install() {
        apt("list packages", "update --quiet").run()?;
        let install = format!("install --quiet --yes --no-install-recommends {packages} {FONT}");
        apt("install Chromium", &install).run()?;
    }
    match self::missing().is_empty() {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("the operator page cannot be tested without {packages}"),
            format!("install them (Debian, as root: apt-get install {packages} {FONT})"),
        )),
    }
}

fn missing() -> Vec<&'static str> {
    let is_missing = |(program, _): &&(&str, &str)| !machine::answers(program, &["--version"]);
    let missing = NEEDED.iter().filter(is_missing);
    missing.map(|(_, package)| *package).collect()
}

/// The tests in that browser, which plain `cargo test` leaves out.
pub fn tests(workspace: &Workspace, everything: &str) -> Step {
    // Each test has a browser of its own; more of them at once would starve one another.
    let arguments =
        format!("test --release {everything} --test browser -- --ignored --test-threads=2");
    workspace.cargo("operator page in Chromium", &arguments)
}
