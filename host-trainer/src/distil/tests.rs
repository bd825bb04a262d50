use std::path::Path;

use skueye_models::Code;
use tch::Device;

use super::ensemble::{Sample, fit_networks};
use super::fit::FitOptions;
use super::soup_run::make_soup;
use super::teachers::{Teacher, Teachers};
use super::{DistilRequest, UNREADABLE_FILE, trunk};
use crate::data::{Dataset, Split};
use crate::run::settings::{Keep, Settings, TrainingSettings};
use crate::run::{RunFolder, TrainRequest, train};
use crate::shard::Shard;
use crate::synth::{SynthOptions, generate};

const NETWORK: &str = "efficientnet-lite0";

/// A few products, and settings that learn from them in a second.
fn school(root: &Path) -> Settings {
    let options = SynthOptions {
        train_products: 6,
        val_products: 4,
        eval_products: 4,
        unknown_products: 1,
        size: 48,
        presentations: 1,
        unknown_presentations: 0,
        frames_per_presentation: 1,
        frame_size: [64, 48],
        ..SynthOptions::default()
    };
    generate(&root.join("data"), &options).unwrap();
    let mut settings = Settings::default();
    settings.network.weights = "random".into();
    settings.network.size = 32;
    settings.network.stored_views = 2;
    settings.mining.threshold = 1;
    settings.training.epochs = 4;
    settings.training.batch = 8;
    settings.validation.keep = Keep::Last;
    settings.validation.pictures = 0;
    settings
}

fn teach(root: &Path, name: &str, settings: &Settings) -> std::path::PathBuf {
    let (out, file) = (root.join(name), root.join("settings.toml"));
    std::fs::write(&file, settings.to_text()).unwrap();
    train(&TrainRequest {
        data: &root.join("data"),
        out: &out,
        settings: Some(&file),
        overrides: &[],
        vocabulary: None,
        resume: false,
        until: Some(1),
        device: Device::Cpu,
        cache: root,
        threads: 2,
        group: None,
    })
    .unwrap();
    out
}

fn weights(run: &Path) -> skueye_models::network::Weights {
    RunFolder::open(run).unwrap().network().unwrap().weights
}

#[test]
fn a_student_that_is_stopped_and_goes_on_ends_as_one_that_is_not() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let mut settings = school(root);
    let teacher = Teacher::open(&teach(root, "teacher", &settings)).unwrap();
    let dataset = Dataset::open(&root.join("data")).unwrap();
    let networks = vec![teacher];
    let options = FitOptions::for_one(64);
    let fitted = fit_networks(
        &networks,
        &dataset,
        Sample::of(Split::Train),
        &options,
        Device::Cpu,
    );
    let fitted = fitted.unwrap();
    let teachers = Teachers::new(networks, fitted.ensemble).unwrap();
    settings.network.embedding = 64;
    settings.network.freeze = "blocks.7".into();
    let request = |out: &'static str, store: &'static str, shard, resume, until| {
        let (out, store, data) = (root.join(out), root.join(store), root.join("data"));
        let run = |store_only| {
            DistilRequest {
                teachers: &teachers,
                trunk: trunk(&teachers, NETWORK, None).unwrap(),
                data: &data,
                out: &out,
                store: &store,
                shard,
                settings: &settings,
                vocabulary: None,
                resume,
                until,
                device: Device::Cpu,
                group: None,
            }
            .run(store_only)
        };
        (run(true), run(false))
    };
    let shard = |number| Shard::new(number, 2).unwrap();
    // One process fills the store; two processes fill another one, each its half.
    let (_, whole) = request("whole", "store", Shard::WHOLE, false, None);
    assert_eq!(whole.unwrap().run.unwrap().epochs, 4);
    let (first, lacking) = request("halves", "parts", shard(1), false, None);
    let half = first.unwrap().store;
    assert!(half.computed > 0 && half.found == 0);
    assert_eq!(lacking.unwrap_err().code(), Code::StoreIncomplete);
    let (second, stopped) = request("halves", "parts", shard(2), true, Some(2));
    assert_eq!(second.unwrap().store.computed + half.computed, 6 * 7 * 2);
    assert_eq!(stopped.unwrap().run.unwrap().epochs, 2);
    let (found, resumed) = request("halves", "parts", shard(2), true, None);
    assert_eq!(found.unwrap().store.computed, 0);
    assert_eq!(resumed.unwrap().run.unwrap().epochs, 4);
    let (a, b) = (weights(&root.join("whole")), weights(&root.join("halves")));
    assert_eq!(a.0.len(), b.0.len());
    assert!(a.0.iter().all(|(name, param)| param.data == b.0[name].data));
    assert!(a.0.contains_key("embedding.weight"));
}

#[test]
fn a_soup_is_a_run_and_other_networks_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let settings = school(root);
    let dataset = Dataset::open(&root.join("data")).unwrap();
    let runs = [("a", 1e-3), ("b", 1e-4)].map(|(name, rate)| {
        let mut settings = settings.clone();
        settings.training.rate = rate;
        teach(root, name, &settings)
    });
    let out = root.join("soup");
    let report = make_soup(&runs, &dataset, true, &out, Device::Cpu).unwrap();
    assert!(
        report.alone.iter().all(|&alone| report.soup >= alone),
        "{report:?}"
    );
    assert!(!report.taken.is_empty());
    weights(&out);
    // All of them: the statistics of normalisation are the mean of the runs', or new ones, as validation decides.
    let all = root.join("all");
    let report = make_soup(&runs, &dataset, false, &all, Device::Cpu).unwrap();
    let normalised = report.normalised.unwrap();
    assert_eq!((report.taken.len(), normalised.pictures), (2, 6 * 7));
    assert_eq!(report.soup, normalised.averaged.max(normalised.anew));
    let [a, b, mixed] = [&runs[0], &runs[1], &all].map(|run| weights(run));
    let statistics = ("_bn0.running_mean", normalised.is_anew());
    for (name, moves) in [("_conv_stem.weight", false), statistics] {
        let means = a.data(name).iter().zip(b.data(name));
        let mut means = means.map(|(a, b)| (a + b) / 2.0).zip(mixed.data(name));
        assert_eq!(means.any(|(a, b)| (a - b).abs() > 1e-6), moves, "{name}");
    }
    let again = make_soup(&runs, &dataset, true, &out, Device::Cpu).unwrap_err();
    assert_eq!(again.code(), Code::RunFolderExists);
    let mut other = settings.clone();
    other.network.name = "efficientnet-lite1".into();
    let runs = [runs[0].clone(), teach(root, "other", &other)];
    let refused = make_soup(&runs, &dataset, false, &root.join("none"), Device::Cpu);
    assert_eq!(refused.unwrap_err().code(), Code::SoupMismatch);
}

#[test]
fn a_picture_that_cannot_be_read_is_left_out_and_listed() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let mut settings = school(root);
    let data = root.join("data");
    let dataset = Dataset::open(&data).unwrap();
    let rows: Vec<_> = dataset.rows(Split::Train).unwrap().flatten().collect();
    std::fs::write(&rows[3].image, b"no picture").unwrap();
    settings.training.unreadable = 0.05;
    let networks = vec![Teacher::open(&teach(root, "teacher", &settings)).unwrap()];
    let sample = |unreadable| Sample {
        unreadable,
        ..Sample::of(Split::Train)
    };
    let options = FitOptions::for_one(64);
    let fit = |share| fit_networks(&networks, &dataset, sample(share), &options, Device::Cpu);
    assert_eq!(fit(0.01).unwrap_err().code(), Code::DataTooManyBad);
    let ensemble = fit(0.05).unwrap().ensemble;
    let teachers = Teachers::new(networks.clone(), ensemble).unwrap();
    settings.network.embedding = 64;
    let distil = |settings: &Settings| {
        DistilRequest {
            teachers: &teachers,
            trunk: trunk(&teachers, NETWORK, None).unwrap(),
            data: &data,
            out: &root.join("student"),
            store: &root.join("store"),
            shard: Shard::WHOLE,
            settings,
            vocabulary: None,
            resume: false,
            until: None,
            device: Device::Cpu,
            group: None,
        }
        .run(false)
    };
    let strict = Settings {
        training: TrainingSettings {
            unreadable: 0.01,
            ..settings.training.clone()
        },
        ..settings.clone()
    };
    assert_eq!(distil(&strict).unwrap_err().code(), Code::DataTooManyBad);
    let done = distil(&settings).unwrap();
    assert_eq!(
        (done.unreadable, done.store.computed),
        (1, (rows.len() - 1) * 2)
    );
    assert_eq!(done.run.unwrap().epochs, 4);
    let list = std::fs::read_to_string(root.join("store").join(UNREADABLE_FILE)).unwrap();
    assert_eq!(list.lines().count(), 1);
    assert!(list.contains(rows[3].image.file_name().unwrap().to_str().unwrap()));
}
