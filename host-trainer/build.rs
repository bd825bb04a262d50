//! Lets the program find libtorch where it was linked, so that `target/release/skueye-train` runs as it is.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let (Ok(libtorch), Ok(_)) = (
        std::env::var("LIBTORCH"),
        std::env::var("CARGO_FEATURE_TORCH"),
    ) else {
        return;
    };
    let libtorch = Path::new(&libtorch);
    // The PyPI wheel's libtorch_cpu needs the CUDA runtime, which lies beside it.
    let beside = libtorch
        .parent()
        .unwrap_or(libtorch)
        .join("nvidia/cu13/lib");
    for folder in [libtorch.join("lib"), beside] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
