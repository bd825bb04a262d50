//! A guest whose first process is Debian's systemd, with the service as the package of the device brings it.

use crate::image::Image;
use crate::layout::Layout;
use crate::trouble::Trouble;

/// What `basic.target` and a service with a restricted view need.
const UNITS: [&str; 12] = [
    "basic.target",
    "local-fs.target",
    "local-fs-pre.target",
    "paths.target",
    "shutdown.target",
    "slices.target",
    "sockets.target",
    "swap.target",
    "sysinit.target",
    "timers.target",
    "umount.target",
    "multi-user.target",
];
const SERVICE: &str = "firmware/agent/packaging/skueye.service";
/// In place of the service's two minutes and three.
const SOONER: &str = "[Service]
WatchdogSec=20
TimeoutStartSec=20
StandardOutput=append:/run/skueye.out
StandardError=inherit
";
const SHELL: &str = "[Unit]
Description=The shell that the test speaks to
DefaultDependencies=no
[Service]
ExecStart=/shell.sh
";
const TARGET: &str = "[Unit]
Description=A device under test
Wants=device-shell.service
";
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nskueye:x:997:997::/var/lib/skueye:/bin/sh\n";
const GROUP: &str = "root:x:0:\ndialout:x:20:skueye\nvideo:x:44:skueye\nskueye:x:997:\n";

/// Adds systemd to `image`; its disk is the state's folder of the service.
pub fn add(image: &mut Image, layout: &Layout) -> Result<(), Trouble> {
    let arm64 = layout.arm64();
    for path in ["lib/systemd/systemd", "bin/systemctl"] {
        image.program(&arm64, &arm64.join(path), path)?;
    }
    for unit in UNITS {
        let path = format!("lib/systemd/system/{unit}");
        image.copy(&arm64.join(&path), &path)?;
    }
    for (path, text) in [
        ("etc/passwd", PASSWD),
        ("etc/group", GROUP),
        ("etc/systemd/system/default.target", TARGET),
        ("etc/systemd/system/device-shell.service", SHELL),
        ("etc/systemd/system/skueye.service.d/sooner.conf", SOONER),
    ] {
        image.add(path, 0o644, text.into());
    }
    image.copy(
        &layout.root().join(SERVICE),
        "lib/systemd/system/skueye.service",
    )?;
    image.link("etc/skueye/kiosk.toml", "/device/kiosk.toml");
    image.link("data", "/var/lib/skueye");
    Ok(())
}
