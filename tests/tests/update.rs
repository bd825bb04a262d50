//! A bundle's way through the two real programs: made and signed by `skueye-train`, staged and tried by `skueye`.
//!
//! The programs must have been built: `cargo build --release -p skueye-trainer -p skueye-agent`.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product, UnitEmbedding};
use skueye_tests::programs::{call, printed, program};
use tempfile::TempDir;

struct Shop(TempDir);

impl Shop {
    /// A folder with a release key, a catalogue key, and a device that trusts both.
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        for name in ["release", "catalogue", "stranger"] {
            shop.train(&format!("keys new {name} --no-passphrase"));
        }
        shop.train("keys set --out keys.json --release release.pub --catalogue catalogue.pub");
        shop.device("trust keys.json");
        shop
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ask(&self, program: &str, words: &str) -> (bool, Value) {
        let words: Vec<&str> = words.split_whitespace().chain(["--json"]).collect();
        let output = call(program, &words, self.path());
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        let value = serde_json::from_str(last);
        (
            output.status.success(),
            value.unwrap_or_else(|_| panic!("{words:?}: {}", printed(&output))),
        )
    }

    fn train(&self, words: &str) -> Value {
        let (good, value) = self.ask("skueye-train", words);
        assert!(good, "{words}: {value}");
        value
    }

    fn device(&self, words: &str) -> Value {
        let (good, value) = self.ask("skueye", &format!("update {words} --folder device"));
        assert!(good, "{words}: {value}");
        value
    }

    /// The number of the error that the device answers with.
    fn refused(&self, words: &str) -> String {
        let (good, value) = self.ask("skueye", &format!("update {words} --folder device"));
        assert!(!good, "{words} is not refused");
        value["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A gallery of one row for each of `products`.
    fn gallery(&self, name: &str, products: u64) {
        let mut builder = GalleryBuilder::new(EmbeddingId([3; 16]), 64).unwrap();
        for n in 0..products {
            let product = Product {
                gtin: Gtin::from_body(400_000_000_000 + n, 13).unwrap(),
                title: format!("tin {n}"),
                category: "tins".into(),
            };
            let product = builder.add_product(product).unwrap();
            let value = |i: u32| (n as f32 * (i + 1) as f32).sin() + 0.01;
            let row = UnitEmbedding::normalise((0..64).map(value).collect()).unwrap();
            builder.add_row(product, &row).unwrap();
        }
        builder.write(self.path().join(name)).unwrap();
    }

    fn settings(&self, text: &str) {
        fs::write(self.path().join("kiosk.toml"), text).unwrap();
    }
}

#[test]
fn a_bundle_is_made_signed_checked_staged_tried_and_taken_back() {
    let shop = Shop::new();
    shop.settings("# one\n");
    let made = shop.train("bundle create --out 1.skueye --release one --settings kiosk.toml --key release.key --no-passphrase");
    assert_eq!(made["signed"], true);
    assert_eq!(
        shop.train("bundle verify 1.skueye --keys keys.json")["good"],
        true
    );
    assert_eq!(shop.device("verify 1.skueye")["good"], true);
    shop.device("stage 1.skueye");
    let status = shop.device("status");
    assert_eq!(
        (&status["running"], &status["staged"]["set"]["release"]),
        (&Value::Null, &"one".into())
    );
    shop.device("apply");
    assert_eq!(shop.device("status")["starts_left"], 3);
    let file = shop.path().join("device/a/kiosk.toml");
    assert_eq!(fs::read_to_string(file).unwrap(), "# one\n");
    assert_eq!(
        shop.refused("apply 1.skueye"),
        "E807",
        "one is still on trial"
    );
    let history = shop.device("history");
    let steps: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["staged", "activated", "refused"]);
}

#[test]
fn what_a_device_must_not_take_is_refused_by_number_and_leaves_it_as_it_was() {
    let shop = Shop::new();
    shop.settings("# one\n");
    let create = |out: &str, key: &str, more: &str| {
        shop.train(&format!(
            "bundle create --out {out}.skueye --release {out} --settings kiosk.toml --key {key}.key --no-passphrase {more}"
        ))
    };
    create("stranger", "stranger", "");
    create("oven", "release", "--hardware oven");
    create("newer", "release", "--requires-program 99.0.0");
    shop.train("bundle create --out unsigned.skueye --release u --settings kiosk.toml");
    let mut cut = fs::read(shop.path().join("oven.skueye")).unwrap();
    cut.pop();
    fs::write(shop.path().join("cut.skueye"), cut).unwrap();
    for (name, code) in [
        ("stranger", "E802"),
        ("unsigned", "E802"),
        ("oven", "E803"),
        ("newer", "E803"),
        ("cut", "E801"),
        ("missing", "E901"),
    ] {
        assert_eq!(
            shop.refused(&format!("stage {name}.skueye --hardware kiosk")),
            code,
            "{name}"
        );
    }
    assert_eq!(shop.refused("apply"), "E809");
    assert_eq!(shop.refused("rollback"), "E809");
    assert_eq!(
        shop.refused("trust keys.json"),
        "E802",
        "keys are changed by bundles alone"
    );
    for slot in ["a", "b", "c"] {
        assert_eq!(
            fs::read_dir(shop.path().join("device").join(slot))
                .unwrap()
                .count(),
            0
        );
    }
    assert_eq!(shop.device("status")["staged"], Value::Null);
}

#[test]
fn an_external_signer_and_new_keys() {
    let shop = Shop::new();
    shop.settings("# two\n");
    // A bundle is made where no key is; its manifest is signed elsewhere, as any file is.
    shop.train(
        "keys set --out next.json --after keys.json --release stranger.pub --revoked release.pub",
    );
    shop.train("keys sign next.json --key release.key --no-passphrase");
    shop.train("bundle create --out 2.skueye --release two --settings kiosk.toml --keys next.json");
    shop.train("bundle inspect 2.skueye --extract manifest.txt");
    shop.train("keys sign manifest.txt --key stranger.key --no-passphrase");
    shop.train("bundle sign 2.skueye --signature manifest.txt.minisig");
    shop.device("stage 2.skueye");
    assert_eq!(shop.device("status")["key_set"], 1);
    shop.train("bundle create --out 3.skueye --release three --settings kiosk.toml --key release.key --no-passphrase");
    assert_eq!(
        shop.refused("stage 3.skueye"),
        "E802",
        "the old key is revoked"
    );
}

#[test]
fn a_gallery_update_ships_what_changed() {
    let shop = Shop::new();
    shop.gallery("old.skg", 400);
    shop.gallery("new.skg", 404);
    let size = |name: &str| fs::metadata(shop.path().join(name)).unwrap().len();
    let create = |out: &str, more: &str| {
        shop.train(&format!(
            "bundle create --out {out} --release r --key catalogue.key --no-passphrase {more}"
        ))
    };
    create(
        "change.skueye",
        "--gallery new.skg --base old.skg --delta-alone",
    );
    assert!(
        size("change.skueye") * 3 < size("new.skg"),
        "{}",
        size("change.skueye")
    );
    // The device has no model, so no gallery fits it: the reason is told before anything is written.
    assert_eq!(shop.refused("stage change.skueye"), "E803");
}

#[test]
fn a_bundle_comes_over_a_serial_cable() {
    let shop = Shop::new();
    shop.settings(&"# a line of settings\n".repeat(3_000));
    shop.train("bundle create --out 1.skueye --release one --settings kiosk.toml --key release.key --no-passphrase");
    shop.train("bundle create --out 0.skueye --release zero --settings kiosk.toml --key stranger.key --no-passphrase");
    let words = "update receive pty --once --json --folder device";
    let mut device = Command::new(program("skueye"))
        .args(words.split_whitespace())
        .current_dir(shop.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(device.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&told.next().unwrap().unwrap()).unwrap();
    let port = next()["port"].as_str().unwrap().to_owned();

    let (good, refused) = shop.ask("skueye-push", &format!("{port} 0.skueye"));
    assert!(!good && refused["code"] == "E803", "{refused}");
    assert!(
        refused["got"].as_str().unwrap().contains("E802"),
        "{refused}"
    );
    assert_eq!(next()["code"], "E802");

    let (good, staged) = shop.ask("skueye-push", &format!("{port} 1.skueye"));
    assert!(good, "{staged}");
    assert_eq!(next()["set"]["release"], "one");
    assert!(device.wait().unwrap().success());
    assert_eq!(shop.device("status")["staged"]["set"]["release"], "one");
}
