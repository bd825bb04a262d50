//! `skueye gallery`, as a person calls it.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{ListAccessor, Row, RowAccessor};
use serde_json::Value;
use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product, UnitEmbedding};
use tempfile::TempDir;

const NEW: &str = "4006381333931";

fn gtin(number: u64) -> Gtin {
    Gtin::from_body(400_000_000_000 + number, 13).unwrap()
}

fn unit(seed: usize) -> Vec<f32> {
    let values = (0..32).map(|n| ((n * 7 + seed * 5 + n * seed) % 11) as f32 - 5.0);
    UnitEmbedding::normalise(values.collect())
        .unwrap()
        .as_slice()
        .to_vec()
}

/// A folder with `shop.skg`: three products with two rows each.
fn shop() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut builder = GalleryBuilder::new(EmbeddingId([7; 16]), 32).unwrap();
    for number in 0..3 {
        let product = Product {
            gtin: gtin(number),
            title: format!("Tea {number}"),
            category: "tea".into(),
        };
        let index = builder.add_product(product).unwrap();
        for look in 0..2 {
            let row = UnitEmbedding::normalise(unit(10 * number as usize + look)).unwrap();
            builder.add_row(index, &row).unwrap();
        }
    }
    builder.write(folder.path().join("shop.skg")).unwrap();
    folder
}

/// The product of the shop with the row nearest to one of `rows`, and the cosine.
fn nearest(rows: &[Vec<f32>]) -> (Gtin, f64) {
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let looks = (0..3).flat_map(|number| (0..2).map(move |look| (number, look)));
    let all = looks.flat_map(|(number, look)| {
        let shop = unit(10 * number as usize + look);
        rows.iter()
            .map(move |row| (gtin(number), cosine(row, &shop)))
    });
    all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

/// Writes a `.npy` file as NumPy does.
fn npy(path: &Path, rows: &[Vec<f32>]) {
    let shape = format!("({}, {})", rows.len(), rows[0].len());
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

fn skueye(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skueye"))
        .arg("gallery")
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

/// The JSON lines of a call that succeeds.
fn lines(folder: &TempDir, arguments: &[&str]) -> Vec<Value> {
    let output = skueye(folder, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn json(folder: &TempDir, arguments: &[&str]) -> Value {
    lines(folder, arguments).remove(0)
}

/// The number of the fault of a call that fails.
fn fault(folder: &TempDir, arguments: &[&str]) -> String {
    let output = skueye(folder, &[arguments, &["--json"]].concat());
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    let fault: Value = serde_json::from_slice(&output.stdout).unwrap();
    fault["code"].as_str().unwrap().to_owned()
}

#[test]
fn enrol_remove_compact_diff_and_export() {
    let folder = shop();
    fs::copy(
        folder.path().join("shop.skg"),
        folder.path().join("old.skg"),
    )
    .unwrap();
    npy(&folder.path().join("new.npy"), &[unit(100), unit(101)]);
    let enrol = ["enrol", "shop.skg", "--vectors", "new.npy", "--gtin", NEW];
    assert_eq!(
        fault(&folder, &enrol),
        "E104",
        "a new product needs a title"
    );
    let titled = [&enrol[..], &["--title", "Green tea"]].concat();
    let enrolled = json(&folder, &titled);
    assert_eq!(
        (&enrolled["rows"], &enrolled["new_product"]),
        (&2.into(), &true.into())
    );
    let (other, cosine) = nearest(&[unit(100), unit(101)]);
    assert_eq!(enrolled["nearest_other"]["gtin"], other.to_string());
    let said = enrolled["nearest_other"]["cosine"].as_f64().unwrap();
    assert!((said - cosine).abs() < 0.01, "{said} for {cosine}");
    assert_eq!(enrolled["first_row"], 6, "behind the three products' rows");
    assert_eq!(json(&folder, &enrol)["new_product"], false);

    let first = gtin(0).to_string();
    assert_eq!(
        json(&folder, &["remove", "shop.skg", "--gtin", &first])["rows"],
        2
    );
    assert_eq!(
        fault(&folder, &["remove", "shop.skg", "--gtin", &first]),
        "E204"
    );
    assert_eq!(
        json(&folder, &["remove", "shop.skg", "--rows", "3"])["rows"],
        1
    );
    assert_eq!(
        fault(&folder, &["remove", "shop.skg", "--rows", "10"]),
        "E204"
    );

    let info = json(&folder, &["info", "shop.skg"]);
    assert_eq!((&info["rows"], &info["products"]), (&6.into(), &3.into()));
    let journal =
        serde_json::json!({"changes": 4, "rows_enrolled": 4, "rows_removed": 3, "torn_bytes": 0});
    assert_eq!(info["journal"], journal);
    assert_eq!(json(&folder, &["verify", "shop.skg"])["verified"], true);

    let check = |folder: &TempDir| {
        let listed = lines(folder, &["list", "shop.skg"]);
        let counts: Vec<_> = listed
            .iter()
            .filter(|l| l["rows"] != 0)
            .map(|l| &l["rows"])
            .collect();
        assert_eq!(
            counts,
            [1, 2, 4],
            "by number: two of the old ones, the new one"
        );
    };
    check(&folder);
    let output = skueye(&folder, &["diff", "old.skg", "shop.skg", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let diff: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(diff["only_new"][0]["gtin"], NEW);
    assert_eq!(diff["changed"].as_array().unwrap().len(), 2);

    let compacted = json(&folder, &["compact", "shop.skg"]);
    assert_eq!(
        compacted,
        serde_json::json!({"changes": 4, "rows": 7, "products": 3})
    );
    check(&folder);
    assert!(!folder.path().join("shop.skg.journal").exists());
    assert_eq!(json(&folder, &["compact", "shop.skg"])["changes"], 0);
    assert_eq!(json(&folder, &["verify", "shop.skg"])["verified"], true);

    let exported = json(&folder, &["export", "shop.skg", "--out", "out"]);
    assert_eq!(
        (&exported["rows"], &exported["dim"]),
        (&7.into(), &32.into())
    );
    assert_eq!(
        fault(&folder, &["export", "shop.skg", "--out", "out"]),
        "E901"
    );
    let rows = fs::read(folder.path().join("out/rows.npy")).unwrap();
    assert_eq!(rows.len() % 64, 7 * 32 * 4 % 64);
    let last = rows[rows.len() - 128..]
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b));
    let close = last.zip(unit(101)).all(|(a, b)| (a - b).abs() < 0.01);
    assert!(close, "the last row is the last one enrolled");
    let lines = fs::read_to_string(folder.path().join("out/rows.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 7);
    assert!(lines.lines().last().unwrap().contains(NEW));
    let as_table = [
        "export", "shop.skg", "--out", "table", "--format", "parquet",
    ];
    assert_eq!(json(&folder, &as_table)["rows"], 7);
    let table =
        SerializedFileReader::new(File::open(folder.path().join("table/rows.parquet")).unwrap());
    let rows: Vec<Row> = table
        .unwrap()
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 7);
    let last = &rows[6];
    assert_eq!(last.get_string(0).unwrap(), NEW);
    let embedding = last.get_list(3).unwrap();
    assert_eq!(embedding.len(), 32);
    let close = |(n, value): (usize, f32)| (embedding.get_float(n).unwrap() - value).abs() < 0.01;
    assert!(unit(101).into_iter().enumerate().all(close));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_path() {
    let folder = shop();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text.npy"), "1, 2, 3").unwrap();
    npy(&path("short.npy"), &[unit(1)[..31].to_vec()]);
    npy(&path("nan.npy"), &[vec![f32::NAN; 32]]);
    for (name, code) in [
        ("text.npy", "E204"),
        ("short.npy", "E204"),
        ("nan.npy", "E406"),
        ("none.npy", "E901"),
    ] {
        let enrol = [
            "enrol",
            "shop.skg",
            "--vectors",
            name,
            "--gtin",
            NEW,
            "--title",
            "Tea",
        ];
        assert_eq!(fault(&folder, &enrol), code, "{name}");
    }
    assert!(!path("shop.skg.journal").exists(), "nothing was begun");
    fs::write(path("shop.skg.journal"), vec![1; 200]).unwrap();
    for command in ["info", "list", "verify", "compact"] {
        assert_eq!(fault(&folder, &[command, "shop.skg"]), "E207", "{command}");
    }
    assert_eq!(fault(&folder, &["info", "none.skg"]), "E901");
}
