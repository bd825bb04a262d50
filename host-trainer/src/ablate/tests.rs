use std::path::Path;

use skueye_models::{Code, Fault};
use tch::Device;

use super::*;
use crate::quickstart::Data;

fn run(out: &Path, seeds: u64) -> Result<Ablation, Fault> {
    ablate(&AblateRequest {
        sets: &[Data::Synth],
        seeds,
        budget: 60.0,
        sizes: Some(Sizes::tiny()),
        weights: "random",
        out,
        cache: out,
        device: Device::Cpu,
        command: "skueye-train ablate".into(),
    })
}

/// Every part runs on real pictures, only smaller; what is finished is not done again.
#[test]
fn an_ablation_that_lost_cells_makes_those_alone_again_with_the_same_figures() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("ablation");
    let first = run(&out, 1).unwrap();
    let set = &first.sets["synth"];
    assert_eq!(set.mar10_mean.len(), Row::ALL.len());
    assert_eq!(set.claims.len(), 5);
    assert!(set.mining.len() >= 5 && set.mining.values().all(|gain| gain.verdict == "no gain"));
    assert!(markdown(&first).contains("student, int8 gallery, re-ranked"));
    let cells = out.join("synth/seed-1/cells");
    let ensemble = std::fs::read(cells.join("ensemble.json")).unwrap();
    for name in ["student", "mining-units"] {
        std::fs::remove_file(cells.join(name).with_extension("json")).unwrap();
    }
    let second = run(&out, 1).unwrap();
    assert_eq!(second.sets["synth"].by_seed, set.by_seed);
    assert_eq!(
        std::fs::read(cells.join("ensemble.json")).unwrap(),
        ensemble
    );
    let other = run(&out, 2).unwrap_err();
    assert_eq!(other.code(), Code::WorkFolder);
}
