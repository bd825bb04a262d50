//! A model from its recipe, through the program itself.
#![cfg(feature = "torch")]
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const RECIPE: &str = r#"
seed = 1
dim = 64
stored_views = 2
statistics = 40
false_accept_rate = 0.1
[mining]
threshold = 1
[augmentation]
flip = 0.0
[[data]]
set = "synth"
seed = 1
train_products = 6
val_products = 4
listing_per_product = 2
kiosk_per_product = 2
size = 48
[[data]]
set = "folder"
root = "own"
[calibration]
seed = 3
train_products = 4
val_products = 4
listing_per_product = 2
kiosk_per_product = 2
size = 48
[[teachers]]
network = "efficientnet-lite0"
weights = "random"
size = 32
freeze = "blocks.3"
epochs = 1
batch = 8
rate = 1e-3
[[teachers]]
network = "efficientnet-lite1"
weights = "random"
size = 32
freeze = "none"
epochs = 1
batch = 8
rate = 1e-3
poly = 1.0
[student]
network = "efficientnet-lite0"
size = 32
freeze = "blocks.3"
epochs = 2
batch = 8
rate = 1e-3
"#;

/// Calls the program in `folder` with the words of `line`.
fn call(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skueye-train"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

fn made(folder: &Path) -> Value {
    let output = call(folder, "zoo train recipe.toml --out z --json");
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    assert!(output.status.success(), "{out}\n{err}");
    serde_json::from_str(out.trim()).unwrap()
}

#[test]
fn a_recipe_becomes_a_model_and_what_is_finished_is_not_done_again() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    let own = call(
        folder,
        "data synth own --seed 2 --train-products 3 --val-products 2 --eval-products 4 --unknown-products 1 \
         --listing-per-product 2 --kiosk-per-product 2 --presentations 0 --unknown-presentations 0 --size 48",
    );
    assert!(own.status.success(), "{own:?}");

    let first = made(folder);
    let share = |at: usize| first["data"][at]["share_of_training"].as_f64().unwrap();
    assert_eq!([share(0), share(1)], [24.0 / 36.0, 12.0 / 36.0]);
    assert!(first["calibration"]["thresholds"]["accept"].is_number());
    let run = folder.join("z/runs/student/metrics.jsonl");
    let [model, metrics] =
        [folder.join("z/model/model.json"), run].map(|p| std::fs::read(p).unwrap());

    // As if the power had gone while the model was written.
    std::fs::remove_dir_all(folder.join("z/model")).unwrap();
    std::fs::remove_file(folder.join("z/made.json")).unwrap();
    assert_eq!(made(folder), first);
    assert_eq!(
        std::fs::read(folder.join("z/model/model.json")).unwrap(),
        model
    );
    let again = std::fs::read(folder.join("z/runs/student/metrics.jsonl")).unwrap();
    assert!(again == metrics, "the student was trained again");

    let other = RECIPE.replace("epochs = 2", "epochs = 3");
    std::fs::write(folder.join("recipe.toml"), other).unwrap();
    let refused = call(folder, "zoo train recipe.toml --out z");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("E655"), "{said}");
}
