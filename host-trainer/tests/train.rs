//! A whole training run on a small data set, as its command does it. A process of its own: libtorch's random numbers are
//! the process's.
#![cfg(feature = "torch")]
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skueye_distributed::{Launch, Place, ProcessGroup, Timeouts, launch};
use skueye_models::{Code, Fault, Gtin};
use skueye_trainer::data::{DatasetInfo, DatasetWriter, ImageRow, Look, ProductRow, Split, layout};
use skueye_trainer::run::metrics::{Record, read_metrics};
use skueye_trainer::run::record::RunRecord;
use skueye_trainer::run::{ExportRequest, RunFolder, TrainRequest, Trained, export};
use tch::Device;

const COLOURS: [&str; 4] = ["red", "green", "blue", "yellow"];

fn gtin(product: usize) -> Gtin {
    Gtin::from_body(200_000_000_000 + product as u64, 13).unwrap()
}

fn row(n: usize, split: Split) -> ImageRow {
    let product = n % COLOURS.len();
    ImageRow {
        uuid: layout::uuid("run", 1, n as u64),
        split,
        gtin: gtin(product),
        title: format!("{} tin", COLOURS[product]),
        categories: [1, 1 + product as u32 % 2, product as u32],
        look: Look::Listing,
    }
}

fn jpeg(n: usize) -> Vec<u8> {
    let colour = [
        [200u8, 30, 30],
        [30, 200, 30],
        [30, 30, 200],
        [220, 220, 40],
    ][n % 4];
    let pixel = |p: usize| colour.map(|c| c.wrapping_add((p * (n + 1) % 23) as u8));
    let pixels: Vec<u8> = (0..36 * 36).flat_map(pixel).collect();
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&pixels, 36, 36, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

/// 16 training and 8 validation pictures of four products.
fn data_set(root: &Path) {
    let writer = DatasetWriter::create(root).unwrap();
    let splits = [
        (Split::Train, 16),
        (Split::Val, 8),
        (Split::Index, 4),
        (Split::Query, 4),
    ];
    let splits = splits
        .into_iter()
        .flat_map(|(split, count)| std::iter::repeat_n(split, count));
    let rows: Vec<ImageRow> = splits.enumerate().map(|(n, split)| row(n, split)).collect();
    for (n, row) in rows.iter().enumerate() {
        writer.write_image(row, &jpeg(n)).unwrap();
    }
    let info = DatasetInfo {
        name: "tins".into(),
        synthetic: true,
        source: "tests".into(),
        licence: "MIT".into(),
        seed: Some(1),
        images: Default::default(),
        products: Default::default(),
        frames: 0,
    };
    let product = |n: usize| ProductRow {
        gtin: gtin(n),
        title: COLOURS[n].into(),
        brand: String::new(),
        flavour: String::new(),
        size: String::new(),
        shape: String::new(),
        line: String::new(),
    };
    let products: Vec<ProductRow> = (0..4).map(product).collect();
    writer.finish(info, &products, &rows, &[]).unwrap();
}

/// One run at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Bench {
    folder: PathBuf,
    _made: Option<tempfile::TempDir>,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    fn new() -> Self {
        let made = tempfile::tempdir().unwrap();
        data_set(&made.path().join("data"));
        let folder = made.path().to_owned();
        Self {
            _made: Some(made),
            ..Self::at(folder)
        }
    }

    /// One that another process has made.
    fn at(folder: PathBuf) -> Self {
        Self {
            folder,
            _made: None,
            _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn train(
        &self,
        run: &str,
        resume: bool,
        until: Option<u64>,
        more: &[&str],
    ) -> Result<Trained, Fault> {
        self.train_in(None, run, resume, until, more)
    }

    /// Two epochs of two steps, all objectives at once.
    fn train_in(
        &self,
        group: Option<Rc<ProcessGroup>>,
        run: &str,
        resume: bool,
        until: Option<u64>,
        more: &[&str],
    ) -> Result<Trained, Fault> {
        let settings = [
            "network.weights=random",
            "network.size=32",
            "network.embedding=32",
            "mining.threshold=1",
            "objective.poly=0.5",
            "objective.negatives=2",
            "objective.binary=1",
            "objective.second_category=0.5",
            "objective.contrastive=0.1",
            "training.epochs=2",
            "training.batch=8",
            "training.accumulate=2",
            "training.clip_norm=1",
            "checkpoints.every=1",
        ];
        let overrides: Vec<String> = settings
            .iter()
            .chain(more)
            .map(|&text| text.into())
            .collect();
        skueye_trainer::run::train(&TrainRequest {
            data: &self.path("data"),
            out: &self.path(run),
            settings: None,
            overrides: &overrides,
            vocabulary: None,
            resume,
            until,
            device: Device::Cpu,
            cache: &self.path("cache"),
            threads: 2,
            group,
        })
    }

    fn model(&self, run: &str) -> Vec<u8> {
        std::fs::read(self.path(run).join("model/model.safetensors")).unwrap()
    }
}

/// The checkpoints in `folder`, oldest first.
fn states(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_run_leaves_its_tree_and_a_resumed_one_the_same_network() {
    let bench = Bench::new();
    let keep = ["validation.keep=last"];
    let trained = bench.train("whole", false, None, &keep).unwrap();
    assert_eq!((trained.epochs, trained.steps), (2, 4));
    let run = RunFolder::open(&bench.path("whole")).unwrap();
    for path in [
        run.settings_path(),
        run.record_path(),
        run.vocabulary_path(),
        run.report_path(),
    ] {
        assert!(path.is_file(), "{}", path.display());
    }
    let records = read_metrics(&run.metrics_path()).unwrap();
    let validations = records
        .iter()
        .filter(|r| matches!(r, Record::Validation(_)))
        .count();
    assert_eq!((records.len(), validations), (6, 2));
    // The two latest, and the best where that is another one.
    assert!((2..=3).contains(&states(&run.checkpoints_path()).len()));
    let record = RunRecord::read(&run).unwrap();
    assert_eq!((record.data.pictures, record.data.attributes), (16, 5));
    assert_eq!(run.network().unwrap().dim(), 32);

    bench.train("cut", false, Some(1), &keep).unwrap();
    assert_ne!(bench.model("cut"), bench.model("whole"));
    // The last state of the first epoch is lost, too: the run goes on in its middle.
    let states = states(&bench.path("cut/checkpoints"));
    std::fs::remove_file(states.last().unwrap()).unwrap();
    bench.train("cut", true, None, &keep).unwrap();
    assert_eq!(bench.model("cut"), bench.model("whole"));
    let steps = |run: &str| {
        let records = read_metrics(&bench.path(run).join("metrics.jsonl")).unwrap();
        records.iter().map(Record::step).collect::<Vec<_>>()
    };
    assert_eq!(steps("cut"), steps("whole"));

    let exported = export(&ExportRequest {
        run: &run,
        out: &bench.path("device"),
        data: Some(&bench.path("data")),
        picture: None,
        false_accept_rate: 0.1,
        with_f32: false,
    });
    assert!(exported.unwrap().calibration.is_some());
    let manifest = skueye_vision::model::read_manifest(&bench.path("device")).unwrap();
    assert_eq!(manifest.dim, 32);
}

#[test]
fn what_would_mix_or_overwrite_runs_is_refused() {
    let bench = Bench::new();
    bench.train("run", false, Some(1), &[]).unwrap();
    let refused =
        |resume, more: &[&str]| bench.train("run", resume, None, more).unwrap_err().code();
    assert_eq!(refused(false, &[]), Code::RunFolderExists);
    assert_eq!(
        refused(true, &["training.rate=1e-3"]),
        Code::CheckpointOther
    );
    let table = bench.path("data/metadata/val.csv");
    let text = std::fs::read_to_string(&table)
        .unwrap()
        .replace("red tin", "red can");
    std::fs::write(&table, text).unwrap();
    assert_eq!(refused(true, &[]), Code::CheckpointOther);
    let empty = bench.path("nothing");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(
        RunFolder::open(&empty).unwrap_err().code(),
        Code::RunFolderDamaged
    );
    let unknown = bench
        .train("other", false, None, &["network.name=resnet-50"])
        .unwrap_err();
    assert_eq!(unknown.code(), Code::SettingsValue);
    assert!(!bench.path("other").exists());
}

#[test]
fn a_run_that_diverges_names_the_pictures() {
    let bench = Bench::new();
    // Each step multiplies the weights by 1 - 900 * 10.
    let wild = [
        "training.rate=900",
        "training.weight_decay=10",
        "training.warm_up=0",
        "training.clip_norm=0",
        "training.epochs=30",
        "validation.pictures=0",
    ];
    let fault = bench.train("wild", false, None, &wild).unwrap_err();
    assert_eq!(fault.code(), Code::TrainingNan);
    let text = std::fs::read_to_string(bench.path("wild/diverged.json")).unwrap();
    let dump: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pictures = dump["pictures"].as_array().unwrap();
    assert_eq!(pictures.len(), 8);
    assert!(Path::new(pictures[0].as_str().unwrap()).is_file());
}

#[test]
fn unreadable_pictures_are_listed_and_borne_up_to_the_stated_share() {
    let bench = Bench::new();
    let mut jpegs = Vec::new();
    let mut folders = vec![bench.path("data/Images/train")];
    while let Some(folder) = folders.pop() {
        for path in states(&folder) {
            match path.is_dir() {
                true => folders.push(path),
                false => jpegs.push(path),
            }
        }
    }
    jpegs.sort();
    assert_eq!(jpegs.len(), 16);
    let whole = std::fs::read(&jpegs[5]).unwrap();
    std::fs::write(&jpegs[5], &whole[..whole.len() / 2]).unwrap();
    let share = |share| ["validation.pictures=0", share];
    let bad = bench.train("strict", false, None, &share("training.unreadable=0.01"));
    let fault = bad.unwrap_err();
    assert_eq!(fault.code(), Code::DataTooManyBad);
    assert!(fault.to_string().contains("unreadable.jsonl"), "{fault}");
    let borne = bench.train("lenient", false, None, &share("training.unreadable=0.1"));
    assert_eq!(borne.unwrap().steps, 4);
    let list = std::fs::read_to_string(bench.path("lenient/unreadable.jsonl")).unwrap();
    assert_eq!(list.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(list.trim()).unwrap();
    assert_eq!(Path::new(line["picture"].as_str().unwrap()), jpegs[5]);
    assert_eq!(line["code"], "E301");
}

#[test]
fn two_processes_leave_one_run_and_a_resumed_one_the_same_network() {
    let keep = ["validation.keep=last"];
    if let Some(place) = Place::from_environment().unwrap() {
        let group = ProcessGroup::join(&place, Device::Cpu, Timeouts::default()).unwrap();
        let group = Some(Rc::new(group));
        let bench = Bench::at(std::env::args_os().next_back().unwrap().into());
        let train = |run, resume, until| {
            let trained = bench.train_in(group.clone(), run, resume, until, &keep);
            // The first process is the last to leave a run: it writes the report.
            group.as_ref().unwrap().barrier().unwrap();
            trained
        };
        let trained = train("whole", false, None).unwrap();
        assert_eq!((trained.epochs, trained.steps), (2, 4));
        assert_eq!(trained.best.is_some(), place.rank == 0);
        train("cut", false, Some(1)).unwrap();
        train("cut", true, None).unwrap();
        return;
    }
    let bench = Bench::new();
    let name = "two_processes_leave_one_run_and_a_resumed_one_the_same_network";
    let mut arguments = [name, "--exact", "--nocapture"]
        .map(OsString::from)
        .to_vec();
    arguments.push(bench.folder.clone().into());
    let launched = launch(&Launch {
        processes: 2,
        program: std::env::current_exe().unwrap(),
        arguments,
        grace: Duration::from_secs(30),
        logs: Some(bench.folder.clone()),
    });
    let log = |rank| std::fs::read_to_string(bench.path(&format!("rank-{rank}.log"))).unwrap();
    assert!(launched.is_ok(), "{}\n{}", log(0), log(1));
    assert!(log(1).contains("1 passed"));
    assert_eq!(bench.model("cut"), bench.model("whole"));
    let run = RunFolder::open(&bench.path("whole")).unwrap();
    assert_eq!(RunRecord::read(&run).unwrap().processes, 2);
    assert_eq!(read_metrics(&run.metrics_path()).unwrap().len(), 6);
    let kept = std::fs::read_dir(run.checkpoints_path()).unwrap();
    let mut kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    // The one that validation ranks first may be an older one.
    let latest = ["step-0000000003.skc", "step-0000000004.skc"];
    assert!(
        kept.len() <= 3 && kept.ends_with(&latest.map(OsString::from)),
        "{kept:?}"
    );
}
