//! TensorRT's back end against stand-ins of TensorRT 10 and 11: every path, and every failure of our side.
//!
//! What no stand-in can show, that NVIDIA's own library does the same, is left to a device.

mod standin;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use prost::Message;
use skueye_models::{Code, EmbeddingId, Fault};
use skueye_vision::embed::Notice;
use skueye_vision::onnx::{Contract, Network};
use skueye_vision::runtime::{Runtime, Settings};
use skueye_vision::tensorrt::Options;
use skueye_vision::testing::{DIM, SIZE, tiny_network, tiny_onnx, write_tiny_model};
use skueye_vision::{Embedder, ModelSet, TensorRtEmbedder};
use standin::{Machine, Major, majors};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as TypeValue;

const ID: EmbeddingId = EmbeddingId([3; 16]);
const CONTRACT: Contract = Contract {
    embedding_id: ID,
    size: SIZE,
    dim: DIM,
};

impl Machine {
    /// How often the stand-ins did `what`.
    pub fn count(&self, what: &str) -> usize {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap_or_default();
        calls.lines().filter(|line| *line == what).count()
    }

    /// What was taken and not given back.
    pub fn leaks(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap_or_default();
        let mut taken: Vec<&str> = calls.lines().filter_map(|l| l.strip_suffix(" +")).collect();
        taken.sort_unstable();
        taken.dedup();
        let open =
            |what: &&str| self.count(&format!("{what} +")) != self.count(&format!("{what} -"));
        taken.into_iter().filter(open).map(str::to_owned).collect()
    }
}

fn options(machine: &Machine) -> Options {
    Options {
        folder: Some(machine.path().to_owned()),
        engines: Some(machine.path().join("engines")),
        ..Options::default()
    }
}

fn settings(machine: &Machine, only: Option<Runtime>) -> Settings {
    Settings {
        only,
        onnxruntime: Some("/no/such/library".into()),
        tensorrt: options(machine),
    }
}

fn open_with(options: &Options) -> Result<TensorRtEmbedder, Fault> {
    let (f32, f16) = (tiny_onnx(ID, false), tiny_onnx(ID, true));
    let network = Network {
        f32: &f32,
        f16: &f16,
        contract: CONTRACT,
    };
    TensorRtEmbedder::new(&network, options, None)
}

fn open(machine: &Machine) -> Result<TensorRtEmbedder, Fault> {
    open_with(&options(machine))
}

/// Waits for the engine; what was told, without the percentages.
fn settled(embedder: &mut TensorRtEmbedder) -> Vec<Notice> {
    let mut told = Vec::new();
    embedder.settle(&mut |notice| told.push(notice));
    told.retain(|notice| !matches!(notice, Notice::Building { .. }));
    told
}

/// The codes of the troubles that were told.
fn troubles(told: &[Notice]) -> Vec<Code> {
    let code = |notice: &Notice| match notice {
        Notice::Trouble(fault) => Some(fault.code()),
        _ => None,
    };
    told.iter().filter_map(code).collect()
}

/// One corner of the colour cube everywhere, by its sign in each channel.
fn corner(signs: [f32; 3]) -> Vec<f32> {
    signs.map(|sign| [sign; (SIZE * SIZE) as usize]).concat()
}

fn embed(embedder: &mut TensorRtEmbedder, signs: [f32; 3]) -> Vec<f32> {
    let mut out = vec![f32::NAN; DIM as usize];
    embedder.embed(&corner(signs), &mut out).unwrap();
    out
}

/// What the tiny network makes of red: corner 1 of the cube.
fn assert_red(out: &[f32]) {
    for (at, value) in out.iter().enumerate() {
        let expected = if at % 8 == 1 { 2.01 } else { 0.01 };
        assert!(
            (value - expected).abs() < 2e-5,
            "{at}: {value} for {expected}"
        );
    }
}

const RED: [f32; 3] = [1.0, -1.0, -1.0];
const BLUE: [f32; 3] = [-1.0, -1.0, 1.0];

/// One scenario on every major version.
fn on_each(scenario: &str, test: impl Fn(Major, &Machine)) {
    for major in majors() {
        let machine = Machine::new(major, scenario);
        test(major, &machine);
        assert_eq!(
            machine.leaks(),
            [""; 0],
            "TensorRT {}, {scenario}",
            major.number
        );
    }
}

#[test]
fn an_engine_is_built_once_and_computes_as_a_graph() {
    on_each("", |_, machine| {
        for start in 0..2 {
            let mut embedder = open(machine).unwrap();
            let told = settled(&mut embedder);
            assert_eq!(
                told,
                if start == 0 {
                    vec![Notice::Ready]
                } else {
                    vec![]
                }
            );
            assert_eq!(embedder.name(), "tensorrt");
            assert!(
                embedder.about().ends_with("as a CUDA graph"),
                "{}",
                embedder.about()
            );
            assert_red(&embed(&mut embedder, RED));
            assert_ne!(embed(&mut embedder, BLUE), embed(&mut embedder, RED));
        }
        assert_eq!(machine.count("builder +"), 1);
        // Once by hand and once to be recorded at each start; three pictures as graphs.
        assert_eq!((machine.count("enqueue"), machine.count("launch")), (4, 6));
    });
}

#[test]
fn the_version_and_the_gpu_are_told() {
    on_each("", |major, machine| {
        let text = skueye_vision::tensorrt::look(Some(machine.path())).unwrap();
        let number = major.number;
        assert!(
            text.contains(&format!("libnvinfer.so.{number}, TensorRT {number}.")),
            "{text}"
        );
        assert!(text.ends_with("on Stand-in (8.7)"), "{text}");
    });
}

#[test]
fn tract_answers_while_the_engine_is_built() {
    on_each("hold", |_, machine| {
        let mut embedder = open(machine).unwrap();
        assert_eq!(embedder.name(), "tract");
        assert!(
            embedder.about().contains("being built"),
            "{}",
            embedder.about()
        );
        let Some(Notice::Building { percent, .. }) = embedder.notice() else {
            panic!("nothing is told of the build");
        };
        assert!(percent <= 100);
        assert_eq!(embedder.notice(), None, "it is told once in a while only");
        assert_red(&embed(&mut embedder, RED));
        machine.set("");
        assert_eq!(settled(&mut embedder), [Notice::Ready]);
        assert_red(&embed(&mut embedder, RED));
        assert_eq!((embedder.name(), machine.count("launch")), ("tensorrt", 1));
    });
}

#[test]
fn a_build_ends_with_its_embedder() {
    on_each("hold", |_, machine| {
        drop(open(machine).unwrap());
        assert_eq!(
            (machine.count("cancelled"), machine.count("memory +")),
            (1, 0)
        );
        assert_eq!(
            fs::read_dir(machine.path().join("engines"))
                .unwrap()
                .count(),
            0
        );
    });
}

#[test]
fn where_no_graph_can_be_recorded_each_picture_is_enqueued() {
    for scenario in ["no-capture", "spoilt-capture", "no-instantiate"] {
        on_each(scenario, |_, machine| {
            let mut embedder = open(machine).unwrap();
            assert_eq!(settled(&mut embedder), [Notice::Ready]);
            assert!(embedder.about().ends_with("without a CUDA graph"));
            assert_red(&embed(&mut embedder, RED));
            assert_eq!(machine.count("launch"), 0);
        });
    }
}

#[test]
fn without_a_driver_or_a_gpu_nothing_of_tensorrt_is_called() {
    for scenario in ["no-driver", "no-gpu"] {
        // The stand-in of TensorRT, as the real one, ends the process where it is called without a driver.
        on_each(scenario, |_, machine| {
            assert_eq!(
                open(machine).map(|_| ()).unwrap_err().code(),
                Code::GpuMissing
            );
            assert!(!machine.path().join("calls").exists());
        });
    }
}

#[test]
fn a_library_of_another_version_than_its_name_is_refused() {
    for version in ["8601", "120000"] {
        on_each(&format!("version {version}"), |_, machine| {
            let fault = open(machine).map(|_| ()).unwrap_err();
            assert_eq!(fault.code(), Code::RuntimeMissing);
            assert!(fault.got().contains("is version"), "{fault}");
        });
    }
}

#[test]
fn a_folder_without_the_parser_or_with_text_for_a_library_is_refused() {
    on_each("", |major, machine| {
        let parser = machine
            .path()
            .join(format!("libnvonnxparser.so.{}", major.number));
        fs::write(&parser, "no library").unwrap();
        assert_eq!(
            open(machine).map(|_| ()).unwrap_err().code(),
            Code::RuntimeMissing
        );
        fs::remove_file(parser).unwrap();
        assert_eq!(
            open(machine).map(|_| ()).unwrap_err().code(),
            Code::RuntimeMissing
        );
    });
}

#[test]
fn what_tensorrt_refuses_is_told_with_its_words_and_tract_goes_on() {
    let cases = [
        (
            "no-builder",
            Code::EngineBuild,
            "CUDA initialization failure",
        ),
        ("no-network", Code::EngineBuild, "no reason"),
        (
            "no-plan",
            Code::EngineBuild,
            "Could not find any implementation",
        ),
        ("empty-plan", Code::EngineBuild, "no reason"),
        ("no-engine", Code::EngineBuild, "deserialization failed"),
        ("no-context", Code::EngineBuild, "no memory for the context"),
        ("refuse Relu", Code::ModelDamaged, "Relu: no importer"),
        ("other-shape", Code::ModelShape, "33"),
        ("half-tensors", Code::ModelShape, "is_f32: false"),
        (
            "no-memory",
            Code::EngineFailed,
            "CUDA_ERROR_OF_THE_STAND_IN",
        ),
        ("no-address", Code::EngineFailed, "without a word"),
        ("no-enqueue", Code::EngineFailed, "out of resources"),
    ];
    for (scenario, code, words) in cases {
        on_each(scenario, |_, machine| {
            let mut embedder = open(machine).unwrap();
            let told = settled(&mut embedder);
            let [Notice::Trouble(fault)] = &told[..] else {
                panic!("{scenario}: {told:?}");
            };
            assert_eq!(fault.code(), code, "{scenario}: {fault}");
            assert!(fault.got().contains(words), "{scenario}: {fault}");
            assert_eq!(embedder.name(), "tract");
            assert!(embedder.about().contains(words));
            assert_red(&embed(&mut embedder, RED));
        });
    }
}

#[test]
fn an_engine_that_fails_at_work_is_replaced_by_tract_and_told_once() {
    for (first, then) in [("", "lost"), ("no-capture", "no-capture no-enqueue")] {
        on_each(first, |_, machine| {
            let mut embedder = open(machine).unwrap();
            settled(&mut embedder);
            assert_red(&embed(&mut embedder, RED));
            machine.set(then);
            assert_red(&embed(&mut embedder, RED));
            assert_eq!(embedder.name(), "tract");
            let notice = embedder.notice().into_iter().collect::<Vec<_>>();
            assert_eq!(troubles(&notice), [Code::EngineFailed]);
            assert_eq!(embedder.notice(), None);
            assert_red(&embed(&mut embedder, RED));
        });
    }
}

#[test]
fn values_that_are_not_finite_and_wrong_lengths_are_the_pictures_fault() {
    on_each("", |_, machine| {
        let mut embedder = open(machine).unwrap();
        settled(&mut embedder);
        let mut out = vec![0.0; DIM as usize];
        let mut code = |tensor: &[f32]| embedder.embed(tensor, &mut out).unwrap_err().code();
        assert_eq!(code(&corner([f32::NAN; 3])), Code::EmbeddingNotFinite);
        assert_eq!(code(&corner(RED)[1..]), Code::ModelShape);
        assert_red(&embed(&mut embedder, RED));
        assert_eq!(embedder.name(), "tensorrt");
    });
}

/// The one engine in the cache.
fn engine_file(machine: &Machine) -> std::path::PathBuf {
    let files = fs::read_dir(machine.path().join("engines")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn a_damaged_engine_is_built_again_by_itself() {
    let damages: [fn(&Path); 3] = [
        |path| fs::write(path, "").unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
    ];
    on_each("", |_, machine| {
        settled(&mut open(machine).unwrap());
        let whole = fs::read(engine_file(machine)).unwrap();
        for (at, damage) in damages.iter().enumerate() {
            damage(&engine_file(machine));
            let mut embedder = open(machine).unwrap();
            assert!(embedder.about().contains("damaged"), "{}", embedder.about());
            assert_eq!(settled(&mut embedder), [Notice::Ready]);
            assert_eq!(machine.count("builder +"), at + 2);
            assert_eq!(fs::read(engine_file(machine)).unwrap(), whole);
        }
    });
}

#[test]
fn an_engine_that_tensorrt_no_longer_takes_is_built_again() {
    on_each("", |_, machine| {
        settled(&mut open(machine).unwrap());
        machine.set("no-engine hold");
        let mut embedder = open(machine).unwrap();
        assert!(
            embedder.about().contains("does not serve"),
            "{}",
            embedder.about()
        );
        machine.set("");
        assert_eq!(settled(&mut embedder), [Notice::Ready]);
        assert_eq!(machine.count("builder +"), 2);
    });
}

#[test]
fn an_engine_of_another_tensorrt_is_built_again_and_another_network_has_its_own() {
    for major in majors() {
        let first = Machine::new(major, "");
        settled(&mut open(&first).unwrap());
        // The next release of the same major version.
        let next = Machine::new(major, &format!("version {}", major.number * 10_000 + 9_900));
        let mut with = options(&next);
        with.engines = Some(first.path().join("engines"));
        let mut embedder = open_with(&with).unwrap();
        assert!(
            embedder
                .about()
                .contains("another network, TensorRT or GPU")
        );
        assert_eq!(settled(&mut embedder), [Notice::Ready]);
        engine_file(&first);
        let onnx = tiny_onnx(EmbeddingId([4; 16]), true);
        let network = Network {
            f32: &onnx,
            f16: &onnx,
            contract: Contract {
                embedding_id: EmbeddingId([4; 16]),
                ..CONTRACT
            },
        };
        let mut embedder = TensorRtEmbedder::new(&network, &with, None).unwrap();
        assert!(embedder.about().contains("none yet"));
        settled(&mut embedder);
        assert_eq!(
            fs::read_dir(first.path().join("engines")).unwrap().count(),
            2
        );
    }
}

#[test]
fn without_a_usable_cache_the_engine_computes_all_the_same() {
    on_each("", |_, machine| {
        let engines = machine.path().join("engines");
        fs::write(&engines, "a file").unwrap();
        let mut embedder = open(machine).unwrap();
        let told = settled(&mut embedder);
        assert_eq!(troubles(&told), [Code::EngineCache]);
        assert_eq!(embedder.name(), "tensorrt");
        assert_red(&embed(&mut embedder, RED));
        fs::remove_file(engines).unwrap();
    });
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_the_engine_computes() {
    on_each("hold", |_, machine| {
        let engines = machine.path().join("engines");
        let mut embedder = open(machine).unwrap();
        // What neither rights nor root can write to: the folder is gone when the plan is there.
        fs::remove_dir(&engines).unwrap();
        machine.set("");
        let told = settled(&mut embedder);
        assert_eq!(troubles(&told), [Code::EngineCache]);
        assert_eq!(told.last(), Some(&Notice::Ready));
        assert_red(&embed(&mut embedder, RED));
    });
}

#[test]
fn a_folder_that_everybody_may_write_to_is_not_read() {
    on_each("", |_, machine| {
        settled(&mut open(machine).unwrap());
        let engines = machine.path().join("engines");
        fs::set_permissions(&engines, fs::Permissions::from_mode(0o777)).unwrap();
        let told = settled(&mut open(machine).unwrap());
        assert_eq!(troubles(&told), [Code::EngineCache]);
        assert_eq!(machine.count("builder +"), 2);
    });
}

#[test]
fn a_core_for_deep_learning_has_engines_of_its_own_and_must_be_there() {
    on_each("", |_, machine| {
        let with = |core| Options {
            dla_core: core,
            ..options(machine)
        };
        for core in [None, Some(0), None, Some(0)] {
            let mut embedder = open_with(&with(core)).unwrap();
            settled(&mut embedder);
            assert_eq!(embedder.name(), "tensorrt");
            assert_red(&embed(&mut embedder, RED));
        }
        assert_eq!(machine.count("builder +"), 2);
        let told = settled(&mut open_with(&with(Some(1))).unwrap());
        assert_eq!(troubles(&told), [Code::EngineBuild]);
    });
}

#[test]
fn a_free_batch_size_is_made_one() {
    let mut model = tiny_network(ID, true);
    let graph = model.graph.as_mut().unwrap();
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        if let Some(TypeValue::TensorType(tensor)) = &mut value.r#type.as_mut().unwrap().value {
            let batch = &mut tensor.shape.as_mut().unwrap().dim[0];
            batch.value = Some(Dimension::DimParam("batch".into()));
        }
    }
    let onnx = model.encode_to_vec();
    on_each("", |_, machine| {
        let network = Network {
            f32: &onnx,
            f16: &onnx,
            contract: CONTRACT,
        };
        let mut embedder = TensorRtEmbedder::new(&network, &options(machine), None).unwrap();
        assert_eq!(settled(&mut embedder), [Notice::Ready]);
        assert_red(&embed(&mut embedder, RED));
    });
}

#[test]
fn a_single_answer_takes_an_engine_of_the_cache_or_another_runtime() {
    on_each("", |_, machine| {
        let folder = machine.path().join("model");
        fs::create_dir(&folder).unwrap();
        write_tiny_model(&folder, ID);
        let load = |settings: Settings| ModelSet::load_with(&folder, &settings);
        let once = |only| settings(machine, only).at_once();
        let refused = load(once(Some(Runtime::TensorRt))).map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), Code::EngineBuild);
        let passed_over = load(once(None)).unwrap();
        assert_eq!(passed_over.embedder.name(), "tract");
        assert!(passed_over.runtimes()[0].why.contains("passed over: E410"));
        load(settings(machine, None))
            .unwrap()
            .settle(&mut |_| ())
            .unwrap();
        for only in [None, Some(Runtime::TensorRt)] {
            let model = load(once(only)).unwrap();
            assert_eq!(model.embedder.name(), "tensorrt");
            assert!(model.runtimes()[0].chosen && model.self_test_cosine() > 0.9999);
        }
        assert_eq!(machine.count("builder +"), 1);
    });
}

#[test]
fn an_engine_that_fails_the_self_test_never_computes() {
    on_each("", |_, machine| {
        let folder = machine.path().join("model");
        fs::create_dir(&folder).unwrap();
        let manifest = write_tiny_model(&folder, ID);
        // The FP16 file computes something else than the f32 file and the manifest say.
        let mut other = tiny_network(ID, true);
        for tensor in &mut other.graph.as_mut().unwrap().initializer {
            if tensor.name == "gemm.w" {
                tensor.raw_data.reverse();
            }
        }
        let bytes = other.encode_to_vec();
        fs::write(folder.join("model.f16.onnx"), &bytes).unwrap();
        let mut json = serde_json::to_value(&manifest).unwrap();
        json["onnx_f16"]["sha256"] = skueye_vision::model::sha256_hex(&bytes).into();
        fs::write(folder.join("model.json"), json.to_string()).unwrap();
        let mut model = ModelSet::load_with(&folder, &settings(machine, None)).unwrap();
        let mut told = Vec::new();
        model.settle(&mut |notice| told.push(notice)).unwrap();
        assert_eq!(troubles(&told), [Code::ModelDamaged]);
        assert_eq!(model.embedder.name(), "tract");
        assert!(model.self_test_cosine() > 0.9999);
    });
}

#[test]
fn pictures_take_no_memory_once_the_engine_computes() {
    on_each("", |_, machine| {
        let mut embedder = open(machine).unwrap();
        settled(&mut embedder);
        let (tensor, mut out) = (corner(RED), vec![0.0; DIM as usize]);
        let taken = allocation_counter::measure(|| {
            for _ in 0..3 {
                embedder.embed(&tensor, &mut out).unwrap();
                assert_eq!(embedder.notice(), None);
            }
        });
        assert_eq!(taken.count_total, 0, "{taken:?}");
    });
}
