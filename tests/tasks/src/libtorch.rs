//! The training engine's library: libtorch from the PyPI wheel, or the one that the user names in `LIBTORCH`.
//!
//! The wheel's `libtorch_cpu` needs the CUDA runtime and CUPTI even where there is no GPU; their versions are those
//! that torch 2.11.0 itself asks for (`cuda-toolkit` 13.0.2). The rest of CUDA (cuDNN, cuBLAS, ...) is not needed on a
//! CPU; a machine with a GPU names an installation that has it in `LIBTORCH`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::machine;
use crate::packages::{self, Wheel};
use crate::steps::Trouble;
use crate::workspace::Workspace;

const WHEELS: [Wheel; 3] = [
    Wheel {
        name: "torch==2.11.0",
        sha256: [
            "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
            "f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f",
        ],
    },
    Wheel {
        name: "nvidia-cuda-runtime==13.0.96",
        sha256: [
            "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
            "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55",
        ],
    },
    Wheel {
        name: "nvidia-cuda-cupti==13.0.85",
        sha256: [
            "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
            "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151",
        ],
    },
];

/// The wheel (0.5 GiB, kept once more by pip), unpacked (1.2 GiB), and the build of the trainer against it.
const MIB_NEEDED: u64 = 4096;

/// A libtorch that is there.
pub struct Libtorch {
    folder: PathBuf,
}

impl Libtorch {
    /// Fetches libtorch into `target/libtorch` unless it is there, or takes the one that the user names. Checks first
    /// that the trainer can be built against it.
    pub fn ensure(workspace: &Workspace) -> Result<Self, Trouble> {
        machine::cpp_compiler()?;
        let fetched = workspace.made().join("libtorch");
        let ours = fetched.join("torch");
        let folder = env::var_os("LIBTORCH").map_or(ours.clone(), PathBuf::from);
        if folder == ours {
            packages::ensure("libtorch", &WHEELS, &fetched, MIB_NEEDED)?;
        }
        Self::at(folder)
    }

    fn at(folder: PathBuf) -> Result<Self, Trouble> {
        if folder.join("lib/libtorch_cpu.so").is_file() {
            return Ok(Self { folder });
        }
        Err(Trouble::new(
            format!("no lib/libtorch_cpu.so in {}", folder.display()),
            "set LIBTORCH to a libtorch 2.11 folder, or unset it to have one fetched",
        ))
    }

    /// What building and running the trainer needs in the environment besides `LIBTORCH`, which the user or
    /// `.cargo/config.toml` has set.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let libraries = [
            self.folder.join("lib"),
            sibling(&self.folder, "nvidia/cu13/lib"),
        ];
        let before = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let users = env::split_paths(&before).filter(|p| !is_of_cargo(p));
        let all = libraries.into_iter().chain(users);
        let path = env::join_paths(all.filter(|p| p.is_dir())).unwrap_or(before.clone());
        vec![("LD_LIBRARY_PATH", path)]
    }
}

/// Whether `cargo run` put the folder on the path, for Rust's own shared libraries.
fn is_of_cargo(folder: &Path) -> bool {
    let toolchain = |p: &Path| p.join("rustlib").is_dir();
    folder.ends_with("debug")
        || folder.ends_with("debug/deps")
        || folder.ancestors().take(4).any(toolchain)
}

fn sibling(folder: &Path, name: &str) -> PathBuf {
    folder.parent().unwrap_or(folder).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_library_is_refused_with_the_remedy() {
        let trouble = Libtorch::at("/no/such/folder".into()).err().unwrap();
        assert!(trouble.to_string().contains("set LIBTORCH"), "{trouble}");
    }

    #[test]
    fn every_wheel_has_a_whole_checksum_per_processor() {
        for sum in WHEELS.iter().flat_map(|wheel| wheel.sha256) {
            assert!(
                sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()),
                "{sum}"
            );
        }
    }
}
