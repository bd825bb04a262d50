//! What happens to the virtual device, one test a module.

use std::process::ExitCode;
use std::time::Duration;

use crate::image::Image;
use crate::layout::Layout;
use crate::machine::{Machine, Plan};
use crate::trouble::Trouble;
use crate::{cross, packages};

/// `cargo device-vm`
pub fn run(layout: &Layout, _words: &[String]) -> Result<ExitCode, Trouble> {
    packages::ensure(layout)?;
    cross::ensure(layout)?;
    let plan = Plan::new(Image::new(layout, &["ext4", "vfat"])?);
    let folder = layout.made().join("run/boot");
    let mut machine = Machine::start(layout, &folder, &plan)?;
    print!(
        "{}",
        machine
            .guest
            .must("uname -a; skueye --version", Duration::from_secs(60))?
    );
    machine.switch_off(Duration::from_secs(60))?;
    Ok(ExitCode::SUCCESS)
}
