//! Cargo with what bindgen needs for the V4L2 cameras: libclang from its wheel and the compiler's own headers.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::packages::{self, Wheel};
use crate::steps::{Step, Trouble};
use crate::workspace::Workspace;

/// What bindgen needs where no libclang is installed; only the V4L2 cameras use it.
const LIBCLANG: [Wheel; 1] = [Wheel {
    name: "libclang==18.1.1",
    sha256: [
        "c533091d8a3bbf7460a00cb6c1a71da93bffe148f172c7d03b1c31fbf8aa2a0b",
        "54dda940a4a0491a9d1532bf071ea3ef26e6dbaf03b5000ed94dd7174e8f9592",
    ],
}];

/// Where builds with V4L2 go. A folder of their own: bindgen asks more of common packages, and everything else would be built
/// again for it.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.made().join("v4l2")
}

/// Steps of cargo that can build V4L2, by title and arguments; libclang is fetched where it is missing.
pub fn steps<const N: usize>(
    workspace: &Workspace,
    steps: [(&str, &str); N],
) -> Result<[Step; N], Trouble> {
    let libclang = workspace.made().join("libclang");
    packages::ensure("libclang", &LIBCLANG, &libclang, 256)?;
    let headers = headers()?;
    Ok(steps.map(|(title, arguments)| {
        workspace
            .cargo(title, arguments)
            .env("LIBCLANG_PATH", libclang.join("clang/native"))
            .env("BINDGEN_EXTRA_CLANG_ARGS", headers.clone())
            .env("CARGO_TARGET_DIR", folder(workspace))
    }))
}

fn headers() -> Result<OsString, Trouble> {
    let output = Command::new("cc").arg("-print-file-name=include").output();
    let output = output.map_err(|error| {
        Trouble::new(
            format!("cc does not start ({error})"),
            "install a C compiler",
        )
    })?;
    let path = String::from_utf8_lossy(&output.stdout);
    Ok(format!("-I{}", path.trim()).into())
}
