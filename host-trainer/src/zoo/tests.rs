//! Recipes are read whole or refused; kept figures are compared one by one.

use std::path::Path;

use skueye_models::Code;

use super::figures::{Row, TOLERANCE, Worse};
use super::recipe::Source;
use super::*;

fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/zoo/recipe.toml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_shipped_recipe_is_one() {
    let recipe = Recipe::parse(&shipped()).unwrap();
    assert!(matches!(
        recipe.data[..],
        [Source::Synth(_), Source::Makers { .. }]
    ));
    let settings = recipe.settings(&recipe.teachers[recipe.trunk().unwrap()]);
    assert_eq!(settings.network.name, recipe.student.network);
    assert_eq!(settings.augmentation, recipe.augmentation);
    let again = toml::to_string(&recipe).unwrap();
    assert_eq!(Recipe::parse(&again).unwrap(), recipe);
}

#[test]
fn what_cannot_be_made_is_refused_before_hours_are_spent() {
    let text = shipped();
    for (from, to, code, about) in [
        ("dim = 256", "dim = 8", Code::SettingsValue, "dim"),
        ("dim = 256", "dim = ", Code::SettingsSyntax, "recipe"),
        ("dim = 256", "dimm = 256", Code::SettingsUnknownKey, "dimm"),
        ("seed = 11", "sed = 11", Code::SettingsUnknownKey, "sed"),
        ("\"makers\"", "\"photos\"", Code::SettingsValue, "photos"),
        ("epochs = 6", "epochs = 0", Code::SettingsValue, "epochs"),
        ("blocks.7", "blocks.77", Code::SettingsValue, "blocks.15"),
        (
            "threshold = 5",
            "threshhold = 5",
            Code::SettingsUnknownKey,
            "threshhold",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let fault = Recipe::parse(&text.replace(from, to)).unwrap_err();
        assert_eq!(fault.code(), code, "{to}: {fault}");
        assert!(fault.to_string().contains(about), "{fault}");
    }
    let (teachers, student) = text.split_at(text.find("[student]").unwrap());
    let other = student.replace("size = 160", "size = 128");
    assert_ne!(other, student);
    let fault = Recipe::parse(&format!("{teachers}{other}")).unwrap_err();
    assert!(fault.to_string().contains("a teacher's"), "{fault}");
}

fn figures() -> Figures {
    let row = |set: &str, key: &str, recall1| Row {
        set: set.into(),
        products: 500,
        shots: 3,
        key: key.into(),
        recall1,
        recall1_interval: [recall1 - 0.03, recall1 + 0.03],
        mar10: 0.75,
        map10: 0.6,
        auroc: Some(0.8),
        false_reject: None,
        line_recall1: None,
    };
    let worse = |level, recall1_lost| Worse {
        corruption: "blur".into(),
        level,
        recall1_lost,
    };
    Figures {
        embedding_id: "0123".into(),
        network: "efficientnet-lite0".into(),
        size: 160,
        products: 500,
        seed: 1,
        rows: vec![
            row("synth-unseen", "lite0_whitened", 0.25),
            row("synth-unseen", "student_int8", 0.5),
        ],
        worse: vec![worse(1, 0.05), worse(2, 0.1), worse(3, 0.3)],
    }
}

#[test]
fn a_figure_that_moved_or_went_is_named() {
    let kept = figures();
    assert_eq!(kept.differences(&kept), []);
    let mut found = figures();
    found.rows[1].recall1 -= TOLERANCE / 2.0;
    assert_eq!(kept.differences(&found), [], "rounding");
    found.rows[1].recall1 -= TOLERANCE;
    found.rows[0].auroc = None;
    let named: Vec<String> = kept
        .differences(&found)
        .into_iter()
        .map(|d| d.figure)
        .collect();
    assert_eq!(
        named,
        [
            "synth-unseen 3 lite0_whitened auroc",
            "synth-unseen 3 student_int8 recall1"
        ]
    );
    found.rows.clear();
    assert_eq!(kept.differences(&found).len(), 8);
    assert_eq!(found.differences(&kept).len(), 8, "either way");
}

#[test]
fn the_tables_show_the_device_beside_the_pretrained_network() {
    let text = figures().to_string();
    let row = "| `synth-unseen` | 500 | 3 | 0.500 (0.470 to 0.530) | 0.750 | 0.250 | 0.750 | 0.800 | – |\n";
    assert!(text.contains(row), "{text}");
    assert!(
        text.contains("\n| blur | 5.0 % | 10.0 % | 30.0 % |\n"),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figures.json");
    figures().write(&path).unwrap();
    assert_eq!(Figures::read(&path).unwrap(), figures());
    std::fs::write(&path, "{}").unwrap();
    assert_eq!(
        Figures::read(&path).unwrap_err().code(),
        Code::SettingsSyntax
    );
}

#[test]
fn the_card_of_the_shipped_model_shows_its_own_figures() {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/zoo");
    let figures = Figures::read(&zoo.join("figures.json")).unwrap();
    let manifest = skueye_vision::model::read_manifest(&zoo.join("default")).unwrap();
    assert_eq!(figures.embedding_id, manifest.embedding_id.to_string());
    assert_eq!(figures.size, manifest.preprocess.size);
    let card = std::fs::read_to_string(zoo.join("README.md")).unwrap();
    let table = figures.to_string();
    assert!(
        card.contains(&table),
        "put this into models/zoo/README.md:\n{table}"
    );
}
