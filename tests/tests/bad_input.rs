//! Bad input to the real programs: each is refused with a numbered error that names the path, what was expected, what
//! was found and the remedy; and nothing half-written is left.
//!
//! The programs must have been built: `cargo build --release -p skueye-trainer -p skueye-agent`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use skueye_gallery::GalleryBuilder;
use skueye_house::root;
use skueye_models::{EmbeddingId, Gtin, Manifest, Product, UnitEmbedding};
use skueye_tests::programs::{call, differing, faults, printed, snapshot};
use tempfile::TempDir;

const HEADING: &str = "UUID,IMAGE_PATH,AUCT_TITL,META_CATEG_ID,CATEG_LVL2_ID,LEAF_CATEG_ID\n";

/// Calls `program` in `folder` and proves that it refuses with `code` and every part of a fault, in words and as JSON, and
/// that no file has changed. Gives the fault.
fn refused(program: &str, arguments: &[&str], folder: &Path, code: &str) -> Value {
    let before = snapshot(folder);
    let plain = call(program, arguments, folder);
    assert!(!plain.status.success(), "{arguments:?} is not refused");
    let text = printed(&plain);
    for part in [code, "expected", "got", "remedy"] {
        assert!(text.contains(part), "{arguments:?} says no {part}: {text}");
    }
    let json = call(program, &[arguments, &["--json"]].concat(), folder);
    assert_eq!(json.status.code(), plain.status.code(), "{arguments:?}");
    let faults = faults(&json);
    let fault = faults.iter().find(|fault| fault["code"] == code);
    let fault =
        fault.unwrap_or_else(|| panic!("{arguments:?} gives no {code}: {}", printed(&json)));
    for key in ["title", "path", "expected", "got", "remedy"] {
        let filled = fault[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(filled, "{code} of {arguments:?} has no {key}: {fault}");
    }
    let changed = differing(&before, &snapshot(folder));
    assert!(changed.is_empty(), "{arguments:?} left {changed:?}");
    fault.clone()
}

fn names(fault: &Value, file: &str) {
    let path = fault["path"].as_str().unwrap_or_default();
    assert!(path.ends_with(file), "{fault} does not name {file}");
}

/// A data set of one listing in each split, whose training table holds `rows` below `heading`.
fn data_set(folder: &Path, heading: &str, rows: &str) {
    let picture = picture();
    fs::create_dir_all(folder.join("metadata")).unwrap();
    for (number, split) in ["train", "val", "index", "query_part1"].iter().enumerate() {
        let row =
            format!("0000000{number},Images/{split}/00/0000000{number}.jpg,red tin 1,1,2,3\n");
        let (heading, rows) = match *split {
            "train" => (heading, rows),
            _ => (HEADING, row.as_str()),
        };
        fs::write(
            folder.join(format!("metadata/{split}.csv")),
            format!("{heading}{rows}"),
        )
        .unwrap();
        let pictures = folder.join(format!("Images/{split}/00"));
        fs::create_dir_all(&pictures).unwrap();
        fs::write(pictures.join(format!("0000000{number}.jpg")), &picture).unwrap();
    }
}

/// A JPEG of 64 x 64 pixels.
fn picture() -> Vec<u8> {
    varied_picture(0)
}

/// Another one for each number.
fn varied_picture(number: u32) -> Vec<u8> {
    let value = |i: u32| (i * i / (97 + number)) as u8;
    let pixels: Vec<u8> = (0..64 * 64 * 3_u32).map(value).collect();
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 85);
    encoder
        .encode(&pixels, 64, 64, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    jpeg
}

fn zoo() -> PathBuf {
    root().join("models/zoo/default")
}

fn manifest() -> Manifest {
    Manifest::parse(&fs::read_to_string(zoo().join("model.json")).unwrap()).unwrap()
}

fn golden() -> String {
    manifest().self_test.image.name.clone()
}

/// A gallery of two products for embeddings of `id`.
fn gallery(path: &Path, id: EmbeddingId) {
    let dim = manifest().dim;
    let mut builder = GalleryBuilder::new(id, dim).unwrap();
    for number in 0..2 {
        let product = Product {
            gtin: Gtin::from_body(400_000_000_000 + number, 13).unwrap(),
            title: format!("product {number}"),
            category: "tins".into(),
        };
        let index = builder.add_product(product).unwrap();
        let mut values = vec![0.0; dim as usize];
        values[number as usize] = 1.0;
        builder
            .add_row(index, &UnitEmbedding::normalise(values).unwrap())
            .unwrap();
    }
    builder.write(path).unwrap();
}

/// A folder with a device's settings, the gallery they name, and a copy of the model.
fn device() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("model")).unwrap();
    for entry in fs::read_dir(zoo()).unwrap() {
        let file = entry.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(
                file.path(),
                folder.path().join("model").join(file.file_name()),
            )
            .unwrap();
        }
    }
    gallery(&folder.path().join("gallery.skg"), manifest().embedding_id);
    fs::write(folder.path().join("kiosk.toml"), SETTINGS).unwrap();
    fs::copy(zoo().join(golden()), folder.path().join("picture.jpg")).unwrap();
    folder
}

const SETTINGS: &str = r#"
[model]
folder = "model"
[gallery]
path = "gallery.skg"
[log]
folder = ""
"#;
const RECOGNISE: [&str; 4] = ["recognise", "picture.jpg", "--config", "kiosk.toml"];

#[test]
fn an_empty_data_folder() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let fault = refused(
        "skueye-train",
        &["mine", "data", "--out", "vocabulary.tsv"],
        folder.path(),
        "E507",
    );
    names(&fault, "data");
    refused(
        "skueye-train",
        &["data", "validate", "data"],
        folder.path(),
        "E507",
    );
}

#[test]
fn a_table_with_a_missing_column() {
    let folder = TempDir::new().unwrap();
    data_set(
        &folder.path().join("data"),
        "ID,IMAGE_PATH\n",
        "00000000,a.jpg\n",
    );
    for arguments in [
        &["mine", "data", "--out", "vocabulary.tsv"][..],
        &["data", "validate", "data"],
    ] {
        let fault = refused("skueye-train", arguments, folder.path(), "E502");
        names(&fault, "metadata/train.csv");
        assert!(
            fault["expected"].as_str().unwrap().contains("UUID"),
            "{fault}"
        );
    }
}

#[test]
fn a_title_of_100_kb() {
    let folder = TempDir::new().unwrap();
    let row = format!(
        "00000000,Images/train/00/00000000.jpg,{},1,2,3\n",
        "x".repeat(100_000)
    );
    data_set(&folder.path().join("data"), HEADING, &row);
    for arguments in [
        &["mine", "data", "--out", "vocabulary.tsv"][..],
        &["data", "validate", "data"],
    ] {
        let fault = refused("skueye-train", arguments, folder.path(), "E504");
        names(&fault, "metadata/train.csv");
        assert!(
            fault.to_string().len() < 2_000,
            "the title itself is not printed"
        );
    }
}

#[test]
fn a_refused_table_leaves_the_old_vocabulary() {
    let folder = TempDir::new().unwrap();
    data_set(&folder.path().join("data"), "ID\n", "1\n");
    fs::write(folder.path().join("vocabulary.tsv"), "the old one").unwrap();
    refused(
        "skueye-train",
        &["mine", "data", "--out", "vocabulary.tsv"],
        folder.path(),
        "E502",
    );
}

#[test]
fn a_truncated_picture() {
    let device = device();
    assert!(call("skueye", &RECOGNISE, device.path()).status.success());
    let picture = device.path().join("picture.jpg");
    let bytes = fs::read(&picture).unwrap();
    fs::write(&picture, &bytes[..bytes.len() / 2]).unwrap();
    let fault = refused("skueye", &RECOGNISE, device.path(), "E301");
    names(&fault, "picture.jpg");
}

#[test]
fn a_truncated_picture_in_a_data_set() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    data_set(
        &data,
        HEADING,
        "00000000,Images/train/00/00000000.jpg,red tin,1,2,3\n",
    );
    let picture = data.join("Images/train/00/00000000.jpg");
    let bytes = fs::read(&picture).unwrap();
    fs::write(&picture, &bytes[..bytes.len() / 2]).unwrap();
    let fault = refused(
        "skueye-train",
        &["data", "validate", "data"],
        folder.path(),
        "E301",
    );
    names(&fault, "00000000.jpg");
}

/// A data set in which every problem but the one of a test is absent: each picture has its own bytes.
fn sound_data_set(folder: &Path, rows: &str) {
    data_set(folder, HEADING, rows);
    for (number, split) in ["train", "val", "index", "query_part1"].iter().enumerate() {
        let path = folder.join(format!("Images/{split}/00/0000000{number}.jpg"));
        fs::write(path, varied_picture(number as u32)).unwrap();
    }
}

const TRAINING_ROW: &str = "00000000,Images/train/00/00000000.jpg,red tin,1,2,3\n";

#[test]
fn the_same_picture_in_two_splits() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    sound_data_set(&data, TRAINING_ROW);
    let validate = ["data", "validate", "data"];
    let clean = call("skueye-train", &validate, folder.path());
    assert!(clean.status.success(), "{}", printed(&clean));
    fs::copy(
        data.join("Images/train/00/00000000.jpg"),
        data.join("Images/index/00/00000002.jpg"),
    )
    .unwrap();
    for more in [&[][..], &["--no-decode"]] {
        let arguments = [&validate[..], more].concat();
        let fault = refused("skueye-train", &arguments, folder.path(), "E511");
        names(&fault, "index.csv");
    }
}

#[test]
fn one_picture_under_two_labels() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let rows = format!("{TRAINING_ROW}00000009,Images/train/00/00000009.jpg,blue tin,7,8,9\n");
    sound_data_set(&data, &rows);
    let picture = data.join("Images/train/00/00000000.jpg");
    fs::copy(&picture, data.join("Images/train/00/00000009.jpg")).unwrap();
    let validate = ["data", "validate", "data"];
    refused("skueye-train", &validate, folder.path(), "E512");
}

#[test]
fn a_command_line_that_does_not_fit() {
    let folder = TempDir::new().unwrap();
    for (program, arguments) in [
        ("skueye-train", &["minee"][..]),
        (
            "skueye-train",
            &["mine", "data", "--out", "x", "--threshhold", "3"],
        ),
        (
            "skueye-train",
            &[
                "distil", "run", "--data", "d", "--out", "o", "--dim", "9999",
            ],
        ),
        ("skueye", &["recognize"]),
    ] {
        let plain = call(program, arguments, folder.path());
        assert_eq!(plain.status.code(), Some(2), "{arguments:?}");
        let json = call(program, &[arguments, &["--json"]].concat(), folder.path());
        assert_eq!(json.status.code(), Some(2), "{arguments:?}");
        let faults = faults(&json);
        assert_eq!(faults[0]["code"], "E104", "{}", printed(&json));
    }
}

#[test]
fn a_quick_start_with_a_cut_that_is_not_there_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let arguments = ["quickstart", "--out", "demo", "--freeze", "blocks.77"];
    let before = snapshot(folder.path());
    let json = [&arguments[..], &["--json"]].concat();
    let output = call("skueye-train", &json, folder.path());
    // A program without the training engine refuses earlier.
    let code = &faults(&output)[0]["code"];
    assert!(code == "E103" || code == "E603", "{}", printed(&output));
    assert_eq!(snapshot(folder.path()), before);
}

#[test]
fn a_gallery_with_any_one_byte_changed() {
    let device = device();
    let path = device.path().join("gallery.skg");
    let good = fs::read(&path).unwrap();
    let verify = ["gallery", "verify", "gallery.skg"];
    assert!(call("skueye", &verify, device.path()).status.success());
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut changed = good.clone();
        changed[at] ^= 0x40;
        fs::write(&path, &changed).unwrap();
        let output = call(
            "skueye",
            &[&verify[..], &["--json"]].concat(),
            device.path(),
        );
        assert!(!output.status.success(), "byte {at} of {}", good.len());
        assert_eq!(faults(&output).len(), 1, "byte {at}: {}", printed(&output));
    }
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    fs::write(&path, changed).unwrap();
    names(
        &refused("skueye", &verify, device.path(), "E201"),
        "gallery.skg",
    );
}

#[test]
fn a_gallery_of_another_embedding() {
    let device = device();
    gallery(&device.path().join("gallery.skg"), EmbeddingId([9; 16]));
    let fault = refused("skueye", &RECOGNISE, device.path(), "E203");
    names(&fault, "gallery.skg");
    let run = ["run", "--replay", "model", "--config", "kiosk.toml"];
    refused("skueye", &run, device.path(), "E203");
}

#[test]
fn a_model_that_states_another_embedding_id() {
    let device = device();
    let path = device.path().join("model/model.json");
    let mut model: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    model["embedding_id"] = EmbeddingId([9; 16]).to_string().into();
    fs::write(&path, model.to_string()).unwrap();
    refused("skueye", &RECOGNISE, device.path(), "E405");
}

#[test]
fn weights_that_are_none_or_of_another_network() {
    let folder = TempDir::new().unwrap();
    let weights = folder.path().join("weights");
    let words = "network export resnet50 --weights weights --out model.onnx";
    let words: Vec<&str> = words.split(' ').collect();
    fs::write(&weights, "<html>").unwrap();
    names(
        &refused("skueye-train", &words, folder.path(), "E408"),
        "weights",
    );

    let header = r#"{"stem.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes().chain([0; 4]));
    fs::write(&weights, bytes).unwrap();
    let fault = refused("skueye-train", &words, folder.path(), "E407");
    names(&fault, "weights");
    let got = fault["got"].as_str().unwrap();
    for part in [
        "conv1.weight [64, 3, 7, 7] is missing",
        "stem.weight is unknown",
    ] {
        assert!(got.contains(part), "{got}");
    }
}
