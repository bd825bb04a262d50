//! Distillation by two real processes, through the program itself.
#![cfg(feature = "torch")]
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use skueye_trainer::run::RunFolder;
use skueye_trainer::run::record::RunRecord;

/// Calls the program in `folder` with the words of `line`.
fn call(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skueye-train"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

fn done(folder: &Path, line: &str) -> String {
    let output = call(folder, line);
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    assert!(output.status.success(), "{line}\n{out}\n{err}");
    out.into_owned()
}

const SMALL: &str = "--set network.size=32 --set training.batch=8 --set training.epochs=2 \
    --set validation.pictures=0 --set validation.keep=last --set mining.threshold=1";

#[test]
fn two_processes_fill_one_store_and_train_one_student() {
    let made = tempfile::tempdir().unwrap();
    let folder = made.path();
    done(
        folder,
        "data synth data --train-products 6 --val-products 4 --eval-products 4 --unknown-products 1 \
         --presentations 1 --unknown-presentations 0 --size 48",
    );
    let train = "train data --out teacher --weights random --set network.drop_path=0.1";
    done(folder, &format!("{train} {SMALL}"));
    let distil = |out: &str, more: &str| {
        format!("distil teacher --data data --out {out} --dim 64 --views 2 {SMALL} {more}")
    };
    let launch = |line: &str| format!("launch -n 2 -- {line}");
    // Both processes see a wrong word of their command, and the launcher says which of them failed.
    let refused = call(folder, &launch(&distil("none", "--shard 1/2 --store-only")));
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("E104") && said.contains("E644"), "{said}");

    let printed = done(folder, &launch(&distil("together", "--json --until 1")));
    let first: Value = serde_json::from_str(printed.trim()).unwrap();
    assert_eq!(first["run"]["epochs"], 1);
    let printed = done(folder, &launch(&distil("together", "--json --resume")));
    let second: Value = serde_json::from_str(printed.trim()).unwrap();
    assert_eq!(second["run"]["epochs"], 2);
    // 6 products with 7 pictures, two views each, half of them by the process that speaks.
    assert_eq!(first["store"]["computed"], 6 * 7);
    assert_eq!(second["store"]["computed"], 0);
    let run = RunFolder::open(&folder.join("together")).unwrap();
    assert_eq!(RunRecord::read(&run).unwrap().processes, 2);
    assert_eq!(run.network().unwrap().dim(), 64);
}
