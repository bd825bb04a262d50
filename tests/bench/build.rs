//! Lets the program find libtorch where the trainer was linked with it, as host-trainer/build.rs does for its own programs:
//! what a build script says about linking holds for its own package alone.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let Ok(libtorch) = std::env::var("LIBTORCH") else {
        return;
    };
    let libtorch = Path::new(&libtorch);
    let around = libtorch.parent().unwrap_or(libtorch);
    for folder in [libtorch.join("lib"), around.join("nvidia/cu13/lib")] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
